//! The rules that need no network: what the configuration itself says of a delegation.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::cli::delegation::catalogue::{self as rule, Report, Rule, Told};
use crate::cli::delegation::networks;
use crate::cli::delegation::plan::{Addresses, Delegation};
use crate::zone::name::Name;

/// Of a loaded zone. `allow_private` is for zones that only a network of one's own asks for.
pub fn check(delegation: &Delegation, allow_private: bool, report: &mut Report) {
    let zone = delegation.apex.to_string();
    number(delegation, &zone, report);
    resolved(delegation, &zone, report);
    addresses(delegation, &zone, allow_private, report);
    names(delegation, &zone, report);
    timers(delegation, &zone, report);
}

fn number(delegation: &Delegation, zone: &str, report: &mut Report) {
    let names: HashSet<&Name> = delegation.servers.iter().map(|server| &server.name).collect();
    let too_few = (names.len() < 2).then(|| {
        let cure = "write a second NS record, of a server on another network";
        (format!("{} name server; a registry asks for two", names.len()), cure.to_owned())
    });
    report.look(rule::NUMBER, zone, too_few);
    let foreign = |addresses: &Addresses| *addresses == Addresses::Foreign;
    let v4 = delegation.addresses().any(|(_, address)| address.is_ipv4())
        || delegation.servers.iter().any(|server| foreign(&server.addresses));
    let told = (!v4).then(|| {
        let what = "no name server has an IPv4 address, so most resolvers do not find the zone";
        (what.to_owned(), "write an A record for one of them".to_owned())
    });
    report.look(rule::IPV4, zone, told);
}

fn resolved(delegation: &Delegation, zone: &str, report: &mut Report) {
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
    report.look(rule::RESOLVED, zone, none);
    report.look(rule::NO_ALIAS, zone, alias);
    report.look(rule::NOT_OURS, zone, foreign);
}

fn addresses(delegation: &Delegation, zone: &str, allow_private: bool, report: &mut Report) {
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
    report.look(rule::DISTINCT, zone, shared);
    let private = delegation.addresses().filter(|_| !allow_private).filter_map(|(server, at)| {
        let purpose = networks::special(at)?;
        let cure = "write the server's public address; --allow-private for a zone of your own \
                    network";
        Some((format!("{} has {at}, an address {purpose}", server.name), cure.to_owned()))
    });
    report.look(rule::PUBLIC, zone, private);
    let one = [IpAddr::is_ipv4, IpAddr::is_ipv6].into_iter().filter_map(|family| {
        let of_family: Vec<IpAddr> =
            delegation.addresses().map(|(_, at)| at).filter(family).collect();
        one_prefix(&of_family)
    });
    report.look(rule::PREFIXES, zone, one);
}

fn one_prefix(addresses: &[IpAddr]) -> Option<Told> {
    let different: HashSet<&IpAddr> = addresses.iter().collect();
    let prefixes: HashSet<_> = addresses.iter().filter_map(|at| networks::prefix(*at)).collect();
    let prefix = prefixes.iter().next().filter(|_| different.len() > 1 && prefixes.len() == 1)?;
    let what = format!("all addresses of the name servers are in {prefix}");
    Some((what, "put one name server on another network, at another place".into()))
}

fn names(delegation: &Delegation, zone: &str, report: &mut Report) {
    let cure = "letters, digits and hyphens, no hyphen at the start or the end of a label";
    let bad = delegation.servers.iter().filter(|server| !is_host_name(&server.name));
    let bad = bad.map(|server| (format!("{} is no host name", server.name), cure.to_owned()));
    report.look(rule::HOST_NAMES, zone, bad);
    let mname = &delegation.soa.mname;
    let told = (!is_host_name(mname))
        .then(|| (format!("the MNAME {mname} of the SOA is no host name"), cure.to_owned()));
    report.look(rule::MNAME_HOST, zone, told);
    let told = delegation.mname_is_alias.then(|| {
        let cure = "name the host itself".to_owned();
        (format!("the MNAME {mname} of the SOA is a CNAME"), cure)
    });
    report.look(rule::MNAME_ALIAS, zone, told);
    let listed = delegation.servers.iter().any(|server| server.name == *mname);
    let told = (!listed).then(|| {
        let cure = "fine for a hidden primary; otherwise name one of the NS there";
        (format!("the MNAME {mname} of the SOA is none of the name servers"), cure.to_owned())
    });
    report.look(rule::MNAME_LISTED, zone, told);
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

/// Lower bounds as Zonemaster has them, upper ones as DENIC-23p.
fn timers(delegation: &Delegation, zone: &str, report: &mut Report) {
    let soa = &delegation.soa;
    let ranges: [(Rule, &str, u32, RangeInclusive<u32>, u32); 4] = [
        (rule::REFRESH, "refresh", soa.refresh, 14_400..=86_400, 14_400),
        (rule::RETRY, "retry", soa.retry, 3_600..=28_800, 3_600),
        (rule::EXPIRE, "expire", soa.expire, 604_800..=3_600_000, 1_209_600),
        (rule::MINIMUM, "minimum", soa.minimum, 300..=86_400, 300),
    ];
    for (rule, field, value, range, good) in ranges {
        let mut told = vec![];
        if !range.contains(&value) {
            let (low, high) = range.into_inner();
            let what = format!("SOA {field} is {value}; registries ask for {low} to {high}");
            told.push((what, format!("write {good}, and a higher serial")));
        } else if field == "expire" && value <= soa.refresh {
            let what = format!("SOA expire {value} is not longer than refresh {}", soa.refresh);
            told.push((what, format!("write {good}, and a higher serial")));
        }
        report.look(rule, zone, told);
    }
    let told = (soa.retry >= soa.refresh).then(|| {
        let what = format!("SOA retry {} is not shorter than refresh {}", soa.retry, soa.refresh);
        (what, "write a quarter of refresh, and a higher serial".to_owned())
    });
    report.look(rule::RETRY_BELOW, zone, told);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::delegation::plan::{Server, Soa};

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn good() -> Delegation {
        let server = |(label, address): (&str, &str)| Server {
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

    fn told(change: impl FnOnce(&mut Delegation)) -> Vec<&'static str> {
        let (mut delegation, mut report) = (good(), Report::default());
        change(&mut delegation);
        check(&delegation, false, &mut report);
        report.findings.iter().map(|finding| finding.rule.tag).collect()
    }

    #[test]
    fn a_good_delegation_has_no_findings() {
        assert_eq!(told(|_| {}), [""; 0]);
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
            assert_eq!(told(change), expected);
        }
        assert_eq!(told(|d| set(d, "10.0.0.53")), ["ADDRESS01"]);
        assert_eq!(told(|d| set(d, "8.8.4.54")), ["CONNECTIVITY04"]);
        assert_eq!(told(|d| set(d, "8.8.4.53")), ["DELEGATION02"]);
        assert_eq!(
            told(|d| d.servers.iter_mut().for_each(|s| s.addresses = v6(&s.name))),
            ["DELEGATION01"]
        );
    }

    /// An address of its own for each of the two servers, in different networks.
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
