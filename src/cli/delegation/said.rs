//! What a name server said, reduced to what the rules ask about. Read by hickory-proto: an eye
//! that is not the one that wrote our answers.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::Message;
use hickory_proto::rr::{self, RData, Record};
use hickory_proto::serialize::binary::{BinDecodable, BinEncodable};

use crate::cli::delegation::plan::Soa;
use crate::cli::present;
use crate::zone::name::Name;

pub const BADVERS: u16 = 16;

/// An answer, or why there is none.
pub type Answer = Result<Said, String>;

#[derive(Debug, Clone, Default)]
pub struct Said {
    /// With the upper bits from EDNS.
    pub rcode: u16,
    pub authoritative: bool,
    pub recursion: bool,
    /// The version of its OPT record.
    pub edns: Option<u8>,
    pub answers: Vec<(Name, Data)>,
    /// NS records in the authority section.
    pub refers: bool,
    /// Where it came from when that was not where the question went.
    pub elsewhere: Option<SocketAddr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    Soa(Soa),
    Server(Name),
    Address(IpAddr),
    Alias(Name),
    Other,
}

/// Everything that one address of one name server was asked for one zone.
#[derive(Debug)]
pub struct Seen {
    pub server: Name,
    pub address: IpAddr,
    /// Over UDP.
    pub soa: Answer,
    /// Over TCP.
    pub tcp: Answer,
    pub servers: Answer,
    /// A and AAAA of each name server inside the zone.
    pub glue: Vec<(Name, [Answer; 2])>,
    /// With EDNS version 1.
    pub version1: Answer,
    /// A name that nobody has (RFC 6761 §6.4), with RD.
    pub foreign: Answer,
    /// AXFR over TCP, its first message.
    pub transfer: Answer,
}

/// `None` when it is no DNS message.
pub fn read(reply: &[u8]) -> Option<Said> {
    let message = Message::from_bytes(reply).ok()?;
    let data = |record: &Record| Some((name(&record.name)?, data(&record.data)));
    Some(Said {
        rcode: present::rcode(&message),
        authoritative: message.metadata.authoritative,
        recursion: message.metadata.recursion_available,
        edns: message.edns.as_ref().map(|edns| edns.version()),
        answers: message.answers.iter().filter_map(data).collect(),
        refers: message.authorities.iter().any(|record| matches!(record.data, RData::NS(_))),
        elsewhere: None,
    })
}

fn data(data: &RData) -> Data {
    let known = match data {
        RData::SOA(it) => soa(it).map(Data::Soa),
        RData::NS(target) => name(&target.0).map(Data::Server),
        RData::CNAME(target) => name(&target.0).map(Data::Alias),
        RData::A(address) => Some(Data::Address(address.0.into())),
        RData::AAAA(address) => Some(Data::Address(address.0.into())),
        _ => None,
    };
    known.unwrap_or(Data::Other)
}

fn soa(soa: &rr::rdata::SOA) -> Option<Soa> {
    Some(Soa {
        mname: name(&soa.mname)?,
        rname: name(&soa.rname)?,
        serial: soa.serial,
        // The reader takes the 32 bits as signed; RFC 1035 §3.3.13 does not.
        refresh: soa.refresh.cast_unsigned(),
        retry: soa.retry.cast_unsigned(),
        expire: soa.expire.cast_unsigned(),
        minimum: soa.minimum,
    })
}

fn name(name: &rr::Name) -> Option<Name> {
    Some(Name::from_wire(&name.to_bytes().ok()?).ok()?.0)
}

impl Said {
    /// The SOA of the zone in the answer section.
    pub fn soa(&self, apex: &Name) -> Option<&Soa> {
        self.answers.iter().find_map(|(owner, data)| match data {
            Data::Soa(soa) if owner == apex => Some(soa),
            _ => None,
        })
    }

    pub fn rcode(&self) -> String {
        present::rcode_name(self.rcode)
    }
}
