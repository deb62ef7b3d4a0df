//! A receiver of webhooks that fails, hangs and is gone: nobody waits for it, and when it returns
//! it gets every event in order.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::hooks::receiver::{Manner, Nobody, Receiver, SECRET};
use crate::process::child::Mood;
use crate::process::client;
use crate::process::server::Server;
use crate::process::site::{Plan, QUICK, Site};
use crate::process::until;

/// Far above what a busy machine needs for one answer, far below the timeout of the hook.
const SLOW: Duration = Duration::from_millis(250);

/// How long one answer takes.
fn ask(server: SocketAddr) -> Duration {
    let query = b"\0\x01\0\0\0\x01\0\0\0\0\0\0\x09midominio\x03com\0\0\x01\0\x01";
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let begin = Instant::now();
    socket.send_to(query, server).unwrap();
    let len = socket.recv(&mut [0; 1232]).unwrap();
    assert!(len > query.len());
    begin.elapsed()
}

fn write_secret(site: &Site) {
    let secret = site.folder.path().join("hook-secret");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn hook(name: &str, address: SocketAddr) -> String {
    format!(
        "  - name: {name}
    webhook: {{ url: \"http://{address}/hook\", secret_file: hook-secret }}
    on: [node]
    retry: 10ms
"
    )
}

#[test]
fn a_receiver_that_is_away_delays_nobody_and_then_gets_every_event_in_order() {
    let site = Site::new(2, QUICK);
    let nobody = Nobody::new();
    let address = nobody.address();
    write_secret(&site);
    let hooks = format!(
        "hooks:
  - name: pager
    webhook: {{ url: \"http://{address}/hook\", secret_file: hook-secret }}
    pools: [web]
    timeout: 1s
    retry: 10ms
  - name: noter
    command: [/bin/sh, -c, 'cat >> \"$0\"', \"{}\"]
    on: [node]
",
        site.folder.path().join("noted").display()
    );
    site.write_config(&(site.config(&Plan::new(0..2)) + &hooks));
    let receiver = Receiver::default();
    let server = Server::start(&site);
    server.until_ready();

    let (begin, probes) = (Instant::now(), site.children[1].probes());
    let mut slowest = Duration::ZERO;
    let mut flip = |mood, answering: &[&str]| {
        site.children[0].is(mood);
        server.until_answering(answering);
        slowest = slowest.max(ask(server.at()));
    };
    flip(Mood::Ill, &["server-3"]);
    receiver.is(Manner::Hangs);
    receiver.listen(nobody.listen());
    flip(Mood::Well, &["server-2", "server-3"]);
    flip(Mood::Ill, &["server-3"]);
    receiver.is(Manner::Answers(500));
    flip(Mood::Well, &["server-2", "server-3"]);
    assert!(receiver.events().is_empty());
    let took = begin.elapsed().as_secs_f64();
    let probed = (site.children[1].probes() - probes) as f64;
    assert!(slowest < SLOW, "an answer took {slowest:?}");
    assert!(probed + 1.0 >= took / 0.3 / 1.25, "{probed} probes in {took} s at 300 ms");

    receiver.is(Manner::Takes);
    let of = |change: &Value| {
        let what = change["what"].as_str().unwrap();
        (change["node"].clone(), if what.starts_with("out of") { "out" } else { "serving" })
    };
    let changes: Vec<_> = server.status()["changes"].as_array().unwrap().iter().map(of).collect();
    assert!(changes.len() >= 4, "{changes:?}");
    let events = until("every event is delivered", || {
        let events = receiver.events();
        (events.len() >= changes.len()).then_some(events)
    });
    let told: Vec<_> = events
        .iter()
        .map(|event| (event["node"].clone(), event["new"].as_str().unwrap()))
        .collect();
    assert_eq!(told, changes);
    assert!(events.windows(2).all(|pair| pair[0]["id"].as_u64() < pair[1]["id"].as_u64()));
    assert_eq!(events[0]["cause"], "HTTP 500, expected 200 (2/2)");

    let metrics = client::get(server.dashboard, "/metrics").unwrap();
    let count = |metric: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(metric)).unwrap();
        line.trim().parse().unwrap()
    };
    assert_eq!(count("tiovivo_hook_dropped_total{hook=\"pager\"}"), 0.0);
    assert!(count("tiovivo_hook_failed_total{hook=\"pager\"}") >= 3.0);
    assert!(count("tiovivo_hook_delivered_total{hook=\"noter\"}") >= 4.0);
    assert!(count("tiovivo_hook_waiting{hook=\"noter\"}") <= 1.0);

    // The command was never held up by the other hook.
    let noted = std::fs::read_to_string(site.folder.path().join("noted")).unwrap();
    let noted: Vec<Value> = noted.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(noted, events);
}

/// Killed with events that wait: the next start delivers them, and the change that came while no
/// server was there after them. A hook that is gone by then is told of.
#[test]
fn a_killed_server_delivers_after_its_start_what_it_had_not() {
    let site = Site::new(2, QUICK);
    let nobody = Nobody::new();
    write_secret(&site);
    let hook = |name: &str| hook(name, nobody.address());
    let config = site.config(&Plan::new(0..2));
    site.write_config(&format!("{config}hooks:\n{}{}", hook("pager"), hook("old")));
    let mut server = Server::start(&site);
    server.until_ready();
    site.children[0].is(Mood::Ill);
    server.until_answering(&["server-3"]);
    site.children[0].is(Mood::Well);
    server.until_answering(&["server-2", "server-3"]);
    let file = site.folder.path().join("state/hooks.json");
    let kept = until("both changes are kept for both hooks", || {
        let kept: Value = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
        let events = |index: usize| kept["hooks"][index]["events"].as_array().cloned();
        (events(0)?.len() == 2 && events(1)?.len() == 2).then(|| events(0)).flatten()
    });
    // Killed before that, it would find the second change anew and tell it once more.
    let standings = site.folder.path().join("state/health.json");
    let moment = |said: &Value| said.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let back = moment(&kept[1]["time"]);
    until("the standings know the second change", || {
        let kept: Value = serde_json::from_slice(&std::fs::read(&standings).ok()?).ok()?;
        let members = kept["pools"][0]["members"].as_array()?;
        members.iter().any(|member| moment(&member["since"]) >= back).then_some(())
    });
    server.end(Signal::SIGKILL);

    site.children[1].is(Mood::Ill);
    let config = format!("{config}hooks:\n{}", hook("pager"));
    site.write_config(&config);
    let receiver = Receiver::default();
    receiver.is(Manner::Takes);
    receiver.listen(nobody.listen());
    let server = Server::start(&site);
    server.until_answering(&["server-2"]);
    let events = until("the third event", || Some(receiver.events()).filter(|got| got.len() >= 3));
    assert_eq!(events[..2], kept);
    assert_eq!((&events[2]["node"], &events[2]["new"]), (&"server-3".into(), &"out".into()));
    assert!(receiver.ids().is_sorted_by(|a, b| a < b));
    assert_eq!(server.logged("there is no hook old any more: 2 events for it are dropped"), 1);
    assert_eq!(server.logged("hook pager: "), 0, "{:?}", receiver.ids());
}

/// The file of the standings never knows a change that would be told to nobody.
#[test]
fn a_kill_right_after_a_change_loses_no_event_of_it() {
    const KILLS: usize = 12;
    let site = Site::new(2, QUICK);
    write_secret(&site);
    let (receiver, address) = Receiver::start(Manner::Hangs);
    // It changes more often than any node should.
    let config = site.config(&Plan::new(0..2)).replace("ttl: 30", "ttl: 30\n    damping: off");
    site.write_config(&format!("{config}hooks:\n{}", hook("pager", address)));
    let mut server = Server::start(&site);
    server.until_ready();
    // What is not known to have served has not changed.
    let standings = site.folder.path().join("state/health.json");
    until("the standings are kept", || standings.exists().then_some(()));
    for kill in 0..KILLS {
        let (mood, answering, new) = match kill % 2 {
            0 => (Mood::Ill, &["server-3"][..], "out"),
            _ => (Mood::Well, &["server-2", "server-3"][..], "serving"),
        };
        receiver.is(Manner::Hangs);
        site.children[0].is(mood);
        server.until_answering(answering);
        let moment = Duration::from_micros(fastrand::u64(..25_000));
        std::thread::sleep(moment);
        server.end(Signal::SIGKILL);
        receiver.is(Manner::Takes);
        server = Server::start(&site);
        until(&format!("{new} is told, killed {moment:?} after it was answered"), || {
            let events = receiver.events();
            events.last().is_some_and(|event| event["new"] == new).then_some(())
        });
        // It may remember the standing of before, and find the change anew.
        server.until_answering(answering);
    }
    let mut told: Vec<Value> = receiver.events().iter().map(|event| event["new"].clone()).collect();
    // A change that the file of the standings did not have yet is found, and told, once more.
    told.dedup();
    assert_eq!(told.len(), KILLS, "{told:?}");
}

/// How long each answer takes, one after the other, until `ended`. Sorted.
fn watch(server: SocketAddr, ended: &AtomicBool) -> Vec<Duration> {
    let mut took = vec![];
    while !ended.load(Ordering::SeqCst) {
        took.push(ask(server));
        std::thread::sleep(Duration::from_millis(2));
    }
    took.sort();
    took
}

fn told(took: &[Duration]) -> String {
    let at = |part: usize| took[took.len() * part / 100].as_micros();
    let slowest = took.last().unwrap().as_micros();
    format!(
        "{} answers, median {} µs, 99 % {} µs, slowest {slowest} µs",
        took.len(),
        at(50),
        at(99)
    )
}

/// Six hooks, each of them ill in another way, while a node goes and comes: what each gets, and
/// what it costs the others. `--nocapture` prints the figures.
#[test]
fn whatever_ails_the_receivers_answers_and_probes_go_on() {
    let site = Site::new(2, QUICK);
    write_secret(&site);
    let nobody = Nobody::new();
    let gone = (Receiver::default(), nobody.address());
    let others = [Manner::Hangs, Manner::Trickles, Manner::Answers(500), Manner::Answers(429)];
    let [hangs, trickles, fails, full] = others.map(Receiver::start);
    let receivers = [
        ("gone", &gone),
        ("hangs", &hangs),
        ("trickles", &trickles),
        ("fails", &fails),
        ("full", &full),
    ];
    let webhook = |(name, (_, at)): &(&str, &(Receiver, SocketAddr))| {
        let webhook = format!("{{ url: \"http://{at}/\", secret_file: hook-secret }}");
        format!(
            "  - {{ name: {name}, webhook: {webhook}, on: [node], timeout: 1s, retry: 10ms }}\n"
        )
    };
    let hooks: Vec<String> = receivers.iter().map(webhook).collect();
    let noted = site.folder.path().join("noted");
    // Without the flag it hangs, and SIGTERM would not help.
    let script = "trap \\\"\\\" TERM; [ -e $0.flag ] || sleep 1000; cat >> $0";
    let command = format!("[/bin/sh, -c, \"{script}\", {}]", noted.display());
    let command = format!(
        "  - {{ name: command, command: {command}, on: [node], timeout: 1s, retry: 10ms }}\n"
    );
    let config = site.config(&Plan::new(0..2));
    site.write_config(&format!("{config}hooks:\n{}{command}", hooks.concat()));
    let server = Server::start(&site);
    server.until_ready();

    let (ended, at) = (Arc::new(AtomicBool::new(false)), server.at());
    let during = |work: &dyn Fn()| {
        ended.store(false, Ordering::SeqCst);
        let ended = Arc::clone(&ended);
        let its = Arc::clone(&ended);
        let watching = std::thread::spawn(move || watch(at, &its));
        let (begin, before) = (Instant::now(), site.children[1].probes());
        work();
        let probes = (site.children[1].probes() - before) as f64 / begin.elapsed().as_secs_f64();
        ended.store(true, Ordering::SeqCst);
        (watching.join().unwrap(), probes)
    };
    let (calm, calm_probes) = during(&|| std::thread::sleep(Duration::from_secs(3)));
    let (ill, probes) = during(&|| {
        // A fourth fall would be held out.
        for _ in 0..3 {
            site.children[0].is(Mood::Ill);
            server.until_answering(&["server-3"]);
            site.children[0].is(Mood::Well);
            server.until_answering(&["server-2", "server-3"]);
        }
    });
    println!("all are well: {}; {calm_probes:.2} probes a second", told(&calm));
    println!("all are ill:  {}; {probes:.2} probes a second", told(&ill));
    assert!(ill.last().unwrap() < &SLOW, "{}", told(&ill));
    assert!(probes > 0.8 / 0.3, "{probes} probes a second, one each 300 ms is wanted");
    let hooks = || -> Value {
        serde_json::from_str(&client::get(server.dashboard, "/api/v1/hooks").unwrap()).unwrap()
    };
    for hook in hooks().as_array().unwrap() {
        assert_eq!((&hook["delivered"], &hook["dropped"]), (&0.into(), &0.into()));
        println!("{}: {}", hook["name"].as_str().unwrap(), hook["why"].as_str().unwrap());
    }

    let events = server.status()["changes"].as_array().unwrap().len();
    let begin = Instant::now();
    std::fs::write(site.folder.path().join("noted.flag"), "").unwrap();
    receivers.iter().for_each(|(_, (receiver, _))| receiver.is(Manner::Takes));
    gone.0.listen(nobody.listen());
    let all = || {
        let hooks = hooks();
        let whole = |hook: &Value| hook["delivered"] == events;
        hooks.as_array().unwrap().iter().all(whole).then_some(())
    };
    until("every hook has every event", all);
    println!("all are back: {events} events each, all told within {:?}", begin.elapsed());
    let noted = std::fs::read_to_string(noted).unwrap();
    let noted: Vec<Value> = noted.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (name, (receiver, _)) in receivers {
        assert_eq!(receiver.events(), noted, "{name}");
        assert!(receiver.ids().is_sorted_by(|a, b| a < b), "{name}");
    }
}
