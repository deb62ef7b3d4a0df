//! Writes the HTTPS record of a pool (RFC 9460): one record for the name itself, whose hints are
//! the addresses that an A or AAAA question of the same turn would get.
//!
//! ```text
//! 1 . alpn=h2 ipv4hint=192.0.2.18,192.0.2.19 ipv6hint=2001:db8::20
//! ```
//!
//! The hints rotate as the addresses do: a client may use the first (RFC 9460 §7.3), and hints in
//! a fixed order would send all clients to one member. A pool without addresses in its answers has
//! no record.

use crate::cluster::pool::Alpn;
use crate::snapshot::address_blocks::{AddressBlocks, DoesNotFit, MemberPart, OrderInput};
use crate::zone::rrset::RR_HEAD;
use crate::zone::rtype;

/// SvcParamKeys, in the order in which they are written (RFC 9460 §2.2, §14.3.2).
const ALPN: u16 = 1;
const IPV4HINT: u16 = 4;
const IPV6HINT: u16 = 6;

/// The HTTPS record of a pool.
#[derive(Debug, PartialEq, Eq)]
pub struct Https {
    /// The record up to its hints; RDLENGTH is written with them.
    head: Box<[u8]>,
    v4: AddressBlocks,
    v6: AddressBlocks,
}

impl Https {
    pub fn new(
        alpn: &[Alpn],
        ttl: u32,
        v4: impl Iterator<Item = ([u8; 4], MemberPart)>,
        v6: impl Iterator<Item = ([u8; 16], MemberPart)>,
    ) -> Https {
        let mut head = vec![0xc0, 12];
        head.extend_from_slice(&rtype::HTTPS.to_be_bytes());
        head.extend_from_slice(&[0, 1]);
        head.extend_from_slice(&ttl.to_be_bytes());
        // RDLENGTH; priority 1; the owner itself as target.
        head.extend_from_slice(&[0, 0, 0, 1, 0]);
        let mut ids = vec![];
        for protocol in alpn {
            let id = protocol.id().as_bytes();
            ids.push(id.len() as u8);
            ids.extend_from_slice(id);
        }
        head.extend_from_slice(&parameter(ALPN, ids.len()));
        head.extend_from_slice(&ids);
        Https {
            head: head.into(),
            v4: AddressBlocks::new(&[], v4),
            v6: AddressBlocks::new(&[], v6),
        }
    }

    /// Writes the record, as [`crate::snapshot::pool::PoolAnswer::write`] does.
    #[inline(never)]
    pub fn write(&self, pick: OrderInput, room: &mut [u8]) -> Result<(u16, usize), DoesNotFit> {
        if self.v4.is_empty() && self.v6.is_empty() {
            return Ok((0, 0));
        }
        let mut len = self.head.len();
        room.get_mut(..len).ok_or(DoesNotFit)?.copy_from_slice(&self.head);
        for (key, family) in [(IPV4HINT, &self.v4), (IPV6HINT, &self.v6)] {
            if family.is_empty() {
                continue;
            }
            let (head, hints) =
                room.get_mut(len..).and_then(<[u8]>::split_first_chunk_mut).ok_or(DoesNotFit)?;
            let (_, octets) = family.write(pick, hints)?;
            *head = parameter(key, octets);
            len += head.len() + octets;
        }
        let length = u16::try_from(len - RR_HEAD).map_err(|_| DoesNotFit)?;
        let at = RR_HEAD - 2..RR_HEAD;
        room.get_mut(at).ok_or(DoesNotFit)?.copy_from_slice(&length.to_be_bytes());
        Ok((1, len))
    }
}

/// Key and length; at most 256 addresses of 16 octets follow.
fn parameter(key: u16, len: usize) -> [u8; 4] {
    let [key_high, key_low] = key.to_be_bytes();
    let [high, low] = (len as u16).to_be_bytes();
    [key_high, key_low, high, low]
}
