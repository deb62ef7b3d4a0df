//! Computes the delegation that the registry should have, from the configuration as it was loaded:
//! name servers with their addresses, and the SOA.

use std::net::IpAddr;

use crate::config::Config;
use crate::zone::lookup::Outcome;
use crate::zone::name::Name;
use crate::zone::rdata::walk::{names, target};
use crate::zone::record::{Record, Zone};
use crate::zone::rtype::{A, AAAA, NS, SOA};
use crate::zone::store::{TooLarge, Zones};

/// The intended delegation of one zone.
#[derive(Debug, Clone)]
pub struct Delegation {
    pub apex: Name,
    pub servers: Vec<NameServer>,
    pub soa: Soa,
    /// Whether the MNAME of the SOA is a CNAME in a zone of the configuration.
    pub mname_is_alias: bool,
}

/// A name server of a zone.
#[derive(Debug, Clone)]
pub struct NameServer {
    pub name: Name,
    /// Whether its name is at or below the apex: then the registry needs its addresses as glue.
    pub in_domain: bool,
    pub addresses: Addresses,
}

/// The addresses of a name server, by the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    Known(Vec<IpAddr>),
    /// The name is a CNAME of this name, in a zone of the configuration.
    Alias(Name),
    /// The name is outside the zones of the configuration.
    Foreign,
}

/// The fields of an SOA record; the timers are in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soa {
    pub mname: Name,
    pub rname: Name,
    pub serial: u32,
    pub refresh: u32,
    pub retry: u32,
    pub expire: u32,
    pub minimum: u32,
}

/// One delegation for each zone, in the order of the configuration.
pub fn delegations(config: &Config) -> Result<Vec<Delegation>, TooLarge> {
    let slots = config.published.iter().map(|p| (&p.owner, p.pool.index() as u32));
    let store = Zones::build(&config.zones, slots, |_, _| None)?;
    Ok(config.zones.iter().filter_map(|zone| delegation(zone, &store)).collect())
}

/// `None` without an SOA; every loaded zone has one.
fn delegation(zone: &Zone, store: &Zones) -> Option<Delegation> {
    let at_apex = |rtype| {
        let is_it =
            move |record: &&Record| record.rtype == rtype && zone.owner(record) == &zone.apex;
        zone.records.iter().filter(is_it).map(|record| zone.rdata(record))
    };
    let soa = at_apex(SOA).next().and_then(soa)?;
    let server = |rdata: &[u8]| {
        let name = target(rdata, &names(NS, rdata).next()?)?;
        let in_domain = name.is_within(&zone.apex);
        Some(NameServer { addresses: addresses(store, &name), name, in_domain })
    };
    Some(Delegation {
        apex: zone.apex.clone(),
        servers: at_apex(NS).filter_map(server).collect(),
        mname_is_alias: matches!(addresses(store, &soa.mname), Addresses::Alias(_)),
        soa,
    })
}

fn soa(rdata: &[u8]) -> Option<Soa> {
    let (mname, rest) = Name::from_wire(rdata).ok()?;
    let (rname, rest) = Name::from_wire(rest).ok()?;
    let (numbers, _) = rest.as_chunks::<4>();
    let [serial, refresh, retry, expire, minimum] = *numbers else { return None };
    Some(Soa {
        mname,
        rname,
        serial: u32::from_be_bytes(serial),
        refresh: u32::from_be_bytes(refresh),
        retry: u32::from_be_bytes(retry),
        expire: u32::from_be_bytes(expire),
        minimum: u32::from_be_bytes(minimum),
    })
}

fn addresses(store: &Zones, name: &Name) -> Addresses {
    let lower = name.to_lower();
    let mut found = vec![];
    for rtype in [A, AAAA] {
        let rrset = match store.look_up(&lower, rtype) {
            Outcome::Data { rrset, .. } => Some(rrset),
            // The name is below a zone cut: its records in the zone are glue.
            Outcome::Referral { .. } => store.find(&lower).and_then(|id| store.rrset(id, rtype)),
            Outcome::Alias { target, .. } | Outcome::Redirect { target, .. } => {
                let target =
                    Name::from_wire(target).map_or_else(|_| Name::root(), |(name, _)| name);
                return Addresses::Alias(target);
            }
            Outcome::NotOurs => return Addresses::Foreign,
            // The addresses of a pool change, but the addresses of a name server must not.
            Outcome::Slot { .. } | Outcome::NoData { .. } | Outcome::NxDomain { .. } => None,
        };
        found.extend(rrset.into_iter().flat_map(|rrset| rrset.rdatas()).filter_map(address));
    }
    Addresses::Known(found)
}

fn address(rdata: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(rdata).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(rdata).map(IpAddr::from)).ok()
}

impl NameServer {
    /// The known addresses; empty if the name is an alias or foreign.
    pub fn known(&self) -> &[IpAddr] {
        match &self.addresses {
            Addresses::Known(addresses) => addresses,
            Addresses::Alias(_) | Addresses::Foreign => &[],
        }
    }
}

impl Delegation {
    /// Each address, with its name server.
    pub fn addresses(&self) -> impl Iterator<Item = (&NameServer, IpAddr)> {
        self.servers
            .iter()
            .flat_map(move |server| server.known().iter().map(move |address| (server, *address)))
    }
}
