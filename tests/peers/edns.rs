//! Flags, opcodes and EDNS, case by case: RFC 8906 §8, the cases of the public EDNS compliance
//! testers, and messages that are no queries.
//!
//! Every row is put to NSD too, as a check of the table: what NSD is known not to do stands in
//! the row. A reply that comes is always held to [`always`].

use std::collections::BTreeSet;

use tiovivo::zone::name::Name;

use crate::edns_rows::ROWS;
use crate::exchange;
use crate::server::{NSID, Peer, Server, ZoneFile};
use crate::wire::{
    AA, AD, CD, DO, HEADER, OPCODE, QR, Query, RA, RD, Reply, TC, Transport, Z, rtype,
};

/// A case. Without changes it asks for the SOA at the apex, as [`base`] does.
#[derive(Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    pub ask: fn(&mut Query),
    /// What cannot be said by a [`Query`] is done to its octets.
    pub patch: fn(&mut Vec<u8>),
    pub want: &'static [Want],
    /// Of `want`, what NSD does not do.
    pub nsd: &'static [Want],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    Rcode(u16),
    RcodeOf(&'static [u16]),
    /// The SOA in the answer, with AA.
    Soa,
    NoRecords,
    Opt,
    NoOpt,
    /// The question comes back.
    Question,
    /// DO comes back (RFC 3225 §3).
    Do,
    NoDo,
    Truncated,
    AtMost(usize),
    /// Our NSID (RFC 5001).
    Nsid,
    /// Options that nobody knows do not come back (RFC 6891 §6.1.2).
    NoOption(u16),
    /// None, or the client's with a server's behind it (RFC 7873 §5.2).
    CookieIfAny,
    Silence,
    /// What [`always`] holds. Every row wants it, so it only stands among what NSD does not do.
    Header,
}

#[test]
fn flags_opcodes_and_edns_are_answered_as_ordered() {
    let zones = [zone()];
    let mut faults = Vec::new();
    for peer in [Peer::Tiovivo, Peer::Nsd] {
        let server = Server::start(peer, &zones);
        let mut known = BTreeSet::new();
        for row in ROWS {
            for fault in ask(&server, row) {
                if peer == Peer::Nsd && row.nsd.contains(&fault.0) {
                    known.insert(row.name);
                } else {
                    faults.push(format!("{peer}: {}: {:?} {}", row.name, fault.0, fault.1));
                }
            }
        }
        println!("{peer}: {} cases, {} known deviations {known:?}", ROWS.len(), known.len());
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

pub const APEX: &str = "casa.test";
/// The owner of a TXT RRset of more than 512 octets.
pub const LARGE: &str = "large.casa.test";

fn zone() -> ZoneFile {
    let mut text = "casa.test. 300 IN SOA ns1.casa.test. h.casa.test. 1 14400 3600 1209600 60\n\
                    casa.test. 300 IN NS ns1.casa.test.\ncasa.test. 300 IN NS ns2.casa.test.\n\
                    ns1.casa.test. 300 IN A 192.0.2.1\nns2.casa.test. 300 IN A 198.51.100.1\n"
        .to_owned();
    for letter in ["a", "b", "c", "d"] {
        text.push_str(&format!("{LARGE}. 300 IN TXT \"{}\"\n", letter.repeat(200)));
    }
    ZoneFile { apex: Name::parse(APEX).expect("a name"), text }
}

fn base() -> Query {
    Query::new(Name::parse(APEX).expect("a name"), rtype::SOA)
}

/// What the server does not do, and what came instead.
fn ask(server: &Server, row: &Row) -> Vec<(Want, String)> {
    let mut query = base();
    (row.ask)(&mut query);
    let mut message = query.to_wire(0x7119);
    (row.patch)(&mut message);
    let octets = exchange::raw(server.address, query.transport, &message);
    let reply = match octets.as_deref().map(Reply::parse) {
        Some(Err(fault)) => return vec![(Want::Header, fault)],
        Some(Ok(reply)) => Some(reply),
        None => None,
    };
    let unmet = row.want.iter().filter(|want| !met(**want, &query, reply.as_ref()));
    let mut faults: Vec<_> = unmet.map(|want| (*want, format!("{reply:?}"))).collect();
    if let Some(fault) = reply.and_then(|reply| always(&message, &reply).err()) {
        faults.push((Want::Header, fault));
    }
    faults
}

/// What holds for any reply (RFC 1035 §4.1.1, RFC 8906 §3, RFC 6891 §6.1.1).
fn always(message: &[u8], reply: &Reply) -> Result<(), String> {
    let asked = u16::from_be_bytes([message[2], message[3]]);
    let question = reply.question.is_empty()
        || message.get(HEADER..HEADER + reply.question.len()) == Some(&reply.question);
    let opt = reply.opt.as_ref();
    let checks = [
        ("the id", reply.id == u16::from_be_bytes([message[0], message[1]])),
        ("QR", reply.has(QR)),
        ("the opcode", reply.flags & OPCODE == asked & OPCODE),
        ("RD", reply.flags & RD == asked & RD),
        ("RA, Z, AD, CD are 0", reply.flags & (RA | Z | AD | CD) == 0),
        ("the question", question),
        (
            "EDNS version 0 and no flag but DO",
            opt.is_none_or(|o| o.version == 0 && o.flags & !DO == 0),
        ),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(format!("{what}: {reply:?}")),
        None => Ok(()),
    }
}

fn met(want: Want, query: &Query, reply: Option<&Reply>) -> bool {
    let Some(reply) = reply else { return want == Want::Silence };
    let opt = reply.opt.as_ref();
    let option = |code| opt.and_then(|opt| opt.options.iter().find(|(c, _)| *c == code));
    match want {
        Want::Rcode(rcode) => reply.rcode == rcode,
        Want::RcodeOf(rcodes) => rcodes.contains(&reply.rcode),
        Want::Soa => reply.has(AA) && matches!(&reply.answer[..], [set] if set.rtype == rtype::SOA),
        Want::NoRecords => {
            reply.answer.is_empty() && reply.authority.is_empty() && reply.additional.is_empty()
        }
        Want::Question => !reply.question.is_empty(),
        Want::Opt => opt.is_some(),
        Want::NoOpt => opt.is_none(),
        Want::Do => opt.is_some_and(|opt| opt.flags & DO != 0),
        Want::NoDo => opt.is_none_or(|opt| opt.flags & DO == 0),
        Want::Truncated => reply.has(TC),
        Want::AtMost(len) => reply.len <= len,
        Want::Nsid => option(3).is_some_and(|(_, value)| value == NSID.as_bytes()),
        Want::NoOption(code) => option(code).is_none(),
        Want::CookieIfAny => option(10).is_none_or(|(_, cookie)| {
            let asked = query.edns.iter().flat_map(|edns| &edns.options);
            let mut asked = asked.filter(|(code, _)| *code == 10);
            asked.all(|(_, client)| cookie.len() >= 16 && cookie.get(..8) == client.get(..8))
        }),
        Want::Silence => false,
        Want::Header => true,
    }
}

/// A query of EDNS version 0 and 1232 octets.
pub fn with_edns(query: &mut Query) -> &mut crate::wire::Edns {
    query.edns.get_or_insert_with(|| crate::wire::Edns::sized(1232))
}

pub fn over_tcp(query: &mut Query) {
    query.transport = Transport::Tcp;
}
