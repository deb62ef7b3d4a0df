//! The reply of a name server, reduced to the fields that the rules need.
//!
//! hickory-proto reads it: code that is independent of the code that writes this server's answers.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::Message;
use hickory_proto::rr::{self, RData, Record};
use hickory_proto::serialize::binary::{BinDecodable, BinEncodable};

use crate::delegation::plan::Soa;
use crate::dns_client::present;
use crate::rcode::Rcode;
use crate::zone::name::Name;

/// A reply, or why there is none.
pub type ReplyResult = Result<ServerReply, String>;

/// The reply of a name server.
#[derive(Debug, Clone, Default)]
pub struct ServerReply {
    /// With the upper bits from EDNS.
    pub rcode: Rcode,
    pub authoritative: bool,
    pub recursion_available: bool,
    /// The version in the OPT record; `None` without one.
    pub edns: Option<u8>,
    pub answers: Vec<(Name, ReplyData)>,
    /// Whether the authority section has NS records.
    pub has_referral: bool,
    /// The source address of the reply; `None` if it is the address that was asked.
    pub other_source: Option<SocketAddr>,
}

/// The data of a record in the answer section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyData {
    Soa(Soa),
    Server(Name),
    Address(IpAddr),
    Alias(Name),
    Other,
}

/// The replies of one address of one name server about one zone.
#[derive(Debug)]
pub struct AddressReplies {
    pub server: Name,
    pub address: IpAddr,
    /// SOA over UDP.
    pub soa: ReplyResult,
    /// SOA over TCP.
    pub tcp: ReplyResult,
    /// NS of the apex.
    pub servers: ReplyResult,
    /// A and AAAA of each name server inside the zone.
    pub glue: Vec<(Name, [ReplyResult; 2])>,
    /// The SOA, asked with EDNS version 1.
    pub edns1: ReplyResult,
    /// A name that does not exist (RFC 6761 §6.4), asked with RD set.
    pub foreign: ReplyResult,
    /// The first message of an AXFR over TCP.
    pub transfer: ReplyResult,
}

/// Reads a reply; `None` when the octets are no DNS message.
pub fn read(reply: &[u8]) -> Option<ServerReply> {
    let message = Message::from_bytes(reply).ok()?;
    let data = |record: &Record| Some((name(&record.name)?, data(&record.data)));
    Some(ServerReply {
        rcode: present::rcode(&message),
        authoritative: message.metadata.authoritative,
        recursion_available: message.metadata.recursion_available,
        edns: message.edns.as_ref().map(|edns| edns.version()),
        answers: message.answers.iter().filter_map(data).collect(),
        has_referral: message.authorities.iter().any(|record| matches!(record.data, RData::NS(_))),
        other_source: None,
    })
}

fn data(data: &RData) -> ReplyData {
    let known = match data {
        RData::SOA(it) => soa(it).map(ReplyData::Soa),
        RData::NS(target) => name(&target.0).map(ReplyData::Server),
        RData::CNAME(target) => name(&target.0).map(ReplyData::Alias),
        RData::A(address) => Some(ReplyData::Address(address.0.into())),
        RData::AAAA(address) => Some(ReplyData::Address(address.0.into())),
        _ => None,
    };
    known.unwrap_or(ReplyData::Other)
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

impl ServerReply {
    /// The SOA of the zone in the answer section.
    pub fn soa(&self, apex: &Name) -> Option<&Soa> {
        self.answers.iter().find_map(|(owner, data)| match data {
            ReplyData::Soa(soa) if owner == apex => Some(soa),
            _ => None,
        })
    }
}
