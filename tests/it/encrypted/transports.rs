//! The same answer over every transport, for every name and type of a zone.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;

use tiovivo::dns::exchange::{Client, Reply, Transport};
use tiovivo::dns::respond::respond;
use tiovivo::zone::name::Name;

use super::client::{Doh, Doq, Dot};
use super::message::{query, question, read, with_edns};
use super::server::{Identity, Server};

/// A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, NAPTR, DNAME, DS, SSHFP, TLSA, HTTPS, ANY, CAA, two
/// without a name, one that no record has, IXFR, AXFR, and MAILB, which is obsolete.
const TYPES: [u16; 23] = [
    1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 39, 43, 44, 52, 65, 255, 257, 65280, 65281, 65400, 251,
    252, 253,
];

/// All names of the zone in two letter cases, and some that it does not have.
fn names(server: &Server) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    let mixed = |name: &Name| {
        let flip = |(at, octet): (usize, &u8)| match at % 3 {
            0 => octet.to_ascii_uppercase(),
            _ => *octet,
        };
        name.as_wire().iter().enumerate().map(flip).collect::<Vec<_>>()
    };
    for owner in server.zone.owners.iter() {
        names.insert(owner.as_wire().to_vec());
        names.insert(mixed(owner));
    }
    for other in [
        "Nothing.midominio.com",
        "any.Wild.midominio.com",
        "Deep.Old.midominio.com",
        "www.Sub.midominio.com",
        "new.midominio.com",
        "elsewhere.example",
        ".",
    ] {
        names.insert(Name::parse(other).unwrap().as_wire().to_vec());
    }
    names
}

/// Every name with every type, without and with EDNS, and what is no good question.
fn queries(server: &Server) -> Vec<Vec<u8>> {
    let mut queries = vec![];
    for name in names(server) {
        let (name, _) = Name::from_wire(&name).unwrap();
        for rtype in TYPES {
            queries.push(question(&name, rtype));
        }
        for rtype in [1, 15, 16, 255] {
            queries.push(with_edns(question(&name, rtype), 0));
        }
    }
    let www = query("WWW.midominio.com", 1);
    queries.push(with_edns(www.clone(), 1));
    let changed = |at: usize, to: u8| {
        let mut message = www.clone();
        message[at] = to;
        message
    };
    // RD off; CD on; class CH; NOTIFY; two questions announced, one there; octets at the end.
    queries.push(changed(2, 0));
    queries.push(changed(3, 0x10));
    queries.push(changed(www.len() - 1, 3));
    queries.push(changed(2, 4 << 3));
    queries.push([&changed(5, 2)[..], &www[12..]].concat());
    queries.push([&www[..], &[0]].concat());
    queries
}

/// The reply that a stream gets, and the turn that it was made in.
fn plain(server: &Server, query: &[u8]) -> Vec<u8> {
    let address = "127.0.0.1".parse().unwrap();
    let client = Client { address, transport: Transport::Stream, idle: None, now: 0 };
    let mut out = vec![0; 65535];
    match respond(&server.responder.reader.load(), query, &client, TURN, &mut out) {
        Reply::Send { len, .. } => out[..len].to_vec(),
        Reply::Drop => panic!("no reply to {query:?}"),
    }
}

const TURN: u64 = 7;

#[tokio::test]
async fn tls_and_https_send_the_very_bytes_of_tcp() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let mut dot = Dot::connect(server.tls, &identity).await.unwrap();
    let mut doh = Doh::connect(server.https, &identity).await.unwrap();
    let queries = queries(&server);
    assert!(queries.len() > 1000);
    for query in &queries {
        let expected = plain(&server, query);
        server.turn(TURN);
        assert_eq!(dot.ask(query).await, expected, "over TLS: {query:?}");
        server.turn(TURN);
        assert_eq!(doh.ask(query).await, expected, "over HTTPS: {query:?}");
    }
    assert_eq!(server.queries(), 2 * queries.len() as u64);
}

#[tokio::test]
async fn quic_sends_the_same_records_flags_and_case_as_tcp() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let queries = queries(&server);
    let doq = Doq::connect(server.quic, &identity).await.unwrap();
    for query in &queries {
        server.turn(TURN);
        let reply = read(&doq.ask(query).await);
        assert_eq!(reply, read(&plain(&server, query)), "{query:?}");
        assert_eq!(reply.flags & 0x0200, 0, "TC");
    }
    assert_eq!(server.queries(), queries.len() as u64);
}

#[tokio::test]
async fn a_large_rrset_is_whole_over_every_transport() {
    let identity = Identity::new();
    let server = Server::start(&identity);
    let (txt, mx) = (query("large.midominio.com", 16), query("many.midominio.com", 15));
    let mut dot = Dot::connect(server.tls, &identity).await.unwrap();
    let mut doh = Doh::connect(server.https, &identity).await.unwrap();
    let doq = Doq::connect(server.quic, &identity).await.unwrap();
    for (query, count) in [(txt, 120), (mx, 200)] {
        for reply in [dot.ask(&query).await, doh.ask(&query).await, doq.ask(&query).await] {
            let reply = read(&reply);
            assert_eq!((reply.answer().len(), reply.flags), (count, 0x8500));
        }
    }
}

#[tokio::test]
async fn no_zone_goes_out_over_https_or_quic() {
    const REFUSED: u16 = 5;
    let identity = Identity::new();
    let server = Server::start(&identity);
    let mut doh = Doh::connect(server.https, &identity).await.unwrap();
    let doq = Doq::connect(server.quic, &identity).await.unwrap();
    for rtype in [251, 252] {
        let transfer = query("midominio.com", rtype);
        for reply in [doh.ask(&transfer).await, doq.ask(&transfer).await] {
            let reply = read(&reply);
            assert_eq!((reply.rcode(), reply.answer().len()), (REFUSED, 0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kdig_prints_the_same_over_every_transport() {
    if Command::new("kdig").arg("-V").output().is_err() {
        eprintln!("not checked: kdig is not installed");
        return;
    }
    let identity = Identity::new();
    let server = Server::start(&identity);
    for (name, rtype) in [
        ("WwW.midominio.com", "A"),
        ("midominio.com", "MX"),
        ("midominio.com", "TXT"),
        ("First.midominio.com", "AAAA"),
        ("deep.old.midominio.com", "A"),
        ("www.sub.midominio.com", "A"),
        ("nothing.midominio.com", "A"),
        ("unknown.midominio.com", "TYPE65280"),
        ("service.midominio.com", "TYPE65"),
        ("large.midominio.com", "TXT"),
        ("elsewhere.example", "A"),
    ] {
        let expected = kdig(&server, server.tcp, "+tcp", name, rtype).await;
        assert!(expected.contains("status:"), "{expected}");
        for (address, transport) in [
            (server.tls, "+tls"),
            (server.https, "+https"),
            (server.https, "+https-get"),
            (server.quic, "+quic"),
        ] {
            let printed = kdig(&server, address, transport, name, rtype).await;
            assert_eq!(printed, expected, "{transport} {name} {rtype}");
        }
    }
}

/// What kdig prints of the message.
async fn kdig(
    server: &Server,
    address: SocketAddr,
    transport: &str,
    name: &str,
    rtype: &str,
) -> String {
    server.turn(TURN);
    let mut command = Command::new("kdig");
    command.args([&format!("@{}", address.ip()), "-p", &address.port().to_string()]).args([
        transport,
        "+dnssec",
        "+nsid",
        "+timeout=5",
        "+retry=0",
        "+noidn",
        name,
        rtype,
    ]);
    if transport == "+https-get" {
        command.arg("+https");
    }
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let session = match transport {
        "+tls" => ";; TLS session",
        "+quic" => ";; QUIC session",
        "+tcp" => "",
        _ => ";; HTTP session",
    };
    assert!(text.contains(session), "{transport}: {text}");
    let of_message = |line: &&str| {
        // kdig pads what it encrypts.
        !["QUIC session", "TLS session", "HTTP session", "PADDING", "Received", "From", "Time"]
            .iter()
            .any(|word| line.strip_prefix(";; ").is_some_and(|line| line.starts_with(word)))
    };
    let without_id = |line: &str| match line.split_once("; id: ") {
        Some((head, _)) => head.to_string(),
        None => line.to_string(),
    };
    text.lines().filter(of_message).map(without_id).collect::<Vec<_>>().join("\n")
}
