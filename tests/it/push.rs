//! Nodes that report by themselves: over real HTTP into the answers, and silence out of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tiovivo::checks::checked::Probe;
use tiovivo::checks::push::checked::PushProbe;
use tiovivo::cluster::check::{Check, CheckedFamily, Thresholds};
use tiovivo::cluster::checks::{Checks, NamedCheck};
use tiovivo::cluster::pool::Pool;
use tiovivo::control::event::ReportRequest;
use tiovivo::control::status::{MemberStatus, Status};
use tiovivo::control::writer::{Control, ControlHandle};
use tiovivo::counters::Counters;
use tiovivo::health::probe::answer::{Healthy, ProbeAnswer};
use tiovivo::health::probe::failure::Failure;
use tiovivo::health::schedule::Schedule;
use tiovivo::health::{Observation, TargetId};
use tiovivo::http;
use tiovivo::http::auth::WriteTokens;
use tiovivo::http::dashboard::Dashboard;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::cluster::{loaded, pool};

const SOON: Duration = Duration::from_secs(20);
const TOKEN: &str = "s3cret";
/// Good for reports only.
const NODES: &str = "n0des";
/// Longer than any test here.
const LONG: Duration = Duration::from_secs(3600);

fn push(expires: Duration) -> Check {
    Check {
        probe: Probe::Push(PushProbe { expires, load: false }),
        address: None,
        family: CheckedFamily::default(),
        every: expires,
        timeout: Duration::ZERO,
        thresholds: Thresholds { fall: 1, rise: 1, forgive: 9 },
    }
}

struct Site {
    handle: ControlHandle,
    dashboard: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn start(pools: Vec<Pool>) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let (control, _) = Control::new(loaded(pools), folder.path().into());
        let handle = control.start();
        let dashboard = serve(&handle, handle.reports.clone()).await;
        Site { handle, dashboard, _folder: folder }
    }

    async fn until(&mut self, what: impl FnMut(&Status) -> bool) -> Status {
        let mut what = what;
        let status = timeout(SOON, self.handle.status.wait_for(|status| what(status))).await;
        Status::clone(&status.expect("in time").unwrap())
    }

    async fn member(&mut self, index: usize, why: &str) -> MemberStatus {
        let status = self.until(|status| status.pools[0].members[index].why.contains(why)).await;
        status.pools[0].members[index].clone()
    }
}

/// A dashboard before a writer, or before nobody.
async fn serve(handle: &ControlHandle, reports: mpsc::Sender<ReportRequest>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tokens = WriteTokens::new(Some(TOKEN));
    tokens.set_report_token(Some(NODES));
    let dashboard = Dashboard {
        status: handle.status.clone(),
        counters: Arc::new(Counters::new(1)),
        hooks: Default::default(),
        limits: Default::default(),
        commands: handle.commands.clone(),
        reports,
        tokens,
        liveness: handle.liveness.clone(),
        troubles: handle.troubles.clone(),
    };
    tokio::spawn(http::serve(listener, dashboard, std::future::pending()));
    address
}

/// Status and body.
async fn post(at: SocketAddr, path: &str, token: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST /api/v1/push/{path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    let _ = timeout(SOON, stream.read_to_string(&mut reply)).await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").expect(&reply);
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn a_report_takes_a_member_out_and_the_next_one_brings_it_back() {
    let web = Pool { checks: Checks::one(push(LONG)), ..pool("web", &[2, 3]) };
    let mut site = Site::start(vec![web]).await;
    site.until(|status| status.ready).await;
    assert_eq!(site.member(0, "").await.why, "serving until it reports");

    let down = r#"{"healthy": false, "reason": "disk full"}"#;
    assert_eq!(post(site.dashboard, "web/server-2", TOKEN, down).await.0, 202);
    let member = site.member(0, "reported: disk full").await;
    assert_eq!((member.in_answers, member.check.state), (false, "down"));
    assert_eq!(member.check.probe, "reports, one in 3600 s");
    let up = r#"{"healthy": true}"#;
    assert_eq!(post(site.dashboard, "web/server-2", NODES, up).await.0, 202);
    let member = site.member(0, "serving: reported healthy").await;
    assert!(member.in_answers);
    assert_eq!((member.check.last_rtt_ms, member.check.probes), (None, 2));

    for (path, token, body, wanted) in [
        ("web/server-2", "s3cre", up, 401),
        ("web/server-9", TOKEN, up, 422),
        ("wbe/server-2", TOKEN, up, 422),
        ("web/server-2", TOKEN, r#"{"healthy": 1}"#, 422),
        ("web/server-2", TOKEN, r#"{"healthy": true, "check": "db"}"#, 422),
        ("web/server-2", TOKEN, "{", 400),
        // A node of that name.
        ("web", TOKEN, up, 422),
        ("", TOKEN, up, 404),
        ("web/server-2", TOKEN, &format!("{up}{}", " ".repeat(16 << 10)), 413),
    ] {
        let (status, said) = post(site.dashboard, path, token, body).await;
        assert_eq!(status, wanted, "{path} {body}: {said}");
    }
    let (_, said) = post(site.dashboard, "web/server-9", TOKEN, up).await;
    assert!(said.contains(r#""write":"one of server-2, server-3""#), "{said}");
    site.handle.stop().await;
}

#[tokio::test]
async fn who_falls_silent_is_out_and_says_why() {
    let expires = Duration::from_millis(700);
    let web = Pool { checks: Checks::one(push(expires)), ..pool("web", &[2, 3]) };
    let mut site = Site::start(vec![web]).await;
    let dashboard = site.dashboard;
    let reporter = tokio::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        loop {
            beat.tick().await;
            post(dashboard, "web/server-3", TOKEN, r#"{"healthy": true}"#).await;
        }
    });
    let member = site.member(0, "no report for 700 ms").await;
    assert!(!member.in_answers);
    let status = site.until(|_| true).await;
    assert_eq!(status.pools[0].answering, ["server-3"]);
    reporter.abort();
    site.handle.stop().await;
}

#[tokio::test]
async fn of_several_checks_the_report_names_one() {
    let named = |name: &str| NamedCheck { name: name.into(), check: push(LONG) };
    let checks = Checks::new(vec![named("app"), named("disk")], 2).unwrap();
    let web = Pool { checks, deep: Some(push(LONG)), ..pool("web", &[2]) };
    let mut site = Site::start(vec![web, pool("img", &[4])]).await;
    let (status, said) = post(site.dashboard, "web/server-2", TOKEN, r#"{"healthy":true}"#).await;
    assert_eq!(status, 422);
    assert!(said.contains("one of app, disk, deep"), "{said}");
    let (status, said) = post(site.dashboard, "img/server-4", TOKEN, r#"{"healthy":true}"#).await;
    assert_eq!(status, 422);
    assert!(said.contains("pool img waits for no reports"), "{said}");
    site.until(|status| status.ready).await;
    for body in [
        r#"{"healthy":false,"check":"disk","reason":"full"}"#,
        r#"{"healthy":true,"check":"app"}"#,
        r#"{"healthy":false,"check":"deep"}"#,
    ] {
        assert_eq!(post(site.dashboard, "web/server-2", TOKEN, body).await.0, 202);
    }
    let why = "1 of 2 checks pass, all must: disk: reported: full";
    let status = site
        .until(|status| {
            let member = &status.pools[0].members[0];
            let deep = member.deep.as_ref().unwrap();
            member.why.contains(why) && deep.state == "down"
        })
        .await;
    assert_eq!(status.pools[0].members[0].checks[0].check.state, "up");
    site.handle.stop().await;
}

#[tokio::test]
async fn a_report_says_how_much_the_node_can_take() {
    let loaded =
        |load| Check { probe: Probe::Push(PushProbe { expires: LONG, load }), ..push(LONG) };
    let web = Pool { checks: Checks::one(loaded(true)), ..pool("web", &[2, 3]) };
    let img = Pool { checks: Checks::one(loaded(false)), ..pool("img", &[4]) };
    let mut site = Site::start(vec![web, img]).await;
    site.until(|status| status.ready).await;
    let body = r#"{"healthy": true, "weight": 25}"#;
    assert_eq!(post(site.dashboard, "web/server-2", TOKEN, body).await.0, 202);
    let why = "serving: reported healthy; takes 25 % of its part, by what it says of its load";
    let load = site.member(0, why).await.check.load.unwrap();
    assert_eq!((load.share, load.said), (25, Some(25)));
    let (status, said) = post(site.dashboard, "img/server-4", TOKEN, body).await;
    assert_eq!(status, 422);
    assert!(said.contains("this check takes none"), "{said}");
    site.handle.stop().await;
}

/// A writer that does nothing is waited for by nobody.
#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let site = Site::start(vec![pool("web", &[2])]).await;
    let (reports, _waiting) = mpsc::channel(1);
    let read = tiovivo::control::health_report::read(
        Some("web"),
        "a",
        &serde_json::json!({"healthy": true}),
    );
    let (reply, _answer) = tokio::sync::oneshot::channel();
    reports.try_send(ReportRequest { report: read.unwrap(), reply }).unwrap();
    let dashboard = serve(&site.handle, reports).await;
    let before = Instant::now();
    let (status, said) = post(dashboard, "web/a", TOKEN, r#"{"healthy": true}"#).await;
    assert_eq!(status, 503, "{said}");
    assert!(before.elapsed() < Duration::from_secs(1));
    site.handle.stop().await;
}

const EXPIRES: Duration = Duration::from_secs(60);
const TARGET: TargetId = TargetId(1);

#[tokio::test(start_paused = true)]
async fn silence_is_observed_once_in_each_interval_and_a_report_starts_it_anew() {
    let (mut schedule, mut observations) = Schedule::new();
    let silent =
        Observation { target: TARGET, verdict: Err(Failure::NoReport { within: EXPIRES }) };
    let start = Instant::now();
    schedule.listen(TARGET, EXPIRES);
    for round in 1..=3 {
        assert_eq!(observations.recv().await.unwrap(), silent);
        assert_eq!(start.elapsed(), EXPIRES * round);
    }
    tokio::time::sleep(EXPIRES * 9 / 10).await;
    let healthy = Ok(Healthy::reported(ProbeAnswer::Reported { weight: None }));
    assert!(schedule.report(TARGET, healthy.clone()));
    assert_eq!(observations.recv().await.unwrap().verdict, healthy);
    let reported = Instant::now();
    assert_eq!(observations.recv().await.unwrap(), silent);
    assert_eq!(reported.elapsed(), EXPIRES);
}

#[tokio::test(start_paused = true)]
async fn reports_that_nobody_takes_are_bounded_and_those_of_strangers_are_none() {
    let (mut schedule, observations) = Schedule::new();
    schedule.listen(TARGET, EXPIRES);
    let report = || Ok(Healthy::reported(ProbeAnswer::Reported { weight: None }));
    assert!(!schedule.report(TargetId(2), report()));
    let taken = (0..100_000).take_while(|_| schedule.report(TARGET, report())).count();
    assert_eq!(taken, tiovivo::health::reports::WAITING);
    schedule.stop(TARGET);
    assert!(!schedule.report(TARGET, report()));
    drop(observations);
}

/// A node in two pools, of which one has the check: the report is taken there, and that is said.
#[tokio::test]
async fn a_report_of_a_node_is_taken_whole_or_not_at_all() {
    let named = |names: &[&str]| {
        let of = |name: &&str| NamedCheck { name: (*name).to_owned(), check: push(LONG) };
        Checks::new(names.iter().map(of).collect(), names.len()).unwrap()
    };
    let pools = vec![
        Pool { checks: named(&["agent", "disk"]), ..pool("web", &[2, 3]) },
        Pool { checks: named(&["disk"]), ..pool("api", &[2]) },
    ];
    let mut site = Site::start(pools).await;
    site.until(|status| status.ready).await;
    let down =
        |check: &str| format!(r#"{{"healthy": false, "reason": "ill", "check": "{check}"}}"#);
    let (code, said) = post(site.dashboard, "server-2", TOKEN, &down("agent")).await;
    assert_eq!((code, said.as_str()), (202, r#"{"others":["api"],"pools":["web"],"taken":true}"#));
    let ill = |status: &Status, pool: usize| status.pools[pool].members[0].why.contains("ill");
    let status = site.until(|status| ill(status, 0)).await;
    assert!(!ill(&status, 1));
    let (code, said) = post(site.dashboard, "server-2", TOKEN, &down("disk")).await;
    assert_eq!((code, said.as_str()), (202, r#"{"others":[],"pools":["web","api"],"taken":true}"#));
    site.until(|status| ill(status, 1)).await;

    // Of two checks in one of the pools nobody knows which is meant: then no pool takes it.
    let up = r#"{"healthy": true}"#;
    let (code, said) = post(site.dashboard, "server-2", TOKEN, up).await;
    assert!(code == 422 && said.contains("more than one check of pool web"), "{said}");
    let (code, said) = post(site.dashboard, "server-2", TOKEN, &down("none")).await;
    assert!(code == 422 && said.contains("one of agent, disk"), "{said}");
    let (code, said) = post(site.dashboard, "server-9", TOKEN, up).await;
    assert!(code == 422 && said.contains("one of server-2, server-3"), "{said}");
    let twice = r#"{"healthy": true, "healthy": false}"#;
    let (code, said) = post(site.dashboard, "web/server-2", TOKEN, twice).await;
    assert!(code == 400 && said.contains("stands twice"), "{said}");
    let status = site.until(|_| true).await;
    assert!(ill(&status, 0) && ill(&status, 1));
}
