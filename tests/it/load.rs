//! Nodes that say how much they can take: from a header of a real server to the first places.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;
use tiovivo::checks::checked::Probe;
use tiovivo::checks::http::checked::HttpProbe;
use tiovivo::clock::Moment;
use tiovivo::cluster::check::{Check, Thresholds};
use tiovivo::cluster::checks::Checks;
use tiovivo::cluster::pool::{Order, Pool};
use tiovivo::control::state::ControlState;
use tiovivo::control::writer::Control;
use tiovivo::health::probe::answer::{Capacity, Healthy, ProbeAnswer};
use tiovivo::health::{Observation, TargetId};
use tiovivo::snapshot::Snapshot;
use tiovivo::zone::rtype;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::cluster::{check, loaded, pool};

const SOON: Duration = Duration::from_secs(20);
const TURNS: u64 = 10_000;

fn loading(port: u16) -> Check {
    Check {
        probe: Probe::Http(HttpProbe {
            port,
            path: "/".into(),
            host: None,
            expect: vec![(200, 200)],
            load: true,
            ..HttpProbe::default()
        }),
        every: Duration::from_millis(500),
        timeout: Duration::from_millis(490),
        thresholds: Thresholds { fall: 2, rise: 1, forgive: 9 },
        ..check(port)
    }
}

/// How often each of 127.0.0.2 and 127.0.0.3 is the first.
fn first(snapshot: &Snapshot) -> [u64; 2] {
    let mut counts = [0; 2];
    let (answer, mut room) = (snapshot.pool(0).unwrap(), [0; 512]);
    for turn in 0..TURNS {
        let (_, len) = answer.write(rtype::A, turn, client(), &mut room).unwrap();
        assert!(len >= 16);
        counts[usize::from(room[15]) - 2] += 1;
    }
    counts
}

fn client() -> IpAddr {
    Ipv4Addr::new(192, 0, 2, 1).into()
}

/// A web server that says this of itself.
async fn server(host: u8, port: u16, header: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), port)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

#[tokio::test]
async fn a_server_that_says_25_is_first_a_quarter_as_often_as_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let port = server(2, 0, "X-Tiovivo-Weight: 25\r\n").await;
    server(3, port, "X-Tiovivo-Weight: full\r\n").await;
    let web = Pool { checks: Checks::one(loading(port)), ..pool("web", &[2, 3]) };
    let (control, reader) = Control::new(loaded(vec![web]), folder.path().into());
    let [one, other] = first(&reader.load());
    assert_eq!(one, other, "before the first word");
    let mut handle = control.start();
    let told = handle.status.wait_for(|status| {
        let members = &status.pools[0].members;
        members[0].why.contains("takes 25 % of its part")
            && members[1].check.load.as_ref().is_some_and(|load| load.ignored > 0)
    });
    let status = timeout(SOON, told).await.unwrap().unwrap().clone();
    let other = status.pools[0].members[1].check.load.clone().unwrap();
    assert_eq!((other.share, other.said), (100, None), "garbage takes nothing away");
    let [one, other] = first(&reader.load());
    let share = one as f64 / (one + other) as f64;
    assert!((share - 0.2).abs() < 0.01, "{one} and {other} of {TURNS}");
    handle.stop().await;
}

struct Run {
    state: ControlState,
    targets: Vec<TargetId>,
    now: Moment,
}

impl Run {
    fn new() -> Run {
        Run::of(Order::Rotate)
    }

    fn of(order: Order) -> Run {
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        let web = Pool { order, checks: Checks::one(loading(80)), ..pool("web", &[2, 3]) };
        let (state, plan) = ControlState::new(loaded(vec![web]), &[], now);
        let targets = plan.start.iter().map(|target| target.id).collect();
        Run { state, targets, now }
    }

    /// Whether the answers changed.
    fn hear(&mut self, member: usize, capacity: Capacity) -> bool {
        self.now += SignedDuration::from_secs(1);
        let said = ProbeAnswer::Weighed(200, capacity);
        let verdict = Ok(Healthy { said, rtt: Duration::from_millis(1), certificate: None });
        let observation = Observation { target: self.targets[member], verdict };
        self.state.observe(&observation, self.now);
        self.state.commit(self.now)
    }

    /// Whole answers of many turns.
    fn octets(&self) -> Vec<u8> {
        let loaded = &self.state.config;
        let snapshot = Snapshot::build(&loaded.statics, &loaded.pools, self.state.answers(), None);
        let (answer, mut room) = (snapshot.pool(0).unwrap(), [0; 512]);
        let mut octets = vec![];
        for turn in 0..100 {
            let (_, len) = answer.write(rtype::A, turn, client(), &mut room).unwrap();
            octets.extend_from_slice(&room[..len]);
        }
        octets
    }
}

#[test]
fn with_failover_a_load_makes_no_snapshot() {
    let mut run = Run::of(Order::Failover);
    run.hear(0, Capacity::Silent);
    run.hear(1, Capacity::Silent);
    assert!((0..20).all(|_| !run.hear(0, Capacity::Percent(10))));
}

#[test]
fn a_load_that_sways_makes_no_snapshots_and_one_that_moves_makes_few() {
    let mut run = Run::new();
    run.hear(0, Capacity::Percent(60));
    run.hear(1, Capacity::Silent);
    let swaying = [57, 63, 60, 55, 65];
    let changes = (0..500).filter(|round| run.hear(0, Capacity::Percent(swaying[round % 5])));
    assert_eq!(changes.count(), 0);
    let changes = (0..500).filter(|_| run.hear(0, Capacity::Percent(20))).count();
    assert!((1..=12).contains(&changes), "{changes}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn the_same_words_are_the_same_octets(
        words in prop::collection::vec((0usize..2, 0u8..=110), 1..60),
    ) {
        let [mut one, mut other] = [Run::new(), Run::new()];
        for (member, word) in words {
            let capacity = match word {
                0..=100 => Capacity::Percent(word),
                101..=105 => Capacity::Silent,
                _ => Capacity::Garbage,
            };
            prop_assert_eq!(one.hear(member, capacity), other.hear(member, capacity));
        }
        prop_assert_eq!(one.octets(), other.octets());
    }
}
