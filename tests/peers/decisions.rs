//! The lasting differences: each with the server that stands out, where, and why that may be.
//!
//! A difference that no row allows fails the run, and so does a row that no query needed.

use tiovivo::zone::name::Name;

use crate::compare::{Case, Field};
use crate::server::Peer;
use crate::wire::{Reply, Rrset, TC, rtype};

pub struct Decision {
    pub name: &'static str,
    /// The servers that do this; the others do not.
    pub by: &'static [Peer],
    pub section: &'static str,
    pub reason: &'static str,
    pub fields: &'static [Field],
    pub when: fn(&Case) -> bool,
}

/// Everything behind the question, and what tells of it.
const RECORDS: &[Field] =
    &[Field::Rcode, Field::Aa, Field::Tc, Field::Answer, Field::Authority, Field::Additional];

pub const DECISIONS: &[Decision] = &[
    Decision {
        name: "sixteen links of a chain",
        by: &[Peer::Tiovivo],
        section: "RFC 1034 §3.6.2",
        reason: "every server has a bound of its own; NSD goes on for longer, Knot stops at five",
        fields: RECORDS,
        when: |case| is_cut_short(case) && links(case.own) == OUR_CHAIN,
    },
    Decision {
        name: "records of a wildcard are not compressed",
        by: &[Peer::Tiovivo],
        section: "RFC 1035 §4.1.4",
        reason: "they are copied as they are stored; compressing is free, TCP has room",
        fields: &[Field::Tc, Field::Answer],
        when: lacks_room,
    },
    Decision {
        name: "addresses of name servers from every zone here",
        by: &[Peer::Tiovivo],
        section: "RFC 2181 §5.4.1",
        reason: "the zone that owns a name server's name knows its address better than glue does",
        fields: &[Field::Additional],
        when: is_referral_with_foreign_addresses,
    },
    Decision {
        name: "addresses of the targets in the answer",
        by: &[Peer::Knot],
        section: "RFC 1034 §3.7",
        reason: "Knot has no minimal responses; a resolver asks for them itself",
        fields: &[Field::Additional],
        when: |case| {
            let added = [rtype::NS, rtype::MX, rtype::SRV, rtype::SVCB, rtype::HTTPS];
            case.own.answer.iter().any(|set| added.contains(&set.rtype))
                && missing(case.own, case.other).next().is_none()
        },
    },
    Decision {
        name: "a referral ends where glue below the cut does not fit",
        by: &[Peer::Tiovivo],
        section: "RFC 9471 §3.1",
        reason: "with TC the resolver asks again over TCP, so the rest would be for nothing",
        fields: &[Field::Additional],
        when: |case| {
            let mut missing = missing(case.other, case.own);
            case.own.flags & TC != 0 && missing.all(|set| !fits(case, case.other, set))
        },
    },
    Decision {
        name: "an address twice, for two targets of one name",
        by: &[Peer::Knot],
        section: "RFC 2181 §5",
        reason: "an RRset has each record once; resolvers drop the second",
        fields: &[Field::Repeats],
        when: |case| case.own.repeats && !case.own.answer.is_empty(),
    },
    Decision {
        name: "another RRset for ANY",
        by: &[Peer::Knot],
        section: "RFC 8482 §4.1",
        reason: "any RRset of the name will do, and Knot does not follow its alias",
        fields: RECORDS,
        when: |case| case.query.qtype == rtype::ANY,
    },
    Decision {
        name: "an alias is not followed out of its zone",
        by: &[Peer::Knot],
        section: "RFC 1034 §4.3.2",
        reason: "the resolver asks again, or follows the referral, and is told the rest",
        fields: RECORDS,
        when: |case| is_cut_short(case) && links(case.own) < KNOT_CHAIN,
    },
    Decision {
        name: "five links of a chain",
        by: &[Peer::Knot],
        section: "RFC 1034 §3.6.2",
        reason: "every server has a bound of its own",
        fields: RECORDS,
        when: |case| is_cut_short(case) && links(case.own) >= KNOT_CHAIN,
    },
    Decision {
        name: "RRSIG and NSEC are asked of the alias itself",
        by: &[Peer::Knot],
        section: "RFC 4035 §2.5",
        reason: "in an unsigned zone there are none in either place",
        fields: RECORDS,
        when: |case| matches!(case.query.qtype, RRSIG | NSEC) && links(case.other) > 0,
    },
    Decision {
        name: "an SOA, NXDOMAIN or the DNAME's target beside a name that grew too long",
        by: &[Peer::Knot],
        section: "RFC 6672 §2.2",
        reason: "YXDOMAIN is ordered, and nothing was looked up that an SOA could deny",
        fields: RECORDS,
        when: |case| case.other.rcode == YXDOMAIN && matches!(case.own.rcode, 3 | YXDOMAIN),
    },
    Decision {
        name: "DS of a child's apex, by way of an alias, is denied by the child",
        by: &[Peer::Knot],
        section: "RFC 4035 §3.1.4.1",
        reason: "DS belongs to the parent, which is here too",
        fields: RECORDS,
        when: |case| case.query.qtype == rtype::DS && links(case.own) > 0,
    },
    Decision {
        name: "a DNAME is applied again in the same chain",
        by: &[Peer::Knot],
        section: "RFC 6672 §2.2",
        reason: "a DNAME into itself never ends; each server stops where it likes",
        fields: RECORDS,
        when: |case| {
            let went_on = case.own.answer.len() > case.other.answer.len();
            (went_on || case.own.rcode == YXDOMAIN)
                && case.own.answer.starts_with(&case.other.answer)
                && case.other.answer.iter().any(|set| set.rtype == rtype::DNAME)
        },
    },
    Decision {
        name: "an SOA that does not fit is left out without TC",
        by: &[Peer::Knot],
        section: "RFC 2308 §3",
        reason: "without it the denial is not cached; the others send the resolver to TCP",
        fields: &[Field::Tc, Field::Authority],
        when: |case| {
            let soa = case.other.authority.iter().find(|set| set.rtype == rtype::SOA);
            let too_large = soa.is_some_and(|set| !fits(case, case.own, set));
            case.own.authority.is_empty() && (too_large || case.other.flags & TC != 0)
        },
    },
    Decision {
        name: "names that are compressed less",
        by: &[Peer::Knot],
        section: "RFC 1035 §4.1.4",
        reason: "compressing is free, so one server's answer fits where another's does not",
        fields: &[Field::Tc, Field::Answer, Field::Authority, Field::Additional],
        when: lacks_room,
    },
    Decision {
        name: "every RRset for ANY",
        by: &[Peer::Nsd],
        section: "RFC 8482 §4.1",
        reason: "the full answer is allowed, and good for amplification",
        fields: RECORDS,
        when: |case| case.query.qtype == rtype::ANY,
    },
    Decision {
        name: "addresses of the name servers in the answer",
        by: &[Peer::Nsd],
        section: "RFC 9471 §2",
        reason: "priming likes them; minimal responses leave them out elsewhere",
        fields: &[Field::Additional],
        when: |case| {
            case.own.answer.iter().any(|set| set.rtype == rtype::NS)
                && missing(case.own, case.other).next().is_none()
        },
    },
    Decision {
        name: "NSEC3 is asked of the alias itself",
        by: &[Peer::Nsd],
        section: "RFC 5155 §3",
        reason: "an NSEC3 never has the owner that is asked for",
        fields: RECORDS,
        when: |case| case.query.qtype == NSEC3 && links(case.other) > 0,
    },
    Decision {
        name: "compression forgets names of a long answer",
        by: &[Peer::Nsd],
        section: "RFC 1035 §4.1.4",
        reason: "compressing is free, so one server's answer fits where another's does not",
        fields: &[Field::Tc, Field::Answer, Field::Authority, Field::Additional],
        when: lacks_room,
    },
    Decision {
        name: "the rcode of what did not fit",
        by: &[Peer::Nsd, Peer::Tiovivo],
        section: "RFC 2181 §9",
        reason: "they look on although they write no more; with TC the resolver asks again anyway",
        fields: &[Field::Rcode],
        when: |case| case.own.flags & case.other.flags & TC != 0,
    },
    Decision {
        name: "glue of the parent exists in the child",
        by: &[Peer::Nsd],
        section: "RFC 2181 §6.1",
        reason: "NSD keeps one tree for all zones; in the child's data there is no such name",
        fields: RECORDS,
        when: |case| names(case).any(|name| case.world.is_beside_stray_glue(&name)),
    },
    Decision {
        name: "the order in which glue is tried",
        by: &[Peer::Nsd, Peer::Knot],
        section: "RFC 9471 §2.2",
        reason: "sibling glue is sent as far as it fits: A before AAAA, by server, or what is small",
        fields: &[Field::Additional],
        when: is_same_referral,
    },
    Decision {
        name: "TC for addresses of servers outside the cut",
        by: &[Peer::Nsd],
        section: "RFC 9471 §2.2",
        reason: "only glue below the cut has to fit; the others leave these out in silence",
        fields: &[Field::Tc],
        when: |case| case.own.flags & TC != 0 && is_same_referral(case),
    },
    Decision {
        name: "glue below the cut that does not fit, without TC",
        by: &[Peer::Nsd],
        section: "RFC 9471 §3.1",
        reason: "this NSD is older than the RFC, which wants TC",
        fields: &[Field::Tc],
        when: |case| {
            case.other.flags & TC != 0
                && case.own.authority == case.other.authority
                && case.own.authority.iter().any(|set| set.rtype == rtype::NS)
        },
    },
];

const RRSIG: u16 = 46;
const NSEC: u16 = 47;
const NSEC3: u16 = 50;
const YXDOMAIN: u16 = 6;
/// Links of a chain that Knot follows.
const KNOT_CHAIN: usize = 5;
/// Links of a chain that we follow.
const OUR_CHAIN: usize = 16;

fn links(reply: &Reply) -> usize {
    reply.answer.iter().filter(|set| set.rtype == rtype::CNAME).count()
}

/// The names that a reply goes through.
fn names(case: &Case) -> impl Iterator<Item = Name> {
    let sets = case.own.answer.iter().chain(&case.other.answer);
    let aliases = sets.filter(|set| set.rtype == rtype::CNAME).flat_map(|set| &set.rdata);
    let targets = aliases.filter_map(|rdata| Some(Name::from_wire(rdata).ok()?.0));
    std::iter::once(case.query.name.clone()).chain(targets)
}

/// `own` ends with an alias, or a referral to where it leads, and `other` went on.
fn is_cut_short(case: &Case) -> bool {
    let ends_open = case.own.answer.last().is_some_and(|set| set.rtype == rtype::CNAME);
    ends_open
        && case.own.rcode == 0
        && case.own.authority.iter().all(|set| set.rtype == rtype::NS)
        && case.other.answer.starts_with(&case.own.answer)
}

/// Both refer to the same servers, and what either leaves out did not fit.
fn is_same_referral(case: &Case) -> bool {
    case.own.authority == case.other.authority
        && missing(case.own, case.other).all(|set| !fits(case, case.own, set))
        && missing(case.other, case.own).all(|set| !fits(case, case.other, set))
}

/// TC, and something that `other` has would not have fitted without compression.
fn lacks_room(case: &Case) -> bool {
    let (own, other) = (case.own, case.other);
    let answer = other.answer.iter().filter(|set| !own.answer.contains(set));
    let authority = other.authority.iter().filter(|set| !own.authority.contains(set));
    let mut rest = answer.chain(authority).chain(missing(own, other));
    let owner = |set: &Rrset| set.owner.as_wire().len();
    own.flags & TC != 0 && rest.any(|set| own.len + set.len() + owner(set) > case.query.limit())
}

/// As [`is_same_referral`], but for addresses whose owners another zone than the referring one has.
fn is_referral_with_foreign_addresses(case: &Case) -> bool {
    let Some(ns) = case.own.authority.first().filter(|set| set.rtype == rtype::NS) else {
        return false;
    };
    let referring = ns.owner.parent().and_then(|above| case.world.home(&above));
    let foreign = |set: &&Rrset| case.world.home(&set.owner) != referring;
    case.own.authority == case.other.authority
        && missing(case.own, case.other).all(|set| foreign(&set) || !fits(case, case.own, set))
        && missing(case.other, case.own).all(|set| foreign(&set) || !fits(case, case.other, set))
}

/// Additional RRsets of `other` that `own` lacks.
fn missing<'a>(own: &'a Reply, other: &'a Reply) -> impl Iterator<Item = &'a Rrset> {
    other.additional.iter().filter(|set| !own.additional.contains(set))
}

/// Whether `set` would have found room in `reply`, also where its owner's ending is no target of a
/// pointer any more: which names are is each server's own affair.
fn fits(case: &Case, reply: &Reply, set: &Rrset) -> bool {
    reply.len + set.len() + set.owner.as_wire().len() <= case.query.limit()
}
