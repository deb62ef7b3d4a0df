//! Messages, read without tidying up: names uncompressed in the letter case that they have.

use tiovivo::zone::name::Name;

/// RD, one question, the id 0 that QUIC wants.
pub fn query(name: &str, rtype: u16) -> Vec<u8> {
    question(&Name::parse(name).unwrap(), rtype)
}

pub fn question(name: &Name, rtype: u16) -> Vec<u8> {
    let mut message = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&rtype.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

/// An OPT with DO behind the question; it asks for the NSID.
pub fn with_edns(mut query: Vec<u8>, version: u8) -> Vec<u8> {
    query[11] = 1;
    query.extend_from_slice(&[0, 0, 41, 16, 0, 0, version, 0x80, 0, 0, 4, 0, 3, 0, 0]);
    query
}

/// An OPT with `options` behind the question.
pub fn with_options(mut query: Vec<u8>, options: &[u8]) -> Vec<u8> {
    query[11] = 1;
    query.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0]);
    query.extend_from_slice(&(options.len() as u16).to_be_bytes());
    query.extend_from_slice(options);
    query
}

#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub id: u16,
    pub flags: u16,
    /// As it stands there.
    pub question: Vec<u8>,
    pub sections: [Vec<Record>; 3],
}

#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    pub owner: Vec<u8>,
    pub rtype: u16,
    pub class: u16,
    pub ttl: u32,
    pub rdata: Vec<u8>,
}

impl Message {
    pub fn answer(&self) -> &[Record] {
        &self.sections[0]
    }

    pub fn rcode(&self) -> u16 {
        self.flags & 15
    }
}

/// Panics on whatever is not exactly one message.
pub fn read(message: &[u8]) -> Message {
    let word = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    let mut at = 12;
    for _ in 0..word(4) {
        at = name(message, at).1 + 4;
    }
    let question = message[12..at].to_vec();
    let mut section = |count: u16| {
        let records = (0..count).map(|_| {
            let (record, end) = record(message, at);
            at = end;
            record
        });
        records.collect()
    };
    let sections = [section(word(6)), section(word(8)), section(word(10))];
    assert_eq!(at, message.len(), "octets behind the last record");
    Message { id: word(0), flags: word(2), question, sections }
}

fn record(message: &[u8], at: usize) -> (Record, usize) {
    let word = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    let (owner, fixed) = name(message, at);
    let rtype = word(fixed);
    let start = fixed + 10;
    let end = start + usize::from(word(fixed + 8));
    let ttl = u32::from(word(fixed + 4)) << 16 | u32::from(word(fixed + 6));
    let rdata = match rtype {
        // NS, CNAME, PTR; SOA; MX.
        2 | 5 | 12 => name(message, start).0,
        6 => {
            let (first, second) = name(message, start);
            let (second, numbers) = name(message, second);
            [&first, &second, &message[numbers..end]].concat()
        }
        15 => [&message[start..start + 2], &name(message, start + 2).0].concat(),
        _ => message[start..end].to_vec(),
    };
    (Record { owner, rtype, class: word(fixed + 2), ttl, rdata }, end)
}

/// The name at `at`, uncompressed, and where it ends there.
fn name(message: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let mut full = vec![];
    let mut end = None;
    loop {
        let len = message[at];
        match len {
            0 => {
                full.push(0);
                return (full, end.unwrap_or(at + 1));
            }
            0xc0.. => {
                end.get_or_insert(at + 2);
                let target = usize::from(len & 0x3f) << 8 | usize::from(message[at + 1]);
                assert!(target < at, "a pointer forwards");
                at = target;
            }
            _ => {
                full.extend_from_slice(&message[at..=at + usize::from(len)]);
                at += 1 + usize::from(len);
            }
        }
    }
}
