//! Renders the answers of the zones, once for each load; all snapshots until the next load share
//! them.
//!
//! Most RRsets are sent as the store keeps them. RRsets with names in their RDATA are rendered
//! again in compressed form, which is valid behind exactly one question: their own owner. A
//! negative answer is one SOA record for each zone; its pointers to the apex depend only on the
//! length of the question.

use crate::cluster::pool::PoolId;
use crate::snapshot::identity::Identity;
use crate::snapshot::message::{HEADER, has_compressible_names, name_len, render};
use crate::zone::name::Name;
use crate::zone::record::Zone;
use crate::zone::store::{TooLarge, ZoneId, Zones};

/// Maximum TTL in seconds of negative answers for a pool's names: the next change of health may
/// bring the missing records.
pub const POOL_NEGATIVE_TTL: u32 = 30;

/// The zones, their negative answers, and the identity of the server.
#[derive(Debug)]
pub struct Statics {
    pub zones: Zones,
    negatives: Box<[Negative]>,
    pub identity: Identity,
}

/// The SOA record of a zone in negative answers (RFC 2308 §3).
#[derive(Debug)]
pub struct Negative {
    record: Box<[u8]>,
    /// Offsets in `record` of pointers to the apex in the question.
    pointers: Box<[u16]>,
    apex_len: usize,
    ttl: u32,
}

impl Statics {
    /// `published` are the names that each pool answers. Slow with many names: must not run on a
    /// thread that answers or decides.
    pub fn build<'a>(
        zones: &[Zone],
        published: impl Iterator<Item = (&'a Name, PoolId)>,
        identity: Identity,
    ) -> Result<Statics, TooLarge> {
        let slots = published.map(|(name, pool)| (name, pool.0));
        let zones = Zones::build(zones, slots, |owner, rrset| {
            has_compressible_names(rrset.rtype()).then(|| render(owner, rrset))?
        })?;
        let negatives = zones.zone_ids().map(|zone| Negative::new(&zones, zone)).collect();
        Ok(Statics { zones, negatives, identity })
    }

    /// The SOA record of the zone's negative answers.
    #[inline]
    pub fn negative(&self, zone: ZoneId) -> &Negative {
        &self.negatives[zone.index()]
    }
}

impl Negative {
    fn new(zones: &Zones, zone: ZoneId) -> Negative {
        let apex = zones.apex(zone);
        let soa = zones.soa(zone);
        let rdata = soa.rdatas().next().unwrap_or_default();
        let apex_len = apex.as_wire().len();
        let mut record = vec![];
        let mut pointers = vec![];
        push_name(&mut record, &mut pointers, apex.as_wire(), apex);
        record.extend_from_slice(&[0, 6, 0, 1]);
        let ttl = soa.ttl().min(minimum(rdata));
        record.extend_from_slice(&ttl.to_be_bytes());
        let length_at = record.len();
        record.extend_from_slice(&[0, 0]);
        let (mname, rest) = rdata.split_at(name_len(rdata).min(rdata.len()));
        let (rname, numbers) = rest.split_at(name_len(rest).min(rest.len()));
        push_name(&mut record, &mut pointers, mname, apex);
        push_name(&mut record, &mut pointers, rname, apex);
        record.extend_from_slice(numbers);
        let length = (record.len() - length_at - 2) as u16;
        record[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        Negative { record: record.into(), pointers: pointers.into(), apex_len, ttl }
    }

    /// The TTL of negative answers in seconds (RFC 2308 §3).
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// Writes the record to the start of `room`, behind a question whose name has `name_len`
    /// octets, with a TTL of at most `ttl_cap`; `None` when it does not fit.
    #[inline]
    pub fn write(&self, name_len: usize, ttl_cap: Option<u32>, room: &mut [u8]) -> Option<usize> {
        let room = room.get_mut(..self.record.len())?;
        room.copy_from_slice(&self.record);
        let apex_at = HEADER + name_len.checked_sub(self.apex_len)?;
        let pointer = (0xc000 | apex_at as u16).to_be_bytes();
        for at in &self.pointers {
            room.get_mut(usize::from(*at)..usize::from(*at) + 2)?.copy_from_slice(&pointer);
        }
        if let Some(cap) = ttl_cap
            && cap < self.ttl
        {
            // Behind the owner, which is a pointer, or the root itself.
            let at = if self.apex_len == 1 { 5 } else { 6 };
            room.get_mut(at..at + 4)?.copy_from_slice(&cap.to_be_bytes());
        }
        Some(room.len())
    }
}

/// Appends `name`, with a pointer in place of the apex at its end. The root is never replaced: a
/// pointer would be longer.
fn push_name(record: &mut Vec<u8>, pointers: &mut Vec<u16>, name: &[u8], apex: &Name) {
    let apex = apex.as_wire();
    let mut rest = name;
    while rest.len() > 1 {
        if rest.len() == apex.len() && rest.eq_ignore_ascii_case(apex) {
            pointers.push(record.len() as u16);
            record.extend_from_slice(&[0xc0, 0]);
            return;
        }
        let (label, tail) = rest.split_at((1 + usize::from(rest[0])).min(rest.len()));
        record.extend_from_slice(label);
        rest = tail;
    }
    record.push(0);
}

fn minimum(soa: &[u8]) -> u32 {
    let last = soa.len().checked_sub(4).and_then(|at| soa.get(at..)?.first_chunk());
    last.map_or(0, |minimum| u32::from_be_bytes(*minimum))
}
