//! RDATA in presentation form, for every type that the generated zones hold.

use std::fmt::Write as _;

use fastrand::Rng;
use tiovivo::zone::name::Name;

/// A type by number, by mnemonic, and how to make up one record of it. `Name` is a target.
pub struct Kind {
    pub code: u16,
    pub mnemonic: &'static str,
    make: fn(&mut Rng, &Name) -> String,
}

impl Kind {
    pub fn make(&self, rng: &mut Rng, target: &Name) -> String {
        (self.make)(rng, target)
    }
}

pub fn kind(code: u16) -> &'static Kind {
    let structural = STRUCTURAL.iter();
    structural.chain(PLAIN).find(|kind| kind.code == code).expect("a type of the table")
}

/// Types that any node may hold.
pub const PLAIN: &[Kind] = &[
    Kind { code: 1, mnemonic: "A", make: ipv4 },
    Kind { code: 28, mnemonic: "AAAA", make: ipv6 },
    Kind { code: 15, mnemonic: "MX", make: |r, t| format!("{} {t}", r.u16(0..100)) },
    Kind { code: 16, mnemonic: "TXT", make: text },
    Kind { code: 12, mnemonic: "PTR", make: |_, t| t.to_string() },
    Kind { code: 13, mnemonic: "HINFO", make: |r, _| format!("\"CPU {}\" \"OS\"", r.u8(..)) },
    Kind { code: 17, mnemonic: "RP", make: |_, t| format!("{t} {t}") },
    Kind { code: 18, mnemonic: "AFSDB", make: |r, t| format!("{} {t}", r.u16(1..3)) },
    Kind { code: 29, mnemonic: "LOC", make: location },
    Kind { code: 33, mnemonic: "SRV", make: service },
    Kind { code: 35, mnemonic: "NAPTR", make: pointer },
    Kind { code: 36, mnemonic: "KX", make: |r, t| format!("{} {t}", r.u16(0..100)) },
    Kind { code: 44, mnemonic: "SSHFP", make: |r, _| format!("4 2 {}", hex(r, 32)) },
    Kind { code: 52, mnemonic: "TLSA", make: |r, _| format!("3 1 1 {}", hex(r, 32)) },
    Kind { code: 64, mnemonic: "SVCB", make: binding },
    Kind { code: 65, mnemonic: "HTTPS", make: binding },
    Kind { code: 256, mnemonic: "URI", make: |r, _| format!("{} 1 \"https://x/\"", r.u16(..)) },
    Kind { code: 257, mnemonic: "CAA", make: |r, _| format!("0 issue \"ca{}.test\"", r.u8(..)) },
    Kind { code: 65400, mnemonic: "TYPE65400", make: unknown },
    Kind { code: 4711, mnemonic: "TYPE4711", make: unknown },
];

/// Types that shape the tree.
const STRUCTURAL: &[Kind] = &[
    Kind { code: 2, mnemonic: "NS", make: |_, t| t.to_string() },
    Kind { code: 5, mnemonic: "CNAME", make: |_, t| t.to_string() },
    Kind { code: 6, mnemonic: "SOA", make: start },
    Kind { code: 39, mnemonic: "DNAME", make: |_, t| t.to_string() },
    Kind { code: 43, mnemonic: "DS", make: |r, _| format!("{} 13 2 {}", r.u16(..), hex(r, 32)) },
];

fn ipv4(rng: &mut Rng, _: &Name) -> String {
    format!("192.0.{}.{}", rng.u8(0..4), rng.u8(..))
}

fn ipv6(rng: &mut Rng, _: &Name) -> String {
    format!("2001:db8:{:x}::{:x}", rng.u16(1..), rng.u16(1..))
}

/// One to three strings, with octets that have to be escaped.
fn text(rng: &mut Rng, _: &Name) -> String {
    let string = |rng: &mut Rng| {
        let mut out = String::from("\"");
        for _ in 0..rng.usize(0..200) {
            match rng.u8(..) {
                byte @ (b'"' | b'\\') => {
                    let _ = write!(out, "\\{}", char::from(byte));
                }
                byte @ b' '..=b'~' => out.push(char::from(byte)),
                byte => {
                    let _ = write!(out, "\\{byte:03}");
                }
            }
        }
        out + "\""
    };
    let strings: Vec<String> = (0..rng.usize(1..4)).map(|_| string(rng)).collect();
    strings.join(" ")
}

fn location(rng: &mut Rng, _: &Name) -> String {
    let (north, east) = (rng.u8(0..90), rng.u8(0..180));
    format!("{north} 26 11.500 N {east} 44 1.250 W {}.00m 2m 1000m 10m", rng.u16(0..3000))
}

fn service(rng: &mut Rng, target: &Name) -> String {
    format!("{} {} {} {target}", rng.u16(0..9), rng.u16(..), rng.u16(..))
}

fn pointer(rng: &mut Rng, target: &Name) -> String {
    format!("{} 10 \"s\" \"SIP+D2U\" \"!^.*$!sip:x@y!\" {target}", rng.u16(..))
}

fn binding(rng: &mut Rng, target: &Name) -> String {
    match rng.u8(0..3) {
        0 => format!("0 {target}"),
        1 => format!("{} . alpn=\"h2,h3\" port=\"{}\"", rng.u16(1..), rng.u16(1..)),
        _ => format!("{} {target} ipv4hint=\"192.0.2.{}\"", rng.u16(1..), rng.u8(..)),
    }
}

fn unknown(rng: &mut Rng, _: &Name) -> String {
    let len = rng.usize(0..40);
    if len == 0 { "\\# 0".into() } else { format!("\\# {len} {}", hex(rng, len)) }
}

fn start(rng: &mut Rng, target: &Name) -> String {
    format!("{target} hostmaster\\.dns.{target} {} 14400 3600 1209600 {}", rng.u32(..), ttl(rng))
}

fn hex(rng: &mut Rng, octets: usize) -> String {
    (0..octets).fold(String::new(), |out, _| format!("{out}{:02x}", rng.u8(..)))
}

pub fn ttl(rng: &mut Rng) -> u32 {
    *rng.choice(&[0, 1, 30, 300, 3600, 86400, 0x7fff_ffff]).expect("not empty")
}
