//! Reads and writes protocol and ports of WKS (RFC 1035 §3.4.2): an octet, then a bit per port.
//!
//! Zone files may name the protocols and services of the tables below, or give numbers; written
//! out, all are numbers. The machine's own lists of names are not used: a zone means the same
//! everywhere.

use std::fmt;

use crate::zone::rdata::values;
use crate::zone::rdata::words::{WordFault, Words};

const PROTOCOLS: &[(u8, &str)] = &[(1, "icmp"), (6, "tcp"), (17, "udp")];

const SERVICES: &[(u16, &str)] = &[
    (5, "rje"),
    (7, "echo"),
    (9, "discard"),
    (11, "systat"),
    (11, "users"),
    (13, "daytime"),
    (17, "qotd"),
    (17, "quote"),
    (19, "chargen"),
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (37, "time"),
    (39, "rlp"),
    (42, "nameserver"),
    (43, "nicname"),
    (43, "whois"),
    (49, "tacacs"),
    (53, "domain"),
    (67, "bootps"),
    (68, "bootpc"),
    (69, "tftp"),
    (70, "gopher"),
    (79, "finger"),
    (80, "http"),
    (88, "kerberos"),
    (95, "supdup"),
    (101, "hostnames"),
    (102, "iso-tsap"),
    (107, "rtelnet"),
    (109, "pop2"),
    (110, "pop3"),
    (111, "sunrpc"),
    (113, "auth"),
    (117, "uucp-path"),
    (119, "nntp"),
    (123, "ntp"),
    (137, "netbios-ns"),
    (138, "netbios-dgm"),
    (139, "netbios-ssn"),
    (143, "imap"),
    (161, "snmp"),
    (162, "snmptrap"),
    (179, "bgp"),
    (194, "irc"),
    (389, "ldap"),
    (443, "https"),
    (465, "submissions"),
    (512, "exec"),
    (513, "login"),
    (514, "shell"),
    (514, "syslog"),
    (515, "printer"),
    (587, "submission"),
    (636, "ldaps"),
    (993, "imaps"),
    (995, "pop3s"),
];

/// Reads the protocol and all ports that follow, by name or number.
pub fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), WordFault> {
    let protocol = |text: &[u8]| values::small(text).or_else(|| values::among(PROTOCOLS, text));
    out.push(values::plain(words, "a protocol such as TCP or 6", protocol)?);
    let mut bits: Vec<u8> = vec![];
    while !words.is_empty() {
        let port = |text: &[u8]| values::small(text).or_else(|| values::among(SERVICES, text));
        let port: u16 = values::plain(words, "a service such as smtp or 25", port)?;
        let at = usize::from(port / 8);
        bits.resize(bits.len().max(at + 1), 0);
        if let Some(octet) = bits.get_mut(at) {
            *octet |= 0x80 >> (port % 8);
        }
    }
    out.extend_from_slice(&bits);
    Ok(())
}

/// Checks the protocol and the bits of the ports, of which there are at most 65536 (8192 octets).
pub fn check(octets: &[u8]) -> Result<(), &'static str> {
    match octets {
        [] => Err("the protocol is missing"),
        [_, bits @ ..] if bits.len() > 8192 => Err("there are more bits than ports"),
        [_, .., 0] => Err("the bits of the ports end with zeros"),
        _ => Ok(()),
    }
}

/// Writes the protocol and the ports as numbers.
pub fn write(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    let (protocol, bits) = octets.split_first().ok_or(fmt::Error)?;
    write!(f, "{protocol}")?;
    for (octet, first) in bits.iter().zip((0u32..).step_by(8)) {
        for bit in (0..8).filter(|bit| octet & (0x80 >> bit) != 0) {
            write!(f, " {}", first + bit)?;
        }
    }
    Ok(())
}
