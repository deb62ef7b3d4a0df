//! Writes resource records behind a question, with compressed names (RFC 1035 §4.1.4).
//!
//! Works in the caller's buffer and allocates nothing. Names are compressed in owners and in the
//! RDATA of the types that RFC 1035 defines; RFC 3597 §4 forbids it in all others.

use crate::zone::name::labels;
use crate::zone::rrset::{RR_HEAD, RrsetView};
use crate::zone::rtype;

/// Octets of a message's header.
pub const HEADER: usize = 12;
/// Maximum number of places in a message that pointers may lead to. Names behind these are no
/// targets.
const MAX_TARGETS: usize = 48;
/// The greatest offset that a pointer can hold.
const MAX_POINTER: u16 = 0x3fff;
/// Octets of a pointer.
const POINTER: usize = 2;

/// The error for records that do not fit into the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Writes records into a message, behind its header and question.
#[derive(Debug)]
pub struct RecordWriter<'m> {
    message: &'m mut [u8],
    len: usize,
    targets: [u16; MAX_TARGETS],
    target_count: usize,
}

impl<'m> RecordWriter<'m> {
    /// `message` is the whole buffer. Its first `len` octets, header and question, are written.
    pub fn new(message: &'m mut [u8], len: usize) -> RecordWriter<'m> {
        let mut writer = RecordWriter { message, len, targets: [0; MAX_TARGETS], target_count: 0 };
        let mut at = HEADER;
        while let Some(label) = writer.message.get(at).copied().filter(|label| *label != 0) {
            writer.remember(at);
            at += 1 + usize::from(label);
        }
        writer
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes all records of the RRset or none. `ttl` replaces the RRset's own.
    pub fn rrset(
        &mut self,
        owner: &[u8],
        rrset: &RrsetView<'_>,
        ttl: Option<u32>,
    ) -> Result<u16, Full> {
        let (len, target_count) = (self.len, self.target_count);
        for rdata in rrset.rdatas() {
            let ttl = ttl.unwrap_or(rrset.ttl());
            let written = self.unchecked_record(owner, rrset.rtype(), ttl, rdata);
            if written.is_err() {
                (self.len, self.target_count) = (len, target_count);
                return Err(Full);
            }
        }
        Ok(rrset.count())
    }

    /// Writes one record or nothing. `owner` and the names in `rdata` are uncompressed.
    pub fn record(&mut self, owner: &[u8], rtype: u16, ttl: u32, rdata: &[u8]) -> Result<(), Full> {
        let (len, target_count) = (self.len, self.target_count);
        let written = self.unchecked_record(owner, rtype, ttl, rdata);
        if written.is_err() {
            (self.len, self.target_count) = (len, target_count);
        }
        written
    }

    /// As [`RecordWriter::record`], but leaves the beginning of a record that does not fit.
    fn unchecked_record(
        &mut self,
        owner: &[u8],
        rtype: u16,
        ttl: u32,
        rdata: &[u8],
    ) -> Result<(), Full> {
        self.name(owner)?;
        self.bytes(&rtype.to_be_bytes())?;
        self.bytes(&[0, 1])?;
        self.bytes(&ttl.to_be_bytes())?;
        let length_at = self.len;
        self.bytes(&[0, 0])?;
        self.rdata(rtype, rdata)?;
        let length = (self.len - length_at - 2) as u16;
        self.message[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Writes records of `owner` that `write` makes: it gets room, writes records of equal length
    /// there, whose owner is a pointer to offset 12, and returns their number and length. This
    /// pointer is replaced by one to `owner`. If the message does not have `owner` yet, the first
    /// record gets it in full, and the others point there.
    pub fn rows(
        &mut self,
        owner: &[u8],
        write: impl FnOnce(&mut [u8]) -> Result<(u16, usize), Full>,
    ) -> Result<u16, Full> {
        let known = self.find(owner);
        let more = if known.is_some() { Some(0) } else { owner.len().checked_sub(POINTER) };
        let start = self.len + more.ok_or(Full)?;
        let (count, len) = write(self.message.get_mut(start..).ok_or(Full)?)?;
        if count == 0 {
            return Ok(0);
        }
        let pointer = known.or_else(|| as_pointer(self.len)).ok_or(Full)?;
        let rows = self.message.get_mut(start..start + len).ok_or(Full)?;
        for row in rows.chunks_exact_mut((len / usize::from(count)).max(POINTER)) {
            row[..POINTER].copy_from_slice(&(0xc000 | pointer).to_be_bytes());
        }
        if known.is_none() {
            self.message.get_mut(self.len..start + POINTER).ok_or(Full)?.copy_from_slice(owner);
        }
        self.len = start + len;
        Ok(count)
    }

    fn rdata(&mut self, rtype: u16, rdata: &[u8]) -> Result<(), Full> {
        let (before, names) = match rtype {
            rtype::NS | rtype::CNAME | rtype::PTR => (0, 1),
            rtype::MX => (2, 1),
            rtype::SOA => (0, 2),
            _ => (rdata.len(), 0),
        };
        let (head, mut rest) = rdata.split_at_checked(before).ok_or(Full)?;
        self.bytes(head)?;
        for _ in 0..names {
            let (name, tail) = rest.split_at_checked(name_len(rest)).ok_or(Full)?;
            self.name(name)?;
            rest = tail;
        }
        self.bytes(rest)
    }

    /// Writes a name. Its longest ending that is a target already becomes a pointer.
    fn name(&mut self, name: &[u8]) -> Result<(), Full> {
        let mut rest = name;
        while let Some(label) = rest.first().copied().filter(|label| *label != 0) {
            if let Some(target) = self.find(rest) {
                return self.bytes(&(0xc000 | target).to_be_bytes());
            }
            let at = self.len;
            let (label, tail) = rest.split_at_checked(1 + usize::from(label)).ok_or(Full)?;
            self.bytes(label)?;
            self.remember(at);
            rest = tail;
        }
        self.bytes(&[0])
    }

    fn find(&self, name: &[u8]) -> Option<u16> {
        let targets = &self.targets[..self.target_count];
        targets.iter().copied().find(|target| self.is_at(usize::from(*target), name))
    }

    /// Whether the name written at `at` is `name`. Pointers only go backwards, so this ends. Only
    /// written octets are read: an older message may be behind them, and the name that is just
    /// being written has no end yet.
    fn is_at(&self, mut at: usize, name: &[u8]) -> bool {
        let Some(message) = self.message.get(..self.len) else { return false };
        let mut wanted = labels(name);
        loop {
            let Some(&len) = message.get(at) else { return false };
            match len {
                0 => return wanted.next().is_none(),
                0xc0.. => {
                    let Some(low) = message.get(at + 1) else { return false };
                    at = usize::from(len & 0x3f) << 8 | usize::from(*low);
                }
                _ => {
                    let label = message.get(at + 1..at + 1 + usize::from(len));
                    let (Some(label), Some(wanted)) = (label, wanted.next()) else { return false };
                    if !label.eq_ignore_ascii_case(wanted) {
                        return false;
                    }
                    at += 1 + usize::from(len);
                }
            }
        }
    }

    fn remember(&mut self, at: usize) {
        if let Some(target) = as_pointer(at)
            && self.target_count < MAX_TARGETS
        {
            self.targets[self.target_count] = target;
            self.target_count += 1;
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let room = self.message.get_mut(self.len..self.len + bytes.len()).ok_or(Full)?;
        room.copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }
}

fn as_pointer(at: usize) -> Option<u16> {
    u16::try_from(at).ok().filter(|at| *at <= MAX_POINTER)
}

/// Octets of the uncompressed name at the start of `wire`, its root label included.
pub fn name_len(wire: &[u8]) -> usize {
    labels(wire).map(|label| 1 + label.len()).sum::<usize>() + 1
}

/// The records of `rrset` as they follow the question `owner`, compressed.
pub fn render(owner: &[u8], rrset: &RrsetView<'_>) -> Option<Vec<u8>> {
    let question = HEADER + owner.len() + 4;
    let mut message = vec![0; question + rrset.len() + usize::from(rrset.count()) * owner.len()];
    message[HEADER..HEADER + owner.len()].copy_from_slice(owner);
    let mut writer = RecordWriter::new(&mut message, question);
    writer.rrset(owner, rrset, None).ok()?;
    let len = writer.len();
    message.truncate(len);
    Some(message.split_off(question))
}

/// Whether the RDATA of the type has names that may be compressed.
pub fn has_compressible_names(rtype: u16) -> bool {
    matches!(rtype, rtype::NS | rtype::CNAME | rtype::PTR | rtype::MX | rtype::SOA)
}

const _: () = assert!(RR_HEAD == 12, "a record's head is a pointer and ten octets");

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &[u8] = b"\x03www\x07example\0";

    #[test]
    fn a_record_that_does_not_fit_leaves_no_octets() {
        let mut message = [0; HEADER + 20];
        let mut writer = RecordWriter::new(&mut message, HEADER);
        assert_eq!(writer.record(b"\x01a\0", rtype::CNAME, 1, TARGET), Err(Full));
        assert_eq!((writer.len(), writer.target_count), (HEADER, 0));
    }

    /// A long chain of aliases may end at a pool.
    #[test]
    fn rows_of_a_name_that_is_not_remembered_have_it_in_full() {
        const ROW: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04";
        let rows = [ROW, &[192, 0, 2, 1], ROW, &[192, 0, 2, 2]].concat();
        let needed = TARGET.len() - 2 + rows.len();
        for room in 0..=needed {
            let mut message = vec![0; HEADER + room];
            let mut writer = RecordWriter::new(&mut message, HEADER);
            let written = writer.rows(TARGET, |room| {
                room.get_mut(..rows.len()).ok_or(Full)?.copy_from_slice(&rows);
                Ok((2, rows.len()))
            });
            if room < needed {
                assert_eq!((written, writer.len()), (Err(Full), HEADER), "room for {room}");
                continue;
            }
            assert_eq!((written, writer.len()), (Ok(2), HEADER + needed));
            let (first, second) = message[HEADER..].split_at(TARGET.len() + 14);
            assert_eq!(first, [TARGET, &rows[2..16]].concat());
            assert_eq!(second, &rows[16..], "a pointer to the first row's owner, at 12");
        }
    }

    /// The buffer still holds an older message, in which a label like the name's second one was
    /// followed by the rest of the name.
    #[test]
    fn a_name_is_no_target_of_itself() {
        let mut message = *b"            \x01l\x07example\0              ";
        let mut writer = RecordWriter::new(&mut message, HEADER);
        writer.target_count = 0;
        writer.name(b"\x01l\x01l\x07example\0").unwrap();
        assert_eq!(writer.len(), HEADER + 13);
        assert_eq!(&message[HEADER..HEADER + 13], b"\x01l\x01l\x07example\0");
    }
}
