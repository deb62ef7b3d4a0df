//! The dashboard over real HTTP, with limits short enough to be reached.

mod sample;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tiovivo::cluster::hook::{Action, Hook, HookSecret, Scope};
use tiovivo::cluster::trust::Trust;
use tiovivo::control::change_feed;
use tiovivo::control::liveness::Liveness;
use tiovivo::control::status::Status;
use tiovivo::control::troubles::Troubles;
use tiovivo::counters::Counters;
use tiovivo::hooks;
use tiovivo::http::auth::WriteTokens;
use tiovivo::http::dashboard::Dashboard;
use tiovivo::http::server::HttpLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cluster::fall;
use crate::hooks::receiver::{Manner, Nobody, Receiver, SECRET};

/// Nothing here takes this long, unless it is broken. The default limits are longer.
const SOON: Duration = Duration::from_secs(5);
const TOKEN: &str = "s3cret";
const SHORT: Duration = Duration::from_millis(150);

struct Running {
    address: SocketAddr,
    publisher: watch::Sender<Arc<Status>>,
    counters: Arc<Counters>,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(status: Status, limits: HttpLimits) -> Running {
    start_with(status, limits, hooks::HooksHandle::default()).await
}

async fn start_with(status: Status, limits: HttpLimits, hooks: hooks::HooksHandle) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (publisher, status) = watch::channel(Arc::new(status));
    let counters = Arc::new(Counters::new(2));
    let stop = CancellationToken::new();
    let (commands, orders) = mpsc::channel(1);
    let (reports, reported) = mpsc::channel(1);
    drop((orders, reported));
    let tokens = WriteTokens::new(Some(TOKEN));
    let told = counters.clone();
    let dashboard = Dashboard {
        status,
        counters: told,
        hooks,
        limits,
        commands,
        reports,
        tokens,
        liveness: Liveness::default(),
        troubles: Troubles::default(),
    };
    let stopped = stop.clone().cancelled_owned();
    let task = tokio::spawn(tiovivo::http::serve(listener, dashboard, stopped));
    Running { address, publisher, counters, stop, task }
}

async fn start_sample() -> Running {
    start(sample::status(), HttpLimits::default()).await
}

struct ProbeAnswer {
    status: u16,
    head: String,
    body: String,
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Octets out, everything back until the server closes.
    async fn say(&self, request: &str) -> ProbeAnswer {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        parse(&read_to_end(&mut stream).await)
    }

    async fn ask(&self, method: &str, path: &str) -> ProbeAnswer {
        let host = self.address;
        let close = "Connection: close\r\n\r\n";
        self.say(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{close}")).await
    }

    async fn get(&self, path: &str) -> ProbeAnswer {
        self.ask("GET", path).await
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut octets = vec![];
    // A reset after the reply is as good an end as a FIN.
    let _ = timeout(SOON, stream.read_to_end(&mut octets)).await.expect("the server closes");
    String::from_utf8(octets).unwrap()
}

fn parse(reply: &str) -> ProbeAnswer {
    let (head, body) = reply.split_once("\r\n\r\n").expect(reply);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    ProbeAnswer { status, head: head.to_lowercase(), body: body.into() }
}

#[tokio::test]
async fn the_api_tells_the_status_as_it_is_published() {
    let server = start_sample().await;
    let said = server.get("/api/v1/status").await;
    assert_eq!(said.status, 200);
    assert!(said.head.contains("content-type: application/json"), "{}", said.head);
    assert!(said.head.contains("cache-control: no-store"), "{}", said.head);
    let told: Value = serde_json::from_str(&said.body).unwrap();
    let mut expected = serde_json::to_value(server.publisher.borrow().clone()).unwrap();
    expected["troubles"] = Value::Array(vec![]);
    assert_eq!(told, expected);

    server.publisher.send_modify(|status| Arc::make_mut(status).nsid = Some("ns2".into()));
    let told: Value = serde_json::from_str(&server.get("/api/v1/status").await.body).unwrap();
    assert_eq!(told["nsid"], "ns2");
}

#[tokio::test]
async fn ready_follows_the_first_round_and_alive_the_control_loop() {
    let mut status = sample::status();
    status.ready = false;
    let server = start(status, HttpLimits::default()).await;
    assert_eq!(server.get("/livez").await.status, 200);
    let waiting = server.get("/readyz").await;
    assert_eq!(waiting.status, 503);
    assert!(waiting.body.starts_with("not ready: the first round"), "{}", waiting.body);
    assert!(waiting.head.contains("content-type: text/plain"), "{}", waiting.head);
    assert!(server.get("/").await.body.contains("id=\"not-ready\""));

    server.publisher.send_modify(|status| Arc::make_mut(status).ready = true);
    assert_eq!(server.get("/readyz").await.status, 200);
    assert!(!server.get("/").await.body.contains("id=\"not-ready\""));

    let address = server.address;
    drop(server.publisher);
    for path in ["/livez", "/readyz"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(parse(&read_to_end(&mut stream).await).status, 503, "{path}");
    }
}

#[tokio::test]
async fn the_page_shows_every_pool_and_member_and_why() {
    let server = start_sample().await;
    let page = server.get("/").await;
    assert_eq!(page.status, 200);
    let status = server.publisher.borrow().clone();
    let mut wanted = vec!["/etc/tiovivo/config.yaml", "everyone", "10.77.0.0/24, 127.0.0.0/8"];
    for pool in &status.pools {
        wanted.extend([pool.name.as_str(), &pool.why]);
        wanted.extend(pool.names.iter().map(String::as_str));
        for member in &pool.members {
            wanted.extend([member.node.as_str(), &member.why, &member.check.probe]);
            wanted.extend(member.addresses.iter().map(String::as_str));
            wanted.extend(member.check.last_error.as_deref());
            wanted.extend(member.checks.iter().map(|of| of.check.probe.as_str()));
        }
    }
    wanted.extend(["2/3", "1/2", "0.84 ms", "2026010203", "connection refused (3/3)"]);
    wanted.push("takes 26 % · says 25 % · 3 words were no weight");
    wanted.push("TLS, certificate expires in 12 days");
    wanted.extend(["held out</b>", "last set kept</strong>", "takes 37 %"]);
    for text in wanted {
        assert!(page.body.contains(text), "the page lacks {text}");
    }
    assert!(page.body.contains("<title>1 short · ns1</title>"), "the tab says what is worst");
    assert!(page.body.contains("node `server-9` is not in nodes"), "faults of the refused reload");

    let fragment = server.get("/?fragment").await;
    assert!(fragment.body.starts_with("<div id=\"live\""), "only the part that changes");
    assert!(!fragment.body.contains("<html"));
}

/// One receiver takes everything and one is gone; neither its path nor its user is for everyone.
#[tokio::test]
async fn page_api_and_metrics_say_how_the_hooks_stand() {
    let folder = tempfile::tempdir().unwrap();
    let (_receiver, well) = Receiver::start(Manner::Takes);
    let nobody = Nobody::new();
    let gone = nobody.address();
    let webhook = |name: &str, url: String| Hook {
        name: name.into(),
        action: Action::Webhook {
            url,
            secret: Some(HookSecret(SECRET.as_bytes().into())),
            trust: Trust::Public,
        },
        on: vec![Scope::Node],
        pools: vec![],
        timeout: SOON,
        retry: Duration::from_secs(60),
    };
    let configured = [
        webhook("chat", format!("http://{well}/T0/B1")),
        webhook("pager", format!("http://ana:s3cr3t@{gone}/T0/B1?key=s3cr3t")),
    ];
    let (mut sender, changes) = change_feed::channel();
    let hooks = hooks::start(&configured, changes, folder.path(), None, Troubles::default());
    let server = start_with(sample::status(), HttpLimits::default(), hooks.clone()).await;
    for _ in 0..2 {
        sender.send(fall("server-2"));
    }
    let told = timeout(SOON, async {
        loop {
            let api: Value = serde_json::from_str(&server.get("/api/v1/hooks").await.body).unwrap();
            if api[0]["delivered"] == 2 && api[1]["failed"] == 1 {
                return api;
            }
        }
    });
    let api = told.await.expect("both are tried");
    assert_eq!(api[0]["why"], "every event is delivered");
    assert_eq!((&api[0]["last_error"], &api[0]["last_failure"]), (&Value::Null, &Value::Null));
    let why = api[1]["why"].as_str().unwrap();
    let begin = "the newest attempt failed: connection refused; 2 events wait; the next is at ";
    assert!(why.starts_with(begin), "{why}");
    assert_eq!(api[1]["last_error"], "connection refused");
    assert!(api[1]["last_failure"]["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());

    let page = server.get("/").await.body;
    let wanted = [
        "<b>chat</b> <span class=\"state up\">up to date</span>".to_owned(),
        format!("webhook <code>http://{well}</code> · 2 delivered · 0 waiting</small>"),
        format!("<b>pager</b> <span class=\"state down\">failing</span> <div><p>{why}</p>"),
        format!(
            "webhook <code>http://{gone}</code> · 0 delivered · 2 waiting · last failure <time"
        ),
    ];
    for text in &wanted {
        assert!(page.contains(text), "the page lacks {text}: {page}");
    }
    let metrics = server.get("/metrics").await.body;
    for line in [
        "tiovivo_hook_delivered_total{hook=\"chat\"} 2",
        "tiovivo_hook_failed_total{hook=\"pager\"} 1",
        "tiovivo_hook_refused_total{hook=\"pager\"} 0",
        "tiovivo_hook_waiting{hook=\"pager\"} 2",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    for said in [&page, &metrics, &api.to_string()] {
        assert!(!said.contains("s3cr3t") && !said.contains("T0/B1") && !said.contains(SECRET));
    }
    assert!(!start_sample().await.get("/").await.body.contains("Hooks</h2>"), "without hooks");
    hooks.reload(&[]);
    drop(sender);
    hooks.stop().await;
}

#[tokio::test]
async fn a_hostile_name_is_text() {
    let server = start(sample::hostile(), HttpLimits::default()).await;
    for path in ["/", "/?fragment"] {
        let page = server.get(path).await;
        assert_eq!(page.status, 200);
        let escaped = "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;";
        assert!(page.body.contains(escaped), "{path}");
        assert!(!page.body.contains("<script>"), "{path} runs what a name says");
        assert!(!page.body.contains("alert('"), "{path} lets a quote through");
    }
    let metrics = server.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains(r#"pool="<script>alert('\"&')</script>""#));
}

#[tokio::test]
async fn every_response_forbids_what_the_page_does_not_need() {
    let server = start_sample().await;
    for path in ["/", "/app.js", "/app.css", "/icon.svg", "/api/v1/status", "/metrics", "/nothing"]
    {
        let head = server.get(path).await.head;
        for wanted in [
            "content-security-policy: default-src 'none'; script-src 'self'",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.contains(wanted), "{path} lacks {wanted}:\n{head}");
        }
        assert!(!head.contains("access-control-"), "{path} lets other sites read");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline() {
    let server = start_sample().await;
    let page = server.get("/").await.body;
    for banned in ["style=", " onclick", "javascript:", "src=\"http", "href=\"http", "<style"] {
        assert!(!page.contains(banned), "{banned}");
    }
    for path in ["/app.js", "/app.css", "/icon.svg"] {
        assert!(page.contains(&format!("\"{path}\"")), "{path} is not used");
        assert_eq!(server.get(path).await.status, 200);
    }
}

#[tokio::test]
async fn a_name_that_was_rebound_to_loopback_is_refused() {
    let server = start_sample().await;
    let port = server.address.port();
    for (target, hosts, wanted) in [
        ("/", format!("Host: localhost:{port}\r\n"), 200),
        ("/", "Host: [::1]\r\n".into(), 200),
        ("/", "Host: evil.example\r\n".into(), 421),
        ("/api/v1/status", format!("Host: evil.example:{port}\r\n"), 421),
        ("http://evil.example/", "Host: localhost\r\n".into(), 421),
        ("/", "Host: localhost\r\nHost: evil.example\r\n".into(), 400),
        ("/", String::new(), 400),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        let said = server.say(&request).await;
        assert_eq!(said.status, wanted, "{request}");
        assert!(wanted == 200 || !said.body.contains("server-2"), "{request}");
    }
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let server = start_sample().await;
    for path in ["/", "/api/v1/status", "/metrics", "/livez", "/readyz", "/app.js"] {
        let got = server.get(path).await;
        let head = server.ask("HEAD", path).await;
        assert_eq!((head.status, head.body.as_str()), (got.status, ""), "{path}");
        assert!(head.head.contains("content-length: "), "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let said = server.ask(method, path).await;
            assert_eq!(said.status, 405, "{method} {path}");
            assert!(said.head.contains("allow: get,head"), "{method} {path}: {}", said.head);
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_plain_text() {
    let server = start_sample().await;
    for path in ["/nothing", "/api/v1/nothing", "/api/v2/status", "/../etc/passwd"] {
        let said = server.get(path).await;
        assert_eq!(said.status, 404, "{path}");
        assert!(said.head.contains("content-type: text/plain"), "{path}: {}", said.head);
    }
}

#[tokio::test]
async fn a_client_that_sends_its_header_slowly_is_cut() {
    let server =
        start(sample::status(), HttpLimits { header_read: SHORT, ..HttpLimits::default() }).await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: local").await.unwrap();
    assert_eq!(read_to_end(&mut slow).await, "", "half a header gets no page");
    let mut silent = server.connect().await;
    assert_eq!(read_to_end(&mut silent).await, "", "a client that says nothing is cut as well");
    assert_eq!(server.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_client_that_never_leaves_is_told_to() {
    let limits = HttpLimits { lifetime: SHORT, grace: SHORT, ..HttpLimits::default() };
    let server = start(sample::status(), limits).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(parse(&read_to_end(&mut stream).await).status, 200);
}

#[tokio::test]
async fn a_header_beyond_the_limit_is_refused() {
    let server = start_sample().await;
    let long = "x".repeat(64 * 1024);
    let mut stream = server.connect().await;
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n");
    let _ = stream.write_all(request.as_bytes()).await;
    let said = read_to_end(&mut stream).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    assert_eq!(server.get("/livez").await.status, 200);
}

/// Whoever comes has a place; who has asked nothing for longest goes for it.
#[tokio::test]
async fn when_the_server_is_full_the_idlest_connection_makes_room() {
    let limits = HttpLimits { connections: 3, per_client: 3, ..HttpLimits::default() };
    let server = start(sample::status(), limits).await;
    let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut kept = vec![];
    for _ in 0..3 {
        let mut stream = server.connect().await;
        stream.write_all(request).await.unwrap();
        stream.read_u8().await.unwrap();
        kept.push(stream);
    }
    kept[0].write_all(request).await.unwrap();
    read_until(&mut kept[0], "alive\n", 2).await;
    for _ in 0..2 {
        assert_eq!(server.get("/livez").await.status, 200);
    }
    read_to_end(&mut kept[1]).await;
    kept[0].write_all(request).await.unwrap();
    read_until(&mut kept[0], "alive\n", 1).await;
}

/// As supervisors ask, while others open what they never use, from one address or from many.
#[tokio::test]
async fn life_is_told_whoever_holds_all_places() {
    let server = start_sample().await;
    for sources in [1, 250] {
        let mut idle = vec![];
        for number in 0..600 {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            let from = std::net::Ipv4Addr::new(127, 201, 0, 1 + (number % sources) as u8);
            socket.bind((from, 0).into()).unwrap();
            idle.push(socket.connect(server.address).await.unwrap());
            if number % 20 == 0 {
                for path in ["/livez", "/readyz"] {
                    assert_eq!(server.get(path).await.status, 200, "{number} of {sources}");
                }
            }
        }
    }
}

/// Reads on until `text` has come so many times.
async fn read_until(stream: &mut TcpStream, text: &str, times: usize) {
    let mut read = String::new();
    while read.matches(text).count() < times {
        let mut room = [0; 1024];
        let len = timeout(SOON, stream.read(&mut room)).await.expect("it answers").unwrap();
        assert!(len > 0, "closed after {read}");
        read.push_str(&String::from_utf8_lossy(&room[..len]));
    }
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_the_server() {
    let server = start_sample().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    idle.read_u8().await.unwrap();
    server.stop.cancel();
    read_to_end(&mut idle).await;
    timeout(SOON, server.task).await.expect("the server ends").unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_client_that_stalls() {
    let server =
        start(sample::status(), HttpLimits { grace: SHORT, ..HttpLimits::default() }).await;
    let mut stalled = server.connect().await;
    stalled.write_all(b"GET / HTTP/1.1\r\nHost: loc").await.unwrap();
    server.stop.cancel();
    timeout(SOON, server.task).await.expect("the server ends").unwrap().unwrap();
}

#[tokio::test]
async fn metrics_are_well_formed_and_count_each_thing_once() {
    let server = start_sample().await;
    for (worker, n) in [(0, 5), (1, 7)] {
        server.counters.udp[worker].queries.store(n, Ordering::Relaxed);
        server.counters.udp[worker].rcodes[3].store(n, Ordering::Relaxed);
    }
    server.counters.stream.qtypes[5].store(3, Ordering::Relaxed);
    let said = server.get("/metrics").await;
    assert!(said.head.contains("content-type: application/openmetrics-text; version=1.0.0"));
    check_exposition(&said.body);
    for line in [
        r#"tiovivo_build_info{version="0.1.0"} 1"#,
        r#"tiovivo_queries_total{transport="udp"} 12"#,
        r#"tiovivo_replies_total{transport="udp",rcode="NXDOMAIN"} 12"#,
        r#"tiovivo_questions_total{transport="stream",qtype="AAAA"} 3"#,
        r#"tiovivo_pool_serving_members{pool="web"} 3.0"#,
        r#"tiovivo_pool_members{pool="web"} 5.0"#,
        r#"tiovivo_pool_short{pool="media"} 1.0"#,
        r#"tiovivo_pool_ttl_seconds{pool="web"} 15.0"#,
        r#"tiovivo_member_in_answers{pool="web",node="server-4",role="child"} 0.0"#,
        r#"tiovivo_member_held_out{pool="web",node="server-5",role="child"} 1.0"#,
        r#"tiovivo_member_remembered_falls{pool="web",node="server-5",role="child"} 5.0"#,
        r#"tiovivo_pool_kept{pool="web"} 1.0"#,
        r#"tiovivo_pool_cut_off{pool="media"} 0.0"#,
        r#"tiovivo_zone_serial{zone="midominio.com"} 2026010203.0"#,
        r#"tiovivo_check_load_share{pool="web",node="server-2",role="child",check="rotation"} 0.26"#,
        r#"tiovivo_check_load_ignored_total{pool="web",node="server-2",role="child",check="rotation"} 3"#,
    ] {
        assert!(said.body.lines().any(|got| got == line), "{line} is not in\n{}", said.body);
    }
    let node = r#"pool="web",node="server-3",role="child",check="#;
    for line in [
        format!(r#"tiovivo_check_state{{{node}"rotation",state="falling"}} 1.0"#),
        format!(r#"tiovivo_check_state{{{node}"deep",state="down"}} 1.0"#),
        format!(r#"tiovivo_probe_failures_total{{{node}"rotation"}} 17"#),
        format!(r#"tiovivo_probes_void_total{{{node}"rotation"}} 3"#),
        format!(r#"tiovivo_probe_round_trip_seconds{{{node}"rotation"}} 0.00084"#),
    ] {
        assert!(said.body.lines().any(|got| got == line), "{line} is not in\n{}", said.body);
    }
    // Of several checks each has its own probes, and `rotation` is their verdict.
    let node = r#"pool="web",node="server-6",role="child",check="#;
    for line in [
        format!(r#"tiovivo_check_state{{{node}"rotation",state="unknown"}} 1.0"#),
        format!(r#"tiovivo_check_state{{{node}"http",state="up"}} 1.0"#),
        format!(r#"tiovivo_probes_total{{{node}"tls"}} 51840"#),
        format!(r#"tiovivo_check_certificate_expiry_seconds{{{node}"http"}} 1893456000.0"#),
    ] {
        assert!(said.body.lines().any(|got| got == line), "{line} is not in\n{}", said.body);
    }
    assert!(!said.body.contains(&format!(r#"tiovivo_probes_total{{{node}"rotation"}}"#)));
}

/// The rules of OpenMetrics that a scraper trips over: each family once, described before its
/// samples, named after its unit and type, no series twice, `# EOF` last.
fn check_exposition(text: &str) {
    let (mut families, mut series) = (vec![], vec![]);
    let (mut name, mut kind) = ("", "");
    assert!(text.ends_with("\n# EOF\n"));
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let help;
            (name, help) = rest.split_once(' ').unwrap();
            assert!(name.starts_with("tiovivo_") && !help.is_empty(), "{line}");
            assert!(!families.contains(&name), "{name} comes twice");
            families.push(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            kind = rest.strip_prefix(name).expect(line).trim();
            assert!(["counter", "gauge", "info"].contains(&kind), "{line}");
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let unit = rest.strip_prefix(name).expect(line).trim();
            assert!(name.ends_with(&format!("_{unit}")), "{line}");
        } else {
            let (id, value) = line.rsplit_once(' ').unwrap();
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            assert!(id.starts_with(&format!("{name}{suffix}{{")), "{line} is not of {name}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(!series.contains(&id), "{id} comes twice");
            series.push(id);
        }
    }
}
