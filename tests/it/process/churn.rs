//! Queries without end while everything changes: each gets one whole answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::process::BOUND;
use crate::process::child::Mood;
use crate::process::client::Client;
use crate::process::server::Server;
use crate::process::site::{Plan, Site};

const QUERIES: usize = 10_000;
const CLIENTS: usize = 3;
const RELOADS: usize = 30;
const RELOAD_EVERY: Duration = Duration::from_millis(100);
const FLAP_EVERY: Duration = Duration::from_millis(50);
const CHECK: &str = "every: 100ms, timeout: 99ms, fall: 1, rise: 1";

type Counted = BTreeMap<(BTreeSet<IpAddr>, u32), usize>;

#[test]
fn ten_thousand_queries_under_reloads_and_a_flapping_node_get_whole_answers() {
    // Two configurations that have neither a node nor a TTL in common: what is half of the one and
    // half of the other can be told from both.
    let site = Site::new(6, CHECK);
    let plans = [(0..3, 40), (3..6, 60)];
    let texts = plans
        .clone()
        .map(|(members, ttl)| site.config(&Plan { ttl, check: CHECK, ..Plan::new(members) }));
    site.write_config(&texts[0]);
    let server = Server::start(&site);
    server.until_ready();
    let at = server.at();
    let (asked, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut reloads = 0;
    let counted: Vec<Counted> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let client = Client::new(at);
                    let mut counted = Counted::new();
                    while !done.load(Ordering::SeqCst) {
                        let answer = client.ask(at, "midominio.com");
                        *counted.entry((answer.addresses, answer.ttl)).or_default() += 1;
                        asked.fetch_add(1, Ordering::SeqCst);
                    }
                    counted
                })
            })
            .collect();
        scope.spawn(|| {
            for mood in [Mood::Ill, Mood::Well].into_iter().cycle() {
                if done.load(Ordering::SeqCst) {
                    return;
                }
                site.children[2].is(mood);
                site.children[5].is(mood);
                thread::sleep(FLAP_EVERY);
            }
        });
        let start = Instant::now();
        let mut next = start;
        // Whoever loads has the core when nobody else wants it: that is waited for.
        while reloads < RELOADS
            || server.logged("is loaded:") < RELOADS / 2
            || asked.load(Ordering::SeqCst) < QUERIES
        {
            let ended = clients.iter().any(|client| client.is_finished());
            if ended || start.elapsed() > BOUND {
                break;
            }
            site.write_config(&texts[(reloads + 1) % 2]);
            server.signal(Signal::SIGHUP);
            reloads += 1;
            next += RELOAD_EVERY;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        done.store(true, Ordering::SeqCst);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let loaded = server.logged("is loaded:");
    let mut total = Counted::new();
    for (answer, count) in counted.into_iter().flatten() {
        *total.entry(answer).or_default() += count;
    }
    let queries: usize = total.values().sum();
    println!("{queries} queries, {reloads} reloads asked for, {loaded} done:");
    for ((addresses, ttl), count) in &total {
        println!("{count:7}  TTL {ttl}  {addresses:?}");
    }
    assert!(queries >= QUERIES && loaded >= RELOADS / 2);

    // A node that is always well is missing only where the log says that it was found ill.
    for ((members, ttl), steady) in plans.into_iter().zip([[0, 1], [3, 4]]) {
        let whole = site.addresses(members);
        let fits = |(addresses, its): &&(BTreeSet<IpAddr>, u32)| {
            [ttl, ttl / 2].contains(its) && addresses.is_subset(&whole) && !addresses.is_empty()
        };
        let own: Vec<_> = total.keys().filter(fits).cloned().collect();
        assert!(own.iter().any(|(addresses, _)| *addresses == whole), "{own:?}");
        assert!(own.iter().any(|(addresses, _)| *addresses != whole), "{own:?}");
        for child in steady {
            let missing =
                own.iter().any(|(addresses, _)| !addresses.contains(&site.address(child)));
            let out = format!("server-{} out of the answers", child + 2);
            assert!(!missing || server.logged(&out) > 0, "{out}? {own:?}");
        }
        total.retain(|answer, _| !own.contains(answer));
    }
    assert!(total.is_empty(), "neither of the one configuration nor of the other: {total:?}");
}
