//! Checks the rules that need no network, but the configuration alone.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::delegation::catalogue::{self as rule, Findings, MessageAndHelp, Rule};
use crate::delegation::networks;
use crate::delegation::plan::{Addresses, Delegation};
use crate::zone::name::Name;

/// Checks a loaded zone. `allow_private` is for zones that only a private network asks for.
pub fn check(delegation: &Delegation, allow_private: bool, findings: &mut Findings) {
    let zone = delegation.apex.to_string();
    number(delegation, &zone, findings);
    resolved(delegation, &zone, findings);
    addresses(delegation, &zone, allow_private, findings);
    names(delegation, &zone, findings);
    timers(delegation, &zone, findings);
}

fn number(delegation: &Delegation, zone: &str, findings: &mut Findings) {
    let names: HashSet<&Name> = delegation.servers.iter().map(|server| &server.name).collect();
    let too_few = (names.len() < 2).then(|| {
        let help = "write a second NS record, of a server on another network";
        (format!("{} name server; a registry asks for two", names.len()), help.to_owned())
    });
    findings.add(rule::NUMBER, zone, too_few);
    let foreign = |addresses: &Addresses| *addresses == Addresses::Foreign;
    let v4 = delegation.addresses().any(|(_, address)| address.is_ipv4())
        || delegation.servers.iter().any(|server| foreign(&server.addresses));
    let violations = (!v4).then(|| {
        let message = "no name server has an IPv4 address, so most resolvers do not find the zone";
        (message.to_owned(), "write an A record for one of them".to_owned())
    });
    findings.add(rule::IPV4, zone, violations);
}

fn resolved(delegation: &Delegation, zone: &str, findings: &mut Findings) {
    let (mut none, mut alias, mut foreign) = (vec![], vec![], vec![]);
    for server in &delegation.servers {
        let name = &server.name;
        match &server.addresses {
            Addresses::Known(known) if known.is_empty() => none.push((
                format!("the name server {name} has neither A nor AAAA"),
                match server.in_domain {
                    true => format!("write {name} IN A with the server's address"),
                    false => "mend the zone of that name, or name another server".into(),
                },
            )),
            Addresses::Known(_) => {}
            Addresses::Alias(target) => alias.push((
                format!("the name server {name} is a CNAME of {target}"),
                "name the host itself, the one with A or AAAA records".into(),
            )),
            Addresses::Foreign => foreign.push((
                format!("the addresses of {name} stand in a zone that is not here"),
                "--live looks them up; its own zone answers for them".into(),
            )),
        }
    }
    findings.add(rule::RESOLVED, zone, none);
    findings.add(rule::NO_ALIAS, zone, alias);
    findings.add(rule::NOT_OURS, zone, foreign);
}

fn addresses(delegation: &Delegation, zone: &str, allow_private: bool, findings: &mut Findings) {
    let mut owners: HashMap<IpAddr, &Name> = HashMap::new();
    let mut shared = vec![];
    for (server, address) in delegation.addresses() {
        match owners.insert(address, &server.name) {
            Some(other) if *other != server.name => shared.push((
                format!("{other} and {} have the same address {address}", server.name),
                "give each name server a machine and an address of its own".into(),
            )),
            _ => {}
        }
    }
    findings.add(rule::DISTINCT, zone, shared);
    let private = delegation.addresses().filter(|_| !allow_private).filter_map(|(server, at)| {
        let purpose = networks::special(at)?;
        let help = "write the server's public address; --allow-private for a zone of your own \
                    network";
        Some((format!("{} has {at}, an address {purpose}", server.name), help.to_owned()))
    });
    findings.add(rule::PUBLIC, zone, private);
    let one = [IpAddr::is_ipv4, IpAddr::is_ipv6].into_iter().filter_map(|family| {
        let of_family: Vec<IpAddr> =
            delegation.addresses().map(|(_, at)| at).filter(family).collect();
        one_prefix(&of_family)
    });
    findings.add(rule::PREFIXES, zone, one);
}

fn one_prefix(addresses: &[IpAddr]) -> Option<MessageAndHelp> {
    let different: HashSet<&IpAddr> = addresses.iter().collect();
    let prefixes: HashSet<_> = addresses.iter().filter_map(|at| networks::prefix(*at)).collect();
    let prefix = prefixes.iter().next().filter(|_| different.len() > 1 && prefixes.len() == 1)?;
    let message = format!("all addresses of the name servers are in {prefix}");
    Some((message, "put one name server on another network, at another place".into()))
}

fn names(delegation: &Delegation, zone: &str, findings: &mut Findings) {
    let help = "letters, digits and hyphens, no hyphen at the start or the end of a label";
    let bad = delegation.servers.iter().filter(|server| !is_host_name(&server.name));
    let bad = bad.map(|server| (format!("{} is no host name", server.name), help.to_owned()));
    findings.add(rule::HOST_NAMES, zone, bad);
    let mname = &delegation.soa.mname;
    let violations = (!is_host_name(mname))
        .then(|| (format!("the MNAME {mname} of the SOA is no host name"), help.to_owned()));
    findings.add(rule::MNAME_HOST, zone, violations);
    let violations = delegation.mname_is_alias.then(|| {
        let help = "name the host itself".to_owned();
        (format!("the MNAME {mname} of the SOA is a CNAME"), help)
    });
    findings.add(rule::MNAME_ALIAS, zone, violations);
    let listed = delegation.servers.iter().any(|server| server.name == *mname);
    let violations = (!listed).then(|| {
        let help = "fine for a hidden primary; otherwise name one of the NS there";
        (format!("the MNAME {mname} of the SOA is none of the name servers"), help.to_owned())
    });
    findings.add(rule::MNAME_LISTED, zone, violations);
}

/// RFC 1123 §2.1: letters, digits and inner hyphens; the last label is no number.
fn is_host_name(name: &Name) -> bool {
    let plain = |label: &[u8]| {
        let ends = [label.first(), label.last()];
        label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && ends.iter().all(|end| *end != Some(&b'-'))
    };
    let number = |label: &[u8]| label.iter().all(u8::is_ascii_digit);
    let labels: Vec<&[u8]> = name.labels().collect();
    labels.iter().all(|label| plain(label)) && labels.last().is_some_and(|label| !number(label))
}

/// Checks the timers of the SOA. The lower bounds are from Zonemaster, the upper bounds from
/// DENIC-23p.
fn timers(delegation: &Delegation, zone: &str, findings: &mut Findings) {
    let soa = &delegation.soa;
    let ranges: [(Rule, &str, u32, RangeInclusive<u32>, u32); 4] = [
        (rule::REFRESH, "refresh", soa.refresh, 14_400..=86_400, 14_400),
        (rule::RETRY, "retry", soa.retry, 3_600..=28_800, 3_600),
        (rule::EXPIRE, "expire", soa.expire, 604_800..=3_600_000, 1_209_600),
        (rule::MINIMUM, "minimum", soa.minimum, 300..=86_400, 300),
    ];
    for (rule, field, value, range, good) in ranges {
        let mut violations = vec![];
        if !range.contains(&value) {
            let (low, high) = range.into_inner();
            let message = format!("SOA {field} is {value}; registries ask for {low} to {high}");
            violations.push((message, format!("write {good}, and a higher serial")));
        } else if field == "expire" && value <= soa.refresh {
            let message = format!("SOA expire {value} is not longer than refresh {}", soa.refresh);
            violations.push((message, format!("write {good}, and a higher serial")));
        }
        findings.add(rule, zone, violations);
    }
    let violations = (soa.retry >= soa.refresh).then(|| {
        let message =
            format!("SOA retry {} is not shorter than refresh {}", soa.retry, soa.refresh);
        (message, "write a quarter of refresh, and a higher serial".to_owned())
    });
    findings.add(rule::RETRY_BELOW, zone, violations);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delegation::plan::{NameServer, Soa};

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn good() -> Delegation {
        let server = |(label, address): (&str, &str)| NameServer {
            name: name(label),
            in_domain: true,
            addresses: Addresses::Known(vec![address.parse().unwrap()]),
        };
        let servers = [("ns1.midominio.com", "8.8.4.53"), ("ns2.midominio.com", "9.9.8.53")];
        Delegation {
            apex: name("midominio.com"),
            servers: servers.into_iter().map(server).collect(),
            soa: Soa {
                mname: name("NS1.midominio.com"),
                rname: name("hostmaster.midominio.com"),
                serial: 1,
                refresh: 14_400,
                retry: 3_600,
                expire: 1_209_600,
                minimum: 300,
            },
            mname_is_alias: false,
        }
    }

    fn tags_after(change: impl FnOnce(&mut Delegation)) -> Vec<&'static str> {
        let (mut delegation, mut findings) = (good(), Findings::default());
        change(&mut delegation);
        check(&delegation, false, &mut findings);
        findings.failed.iter().map(|finding| finding.rule.tag).collect()
    }

    #[test]
    fn a_good_delegation_has_no_findings() {
        assert_eq!(tags_after(|_| {}), [""; 0]);
    }

    #[test]
    fn each_fault_is_told_by_its_own_rule() {
        type Change = fn(&mut Delegation);
        let set = |d: &mut Delegation, at: &str| {
            d.servers[1].addresses = Addresses::Known(vec![at.parse().unwrap()]);
        };
        let cases: [(Change, &[&str]); 12] = [
            (|d| d.servers.truncate(1), &["DELEGATION01"]),
            (|d| d.servers[1].addresses = Addresses::Known(vec![]), &["NAMESERVER06"]),
            (|d| d.servers[1].addresses = Addresses::Alias(Name::root()), &["DELEGATION05"]),
            (|d| d.servers[1].addresses = Addresses::Foreign, &["NAMESERVER06"]),
            (|d| d.servers[1].name = name("ns_2.midominio.com"), &["SYNTAX04"]),
            (|d| d.soa.mname = name("primary.midominio.com"), &["ZONE01"]),
            (|d| d.mname_is_alias = true, &["ZONE07"]),
            (|d| d.soa.refresh = 14_399, &["ZONE02"]),
            (|d| d.soa.retry = 3_599, &["ZONE04"]),
            (|d| d.soa.retry = 14_400, &["ZONE03"]),
            (|d| d.soa.expire = 604_799, &["ZONE05"]),
            (|d| d.soa.minimum = 86_401, &["ZONE06"]),
        ];
        for (change, expected) in cases {
            assert_eq!(tags_after(change), expected);
        }
        assert_eq!(tags_after(|d| set(d, "10.0.0.53")), ["ADDRESS01"]);
        assert_eq!(tags_after(|d| set(d, "8.8.4.54")), ["CONNECTIVITY04"]);
        assert_eq!(tags_after(|d| set(d, "8.8.4.53")), ["DELEGATION02"]);
        assert_eq!(
            tags_after(|d| d.servers.iter_mut().for_each(|s| s.addresses = v6(&s.name))),
            ["DELEGATION01"]
        );
    }

    /// Each of the two servers has an address of its own, in different networks.
    fn v6(name: &Name) -> Addresses {
        let at = if name.as_wire().starts_with(b"\x03ns1") { "2a00::1" } else { "2a01::1" };
        Addresses::Known(vec![at.parse().unwrap()])
    }

    #[test]
    fn host_names_are_those_of_rfc_1123() {
        for good in ["ns1.example.com", "3com.com", "a-b.example", "xn--bcher-kva.example"] {
            assert!(is_host_name(&name(good)), "{good}");
        }
        for bad in ["a_b.example", "-a.example", "a-.example", "192.0.2.1", "."] {
            assert!(!is_host_name(&name(bad)), "{bad}");
        }
    }
}
