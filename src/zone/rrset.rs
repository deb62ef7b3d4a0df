//! Stores one RRset in the form in which it is sent, and writes it into replies.
//!
//! The records follow each other with a pointer to the question as owner (offset 12). Addresses are
//! stored without their record heads, behind one TTL: they are most of the records of most zones,
//! and with a quarter of the memory, a look-up waits for a quarter of the cache lines.

use crate::zone::rtype;

/// Octets of a stored record before its RDATA: pointer, type, class, TTL, length.
pub const RR_HEAD: usize = 12;

/// Type, count and place of one RRset.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rrset {
    /// Start in `Zones::bytes`.
    pub(super) start: u32,
    /// Octets, and the flag [`RENDERED`]. A zone has at most 1 GiB of RDATA.
    pub(super) len: u32,
    pub(super) rtype: u16,
    pub(super) count: u16,
}

/// Flag in `Rrset::len`: behind the stored form are the length (four octets) and the octets of a
/// second form, for questions about this owner. Without the flag, the stored form is used for these
/// questions too.
pub(super) const RENDERED: u32 = 1 << 31;

/// A view of one stored RRset.
#[derive(Debug, Clone, Copy)]
pub struct RrsetView<'z> {
    pub(super) bytes: &'z [u8],
    pub(super) rrset: &'z Rrset,
}

impl<'z> RrsetView<'z> {
    /// The type of the records.
    #[inline]
    pub fn rtype(&self) -> u16 {
        self.rrset.rtype
    }

    /// Number of records.
    #[inline]
    pub fn count(&self) -> u16 {
        self.rrset.count
    }

    /// Octets of the records behind a question, with uncompressed names in RDATA.
    pub fn len(&self) -> usize {
        match self.packed() {
            Some(rdata_len) => usize::from(self.count()) * (RR_HEAD + rdata_len),
            None => self.stored().len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Writes the records to the start of `room`, as they follow a question, and returns their
    /// length. `None` when they do not fit. Names in RDATA are compressed when the question is for
    /// their owner (`is_own`). Addresses begin with record number `first`; other records keep their
    /// order, which the author of the zone may have chosen on purpose.
    #[inline(always)]
    pub fn write(&self, is_own: bool, first: usize, room: &mut [u8]) -> Option<usize> {
        match self.packed() {
            Some(4) => self.write_addresses::<4>(first, room),
            Some(_) => self.write_addresses::<16>(first, room),
            None => {
                let is_rendered = self.rrset.len & RENDERED != 0;
                let records = if is_own && is_rendered { self.rendered()? } else { self.stored() };
                room.get_mut(..records.len())?.copy_from_slice(records);
                Some(records.len())
            }
        }
    }

    #[inline]
    fn write_addresses<const N: usize>(&self, first: usize, room: &mut [u8]) -> Option<usize> {
        let (ttl, addresses) = self.stored().split_first_chunk::<4>()?;
        let (addresses, _) = addresses.as_chunks::<N>();
        let (before, from) = addresses.split_at_checked(first)?;
        let ([high, low], [a, b, c, d]) = (self.rtype().to_be_bytes(), *ttl);
        let head: [u8; RR_HEAD] = [0xc0, 12, high, low, 0, 1, a, b, c, d, 0, N as u8];
        let len = addresses.len() * (RR_HEAD + N);
        let records = room.get_mut(..len)?.chunks_exact_mut(RR_HEAD + N);
        for (record, address) in records.zip(from.iter().chain(before)) {
            let (to_head, to_address) = record.split_first_chunk_mut::<RR_HEAD>()?;
            *to_head = head;
            to_address.copy_from_slice(address);
        }
        Some(len)
    }

    /// Octets of an address, if the RRset is stored as its TTL and addresses alone.
    #[inline(always)]
    fn packed(&self) -> Option<usize> {
        packed(self.rrset.rtype)
    }

    #[inline]
    fn stored(&self) -> &'z [u8] {
        let (start, end) = self.range();
        self.bytes.get(start..end).unwrap_or_default()
    }

    #[inline]
    fn rendered(&self) -> Option<&'z [u8]> {
        let (len, rendering) = self.bytes.get(self.range().1..)?.split_first_chunk::<4>()?;
        rendering.get(..u32::from_ne_bytes(*len) as usize)
    }

    #[inline]
    fn range(&self) -> (usize, usize) {
        let start = self.rrset.start as usize;
        (start, start + (self.rrset.len & !RENDERED) as usize)
    }

    /// The TTL of all records, in seconds.
    pub fn ttl(&self) -> u32 {
        let at = if self.packed().is_some() { 0 } else { 6 };
        let ttl = self.stored().get(at..at + 4).and_then(|ttl| ttl.first_chunk());
        ttl.map_or(0, |ttl| u32::from_be_bytes(*ttl))
    }

    /// Uncompressed RDATA, record by record.
    pub fn rdatas(&self) -> impl Iterator<Item = &'z [u8]> + use<'z> {
        let packed = self.packed();
        let mut rest = self.stored();
        if packed.is_some() {
            rest = rest.get(4..).unwrap_or_default();
        }
        std::iter::from_fn(move || {
            if let Some(len) = packed {
                let (address, more) = rest.split_at_checked(len)?;
                rest = more;
                return Some(address);
            }
            let len = rest.get(10..RR_HEAD)?;
            let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
            let rdata = rest.get(RR_HEAD..RR_HEAD + len)?;
            rest = &rest[RR_HEAD + len..];
            Some(rdata)
        })
    }
}

/// Octets of an address, for types whose RRsets are stored as TTL and addresses alone.
#[inline(always)]
pub(super) fn packed(rtype: u16) -> Option<usize> {
    match rtype {
        rtype::A => Some(4),
        rtype::AAAA => Some(16),
        _ => None,
    }
}
