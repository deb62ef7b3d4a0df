//! Compares what two servers answered, field by field, and asks `decisions.rs` about the rest.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::decisions::{DECISIONS, Decision};
use crate::exchange::Octets;
use crate::generate::World;
use crate::server::Peer;
use crate::wire::{AA, AD, CD, OPCODE, QR, Query, RA, RD, Reply, Rrset, TC, Z};

/// What two replies may differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// One is silent, or its octets are no message.
    Form,
    Rcode,
    Aa,
    Tc,
    Rd,
    Ra,
    Ad,
    Cd,
    /// QR, opcode and the reserved bit.
    Header,
    Question,
    Answer,
    Authority,
    Additional,
    /// A record twice in a section, or an RRset in pieces.
    Repeats,
    Opt,
}

/// One query and two replies; the decision at hand is about `own`.
pub struct Case<'a> {
    pub world: &'a World,
    pub query: &'a Query,
    pub own: &'a Reply,
    pub other: &'a Reply,
}

/// How often each decision was needed.
pub type Used = BTreeMap<&'static str, usize>;

pub fn parse(octets: &Octets) -> Result<Reply, String> {
    Reply::parse(octets.as_ref().ok_or("silence")?)
}

/// The fields in which two replies differ although no decision says that they may.
pub fn unexplained(
    world: &World,
    query: &Query,
    (first, a): (Peer, &Result<Reply, String>),
    (second, b): (Peer, &Result<Reply, String>),
    used: &mut Used,
) -> Vec<Field> {
    let (Ok(a), Ok(b)) = (a, b) else { return vec![Field::Form] };
    let sides = [
        (first, Case { world, query, own: a, other: b }),
        (second, Case { world, query, own: b, other: a }),
    ];
    let mut fields = differing(a, b);
    fields.retain(|field| {
        let decision = sides.iter().find_map(|(peer, case)| {
            let mut decisions = DECISIONS.iter();
            decisions.find(|decision| applies(decision, *peer, *field, case))
        });
        if let Some(decision) = decision {
            *used.entry(decision.name).or_default() += 1;
        }
        decision.is_none()
    });
    fields
}

fn applies(decision: &Decision, peer: Peer, field: Field, case: &Case) -> bool {
    decision.by.contains(&peer) && decision.fields.contains(&field) && (decision.when)(case)
}

fn differing(a: &Reply, b: &Reply) -> Vec<Field> {
    let flag = |bit| a.flags & bit == b.flags & bit;
    let opt = |reply: &Reply| reply.opt.as_ref().map(|opt| (opt.version, opt.flags, opt.size));
    let same = [
        (Field::Rcode, a.rcode == b.rcode),
        (Field::Aa, flag(AA)),
        (Field::Tc, flag(TC)),
        (Field::Rd, flag(RD)),
        (Field::Ra, flag(RA)),
        (Field::Ad, flag(AD)),
        (Field::Cd, flag(CD)),
        (Field::Header, flag(QR | OPCODE | Z)),
        (Field::Question, a.question == b.question),
        // The order of RRsets matters here: a resolver reads the chain from the top.
        (Field::Answer, a.answer == b.answer),
        (Field::Authority, sorted(&a.authority) == sorted(&b.authority)),
        (Field::Additional, sorted(&a.additional) == sorted(&b.additional)),
        (Field::Repeats, !a.repeats && !b.repeats),
        (Field::Opt, opt(a) == opt(b)),
    ];
    same.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect()
}

fn sorted(sets: &[Rrset]) -> Vec<&Rrset> {
    let mut sets: Vec<&Rrset> = sets.iter().collect();
    sets.sort();
    sets
}

/// A reply for the reader of a failed test.
pub struct Shown<'a>(pub &'a Result<Reply, String>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reply = match self.0 {
            Err(fault) => return writeln!(f, "  no reply to compare: {fault}"),
            Ok(reply) => reply,
        };
        let names =
            [(AA, "aa"), (TC, "tc"), (RD, "rd"), (RA, "ra"), (Z, "z"), (AD, "ad"), (CD, "cd")];
        let mut flags = String::new();
        for (_, name) in names.iter().filter(|(bit, _)| reply.has(*bit)) {
            let _ = write!(flags, " {name}");
        }
        writeln!(f, "  rcode {},{flags}; {} octets; OPT {:?}", reply.rcode, reply.len, reply.opt)?;
        let sections = [("answer", &reply.answer), ("authority", &reply.authority)];
        for (name, sets) in sections.into_iter().chain([("additional", &reply.additional)]) {
            for set in sets {
                let (owner, kind, ttl) = (&set.owner, set.rtype, set.ttl);
                write!(f, "  {name}: {owner} {ttl} TYPE{kind} x{}", set.rdata.len())?;
                for rdata in set.rdata.iter().take(3) {
                    write!(f, " {}", rdata.escape_ascii())?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
