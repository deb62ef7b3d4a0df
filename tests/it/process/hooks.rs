//! A receiver of webhooks that fails, hangs and is gone: nobody waits for it, and when it returns
//! it gets every event in order.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use ring::hmac;
use serde_json::Value;

use crate::process::child::Mood;
use crate::process::client;
use crate::process::server::Server;
use crate::process::site::{Plan, QUICK, Site};
use crate::process::until;

const SECRET: &str = "a-secret-of-the-test";
/// Far above what a busy machine needs for one answer, far below the timeout of the hook.
const SLOW: Duration = Duration::from_millis(250);

#[derive(Clone, Copy)]
#[repr(u8)]
enum Manner {
    Takes,
    Fails,
    Hangs,
}

/// Its connections share what it got.
#[derive(Clone, Default)]
struct Receiver {
    manner: Arc<AtomicU8>,
    /// Bodies that it took.
    got: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    /// Until the next connection after `gone`.
    fn listen(&self, listener: TcpListener) {
        let its = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let its = its.clone();
                std::thread::spawn(move || its.converse(stream));
            }
        });
    }

    fn is(&self, manner: Manner) {
        self.manner.store(manner as u8, Ordering::SeqCst);
    }

    fn converse(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let (mut length, mut id, mut time, mut signature) = (0, String::new(), String::new(), None);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(": ") else {
                if line.starts_with("POST ") {
                    continue;
                }
                break;
            };
            match name {
                "content-length" => length = value.parse().ok()?,
                "webhook-id" => id = value.to_owned(),
                "webhook-timestamp" => time = value.to_owned(),
                "webhook-signature" => signature = value.strip_prefix("v1,").map(str::to_owned),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let manner = self.manner.load(Ordering::SeqCst);
        if manner == Manner::Hangs as u8 {
            // Until the other side gives up.
            let _ = reader.read(&mut [0]);
            return None;
        }
        if manner == Manner::Fails as u8 {
            return stream.write_all(b"HTTP/1.1 500 Ill\r\ncontent-length: 0\r\n\r\n").ok();
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signed = [format!("{id}.{time}.").as_bytes(), &body].concat();
        let tag = BASE64.decode(signature?.as_bytes()).ok()?;
        hmac::verify(&key, &signed, &tag).ok()?;
        let body: Value = serde_json::from_slice(&body).ok()?;
        assert_eq!(body["id"].to_string(), id);
        self.got.lock().unwrap().push(body);
        stream.write_all(b"HTTP/1.1 204 Fine\r\n\r\n").ok()
    }

    /// What it took, each event once.
    fn events(&self) -> Vec<Value> {
        let mut events = self.got.lock().unwrap().clone();
        events.dedup();
        events
    }
}

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

#[test]
fn a_receiver_that_is_away_delays_nobody_and_then_gets_every_event_in_order() {
    let site = Site::new(2, QUICK);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let secret = site.folder.path().join("hook-secret");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
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
    // Nobody listens yet.
    drop(listener);
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
    receiver.listen(TcpListener::bind(address).unwrap());
    flip(Mood::Well, &["server-2", "server-3"]);
    flip(Mood::Ill, &["server-3"]);
    receiver.is(Manner::Fails);
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
