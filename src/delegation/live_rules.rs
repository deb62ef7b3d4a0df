//! Checks the rules about the replies of the name servers, which [`super::survey`] collected.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::delegation::catalogue::{self as rule, Findings, MessageAndHelp, Rule};
use crate::delegation::plan::{Delegation, Soa};
use crate::delegation::reply::{AddressReplies, ReplyData, ReplyResult, ServerReply};
use crate::dns_client::present::rcode_name;
use crate::rcode::Rcode;
use crate::zone::name::Name;

/// Checks one zone, after [`super::static_rules::check`]. An address that does not answer is
/// reported once, by the rule about the transport; the other rules skip it.
pub fn check(delegation: &Delegation, replies: &[AddressReplies], findings: &mut Findings) {
    let zone = delegation.apex.to_string();
    transports(replies, &zone, findings);
    authoritative(delegation, replies, &zone, findings);
    same_soa(delegation, replies, &zone, findings);
    same_servers(delegation, replies, &zone, findings);
    glue(delegation, replies, &zone, findings);
    behaviour(delegation, replies, &zone, findings);
}

fn transports(replies: &[AddressReplies], zone: &str, findings: &mut Findings) {
    let silent = |answer: &ReplyResult, replies: &AddressReplies, transport: &str| {
        let fault = answer.as_ref().err()?;
        let message = format!("{} does not answer over {transport}: {fault}", who(replies));
        let help = format!("start it there, and open {transport} port 53 in every firewall");
        Some((message, help))
    };
    findings.add(
        rule::UDP,
        zone,
        replies.iter().filter_map(|replies| silent(&replies.soa, replies, "UDP")),
    );
    findings.add(
        rule::TCP,
        zone,
        replies.iter().filter_map(|replies| silent(&replies.tcp, replies, "TCP")),
    );
    let elsewhere = replies.iter().filter_map(|replies| {
        let from = replies.soa.as_ref().ok()?.other_source?;
        let help = "list the address under server.listen; without NAT between";
        Some((format!("{} answers from {from}", who(replies)), help.to_owned()))
    });
    findings.add(rule::SAME_SOURCE, zone, elsewhere);
}

fn authoritative(
    delegation: &Delegation,
    replies: &[AddressReplies],
    zone: &str,
    findings: &mut Findings,
) {
    let lame = |replies: &AddressReplies| {
        let reply = [&replies.soa, &replies.tcp].into_iter().flatten();
        let fault = reply.filter_map(|reply| lame(reply, &delegation.apex)).next()?;
        let message = format!("{} is lame for {zone}: {fault}", who(replies));
        Some((message, "load the zone there, or take its NS record out".to_owned()))
    };
    findings.add(rule::AUTHORITATIVE, zone, replies.iter().filter_map(lame));
}

/// Why a reply is no authoritative answer to the question for the SOA; `None` when it is one.
fn lame(reply: &ServerReply, apex: &Name) -> Option<String> {
    if reply.rcode != Rcode::NOERROR {
        Some(rcode_name(reply.rcode))
    } else if !reply.authoritative {
        Some("the AA flag is not set".into())
    } else if reply.soa(apex).is_none() {
        Some("no SOA in the answer".into())
    } else {
        None
    }
}

/// Compares every SOA with the zone file's, so that a server that did not reload is found too.
fn same_soa(
    delegation: &Delegation,
    replies: &[AddressReplies],
    zone: &str,
    findings: &mut Findings,
) {
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
        let other = |replies: &AddressReplies| {
            let answers = [&replies.soa, &replies.tcp].into_iter().flatten();
            let mut theirs = answers.filter_map(|reply| reply.soa(&delegation.apex)).map(value);
            let theirs = theirs.find(|theirs| *theirs != ours)?;
            let message =
                format!("{}: SOA {field} {theirs}, our zone file has {ours}", who(replies));
            let help = "bring the same zone file to every name server and reload it";
            Some((message, help.to_owned()))
        };
        findings.add(rule, zone, replies.iter().filter_map(other));
    }
}

fn same_servers(
    delegation: &Delegation,
    replies: &[AddressReplies],
    zone: &str,
    findings: &mut Findings,
) {
    let text = |name: &Name| name.to_string().to_ascii_lowercase();
    let ours: BTreeSet<String> = delegation.servers.iter().map(|s| text(&s.name)).collect();
    let other = |replies: &AddressReplies| {
        let reply = replies.servers.as_ref().ok().filter(|reply| reply.rcode == Rcode::NOERROR)?;
        let theirs = reply.answers.iter().filter_map(|(owner, data)| match data {
            ReplyData::Server(target) if *owner == delegation.apex => Some(text(target)),
            _ => None,
        });
        let theirs: BTreeSet<String> = theirs.collect();
        (theirs != ours).then(|| {
            let (theirs, ours) = (listed(&theirs), listed(&ours));
            let message = format!("{}: NS {theirs}; the delegation is to {ours}", who(replies));
            (
                message,
                "the same NS records in every copy of the zone and at the registrar".to_owned(),
            )
        })
    };
    findings.add(rule::SAME_SERVERS, zone, replies.iter().filter_map(other));
}

fn glue(
    delegation: &Delegation,
    all_replies: &[AddressReplies],
    zone: &str,
    findings: &mut Findings,
) {
    let (mut other, mut alias) = (vec![], vec![]);
    for replies in all_replies {
        for (name, answers) in &replies.glue {
            let [Ok(v4), Ok(v6)] = answers else { continue };
            // Another rule reports a lame server; a name below a zone cut gets a referral.
            let is_answer = |reply: &&ServerReply| {
                reply.authoritative && matches!(reply.rcode, Rcode::NOERROR | Rcode::NXDOMAIN)
            };
            if ![v4, v6].iter().all(is_answer) {
                continue;
            }
            let data = || v4.answers.iter().chain(&v6.answers).map(|(_, data)| data);
            if data().any(|data| matches!(data, ReplyData::Alias(_))) {
                let message = format!("{}: the name server {name} is a CNAME there", who(replies));
                alias.push((message, "name the host itself, with A or AAAA records".to_owned()));
                continue;
            }
            let theirs: BTreeSet<IpAddr> = data()
                .filter_map(|data| match data {
                    ReplyData::Address(address) => Some(*address),
                    _ => None,
                })
                .collect();
            let ours = delegation.addresses().filter(|(server, _)| server.name == *name);
            let ours: BTreeSet<IpAddr> = ours.map(|(_, address)| address).collect();
            if theirs != ours {
                let (theirs, ours) = (listed(&theirs), listed(&ours));
                let message = format!("{}: {name} is {theirs}, the glue {ours}", who(replies));
                let help = "the same addresses in every copy of the zone and at the registrar";
                other.push((message, help.to_owned()));
            }
        }
    }
    findings.add(rule::GLUE, zone, other);
    if !alias.is_empty() {
        findings.add(rule::NO_ALIAS, zone, alias);
    }
}

/// Checks the behaviour of the servers apart from answers for the zone.
fn behaviour(
    delegation: &Delegation,
    replies: &[AddressReplies],
    zone: &str,
    findings: &mut Findings,
) {
    type Check = fn(&AddressReplies, &Name) -> Option<MessageAndHelp>;
    let rows: [(Rule, Check); 5] = [
        (rule::NO_RECURSION, recursion),
        (rule::NO_UPWARD, upward),
        (rule::EDNS, edns),
        (rule::BADVERS, version),
        (rule::NO_TRANSFER, transfer),
    ];
    for (rule, check) in rows {
        findings.add(
            rule,
            zone,
            replies.iter().filter_map(|replies| check(replies, &delegation.apex)),
        );
    }
}

fn recursion(replies: &AddressReplies, _: &Name) -> Option<MessageAndHelp> {
    let reply = replies.foreign.as_ref().ok()?;
    let resolves = !reply.answers.is_empty() || reply.rcode == Rcode::NXDOMAIN;
    let fault = match (reply.recursion_available, resolves) {
        (true, _) => "offers recursion (RA) to everybody",
        (false, true) => "answers for a name that is not its own",
        (false, false) => return None,
    };
    let help = "switch recursion off there, or move the resolver to another address";
    Some((format!("{} {fault}", who(replies)), help.to_owned()))
}

fn upward(replies: &AddressReplies, _: &Name) -> Option<MessageAndHelp> {
    let reply = replies.foreign.as_ref().ok()?;
    let has_referral =
        reply.rcode == Rcode::NOERROR && reply.answers.is_empty() && reply.has_referral;
    has_referral.then(|| {
        let message = format!("{} refers foreign names to others instead of REFUSED", who(replies));
        (message, "remove the hints of the root servers from its configuration".to_owned())
    })
}

fn edns(replies: &AddressReplies, _: &Name) -> Option<MessageAndHelp> {
    let reply = replies.soa.as_ref().ok().filter(|reply| reply.rcode != Rcode::REFUSED)?;
    reply.edns.is_none().then(|| {
        let message =
            format!("{} answers EDNS without EDNS ({})", who(replies), rcode_name(reply.rcode));
        (message, "update the server, and let no firewall take OPT records out".to_owned())
    })
}

fn version(replies: &AddressReplies, _: &Name) -> Option<MessageAndHelp> {
    let help = "update the server, and let no firewall look into DNS";
    let message = match &replies.edns1 {
        // A lame server may refuse before it looks at the version.
        Ok(reply)
            if reply.rcode == Rcode::REFUSED
                || reply.rcode == Rcode::BADVERS && reply.edns == Some(0) =>
        {
            return None;
        }
        Ok(reply) => {
            format!("{} answers EDNS version 1 with {}", who(replies), rcode_name(reply.rcode))
        }
        Err(_) if replies.soa.is_err() => return None,
        Err(fault) => format!("{} does not answer EDNS version 1: {fault}", who(replies)),
    };
    Some((message, help.to_owned()))
}

fn transfer(replies: &AddressReplies, apex: &Name) -> Option<MessageAndHelp> {
    let reply = replies.transfer.as_ref().ok()?;
    let open = reply.rcode == Rcode::NOERROR && reply.soa(apex).is_some();
    open.then(|| {
        let message = format!("{} gives the whole zone to anybody (AXFR)", who(replies));
        (message, "allow transfers only to your own name servers".to_owned())
    })
}

fn who(replies: &AddressReplies) -> String {
    format!("{} {}", replies.server, replies.address)
}

fn listed<T: ToString>(set: &BTreeSet<T>) -> String {
    match set.iter().map(T::to_string).collect::<Vec<_>>() {
        all if all.is_empty() => "none".into(),
        all => all.join(" "),
    }
}
