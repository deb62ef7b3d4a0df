//! Reads, checks and writes the parameters of SVCB and HTTPS records (RFC 9460 §2.1, §7,
//! appendix A).
//!
//! As text, parameters come in any order, each once; on the wire, in ascending order of their keys.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::zone::rdata::codec::{self, number, unescape_into, write_base64, write_quoted};
use crate::zone::rdata::table::numbered;
use crate::zone::rdata::words::{WordFault, Words, shown};

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
/// The key of the IPv4 addresses.
pub const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
/// The key of the IPv6 addresses.
pub const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;
const INVALID: u16 = 65_535;

const KEYS: &[(u16, &str)] = &[
    (MANDATORY, "mandatory"),
    (ALPN, "alpn"),
    (NO_DEFAULT_ALPN, "no-default-alpn"),
    (PORT, "port"),
    (IPV4HINT, "ipv4hint"),
    (ECH, "ech"),
    (IPV6HINT, "ipv6hint"),
    (DOHPATH, "dohpath"),
    (OHTTP, "ohttp"),
];

/// Reads parameters to the end of the record, and sorts them by key.
pub fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let start = out.len();
    let mut params: Vec<(u16, Vec<u8>)> = Vec::new();
    while let Some(word) = words.next() {
        let unknown = "write a parameter such as alpn=h2, port=8443 or key65280=\"value\"";
        if word.quoted {
            return Err(words.fault("a parameter begins in quotes", unknown));
        }
        let (name, value) = match word.text.iter().position(|byte| *byte == b'=') {
            Some(at) => (&word.text[..at], &word.text[at + 1..]),
            None => (word.text, &[][..]),
        };
        let Some(key) = key_number(name) else {
            let message = format!("{} is no parameter of RFC 9460", shown(name));
            return Err(words.fault(message, unknown));
        };
        if params.iter().any(|(other, _)| *other == key) {
            let message = format!("{} is written twice (RFC 9460 §2.1)", KeyName(key));
            return Err(words.fault(message, "keep one of the two"));
        }
        let mut wire = Vec::new();
        let generic = numbered(name, "key").is_some();
        let read = value_of(if generic { INVALID } else { key }, value, &mut wire);
        read.and_then(|()| check_value(key, &wire)).map_err(|wanted| {
            let message = format!("{} has a wrong value", KeyName(key));
            words.fault(message, format!("write {wanted}"))
        })?;
        params.push((key, wire));
    }
    params.sort_unstable();
    for (key, value) in &params {
        let len = u16::try_from(value.len())
            .map_err(|_| words.fault("a parameter is too long", "write at most 65535 octets"))?;
        out.extend_from_slice(&key.to_be_bytes());
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(value);
    }
    check(out.get(start..).unwrap_or_default())
        .map_err(|fault| words.fault(fault, "see RFC 9460 §7 and §8"))
}

/// Appends the value `text`, which follows the `=`, in wire form. The error is what to write.
fn value_of(key: u16, text: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let inner = match text {
        [b'"', inner @ .., b'"'] => inner,
        text => text,
    };
    let mut value = Vec::new();
    unescape_into(inner, &mut value).ok_or("a backslash only before three digits or one sign")?;
    match key {
        MANDATORY => {
            let mut keys = Vec::new();
            for name in value.split(|byte| *byte == b',') {
                keys.push(key_number(name).ok_or("keys, as in mandatory=alpn,port")?);
            }
            keys.sort_unstable();
            out.extend(keys.iter().flat_map(|key| key.to_be_bytes()));
        }
        ALPN => {
            for id in comma_list(&value) {
                let len = u8::try_from(id.len()).map_err(|_| "protocols of at most 255 octets")?;
                out.push(len);
                out.extend_from_slice(&id);
            }
        }
        NO_DEFAULT_ALPN | OHTTP if !value.is_empty() => return Err("it without a value"),
        NO_DEFAULT_ALPN | OHTTP => {}
        PORT => {
            let port = number(&value).and_then(|port| u16::try_from(port).ok());
            out.extend(port.ok_or("a port from 0 to 65535, as in port=8443")?.to_be_bytes());
        }
        IPV4HINT => {
            for address in addresses::<Ipv4Addr>(&value) {
                out.extend(address.ok_or("addresses, as in ipv4hint=192.0.2.1")?.octets());
            }
        }
        IPV6HINT => {
            for address in addresses::<Ipv6Addr>(&value) {
                out.extend(address.ok_or("addresses, as in ipv6hint=2001:db8::1")?.octets());
            }
        }
        ECH => {
            let mut digits = codec::Base64::new();
            let read = digits.read(&value, out);
            read.filter(|()| digits.finish()).ok_or("base 64, as in ech=AEj+DQ==")?;
        }
        _ => out.extend_from_slice(&value),
    }
    Ok(())
}

fn addresses<A: std::str::FromStr>(value: &[u8]) -> impl Iterator<Item = Option<A>> {
    value.split(|byte| *byte == b',').map(|text| std::str::from_utf8(text).ok()?.parse().ok())
}

/// Splits at commas; `\,` and `\\` stand for themselves (RFC 9460 appendix A.1).
fn comma_list(value: &[u8]) -> Vec<Vec<u8>> {
    let mut items = vec![Vec::new()];
    let mut octets = value.iter();
    while let Some(&byte) = octets.next() {
        match (byte, items.last_mut()) {
            (b',', _) => items.push(Vec::new()),
            (b'\\', Some(item)) => item.extend(octets.next()),
            (byte, Some(item)) => item.push(byte),
            (_, None) => {}
        }
    }
    items
}

/// Checks parameters on the wire: ascending, each once, each valid, all of `mandatory` present.
pub fn check(params: &[u8]) -> Result<(), &'static str> {
    let mut seen = Vec::new();
    let mut mandatory: &[u8] = &[];
    let mut rest = params;
    while !rest.is_empty() {
        let (key, value, tail) = split(rest).ok_or("a parameter is cut off")?;
        if seen.last().is_some_and(|last| *last >= key) {
            return Err("the parameters are not in ascending order (RFC 9460 §2.2)");
        }
        check_value(key, value).map_err(|_| "a parameter has a wrong value")?;
        if key == MANDATORY {
            mandatory = value;
        }
        seen.push(key);
        rest = tail;
    }
    let lacks = |key: &u16| !seen.contains(key);
    if mandatory.chunks_exact(2).map(|key| u16::from_be_bytes([key[0], key[1]])).any(|k| lacks(&k))
    {
        return Err("a key that is mandatory is missing (RFC 9460 §8)");
    }
    if !lacks(&NO_DEFAULT_ALPN) && lacks(&ALPN) {
        return Err("no-default-alpn without alpn (RFC 9460 §7.1.1)");
    }
    Ok(())
}

/// Keys and values of checked parameters.
pub fn params(params: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = params;
    std::iter::from_fn(move || {
        let (key, value, tail) = split(rest)?;
        rest = tail;
        Some((key, value))
    })
}

fn split(params: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (head, rest) = params.split_first_chunk::<4>()?;
    let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let (value, tail) = rest.split_at_checked(len)?;
    Some((u16::from_be_bytes([head[0], head[1]]), value, tail))
}

fn check_value(key: u16, value: &[u8]) -> Result<(), &'static str> {
    let right = match key {
        MANDATORY => {
            let keys: Vec<_> = value.chunks(2).collect();
            let ascending = keys.windows(2).all(|pair| pair[0] < pair[1]);
            let own = keys.first() == Some(&&[0u8, 0][..]);
            !keys.is_empty() && value.len().is_multiple_of(2) && ascending && !own
        }
        ALPN => {
            let mut rest = value;
            while let Some((&len, tail)) = rest.split_first() {
                match tail.get(usize::from(len)..) {
                    Some(tail) if len > 0 => rest = tail,
                    _ => return Err("protocols, as in alpn=h2,h3"),
                }
            }
            !value.is_empty()
        }
        NO_DEFAULT_ALPN | OHTTP => value.is_empty(),
        PORT => value.len() == 2,
        IPV4HINT => !value.is_empty() && value.len().is_multiple_of(4),
        ECH => !value.is_empty(),
        IPV6HINT => !value.is_empty() && value.len().is_multiple_of(16),
        DOHPATH => !value.is_empty() && std::str::from_utf8(value).is_ok(),
        INVALID => false, // RFC 9460 §14.3.2: reserved
        _ => true,
    };
    match (right, key) {
        (true, _) => Ok(()),
        (false, MANDATORY) => Err("each key once and not itself, as in mandatory=alpn,port"),
        (false, INVALID) => Err("a key from key0 to key65534"),
        (false, _) => Err("a value that RFC 9460 §7 allows"),
    }
}

/// Writes checked parameters with spaces between them.
pub fn write(f: &mut impl fmt::Write, params: &[u8]) -> fmt::Result {
    let mut rest = params;
    while let Some((key, value, tail)) = split(rest) {
        if rest.len() != params.len() {
            f.write_char(' ')?;
        }
        rest = tail;
        write!(f, "{}", KeyName(key))?;
        if !value.is_empty() {
            f.write_char('=')?;
        }
        write_value(f, key, value)?;
    }
    Ok(())
}

fn write_value(f: &mut impl fmt::Write, key: u16, value: &[u8]) -> fmt::Result {
    let comma = |f: &mut dyn fmt::Write, at: usize| if at > 0 { f.write_char(',') } else { Ok(()) };
    match key {
        MANDATORY => {
            for (at, key) in value.chunks_exact(2).enumerate() {
                comma(f, at)?;
                write!(f, "{}", KeyName(u16::from_be_bytes([key[0], key[1]])))?;
            }
        }
        ALPN => {
            let mut list = Vec::new();
            let mut rest = value;
            while let Some((&len, tail)) = rest.split_first() {
                let (id, tail) = tail.split_at_checked(usize::from(len)).unwrap_or((tail, &[]));
                list.extend((rest.len() != value.len()).then_some(b','));
                for &byte in id {
                    list.extend(matches!(byte, b',' | b'\\').then_some(b'\\'));
                    list.push(byte);
                }
                rest = tail;
            }
            write_quoted(f, &list)?;
        }
        PORT => write!(f, "{}", value.iter().fold(0, |port, byte| port * 256 + u32::from(*byte)))?,
        IPV4HINT => {
            for (at, octets) in value.as_chunks::<4>().0.iter().enumerate() {
                comma(f, at)?;
                write!(f, "{}", Ipv4Addr::from(*octets))?;
            }
        }
        IPV6HINT => {
            for (at, octets) in value.as_chunks::<16>().0.iter().enumerate() {
                comma(f, at)?;
                write!(f, "{}", Ipv6Addr::from(*octets))?;
            }
        }
        ECH => write_base64(f, value)?,
        _ if value.is_empty() => {}
        _ => write_quoted(f, value)?,
    }
    Ok(())
}

fn key_number(name: &[u8]) -> Option<u16> {
    let known = KEYS.iter().find(|(_, known)| name == known.as_bytes());
    known.map(|(key, _)| *key).or_else(|| {
        let digits = name.get(3..)?;
        let plain = digits == b"0" || !digits.starts_with(b"0");
        numbered(name, "key").filter(|_| plain && name.starts_with(b"key"))
    })
}

struct KeyName(u16);

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match KEYS.iter().find(|(key, _)| *key == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "key{}", self.0),
        }
    }
}
