//! An answered query allocates nothing: counted by the allocator of this process, over real
//! sockets, through the worker that serves them. One test, so that nobody else allocates meanwhile.

use std::alloc::System;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tiovivo::clock;
use tiovivo::config;
use tiovivo::control::served_config::ServedConfig;
use tiovivo::control::writer::Control;
use tiovivo::counters::Counters;
use tiovivo::dns::cookie_clock::CookieClock;
use tiovivo::dns::responder::Responder;
use tiovivo::dns::sockets;
use tiovivo::dns::udp;
use tiovivo::snapshot::publish::SnapshotReader;
use tiovivo::zone::name::Name;
use tiovivo::zone::rdata::table::type_number;

#[global_allocator]
static ALLOCATIONS: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Queries that are sent before a reply is waited for: the worker takes them one by one, some or
/// many at a time.
const TOGETHER: [usize; 3] = [1, 8, 64];
const ROUNDS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(10);

const ZONE: &str = "
$TTL 1h
@        SOA   ns1 hostmaster 1 14400 3600 1209600 300
@        NS    ns1
@        NS    ns2
ns1      A     192.0.2.53
ns2      A     192.0.2.54
@        MX    10 mail
mail     A     192.0.2.25
alias    CNAME mail
chain    CNAME alias
out      CNAME www.example.org.
old      DNAME mail
*.wild   TXT   \"anything\"
sub      NS    ns.sub
ns.sub   A     192.0.2.60
";

/// Name, type, and whether the reply has the response code 0.
const QUESTIONS: [(&str, &str, bool); 22] = [
    ("eight.midominio.com", "A", true),
    ("EIGHT.midominio.com", "A", true),
    ("subset.midominio.com", "A", true),
    ("cut.midominio.com", "A", true),
    ("weighted.midominio.com", "A", true),
    ("spread.midominio.com", "A", true),
    ("sticky.midominio.com", "A", true),
    ("eight.midominio.com", "HTTPS", true),
    ("eight.midominio.com", "AAAA", true),
    ("midominio.com", "SOA", true),
    ("midominio.com", "MX", true),
    ("midominio.com", "ANY", true),
    ("alias.midominio.com", "A", true),
    ("chain.midominio.com", "A", true),
    ("out.midominio.com", "A", true),
    ("x.old.midominio.com", "A", false),
    ("x.wild.midominio.com", "TXT", true),
    ("www.sub.midominio.com", "A", true),
    ("nobody.midominio.com", "A", false),
    ("x.y.nobody.midominio.com", "AAAA", false),
    ("members.midominio.com", "A", false),
    ("www.example.org", "A", false),
];

fn configuration() -> String {
    let mut text = String::from(
        "server: { listen: ['127.0.0.1:0'], nsid: ns1 }\n\
         zones: [{ apex: midominio.com, file: zone }]\npools:\n",
    );
    let nodes = |count: usize| {
        let names: Vec<String> = (0..count).map(|node| format!("n{node}")).collect();
        names.join(", ")
    };
    let mut pool = |name: &str, count: usize, more: &str| {
        writeln!(
            text,
            "  {name}: {{ names: [{name}.midominio.com], members: [{}], {more} \
             check: {{ tcp: {{ port: 1 }} }} }}",
            nodes(count)
        )
        .unwrap();
    };
    pool("eight", 8, "https: true,");
    pool("subset", 64, "");
    pool("cut", 256, "max_answers: 256,");
    pool("weighted", 8, "order: weighted, min_serving: { v4: 2 },");
    pool("spread", 64, "spread_by: rack-*, max_answers: 32,");
    pool("sticky", 256, "spread_by: rack-*, max_answers: 256, order: sticky,");
    pool("members", 2, "clients: [192.0.2.0/24],");
    text.push_str("nodes:\n");
    for node in 0..256 {
        let (weight, rack) = (node % 100 + 1, node % 5);
        writeln!(
            text,
            "  n{node}: {{ role: child, address: 127.1.0.{node}, weight: {weight}, \
             tags: [rack-{rack}] }}"
        )
        .unwrap();
    }
    text
}

fn queries() -> Vec<(Vec<u8>, bool)> {
    let mut queries = vec![];
    for (name, rtype, is_good) in QUESTIONS {
        let mut plain = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        plain.extend_from_slice(Name::parse(name).unwrap().as_wire());
        plain.extend_from_slice(&type_number(rtype).unwrap().to_be_bytes());
        plain.extend_from_slice(&[0, 1]);
        // With NSID and a client's cookie (RFC 5001, RFC 7873).
        let mut extended = plain.clone();
        extended[11] = 1;
        extended.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 16, 0, 3, 0, 0]);
        extended.extend_from_slice(&[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
        queries.push((plain, is_good));
        queries.push((extended, is_good));
    }
    queries
}

/// The answers of a configuration whose nodes nobody has probed: all of them serve.
fn reader(folder: &std::path::Path) -> SnapshotReader {
    let file = folder.join("config.yaml");
    std::fs::write(folder.join("zone"), ZONE).unwrap();
    std::fs::write(&file, configuration()).unwrap();
    let config = config::load::load(&file).unwrap_or_else(|faults| {
        panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    let loaded = ServedConfig::build(&config.config, &file, clock::now()).unwrap();
    Control::new(Box::new(loaded), folder.join("state")).1
}

#[test]
fn an_answered_query_allocates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let region = Region::new(ALLOCATIONS);
    let reader = reader(folder.path());
    assert!(region.change().allocations > 1000, "the allocator counts");
    for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
        let bound = sockets::bind(address.parse().unwrap(), 1).unwrap();
        let responder = Responder {
            reader: reader.clone(),
            counters: Arc::new(Counters::new(1)),
            turn: Arc::new(AtomicU64::new(0)),
            stop: Arc::new(AtomicBool::new(false)),
            clock: CookieClock::default(),
        };
        let socket = bound.udp.into_iter().next().unwrap();
        let worker = udp::start(socket, bound.address, 0, None, responder.clone()).unwrap();
        count(bound.address);
        responder.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        worker.stop();
        worker.join();
    }
}

fn count(server: SocketAddr) {
    let local: IpAddr =
        if server.is_ipv4() { [127, 0, 0, 1].into() } else { "::1".parse().unwrap() };
    let socket = UdpSocket::bind((local, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect((local, server.port())).unwrap();
    let queries = queries();
    let mut room = [0; 2048];
    // The worker's own buffers are made before its first answer.
    socket.send(&queries[0].0).unwrap();
    socket.recv(&mut room).unwrap();
    for together in TOGETHER {
        let region = Region::new(ALLOCATIONS);
        let mut answered = 0;
        for _ in 0..ROUNDS {
            for (query, is_good) in &queries {
                for _ in 0..together {
                    socket.send(query).unwrap();
                }
                for _ in 0..together {
                    let len = socket.recv(&mut room).unwrap();
                    assert!(len >= 12 && (room[3] & 15 == 0) == *is_good, "{query:?}");
                    answered += 1;
                }
            }
        }
        let made = region.change();
        assert_eq!(answered, ROUNDS * queries.len() * together);
        assert_eq!((made.allocations, made.reallocations), (0, 0), "{server}, {together} at once");
    }
}
