//! Every record type with a text form: BIND, NSD, Knot and ldns read the same words, and have the
//! same octets for them. What this server sends is asked of it, by each transport.
//!
//! The table says who knows a type, in the versions of Debian 12: who does not has to refuse it,
//! so that the table stays true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use tiovivo::zone::name::Name;
use tiovivo::zone::rdata::table::{rows, type_number};
use tiovivo::zone::read::read;

use crate::exchange;
use crate::server::{Peer, Server, ZoneFile, program};
use crate::transports::ask;
use crate::wire::{Query, Transport};

const HEAD: &str = "$ORIGIN example.com.\n$TTL 3600\n@ SOA ns1 h 1 14400 3600 1209600 300\n\
                    @ NS ns1\nns1 A 192.0.2.53\n";
const KEY: &str = "AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==";
const SHA1: &str = "310D27F4D82C1FC2400704EA9939FE6E1CEAA3B9";
const TAG: &str = "200100107B1A74DF365639CC39F1D578";

/// A type, what is written of it, and who reads that: B(IND), N(SD), K(not), L(dns). A small letter
/// reads it as other octets: ldns takes the name of NSAP-PTR (RFC 1348) for a character-string, and
/// leaves out the first octet of ATMA. `{key}`, `{sha1}` and `{tag}` stand for octets as text.
const TYPES: &[(&str, &str, &str)] = &[
    ("A", "192.0.2.1", "BNKL"),
    ("NS", "ns.example.net.", "BNKL"),
    ("MD", "a", "NL"),
    ("MF", "a", "NL"),
    ("CNAME", "a", "BNKL"),
    ("MB", "a", "BNL"),
    ("MG", "a", "BNL"),
    ("MR", "a", "BNL"),
    ("NULL", "\\# 3 010203", "BNL"),
    ("WKS", "192.0.2.1 TCP smtp 80 21", "BNL"),
    ("WKS", "192.0.2.1 17 53", "BNL"),
    ("PTR", "a", "BNKL"),
    ("HINFO", "\"a\" b", "BNKL"),
    ("MINFO", "a b", "BNKL"),
    ("MX", "10 a", "BNKL"),
    ("TXT", "\"a\" b", "BNKL"),
    ("RP", "a b", "BNKL"),
    ("AFSDB", "1 a", "BNKL"),
    ("X25", "\"311061700956\"", "BNL"),
    ("ISDN", "\"150862028003217\" \"004\"", "BNL"),
    ("ISDN", "\"150862028003217\"", "BNL"),
    ("RT", "10 mail", "BNKL"),
    ("NSAP", "0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00", "BNL"),
    ("NSAP-PTR", "host", "Bl"),
    ("SIG", "A 1 3 3600 20300101000000 20200101000000 2143 example.com. {key}", "BNL"),
    ("KEY", "256 3 5 {key}", "BNKL"),
    ("KEY", "49152 3 5", "B"),
    ("PX", "10 map822. mapx400.", "BNL"),
    ("GPOS", "\"-32.6882\" \"116.8652\" \"10.0\"", "BL"),
    ("AAAA", "2001:db8::1", "BNKL"),
    ("LOC", "42 21 54 N 71 6 18 W -24m 30m", "BNKL"),
    ("NXT", "www A SIG NXT", "BN"),
    ("EID", "e32c6f78163a9348", "BL"),
    ("NIMLOC", "32251a030067", "BL"),
    ("SRV", "1 2 3 a", "BNKL"),
    ("ATMA", "39.246f00000e7c9c031200010001.000012345678.00", "Bl"),
    ("ATMA", "+61200000000", "B"),
    ("NAPTR", "1 2 u E2U+sip \"!^.*$!sip:a@b!\" .", "BNKL"),
    ("KX", "10 a", "BNKL"),
    ("CERT", "PKIX 1 8 AQID", "BNKL"),
    ("A6", "0 2001:db8::1", "B"),
    ("A6", "65 ::1:2:3:4 sub.example.com.", "B"),
    ("A6", "128 sub", "B"),
    ("DNAME", "a.", "BNKL"),
    ("SINK", "8 0 1 AQID", "B"),
    ("APL", "1:192.168.32.0/21 !1:192.168.38.0/28 2:2001:db8::/32", "BNKL"),
    ("APL", "", "BNKL"),
    ("SSHFP", "1 1 {sha1}", "BNKL"),
    ("IPSECKEY", "10 1 2 192.0.2.38 {key}", "BNKL"),
    ("IPSECKEY", "10 0 2 . {key}", "BNKL"),
    ("IPSECKEY", "10 2 2 2001:db8::2:23:15 {key}", "BNKL"),
    ("IPSECKEY", "10 3 2 gateway.example.net. {key}", "BNKL"),
    ("IPSECKEY", "10 1 0 192.0.2.38", "NK"),
    ("DHCID", "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", "BNKL"),
    ("TLSA", "3 1 0 00ff", "BNKL"),
    ("SMIMEA", "3 1 0 00ff", "BNKL"),
    ("HIP", "2 {tag} {key} rvs1.example.com. rvs2.example.com.", "BL"),
    ("HIP", "2 {tag} {key}", "BL"),
    ("NINFO", "\"foo\" \"bar\"", "B"),
    ("RKEY", "0 255 1 {key}", "B"),
    ("TALINK", "a b", "BL"),
    ("OPENPGPKEY", "{key}", "BNKL"),
    ("CSYNC", "66 3 A NS AAAA", "BNKL"),
    ("ZONEMD", "1 240 240 000102030405060708090A0B", "BNKL"),
    ("SVCB", "1 . alpn=h2 port=53", "BNKL"),
    ("HTTPS", "1 . ipv4hint=192.0.2.1", "BNKL"),
    ("DSYNC", "CDS NOTIFY 5359 scanner.example.net.", "B"),
    ("HHIT", "{key}", "B"),
    ("BRID", "{key}", "B"),
    ("SPF", "\"v=spf1 -all\"", "BNKL"),
    ("UINFO", "\\# 1 61", "BL"),
    ("UID", "\\# 4 00000001", "BL"),
    ("GID", "\\# 4 00000001", "BL"),
    ("UNSPEC", "\\# 1 61", "BL"),
    ("NID", "10 0014:4fff:ff20:ee64", "BNKL"),
    ("L32", "10 10.1.2.0", "BNKL"),
    ("L64", "10 2001:0db8:1140:1000", "BNKL"),
    ("LP", "10 subnet", "BNKL"),
    ("EUI48", "00-00-5e-00-53-2a", "BNKL"),
    ("EUI64", "00-00-5e-ef-10-00-00-2a", "BNKL"),
    ("URI", "1 2 \"https://a/\"", "BNKL"),
    ("CAA", "0 issue \"ca.example.net\"", "BNKL"),
    ("AVC", "\"app-name:WOLFGANG|app-class:OAM\"", "BN"),
    ("DOA", "1234567890 1234567890 1 \"image/gif\" {key}", "B"),
    ("DOA", "0 1 2 \"\" -", "B"),
    ("AMTRELAY", "0 0 0 .", "B"),
    ("AMTRELAY", "0 1 1 203.0.113.15", "B"),
    ("AMTRELAY", "10 0 2 2001:db8::15", "B"),
    ("AMTRELAY", "128 1 3 relays.example.com.", "B"),
    ("RESINFO", "qnamemin exterr=15,16,17 infourl=https://resolver.example.com/", "B"),
    ("WALLET", "\"BTC\" \"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\"", "B"),
    ("CLA", "\"TCP-v4-v6\"", ""),
    ("IPN", "264853", ""),
    ("TA", "30795 1 1 {sha1}", "B"),
    ("DLV", "30795 1 1 {sha1}", "BNL"),
];

/// Types that only a signed zone or its parent has: `tests/zones` has them, and the other servers'
/// checkers read those files. And the SOA, which each zone here has.
const ELSEWHERE: [&str; 9] =
    ["SOA", "DS", "RRSIG", "NSEC", "DNSKEY", "NSEC3", "NSEC3PARAM", "CDS", "CDNSKEY"];

/// Owner → RDATA.
type Octets = BTreeMap<String, Vec<u8>>;

fn owner(row: usize) -> String {
    format!("t{row}.example.com.")
}

fn line(row: usize) -> String {
    let (mnemonic, text, _) = TYPES[row];
    let text = text.replace("{key}", KEY).replace("{sha1}", SHA1).replace("{tag}", TAG);
    format!("{} {mnemonic} {text}\n", owner(row))
}

/// A zone with the rows that `letter` knows, and which those are.
fn known(letter: char) -> (Vec<usize>, String) {
    let rows: Vec<usize> = (0..TYPES.len()).filter(|row| TYPES[*row].2.contains(letter)).collect();
    let text = rows.iter().fold(HEAD.to_owned(), |text, row| text + &line(*row));
    (rows, text)
}

fn ours() -> Octets {
    let text = (0..TYPES.len()).fold(HEAD.to_owned(), |text, row| text + &line(row));
    let apex = Name::parse("example.com").expect("a name");
    let zone = read(&apex, "zone", &mut |_| Ok(text.clone().into_bytes().into()));
    let (zone, _) = zone.unwrap_or_else(|faults| panic!("{faults:?}"));
    let octets = |record| (zone.owner(record).to_string(), zone.rdata(record).to_vec());
    zone.records.iter().map(octets).collect()
}

fn compare(who: &str, rows: &[usize], theirs: &Octets) {
    let ours = ours();
    for row in rows {
        let (owner, (mnemonic, text, _)) = (owner(*row), TYPES[*row]);
        assert_eq!(ours.get(&owner), theirs.get(&owner), "{who}: {mnemonic} {text}");
    }
}

/// Who does not know a row refuses it.
fn strangers(letter: char, accepts: impl Fn(&Path) -> bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("zone");
    let knows = |row: &usize| TYPES[*row].2.to_ascii_uppercase().contains(letter);
    for row in (0..TYPES.len()).filter(|row| !knows(row)) {
        fs::write(&file, format!("{HEAD}{}", line(row))).expect("a zone");
        assert!(!accepts(&file), "{letter} knows {:?} now: say so in the table", TYPES[row]);
    }
}

fn succeeds(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("it runs").success()
}

#[test]
fn every_type_with_a_text_form_is_in_the_table() {
    let there: BTreeSet<&str> = TYPES.iter().map(|(mnemonic, ..)| *mnemonic).collect();
    let missing = rows().map(|row| row.mnemonic).filter(|mnemonic| !there.contains(mnemonic));
    assert_eq!(missing.collect::<BTreeSet<_>>(), BTreeSet::from(ELSEWHERE));
}

/// `named-compilezone -F raw`: a head of 24 octets, then each RRset with its records.
#[test]
fn bind_reads_the_same_octets() {
    let (rows, text) = known('B');
    let folder = tempfile::tempdir().expect("a folder");
    let (zone, raw) = (folder.path().join("zone"), folder.path().join("raw"));
    fs::write(&zone, text).expect("a zone");
    let mut command = Command::new(program("named-compilezone"));
    command.args(["-i", "none", "-k", "ignore", "-F", "raw", "-o"]).arg(&raw);
    let output = command.arg("example.com").arg(&zone).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    compare("BIND", &rows, &raw_zone(&fs::read(&raw).expect("a raw zone")));
    strangers('B', |zone| {
        let mut command = Command::new(program("named-checkzone"));
        succeeds(command.args(["-i", "none", "example.com"]).arg(zone))
    });
}

fn raw_zone(raw: &[u8]) -> Octets {
    const HEAD: usize = 24;
    let mut octets = Octets::new();
    let mut rest = &raw[HEAD..];
    let number = |at: &[u8]| at.iter().fold(0, |number, octet| number << 8 | usize::from(*octet));
    while !rest.is_empty() {
        let (rrset, tail) = rest.split_at(number(&rest[..4]));
        rest = tail;
        // Length, class, type, covered type, TTL; then the number of records and the owner.
        let (records, name) = (number(&rrset[14..18]), number(&rrset[18..20]));
        let owner = Name::from_wire(&rrset[20..20 + name]).expect("a name").0.to_string();
        let mut at = 20 + name;
        for _ in 0..records {
            let len = number(&rrset[at..at + 2]);
            octets.insert(owner.clone(), rrset[at + 2..at + 2 + len].to_vec());
            at += 2 + len;
        }
    }
    octets
}

/// `ldns-read-zone -u TYPE` prints records of that type in the form of RFC 3597.
#[test]
fn ldns_reads_the_same_octets() {
    let (rows, text) = known('L');
    let folder = tempfile::tempdir().expect("a folder");
    let zone = folder.path().join("zone");
    fs::write(&zone, text).expect("a zone");
    let mut command = Command::new(program("ldns-read-zone"));
    for row in &rows {
        command.args(["-u", TYPES[*row].0]);
    }
    let output = command.arg(&zone).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let octets = text.lines().filter_map(|line| {
        let (owner, rest) = line.split_once(char::is_whitespace)?;
        let (_, rdata) = rest.split_once("\\# ")?;
        let hex = rdata.split_whitespace().skip(1).collect::<String>();
        Some((owner.to_owned(), data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?))
    });
    compare("ldns", &rows, &octets.collect());
    strangers('L', |zone| succeeds(Command::new(program("ldns-read-zone")).arg(zone)));
}

#[test]
fn nsd_answers_the_same_octets() {
    let (rows, text) = known('N');
    compare("NSD", &rows, &answers(Peer::Nsd, &rows, text));
    strangers('N', |zone| {
        succeeds(Command::new(program("nsd-checkzone")).arg("example.com").arg(zone))
    });
}

#[test]
fn knot_answers_the_same_octets() {
    let (rows, text) = known('K');
    compare("Knot", &rows, &answers(Peer::Knot, &rows, text));
    strangers('K', |zone| {
        succeeds(Command::new(program("kzonecheck")).args(["-o", "example.com"]).arg(zone))
    });
}

#[test]
fn this_server_answers_the_same_octets() {
    let (rows, text) = ((0..TYPES.len()).collect::<Vec<_>>(), zone_of_all());
    compare("tiovivo", &rows, &answers(Peer::Tiovivo, &rows, text));
}

/// hickory-server carries DNS over QUIC, with typed records: none may come out otherwise.
#[test]
fn every_transport_carries_every_type() {
    let zones = [zone_file(zone_of_all())];
    let (server, ports) = Server::start_encrypted(&zones);
    let questions: BTreeSet<String> =
        (0..TYPES.len()).map(|row| format!("{} TYPE{}", owner(row), number(row))).collect();
    let over_tcp = ask(server.address, &["+tcp"], &questions);
    for (how, port) in [("+tls", ports.tls), ("+https", ports.https), ("+quic", ports.quic)] {
        let answers = ask(SocketAddr::new(server.address.ip(), port), &[how], &questions);
        assert_eq!(answers, over_tcp, "{how}");
    }
    assert_eq!(over_tcp.len(), questions.len());
}

fn zone_of_all() -> String {
    (0..TYPES.len()).fold(HEAD.to_owned(), |text, row| text + &line(row))
}

fn zone_file(text: String) -> ZoneFile {
    ZoneFile { apex: Name::parse("example.com").expect("a name"), text }
}

fn number(row: usize) -> u16 {
    type_number(TYPES[row].0).expect("a type of the table")
}

fn answers(peer: Peer, rows: &[usize], text: String) -> Octets {
    let server = Server::start(peer, &[zone_file(text)]);
    let query = |row: &usize| {
        let name = Name::parse(&owner(*row)).expect("a name");
        let query = Query { transport: Transport::Tcp, ..Query::new(name, number(*row)) };
        let reply = exchange::once(server.address, &query);
        let reply = reply.unwrap_or_else(|fault| panic!("{peer}: {:?}: {fault}", TYPES[*row]));
        // A delegation is a referral.
        let set = reply.answer.into_iter().chain(reply.authority).next();
        let octets = set.and_then(|set| set.rdata.into_iter().next());
        Some((owner(*row), octets?))
    };
    rows.iter().filter_map(query).collect()
}
