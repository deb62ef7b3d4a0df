//! The registrar's side: a good delegation passes, and each planted fault is found by its rule.
//!
//! The name servers are real: two processes for the good case, and for faults that the program
//! itself cannot have, a server that answers from the same snapshot and then spoils the reply.

mod servers;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tiovivo::dns::exchange::Transport;

use crate::delegation::servers::{Server, is_foreign, made_up, qtype, sockets, spoiled, well};
use crate::world::World;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tiovivo");
const ZONE: &str = "\
$TTL 1h
@    IN SOA ns1 hostmaster ( 2026112201 14400 3600 1209600 300 )
@    IN NS  ns1
@    IN NS  ns2
ns1  IN A   192.0.2.53
ns2  IN A   198.51.100.53
www  IN A   192.0.2.80
";
const CONFIG: &str = "\
server: { listen: ['127.0.0.1:0'], dashboard: '127.0.0.1:0', state: state }
zones: [{ apex: midominio.com, file: midominio.com.zone }]
";

/// A folder with the configuration of one name server.
fn folder(config: &str, zone: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yaml"), config).unwrap();
    std::fs::write(folder.path().join("midominio.com.zone"), zone).unwrap();
    folder
}

fn tiovivo(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).args(args).env_remove("TIOVIVO_LOG").output().unwrap()
}

/// What a check printed, and its exit code.
struct Told {
    code: i32,
    text: String,
}

impl Told {
    /// `SEVERITY RULE` of every finding, in the order of the table.
    fn rules(&self) -> Vec<String> {
        let words = self.text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let finding = |words: &Vec<&str>| {
            matches!(words.first(), Some(&("error" | "warning" | "notice"))) && words.len() > 2
        };
        words.filter(finding).map(|words| words[..2].join(" ")).collect()
    }
}

fn check(zone: &str, args: &[&str]) -> Told {
    let folder = folder(CONFIG, zone);
    let output = tiovivo(folder.path(), &[&["check", "--delegation"], args].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    Told { code: output.status.code().unwrap(), text }
}

/// The zone as it should be, asked of these two.
fn live(ns1: SocketAddr, ns2: SocketAddr) -> Told {
    let (ns1, ns2) = (format!("192.0.2.53={ns1}"), format!("198.51.100.53={ns2}"));
    check(ZONE, &["--live", "--allow-private", "-v", "--via", &ns1, "--via", &ns2])
}

#[test]
fn two_servers_as_they_should_be_pass() {
    let (ns1, ns2) = (Server::start("127.0.0.1:0"), Server::start("127.0.0.2:0"));
    let told = live(ns1.address, ns2.address);
    assert_eq!(told.rules(), [""; 0], "{}", told.text);
    assert_eq!(told.code, 0, "{}", told.text);
    assert!(told.text.contains("0 errors, 0 warnings, 0 notices, 32 passes\n"), "{}", told.text);
}

#[test]
fn what_the_registrar_asks_for_is_printed() {
    let folder = folder(CONFIG, ZONE);
    let output = tiovivo(folder.path(), &["delegation", "MiDominio.com."]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "\
Enter at the registrar of midominio.com:

  Name server 1  ns1.midominio.com  192.0.2.53
  Name server 2  ns2.midominio.com  198.51.100.53
  DS:            none: answers are not signed; remove one that is there

The same as records of the parent zone:

  midominio.com. IN NS ns1.midominio.com.
  midominio.com. IN NS ns2.midominio.com.
  ns1.midominio.com. IN A 192.0.2.53
  ns2.midominio.com. IN A 198.51.100.53

Afterwards: tiovivo check --delegation --live --config config.yaml
"
    );
    let output = tiovivo(folder.path(), &["delegation", "example.org"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told, "tiovivo: example.org is none of the zones; there are:\n  midominio.com\n");
}

#[test]
fn only_name_servers_inside_the_zone_have_glue() {
    let zone = ZONE.replace("NS  ns2", "NS  ns2.example.net.");
    let folder = folder(CONFIG, &zone);
    let output = tiovivo(folder.path(), &["delegation", "midominio.com"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("ns2.example.net    no glue: the name is outside of the zone"), "{text}");
    assert!(!text.contains("198.51.100.53"), "{text}");
}

#[test]
fn a_lame_server_is_found() {
    let lame = spoiled(ZONE, |query, _| [&query[..2], &[0x80, 5], &query[4..]].concat());
    let told = live(well(), lame);
    assert_eq!(told.rules(), ["error DELEGATION04"], "{}", told.text);
    assert!(told.text.contains("ns2.midominio.com. 198.51.100.53 is lame"), "{}", told.text);
    let unsure = spoiled(ZONE, |_, mut reply| {
        reply[2] &= !4;
        reply
    });
    let told = live(unsure, well());
    assert_eq!(told.rules(), ["error DELEGATION04"], "{}", told.text);
    assert!(told.text.contains("the AA flag is not set"), "{}", told.text);
}

#[test]
fn a_zone_file_that_was_not_copied_is_found_by_its_serial() {
    let old = spoiled(&ZONE.replace("2026112201", "2026112200"), |_, reply| reply);
    let told = live(well(), old);
    assert_eq!(told.rules(), ["error CONSISTENCY01"], "{}", told.text);
    let words = "SOA serial 2026112200, our zone file has 2026112201";
    assert!(told.text.contains(words), "{}", told.text);
    assert_eq!(told.code, 1);
}

#[test]
fn other_servers_and_other_glue_in_a_copy_are_found() {
    let zone = ZONE.replace("198.51.100.53", "198.51.100.54") + "@ IN NS www\n";
    let told = live(spoiled(&zone, |_, reply| reply), well());
    assert_eq!(told.rules(), ["error CONSISTENCY04", "error CONSISTENCY05"], "{}", told.text);
}

#[test]
fn missing_glue_is_found_though_the_zone_does_not_load() {
    let told = check(&ZONE.replace("ns2  IN A   198.51.100.53\n", ""), &[]);
    assert_eq!(told.rules(), ["error NAMESERVER06"], "{}", told.text);
    assert!(told.text.contains("DENIC-23p: missing glue record"), "{}", told.text);
    assert_eq!(told.code, 2);
}

#[test]
fn a_cname_as_name_server_is_found_though_the_zone_does_not_load() {
    let told = check(&ZONE.replace("A   198.51.100.53", "CNAME www"), &[]);
    assert_eq!(told.rules(), ["error DELEGATION05"], "{}", told.text);
    assert_eq!(told.code, 2);
}

#[test]
fn name_servers_in_one_network_are_found() {
    let told = check(&ZONE.replace("198.51.100.53", "192.0.2.54"), &["--allow-private"]);
    assert_eq!(told.rules(), ["warning CONNECTIVITY04"], "{}", told.text);
    assert_eq!(told.code, 0);
}

#[test]
fn an_address_that_the_internet_does_not_reach_is_found() {
    let zone = ZONE.replace("192.0.2.53", "8.8.4.53").replace("198.51.100.53", "10.77.0.53");
    let told = check(&zone, &[]);
    assert_eq!(told.rules(), ["error ADDRESS01"], "{}", told.text);
    assert!(told.text.contains("10.77.0.53, an address private (RFC 1918)"), "{}", told.text);
    assert_eq!(check(&zone, &["--allow-private"]).code, 0);
}

#[test]
fn an_expire_that_is_too_short_is_found() {
    let told = check(&ZONE.replace("1209600", "86400"), &["--allow-private"]);
    assert_eq!(told.rules(), ["warning ZONE05"], "{}", told.text);
}

#[test]
fn recursion_is_found() {
    let resolver = spoiled(ZONE, |query, reply| match is_foreign(query) {
        true => made_up(query, [0x81, 0x80], 1, &[192, 0, 2, 1]),
        false => reply,
    });
    let told = live(well(), resolver);
    assert_eq!(told.rules(), ["error NAMESERVER01"], "{}", told.text);
}

#[test]
fn an_upward_referral_is_found() {
    let upward = spoiled(ZONE, |query, reply| match is_foreign(query) {
        true => {
            let mut reply = made_up(query, [0x80, 0], 2, b"\x01a\x0croot-servers\x03net\0");
            reply[6..10].copy_from_slice(&[0, 0, 0, 1]);
            reply
        }
        false => reply,
    });
    let told = live(upward, well());
    assert_eq!(told.rules(), ["warning NAMESERVER07"], "{}", told.text);
}

#[test]
fn a_zone_that_anybody_may_transfer_is_found() {
    let open = spoiled(ZONE, |query, reply| match qtype(query) {
        252 => {
            let numbers = [7u32, 14400, 3600, 1_209_600, 300].map(u32::to_be_bytes).concat();
            made_up(query, [0x84, 0], 6, &[&b"\xc0\x0c\xc0\x0c"[..], &numbers].concat())
        }
        _ => reply,
    });
    let told = live(well(), open);
    assert_eq!(told.rules(), ["warning NAMESERVER03"], "{}", told.text);
}

/// The port is taken, but nobody listens: whoever connects is refused.
fn not_listening(address: SocketAddr) -> Option<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&address.into()).ok().map(|()| socket)
}

/// Answers over UDP only, and by another socket than the one that was asked.
fn answer_from(asked: UdpSocket, back: UdpSocket) {
    let mut world = World::load(&[("config.yaml", CONFIG), ("midominio.com.zone", ZONE)]);
    thread::spawn(move || {
        let mut room = [0; 4096];
        loop {
            let (len, from) = asked.recv_from(&mut room).unwrap();
            let reply = world.send(&room[..len], from.ip(), Transport::Datagram).unwrap();
            back.send_to(&reply, from).unwrap();
        }
    });
}

#[test]
fn closed_tcp_is_found() {
    let (udp, _tcp, address) = sockets(not_listening);
    let back = udp.try_clone().unwrap();
    answer_from(udp, back);
    let told = live(well(), address);
    assert_eq!(told.rules(), ["error CONNECTIVITY02"], "{}", told.text);
    assert!(told.text.contains("over TCP: connection refused"), "{}", told.text);
}

#[test]
fn a_server_that_is_not_there_is_told_once_for_each_transport() {
    let (udp, tcp, address) = sockets(|address| TcpListener::bind(address).ok());
    drop((udp, tcp));
    let told = live(well(), address);
    assert_eq!(told.rules(), ["error CONNECTIVITY01", "error CONNECTIVITY02"], "{}", told.text);
}

#[test]
fn an_address_of_nobody_is_not_asked_instead() {
    let told = check(ZONE, &["--live", "--via", "192.0.2.54=127.0.0.1:1"]);
    assert_eq!((told.code, told.text.as_str()), (2, ""));
}

#[test]
fn an_answer_from_another_address_is_found() {
    let (udp, _tcp, address) = sockets(not_listening);
    answer_from(udp, UdpSocket::bind("127.0.0.3:0").unwrap());
    let told = live(well(), address);
    let expected = ["error CONNECTIVITY02", "error NAMESERVER04"];
    assert_eq!(told.rules(), expected, "{}", told.text);
}

#[test]
fn a_server_without_edns_is_found() {
    let old = spoiled(ZONE, |_, mut reply| {
        // The OPT record stands last, and has no options here.
        reply.truncate(reply.len() - 11);
        reply[11] -= 1;
        reply
    });
    let told = live(old, well());
    assert_eq!(told.rules(), ["warning NAMESERVER02", "warning NAMESERVER10"], "{}", told.text);
}
