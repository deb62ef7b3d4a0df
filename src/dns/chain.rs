//! Writes replies of more than one step: aliases, DNAME redirections and referrals.
//!
//! | step | written | then |
//! |---|---|---|
//! | CNAME | the record | its target, in any of our zones |
//! | DNAME | the record and the CNAME made from it (RFC 6672 §3.1) | that CNAME's target |
//! | zone cut | NS in the authority section, glue as additional, no AA by itself | ends |
//! | data, a pool | the RRset | ends |
//! | nothing | the SOA of the zone that says so; its rcode (RFC 2308 §2.1) | ends |
//! | not ours, a loop, too many steps | | ends with the records so far |

use crate::dns::exchange::Client;
use crate::dns::query::Query;
use crate::dns::records::Sections;
use crate::rcode::Rcode;
use crate::snapshot::Snapshot;
use crate::snapshot::message::{Full, RecordWriter};
use crate::snapshot::statics::POOL_NEGATIVE_TTL;
use crate::zone::lookup::Outcome;
use crate::zone::lower::LowerName;
use crate::zone::name::MAX_NAME;
use crate::zone::rrset::RrsetView;
use crate::zone::rtype;
use crate::zone::store::{NameId, ZoneId, parent};

/// Maximum number of names that one answer follows.
const MAX_STEPS: usize = 16;

struct Chain<'s, 'm> {
    snapshot: &'s Snapshot,
    writer: RecordWriter<'m>,
    sections: Sections,
    /// The name of this step, in lower case.
    name: LowerName,
    /// Hashes of the names that were followed.
    seen: [u64; MAX_STEPS],
    steps: usize,
    /// Hashes of the owners of DNAMEs, each at the index of the step that applied it.
    applied: [Option<u64>; MAX_STEPS],
}

/// Follows the chain that begins with `first`, the outcome for the question's own name.
#[inline(never)]
pub fn follow(
    snapshot: &Snapshot,
    first: Outcome<'_>,
    query: &Query<'_>,
    name: &LowerName,
    client: &Client,
    turn: u64,
    out: &mut [u8],
) -> Sections {
    let start = query.head.len();
    let mut current = LowerName::default();
    let _ = current.set(name.as_slice());
    let mut chain = Chain {
        snapshot,
        writer: RecordWriter::new(out, start),
        sections: Sections { len: start, authoritative: true, ..Sections::default() },
        name: current,
        seen: [0; MAX_STEPS],
        steps: 0,
        applied: [None; MAX_STEPS],
    };
    if chain.run(first, query.qtype, client, turn).is_err() {
        chain.sections.truncated = true;
    }
    chain.sections.len = chain.writer.len();
    chain.sections
}

impl<'s> Chain<'s, '_> {
    fn run(
        &mut self,
        first: Outcome<'s>,
        qtype: u16,
        client: &Client,
        turn: u64,
    ) -> Result<(), Full> {
        let mut outcome = first;
        while self.is_new() {
            match outcome {
                Outcome::Alias { rrset, target } => {
                    self.answer(&rrset)?;
                    if self.name.set(target).is_none() {
                        return Ok(());
                    }
                }
                Outcome::Redirect { owner, rrset, target } => {
                    if self.is_first(owner) {
                        self.sections.answer += self.writer.rrset(owner, &rrset, None)?;
                    }
                    let goes_on = self.redirect(owner.len(), &rrset, target)?;
                    // The question is for the CNAME itself, or for ANY, which gets no more.
                    let is_asked_for = matches!(qtype, rtype::CNAME | rtype::ANY);
                    if !goes_on || is_asked_for || is_below(target, owner) {
                        return Ok(());
                    }
                }
                Outcome::Referral { cut } => return self.refer(cut),
                // The DNAME of the question is in the answer already: an earlier step applied it.
                Outcome::Data { rrset, .. } if self.is_applied(&rrset) => return Ok(()),
                Outcome::Data { rrset, .. } => return self.answer(&rrset),
                Outcome::Slot { zone, slot } => return self.pool(zone, slot, qtype, client, turn),
                Outcome::NoData { zone, is_slot } => {
                    return self.negative(zone, is_slot.then_some(POOL_NEGATIVE_TTL));
                }
                Outcome::NxDomain { zone } => {
                    self.sections.rcode = Rcode::NXDOMAIN;
                    return self.negative(zone, None);
                }
                Outcome::NotOurs => return Ok(()),
            }
            outcome = self.snapshot.statics.zones.look_up(self.name.as_slice(), qtype);
        }
        Ok(())
    }

    /// Records the name of this step; false when it was followed before or no step is left.
    fn is_new(&mut self) -> bool {
        let hash = self.snapshot.statics.zones.hash(self.name.as_slice());
        if self.steps == MAX_STEPS || self.seen[..self.steps].contains(&hash) {
            return false;
        }
        self.seen[self.steps] = hash;
        self.steps += 1;
        true
    }

    /// Records the DNAME at `owner`; false when its RRset is in this answer already.
    fn is_first(&mut self, owner: &[u8]) -> bool {
        let hash = self.snapshot.statics.zones.hash(owner);
        let is_first = !self.applied[..self.steps].contains(&Some(hash));
        if let Some(place) = self.applied.get_mut(self.steps.saturating_sub(1)) {
            *place = Some(hash);
        }
        is_first
    }

    /// Whether `rrset` is a DNAME of this step's name that an earlier step applied.
    fn is_applied(&self, rrset: &RrsetView<'_>) -> bool {
        let hash = self.snapshot.statics.zones.hash(self.name.as_slice());
        rrset.rtype() == rtype::DNAME && self.applied.contains(&Some(hash))
    }

    fn answer(&mut self, rrset: &RrsetView<'_>) -> Result<(), Full> {
        self.sections.answer += self.writer.rrset(self.name.as_slice(), rrset, None)?;
        Ok(())
    }

    /// Writes the CNAME of RFC 6672 §3.1, in which `target` replaces the last `owner_len` octets of
    /// the name. False when the new name is too long, which is YXDOMAIN (§2.2).
    fn redirect(
        &mut self,
        owner_len: usize,
        rrset: &RrsetView<'_>,
        target: &[u8],
    ) -> Result<bool, Full> {
        let name = self.name.as_slice();
        let kept = name.get(..name.len().saturating_sub(owner_len)).unwrap_or_default();
        let mut joined = [0; MAX_NAME];
        let Some(room) = joined.get_mut(..kept.len() + target.len()) else {
            self.sections.rcode = Rcode::YXDOMAIN;
            return Ok(false);
        };
        let (head, tail) = room.split_at_mut(kept.len());
        head.copy_from_slice(kept);
        tail.copy_from_slice(target);
        self.writer.record(self.name.as_slice(), rtype::CNAME, rrset.ttl(), room)?;
        self.sections.answer += 1;
        Ok(self.name.set(room).is_some())
    }

    fn pool(
        &mut self,
        zone: ZoneId,
        slot: u32,
        qtype: u16,
        client: &Client,
        turn: u64,
    ) -> Result<(), Full> {
        let Some(pool) =
            self.snapshot.pool(slot).filter(|pool| !pool.refuses(client.address, qtype))
        else {
            self.sections.rcode = Rcode::REFUSED;
            return Ok(());
        };
        match self.writer.rows(self.name.as_slice(), |room| {
            pool.write(qtype, turn, client.address, room).map_err(|_| Full)
        })? {
            0 => self.negative(zone, Some(POOL_NEGATIVE_TTL)),
            count => {
                self.sections.answer += count;
                Ok(())
            }
        }
    }

    fn negative(&mut self, zone: ZoneId, ttl_cap: Option<u32>) -> Result<(), Full> {
        let statics = &*self.snapshot.statics;
        let ttl = statics.negative(zone).ttl();
        let ttl = ttl_cap.map_or(ttl, |cap| ttl.min(cap));
        let apex = statics.zones.apex(zone).as_wire();
        self.sections.authority += self.writer.rrset(apex, &statics.zones.soa(zone), Some(ttl))?;
        Ok(())
    }

    /// Writes NS records and the addresses that a resolver needs next. Glue below the cut must fit
    /// (RFC 9471 §3.1); addresses of name servers elsewhere in our zones are added if they fit.
    fn refer(&mut self, cut: NameId) -> Result<(), Full> {
        let zones = &self.snapshot.statics.zones;
        let owner = zones.name_of(cut);
        let Some(ns) = zones.rrset(cut, rtype::NS) else { return Ok(()) };
        if self.steps == 1 {
            self.sections.authoritative = false;
        }
        self.sections.authority += self.writer.rrset(owner, &ns, None)?;
        for needed in [true, false] {
            for target in ns.rdatas() {
                let mut name = LowerName::default();
                let Some(()) = name.set(target) else { continue };
                let Some(entry) = zones.find(name.as_slice()) else { continue };
                let is_below = entry == cut || zones.cut(zones.entry(entry)) == Some(cut);
                if is_below != needed {
                    continue;
                }
                for rtype in [rtype::A, rtype::AAAA] {
                    let Some(glue) = zones.rrset(entry, rtype) else { continue };
                    match self.writer.rrset(name.as_slice(), &glue, None) {
                        Ok(count) => self.sections.additional += count,
                        Err(Full) if needed => return Err(Full),
                        Err(Full) => {}
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether a DNAME at `owner` applies to its own result again, which would be longer each time.
fn is_below(target: &[u8], owner: &[u8]) -> bool {
    let mut rest = Some(target);
    while let Some(name) = rest {
        if name.eq_ignore_ascii_case(owner) {
            return true;
        }
        rest = parent(name);
    }
    false
}
