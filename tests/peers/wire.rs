//! Queries as bytes, and replies read without mercy.
//!
//! This parser shares nothing with the one that answers: a reply that it refuses is a fault of the
//! server. It wants every octet accounted for, pointers that go backwards only, compression in
//! the types of RFC 1035 only (RFC 3597 §4), one TTL for an RRset, and OPT once.

use std::collections::BTreeSet;

use tiovivo::zone::name::Name;

pub const HEADER: usize = 12;
/// What every server here is set to send over UDP at most.
pub const UDP_LIMIT: u16 = 1232;
pub const QR: u16 = 0x8000;
pub const OPCODE: u16 = 0x7800;
pub const AA: u16 = 0x0400;
pub const TC: u16 = 0x0200;
pub const RD: u16 = 0x0100;
pub const RA: u16 = 0x0080;
pub const Z: u16 = 0x0040;
pub const AD: u16 = 0x0020;
pub const CD: u16 = 0x0010;
/// The EDNS flag (RFC 3225).
pub const DO: u16 = 0x8000;

pub mod rtype {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const DNAME: u16 = 39;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const DNSKEY: u16 = 48;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
    pub const AXFR: u16 = 252;
    pub const ANY: u16 = 255;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

#[derive(Debug, Clone)]
pub struct Query {
    pub name: Name,
    pub qtype: u16,
    pub class: u16,
    /// Opcode and flag bits, as in the header.
    pub flags: u16,
    pub edns: Option<Edns>,
    pub transport: Transport,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edns {
    pub size: u16,
    pub version: u8,
    pub flags: u16,
    pub options: Vec<(u16, Vec<u8>)>,
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub id: u16,
    pub flags: u16,
    /// The extended one (RFC 6891 §6.1.3).
    pub rcode: u16,
    /// The question section's octets, letter case and all.
    pub question: Vec<u8>,
    pub answer: Vec<Rrset>,
    pub authority: Vec<Rrset>,
    /// Without OPT.
    pub additional: Vec<Rrset>,
    pub opt: Option<Edns>,
    /// A record stands twice in a section, or an RRset in two pieces.
    pub repeats: bool,
    pub len: usize,
}

/// Records of one section with one owner and type, as a set. Names in RDATA are in lower case,
/// since compression may borrow another's case (RFC 4343 §4.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rrset {
    pub owner: Name,
    pub rtype: u16,
    pub ttl: u32,
    pub rdata: BTreeSet<Vec<u8>>,
}

impl Rrset {
    /// Octets with the owner as a pointer and nothing else compressed.
    pub fn len(&self) -> usize {
        self.rdata.iter().map(|rdata| 12 + rdata.len()).sum()
    }
}

impl Query {
    pub fn new(name: Name, qtype: u16) -> Query {
        Query { name, qtype, class: 1, flags: 0, edns: None, transport: Transport::Udp }
    }

    pub fn to_wire(&self, id: u16) -> Vec<u8> {
        let mut out = Vec::with_capacity(300);
        for word in [id, self.flags, 1, 0, 0, u16::from(self.edns.is_some())] {
            out.extend(word.to_be_bytes());
        }
        out.extend(self.name.as_wire());
        out.extend(self.qtype.to_be_bytes());
        out.extend(self.class.to_be_bytes());
        if let Some(edns) = &self.edns {
            edns.write(&mut out);
        }
        out
    }

    pub fn question(&self) -> Vec<u8> {
        let words = [self.qtype.to_be_bytes(), self.class.to_be_bytes()];
        [self.name.as_wire(), &words.concat()].concat()
    }

    pub fn dnssec_ok(&self) -> bool {
        self.edns.as_ref().is_some_and(|edns| edns.flags & DO != 0)
    }

    /// Octets that a server with our limit may send.
    pub fn limit(&self) -> usize {
        let size = self.edns.as_ref().map_or(512, |edns| edns.size.clamp(512, UDP_LIMIT));
        if self.transport == Transport::Tcp { 65535 } else { usize::from(size) }
    }

    /// What to type to see the reply.
    pub fn as_kdig(&self) -> String {
        let mut line = format!("kdig +norec -t TYPE{} -q '{}'", self.qtype, self.name);
        let bits = [(RD, "+rec"), (AD, "+ad"), (CD, "+cd")];
        let set = bits.iter().filter(|(bit, _)| self.flags & bit != 0).map(|(_, word)| *word);
        let edns = match &self.edns {
            None => "+noedns".to_owned(),
            Some(e) => format!("+bufsize={}{}", e.size, if self.dnssec_ok() { " +do" } else { "" }),
        };
        let tcp = if self.transport == Transport::Tcp { "+tcp" } else { "+notcp +ignore" };
        for word in set.chain([edns.as_str(), tcp]) {
            line.push(' ');
            line.push_str(word);
        }
        line
    }
}

impl Edns {
    pub fn sized(size: u16) -> Edns {
        Edns { size, ..Edns::default() }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        let mut options = Vec::new();
        for (code, value) in &self.options {
            options.extend(code.to_be_bytes());
            options.extend((value.len() as u16).to_be_bytes());
            options.extend(value);
        }
        out.push(0);
        out.extend(rtype::OPT.to_be_bytes());
        out.extend(self.size.to_be_bytes());
        out.extend([0, self.version]);
        out.extend(self.flags.to_be_bytes());
        out.extend((options.len() as u16).to_be_bytes());
        out.extend(options);
    }

    fn read(ttl: u32, size: u16, mut rest: &[u8]) -> Result<Edns, String> {
        let mut options = Vec::new();
        while let [c0, c1, l0, l1, tail @ ..] = rest {
            let len = usize::from(u16::from_be_bytes([*l0, *l1]));
            let (value, tail) = tail.split_at_checked(len).ok_or("an EDNS option is cut off")?;
            options.push((u16::from_be_bytes([*c0, *c1]), value.to_vec()));
            rest = tail;
        }
        if !rest.is_empty() {
            return Err("octets after the last EDNS option".into());
        }
        Ok(Edns { size, version: (ttl >> 16) as u8, flags: ttl as u16, options })
    }
}

impl Reply {
    pub fn parse(message: &[u8]) -> Result<Reply, String> {
        let mut cursor = Cursor { message, at: 0, class: 1, repeats: false };
        let (id, flags) = (cursor.word()?, cursor.word()?);
        let counts = [cursor.word()?, cursor.word()?, cursor.word()?, cursor.word()?];
        let mut reply = Reply {
            id,
            flags,
            rcode: flags & 15,
            question: Vec::new(),
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            opt: None,
            repeats: false,
            len: message.len(),
        };
        for _ in 0..counts[0] {
            let start = cursor.at;
            cursor.name(false)?;
            cursor.take(2)?;
            cursor.class = cursor.word()?;
            reply.question.extend(&message[start..cursor.at]);
        }
        reply.answer = cursor.section(counts[1], &mut reply.opt)?;
        reply.authority = cursor.section(counts[2], &mut reply.opt)?;
        if reply.opt.is_some() {
            return Err("OPT outside the additional section".into());
        }
        let mut rcode = 0;
        reply.additional = cursor.additional(counts[3], &mut reply.opt, &mut rcode)?;
        reply.rcode |= rcode << 4;
        if cursor.at != message.len() {
            return Err(format!("{} octets after the last record", message.len() - cursor.at));
        }
        reply.repeats = cursor.repeats;
        Ok(reply)
    }

    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
    /// Of the question; records are of no other, unless it is ANY.
    class: u16,
    repeats: bool,
}

impl Cursor<'_> {
    fn take(&mut self, len: usize) -> Result<&[u8], String> {
        let taken = self.message.get(self.at..self.at + len);
        self.at += len;
        taken.ok_or_else(|| "the message is cut off".into())
    }

    fn word(&mut self) -> Result<u16, String> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A name that may be compressed where `pointers` allows it.
    fn name(&mut self, pointers: bool) -> Result<Name, String> {
        let mut wire = Vec::new();
        let (mut at, mut lowest, mut end) = (self.at, self.at, None);
        loop {
            let &octet = self.message.get(at).ok_or("a name is cut off")?;
            if octet >= 0xc0 && pointers {
                let &low = self.message.get(at + 1).ok_or("a pointer is cut off")?;
                let target = usize::from(octet & 0x3f) << 8 | usize::from(low);
                if target >= lowest || target < HEADER {
                    return Err(format!("the pointer at {at} goes to {target}"));
                }
                end.get_or_insert(at + 2);
                (at, lowest) = (target, target);
                continue;
            }
            if octet > 63 {
                return Err(format!("octet {octet:#x} at {at} starts no label"));
            }
            let label = self.message.get(at..at + 1 + usize::from(octet));
            wire.extend(label.ok_or("a label is cut off")?);
            at += 1 + usize::from(octet);
            if octet == 0 {
                break;
            }
        }
        self.at = end.unwrap_or(at);
        Name::from_wire(&wire).map(|(name, _)| name).map_err(|fault| fault.to_string())
    }

    fn section(&mut self, count: u16, opt: &mut Option<Edns>) -> Result<Vec<Rrset>, String> {
        self.additional(count, opt, &mut 0)
    }

    fn additional(
        &mut self,
        count: u16,
        opt: &mut Option<Edns>,
        rcode: &mut u16,
    ) -> Result<Vec<Rrset>, String> {
        let mut sets: Vec<Rrset> = Vec::new();
        for _ in 0..count {
            let owner = self.name(true)?;
            let (kind, class) = (self.word()?, self.word()?);
            let ttl = u32::from(self.word()?) << 16 | u32::from(self.word()?);
            let len = usize::from(self.word()?);
            if kind == rtype::OPT {
                let edns = Edns::read(ttl, class, self.take(len)?)?;
                if opt.replace(edns).is_some() || !owner.is_root() {
                    return Err("a second OPT, or one that the root does not own".into());
                }
                *rcode = (ttl >> 24) as u16;
                continue;
            }
            if class != self.class && self.class != rtype::ANY {
                return Err(format!("a record of class {class}"));
            }
            let rdata = self.rdata(kind, len)?;
            let known = sets.iter().position(|set| set.owner == owner && set.rtype == kind);
            let Some(place) = known else {
                sets.push(Rrset { owner, rtype: kind, ttl, rdata: BTreeSet::from([rdata]) });
                continue;
            };
            if sets[place].ttl != ttl {
                return Err(format!("{owner} TYPE{kind} has two TTLs (RFC 2181 §5.2)"));
            }
            let in_pieces = place + 1 != sets.len();
            self.repeats |= !sets[place].rdata.insert(rdata) || in_pieces;
        }
        Ok(sets)
    }

    /// RDATA without compression, its names in lower case.
    fn rdata(&mut self, kind: u16, len: usize) -> Result<Vec<u8>, String> {
        let end = self.at + len;
        // Octets in front of the names, how many names, whether they may be compressed.
        let (front, names, pointers) = match kind {
            2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 => (0, 1, true),
            6 | 14 => (0, 2, true),
            15 => (2, 1, true),
            17 => (0, 2, false),
            18 | 21 | 36 => (2, 1, false),
            33 => (6, 1, false),
            39 => (0, 1, false),
            35 => (self.strings_behind(4, 3)?, 1, false),
            64 | 65 => (2, 1, false),
            _ => (0, 0, false),
        };
        let mut rdata = self.take(front)?.to_vec();
        for _ in 0..names {
            rdata.extend(self.name(pointers)?.to_lower());
        }
        let rest = end.checked_sub(self.at).ok_or("a name runs over the end of its RDATA")?;
        rdata.extend(self.take(rest)?);
        Ok(rdata)
    }

    /// Octets from here to the end of `count` character-strings that begin `at` octets on.
    fn strings_behind(&self, mut at: usize, count: usize) -> Result<usize, String> {
        for _ in 0..count {
            let &len = self.message.get(self.at + at).ok_or("a string is cut off")?;
            at += 1 + usize::from(len);
        }
        Ok(at)
    }
}
