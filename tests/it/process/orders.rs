//! The operator's orders from the shell, and through crashes.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::process::child::Mood;
use crate::process::client;
use crate::process::server::{BINARY, Server};
use crate::process::site::{Plan, QUICK, Site};
use crate::process::{alone, until};

pub const TOKEN: &str = "s3cret-of-the-test";
const PATH: &str = "/api/v1/operator";

/// The site takes orders.
pub fn write_config(site: &Site, plan: &Plan) {
    let token = site.folder.path().join("token");
    fs::write(&token, TOKEN).unwrap();
    fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    let config = site.config(plan);
    site.write_config(&config.replace("state: state,", "state: state, token_file: token,"));
}

fn run(site: &Site, server: SocketAddr, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(BINARY);
    command.args(args).arg("--config").arg(site.path()).args(["--at", &server.to_string()]);
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// Status code and body, when all of it came.
pub fn post(server: SocketAddr, token: Option<&str>, body: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let (token, len) = (token.unwrap_or_default(), body.len());
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n{token}");
    stream.write_all(format!("{head}Content-Length: {len}\r\n\r\n{body}").as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::InvalidData)?;
    let whole = serde_json::from_str::<Value>(body).is_ok() || !head.contains("json");
    let status = head.get(9..12).and_then(|status| status.parse().ok()).filter(|_| whole);
    Ok((status.ok_or(std::io::ErrorKind::InvalidData)?, body.to_owned()))
}

#[test]
fn an_operator_drains_a_member_from_the_shell_and_releases_it_after_a_restart() {
    let site = Site::new(3, QUICK);
    write_config(&site, &Plan::new(0..3));
    let mut server = Server::start(&site);
    server.until_ready();
    server.until_answering(&["server-2", "server-3", "server-4"]);
    let (code, said) =
        run(&site, server.dashboard, &["drain", "server-3", "--reason", "kernel", "--for", "2h"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().nth(1).unwrap().starts_with("drain  server-3  all   server-3"), "{said}");
    // In the answers before it was acknowledged, so nothing is waited for.
    let member = &server.status()["pools"][0]["members"][1];
    assert_eq!(
        (&member["in_answers"], &member["operator"]["reason"]),
        (&json!(false), &"kernel".into())
    );
    let page = client::get(server.dashboard, "/").unwrap();
    assert!(
        page.contains("drain server-3") && page.contains("resolvers may hold its address until")
    );
    let metrics = client::get(server.dashboard, "/metrics").unwrap();
    let draining = r#"tiovivo_member_operator_state{pool="web",node="server-3",role="child",state="draining"} 1"#;
    assert!(metrics.contains(draining));

    let (code, said) = run(&site, server.dashboard, &["force-up", "server-33"]);
    assert_eq!(
        (code, said.lines().next()),
        (Some(2), Some("tiovivo: target: server-33 means no member of a pool"))
    );
    server.end(Signal::SIGTERM);
    let (code, said) = run(&site, server.dashboard, &["overrides"]);
    assert!(code == Some(1) && said.contains("no server runs at 127.0.0.1:"), "{said}");

    let server = Server::start(&site);
    assert_eq!(server.status()["pools"][0]["members"][1]["in_answers"], false, "from the start");
    let (_, said) = run(&site, server.dashboard, &["overrides"]);
    assert!(said.contains("kernel"), "{said}");
    let (code, said) = run(&site, server.dashboard, &["undrain", "server-3"]);
    assert_eq!((code, said.as_str()), (Some(0), "no order is in force\n"));
    server.until_answering(&["server-2", "server-3", "server-4"]);
}

#[test]
fn only_whoever_has_the_token_gives_orders() {
    let site = Site::new(1, QUICK);
    let body = r#"{"order":"drain","target":"server-2","author":"a"}"#;
    let at = |server: &Server, token, body: &str| post(server.dashboard, token, body).unwrap();
    {
        let server = Server::start(&site);
        assert_eq!(at(&server, Some(TOKEN), body).0, 403);
        let (code, said) = run(&site, server.dashboard, &["drain", "server-2"]);
        assert!(code == Some(1) && said.contains("there is no token"), "{said}");
    }
    write_config(&site, &Plan::new(0..1));
    let server = Server::start(&site);
    assert_eq!(at(&server, None, body).0, 401);
    assert_eq!(at(&server, Some("s3cret"), body).0, 401);
    assert_eq!(client::get(server.dashboard, PATH).unwrap(), r#"{"overrides":[]}"#);
    assert_eq!(at(&server, Some(TOKEN), "{").0, 400);
    let (status, said) = at(&server, Some(TOKEN), r#"{"order":"explode","target":"a b"}"#);
    let faults: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, faults["faults"].as_array().unwrap().len()), (422, 3), "{said}");
    assert_eq!(at(&server, Some(TOKEN), &format!("{body}{}", " ".repeat(16 << 10))).0, 413);
    assert_eq!(at(&server, Some(TOKEN), body).0, 200);
}

#[test]
fn a_node_reports_from_the_shell() {
    let site = Site::new(2, QUICK);
    write_config(&site, &Plan::new(0..2));
    let text = fs::read_to_string(site.path()).unwrap();
    let port = site.children[0].address.port();
    let http = format!("http: {{ port: {port}, path: /health }}, {QUICK}");
    assert!(text.contains(&http));
    site.write_config(&text.replace(&http, "push: { expires: 1h }"));
    let server = Server::start(&site);
    server.until_ready();
    let (code, said) =
        run(&site, server.dashboard, &["report", "server-3", "down", "--reason", "disk full"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    server.until_answering(&["server-2"]);
    let why = &server.status()["pools"][0]["members"][1]["why"];
    assert!(why.as_str().unwrap().ends_with("reported: disk full"), "{why}");
    assert_eq!(run(&site, server.dashboard, &["report", "server-3", "up"]).0, Some(0));
    server.until_answering(&["server-2", "server-3"]);
    let (code, said) = run(&site, server.dashboard, &["report", "server-1", "up"]);
    assert!(code == Some(2) && said.contains("no pool waits for reports of server-1"), "{said}");
    let pool = ["report", "server-9", "up", "--pool", "web"];
    let (code, said) = run(&site, server.dashboard, &pool);
    assert!(code == Some(2) && said.contains("there is no member \"server-9\""), "{said}");
}

/// Rotated, spoilt, mended, taken away and put back, with no signal and no restart.
#[test]
fn another_token_is_loaded_while_the_server_runs() {
    let site = Site::new(1, QUICK);
    write_config(&site, &Plan::new(0..1));
    let file = site.folder.path().join("token");
    let write = |token: &str, mode| {
        let aside = site.folder.path().join("token.new");
        fs::write(&aside, token).unwrap();
        fs::set_permissions(&aside, Permissions::from_mode(mode)).unwrap();
        fs::rename(aside, &file).unwrap();
    };
    let server = Server::start(&site);
    let body = r#"{"order":"drain","target":"server-2","author":"a"}"#;
    let code = |token| post(server.dashboard, Some(token), body).unwrap().0;
    let becomes = |token, wanted| {
        until(&format!("{token} gets {wanted}"), || (code(token) == wanted).then_some(()));
    };
    assert_eq!(code(TOKEN), 200);
    write("another", 0o600);
    becomes("another", 200);
    assert_eq!(code(TOKEN), 401);

    // One that others may read: neither it nor the old one counts, and the page says what to do.
    write("third", 0o644);
    let told = server.until("the reload is refused", |status| {
        Some(status["config"]["refused"]["faults"][0].as_str()?.to_owned())
    });
    assert!(told.contains("server.token_file") && told.contains("mode 644"), "{told}");
    let page = client::get(server.dashboard, "/").unwrap();
    assert!(page.contains("run `chmod 600 ") || told.contains("run `chmod 600 "), "{told}");
    assert_eq!((code("another"), code("third")), (403, 401));
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    becomes("third", 200);
    assert_eq!(code("another"), 401);

    fs::remove_file(&file).unwrap();
    becomes("third", 403);
    assert_eq!(server.logged("there is no token any more: nobody may give orders"), 1);
    write(TOKEN, 0o600);
    becomes(TOKEN, 200);
}

const KILLS: usize = 100;
/// From the start of a run's orders to its end, at most (milliseconds).
const LIFE: u64 = 900;
/// A standing that the status has shown for so long is on the disk: 200 ms between two writes, and
/// two writes on a busy machine.
const SETTLED: Duration = Duration::from_millis(600);
/// The health of these moves, and orders leave them alone.
const MOVED: usize = 3;
const BUSY: &str = "every: 200ms, timeout: 190ms, fall: 1, rise: 1";
/// Says nothing while a test looks at what was remembered.
const PATIENT: &str = "every: 60s, timeout: 50s, fall: 1, rise: 1";
const TARGETS: [&str; 4] = ["server-5", "server-6", "*-6", "server-1"];

/// Target, pool, order: what the list of a server has, in its order.
type Orders = Vec<(String, Option<String>, String)>;

fn carried_out(
    orders: &Orders,
    (target, pool, order): &(String, Option<String>, String),
) -> Orders {
    let mut next = orders.clone();
    next.retain(|old| (&old.0, &old.1) != (target, pool));
    if order != "release" {
        next.push((target.clone(), pool.clone(), order.clone()));
    }
    next
}

fn in_force(server: &Server) -> Orders {
    let said: Value = serde_json::from_str(&client::get(server.dashboard, PATH).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let order = |order: &Value| {
        (text(&order["target"]).unwrap(), text(&order["pool"]), text(&order["order"]).unwrap())
    };
    said["overrides"].as_array().unwrap().iter().map(order).collect()
}

/// What was acknowledged, and what was asked for and perhaps not.
#[derive(Default)]
struct Book {
    acknowledged: Orders,
    asked: Option<(String, Option<String>, String)>,
    count: usize,
}

/// Orders without a pause until the server is gone.
fn order_on(server: SocketAddr, book: &Mutex<Book>, mut random: fastrand::Rng) {
    loop {
        let known = book.lock().unwrap().acknowledged.clone();
        let order = match known.get(random.usize(..8)) {
            Some((target, pool, _)) => (target.clone(), pool.clone(), "release".to_owned()),
            None => {
                let target = TARGETS[random.usize(..TARGETS.len())].to_owned();
                let pool = (target != "server-1" && random.bool()).then(|| "web".to_owned());
                let order = ["drain", "force-up", "force-down"][random.usize(..3)];
                (target, pool, order.to_owned())
            }
        };
        book.lock().unwrap().asked = Some(order.clone());
        let (target, pool, word) = &order;
        let body = json!({"order": word, "target": target, "pool": pool, "author": "test"});
        match post(server, Some(TOKEN), &body.to_string()) {
            Ok((200, _)) => {
                let mut book = book.lock().unwrap();
                book.acknowledged = carried_out(&known, &order);
                book.asked = None;
                book.count += 1;
            }
            Ok((status, said)) => panic!("{status}: {said}"),
            Err(_) => return,
        }
    }
}

/// What is known of a child's health.
#[derive(Clone, Copy)]
struct Known {
    well: bool,
    /// Since when the status has shown it.
    shown: Option<Instant>,
    /// It was on the disk at some kill, and has not changed since.
    durable: bool,
}

impl Known {
    fn is_kept(&self) -> bool {
        self.durable || self.shown.is_some_and(|since| since.elapsed() > SETTLED)
    }
}

/// Moves the children's health, and looks, until the life is over.
fn live(site: &Site, server: &Server, known: &mut [Known; MOVED], random: &mut fastrand::Rng) {
    let end = Instant::now() + Duration::from_millis(random.u64(..LIFE));
    let moves = random.u64(..3);
    let mut moments: Vec<Instant> =
        (0..moves).map(|_| end - Duration::from_millis(random.u64(..LIFE))).collect();
    while Instant::now() < end {
        moments.retain(|moment| {
            let is_due = *moment <= Instant::now();
            if is_due {
                let child = random.usize(..MOVED);
                let well = !known[child].well;
                known[child] = Known { well, shown: None, durable: false };
                site.children[child].is(if well { Mood::Well } else { Mood::Ill });
            }
            !is_due
        });
        let status = server.status();
        for (child, known) in known.iter_mut().enumerate() {
            let why = status["pools"][0]["members"][child]["why"].as_str().unwrap().to_owned();
            let is_shown = why.starts_with(if known.well { "serving" } else { "out since" });
            known.shown = known.shown.filter(|_| is_shown).or(is_shown.then(Instant::now));
            // A busy machine may miss a probe: what was on the disk is then another standing.
            known.durable &= is_shown;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// 100 lives, each ended by SIGKILL at a random moment while orders come without a pause and
/// children fall and rise. After each start every acknowledged order is in force, with at most the
/// one that was under way besides, and each child has the health that was settled before.
#[test]
#[ignore = "takes about a minute"]
fn a_hundred_kills_lose_no_acknowledged_order_and_no_settled_health() {
    let _alone = alone();
    let seed = std::env::var("TIOVIVO_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("TIOVIVO_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let site = Site::new(5, BUSY);
    let plan = |check| Plan { check, ..Plan::new(0..5) };
    let mut known = [Known { well: true, shown: None, durable: false }; MOVED];
    let mut book = Book::default();
    let (mut healths, mut open, mut least) = (0, 0, usize::MAX);
    for kill in 0..=KILLS {
        site.children.iter().for_each(|child| child.is(Mood::Silent));
        write_config(&site, &plan(PATIENT));
        let mut server = Server::start(&site);

        let found = in_force(&server);
        let with_asked = book.asked.take().map(|asked| carried_out(&book.acknowledged, &asked));
        open += usize::from(with_asked.is_some());
        assert!(
            found == book.acknowledged || Some(&found) == with_asked.as_ref(),
            "after kill {kill}: {found:?} is neither {:?} nor {with_asked:?}",
            book.acknowledged
        );
        book.acknowledged = found;
        let status = server.status();
        for (child, known) in known.iter_mut().enumerate().filter(|(_, known)| known.durable) {
            let why = status["pools"][0]["members"][child]["why"].as_str().unwrap();
            let expected = if known.well { "serving until it is probed, as" } else { "out since" };
            assert!(why.starts_with(expected), "after kill {kill}, child {child}: {why}");
            healths += 1;
        }
        if kill == KILLS {
            break;
        }
        for (child, known) in site.children.iter().zip(known) {
            child.is(if known.well { Mood::Well } else { Mood::Ill });
        }
        site.children[MOVED..].iter().for_each(|child| child.is(Mood::Well));
        write_config(&site, &plan(BUSY));
        server.reload();
        let before = book.count;
        let shared = Mutex::new(book);
        thread::scope(|scope| {
            let orders = random.fork();
            let (at, shared) = (server.dashboard, &shared);
            scope.spawn(move || order_on(at, shared, orders));
            live(&site, &server, &mut known, &mut random);
            server.signal(Signal::SIGKILL);
            for known in &mut known {
                known.durable = known.is_kept();
                known.shown = None;
            }
        });
        server.process.wait().unwrap();
        book = shared.into_inner().unwrap();
        least = least.min(book.count - before);
    }
    println!(
        "{KILLS} kills: {} orders acknowledged (at least {least} a life), {open} under way, \
         {healths} settled standings compared",
        book.count
    );
    // How many standings settle in a life of half a second is a matter of the machine.
    assert!(book.count > 2 * KILLS && open > 0 && healths > KILLS / 4);
}
