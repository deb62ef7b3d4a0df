//! The rules about what the name servers said. Computes only: [`super::live`] did the asking.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::cli::delegation::catalogue::{self as rule, Report, Rule, Told};
use crate::cli::delegation::plan::{Delegation, Soa};
use crate::cli::delegation::said::{Answer, BADVERS, Data, Said, Seen};
use crate::zone::name::Name;

const REFUSED: u16 = 5;
const NXDOMAIN: u16 = 3;

/// Of one zone, after [`super::rules::check`]. Servers that did not answer are told once, by the
/// rule of the transport; the other rules are about those that did.
pub fn check(delegation: &Delegation, seen: &[Seen], report: &mut Report) {
    let zone = delegation.apex.to_string();
    reached(seen, &zone, report);
    authoritative(delegation, seen, &zone, report);
    same_soa(delegation, seen, &zone, report);
    same_servers(delegation, seen, &zone, report);
    glue(delegation, seen, &zone, report);
    manners(delegation, seen, &zone, report);
}

fn reached(seen: &[Seen], zone: &str, report: &mut Report) {
    let silent = |answer: &Answer, seen: &Seen, transport: &str| {
        let fault = answer.as_ref().err()?;
        let what = format!("{} does not answer over {transport}: {fault}", who(seen));
        let cure = format!("start it there, and open {transport} port 53 in every firewall");
        Some((what, cure))
    };
    report.look(rule::UDP, zone, seen.iter().filter_map(|seen| silent(&seen.soa, seen, "UDP")));
    report.look(rule::TCP, zone, seen.iter().filter_map(|seen| silent(&seen.tcp, seen, "TCP")));
    let elsewhere = seen.iter().filter_map(|seen| {
        let from = seen.soa.as_ref().ok()?.elsewhere?;
        let cure = "list the address under server.listen; without NAT between";
        Some((format!("{} answers from {from}", who(seen)), cure.to_owned()))
    });
    report.look(rule::SAME_SOURCE, zone, elsewhere);
}

fn authoritative(delegation: &Delegation, seen: &[Seen], zone: &str, report: &mut Report) {
    let lame = |seen: &Seen| {
        let said = [&seen.soa, &seen.tcp].into_iter().flatten();
        let fault = said.filter_map(|said| lame(said, &delegation.apex)).next()?;
        let what = format!("{} is lame for {zone}: {fault}", who(seen));
        Some((what, "load the zone there, or take its NS record out".to_owned()))
    };
    report.look(rule::AUTHORITATIVE, zone, seen.iter().filter_map(lame));
}

/// What is missing for an authoritative answer to SOA.
fn lame(said: &Said, apex: &Name) -> Option<String> {
    if said.rcode != 0 {
        Some(said.rcode())
    } else if !said.authoritative {
        Some("the AA flag is not set".into())
    } else if said.soa(apex).is_none() {
        Some("no SOA in the answer".into())
    } else {
        None
    }
}

/// Every SOA against the one of the configuration: so a zone that was not reloaded shows as well.
fn same_soa(delegation: &Delegation, seen: &[Seen], zone: &str, report: &mut Report) {
    type Field = fn(&Soa) -> String;
    let timers: Field = |soa| {
        format!(
            "refresh {} retry {} expire {} minimum {}",
            soa.refresh, soa.retry, soa.expire, soa.minimum
        )
    };
    let rows: [(Rule, &str, Field); 4] = [
        (rule::SERIAL, "serial", |soa| soa.serial.to_string()),
        (rule::RNAME, "RNAME", |soa| soa.rname.to_string().to_ascii_lowercase()),
        (rule::TIMERS, "timers", timers),
        (rule::MNAME, "MNAME", |soa| soa.mname.to_string().to_ascii_lowercase()),
    ];
    for (rule, field, value) in rows {
        let ours = value(&delegation.soa);
        let other = |seen: &Seen| {
            let answers = [&seen.soa, &seen.tcp].into_iter().flatten();
            let mut theirs = answers.filter_map(|said| said.soa(&delegation.apex)).map(value);
            let theirs = theirs.find(|theirs| *theirs != ours)?;
            let what = format!("{}: SOA {field} {theirs}, our zone file has {ours}", who(seen));
            let cure = "bring the same zone file to every name server and reload it";
            Some((what, cure.to_owned()))
        };
        report.look(rule, zone, seen.iter().filter_map(other));
    }
}

fn same_servers(delegation: &Delegation, seen: &[Seen], zone: &str, report: &mut Report) {
    let text = |name: &Name| name.to_string().to_ascii_lowercase();
    let ours: BTreeSet<String> = delegation.servers.iter().map(|s| text(&s.name)).collect();
    let other = |seen: &Seen| {
        let said = seen.servers.as_ref().ok().filter(|said| said.rcode == 0)?;
        let theirs = said.answers.iter().filter_map(|(owner, data)| match data {
            Data::Server(target) if *owner == delegation.apex => Some(text(target)),
            _ => None,
        });
        let theirs: BTreeSet<String> = theirs.collect();
        (theirs != ours).then(|| {
            let (theirs, ours) = (listed(&theirs), listed(&ours));
            let what = format!("{}: NS {theirs}; the delegation is to {ours}", who(seen));
            (what, "the same NS records in every copy of the zone and at the registrar".to_owned())
        })
    };
    report.look(rule::SAME_SERVERS, zone, seen.iter().filter_map(other));
}

fn glue(delegation: &Delegation, seen: &[Seen], zone: &str, report: &mut Report) {
    let (mut other, mut alias) = (vec![], vec![]);
    for seen in seen {
        for (name, answers) in &seen.glue {
            let [Ok(v4), Ok(v6)] = answers else { continue };
            // A lame server has been told of, and a name below a zone cut is not its to answer.
            let is_answer = |said: &&Said| said.authoritative && matches!(said.rcode, 0 | NXDOMAIN);
            if ![v4, v6].iter().all(is_answer) {
                continue;
            }
            let data = || v4.answers.iter().chain(&v6.answers).map(|(_, data)| data);
            if data().any(|data| matches!(data, Data::Alias(_))) {
                let what = format!("{}: the name server {name} is a CNAME there", who(seen));
                alias.push((what, "name the host itself, with A or AAAA records".to_owned()));
                continue;
            }
            let theirs: BTreeSet<IpAddr> = data()
                .filter_map(|data| match data {
                    Data::Address(address) => Some(*address),
                    _ => None,
                })
                .collect();
            let ours = delegation.addresses().filter(|(server, _)| server.name == *name);
            let ours: BTreeSet<IpAddr> = ours.map(|(_, address)| address).collect();
            if theirs != ours {
                let (theirs, ours) = (listed(&theirs), listed(&ours));
                let what = format!("{}: {name} is {theirs}, the glue {ours}", who(seen));
                let cure = "the same addresses in every copy of the zone and at the registrar";
                other.push((what, cure.to_owned()));
            }
        }
    }
    report.look(rule::GLUE, zone, other);
    if !alias.is_empty() {
        report.look(rule::NO_ALIAS, zone, alias);
    }
}

/// What a server does beside answering for the zone.
fn manners(delegation: &Delegation, seen: &[Seen], zone: &str, report: &mut Report) {
    type Look = fn(&Seen, &Name) -> Option<Told>;
    let rows: [(Rule, Look); 5] = [
        (rule::NO_RECURSION, recursion),
        (rule::NO_UPWARD, upward),
        (rule::EDNS, edns),
        (rule::BADVERS, version),
        (rule::NO_TRANSFER, transfer),
    ];
    for (rule, look) in rows {
        report.look(rule, zone, seen.iter().filter_map(|seen| look(seen, &delegation.apex)));
    }
}

fn recursion(seen: &Seen, _: &Name) -> Option<Told> {
    let said = seen.foreign.as_ref().ok()?;
    let resolves = !said.answers.is_empty() || said.rcode == NXDOMAIN;
    let fault = match (said.recursion, resolves) {
        (true, _) => "offers recursion (RA) to everybody",
        (false, true) => "answers for a name that is not its own",
        (false, false) => return None,
    };
    let cure = "switch recursion off there, or move the resolver to another address";
    Some((format!("{} {fault}", who(seen)), cure.to_owned()))
}

fn upward(seen: &Seen, _: &Name) -> Option<Told> {
    let said = seen.foreign.as_ref().ok()?;
    let refers = said.rcode == 0 && said.answers.is_empty() && said.refers;
    refers.then(|| {
        let what = format!("{} refers foreign names to others instead of REFUSED", who(seen));
        (what, "remove the hints of the root servers from its configuration".to_owned())
    })
}

fn edns(seen: &Seen, _: &Name) -> Option<Told> {
    let said = seen.soa.as_ref().ok().filter(|said| said.rcode != REFUSED)?;
    said.edns.is_none().then(|| {
        let what = format!("{} answers EDNS without EDNS ({})", who(seen), said.rcode());
        (what, "update the server, and let no firewall take OPT records out".to_owned())
    })
}

fn version(seen: &Seen, _: &Name) -> Option<Told> {
    let cure = "update the server, and let no firewall look into DNS";
    let what = match &seen.version1 {
        // A lame server may refuse before it looks at the version.
        Ok(said) if said.rcode == REFUSED || said.rcode == BADVERS && said.edns == Some(0) => {
            return None;
        }
        Ok(said) => format!("{} answers EDNS version 1 with {}", who(seen), said.rcode()),
        Err(_) if seen.soa.is_err() => return None,
        Err(fault) => format!("{} does not answer EDNS version 1: {fault}", who(seen)),
    };
    Some((what, cure.to_owned()))
}

fn transfer(seen: &Seen, apex: &Name) -> Option<Told> {
    let said = seen.transfer.as_ref().ok()?;
    let open = said.rcode == 0 && said.soa(apex).is_some();
    open.then(|| {
        let what = format!("{} gives the whole zone to anybody (AXFR)", who(seen));
        (what, "allow transfers only to your own name servers".to_owned())
    })
}

fn who(seen: &Seen) -> String {
    format!("{} {}", seen.server, seen.address)
}

fn listed<T: ToString>(set: &BTreeSet<T>) -> String {
    match set.iter().map(T::to_string).collect::<Vec<_>>() {
        all if all.is_empty() => "none".into(),
        all => all.join(" "),
    }
}
