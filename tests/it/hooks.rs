//! Hooks by themselves: what waits over stops, starts and reloads, what is given up, and how long
//! anything may take.

pub mod receiver;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tiovivo::cluster::hook::{Action, Hook, HookSecret, Scope};
use tiovivo::cluster::trust::Trust;
use tiovivo::control::change_feed::{self, ChangeSender};
use tiovivo::control::troubles::Troubles;
use tiovivo::hooks::attempt::MAX_REFUSALS;
use tiovivo::hooks::queue_file::FILE;
use tiovivo::hooks::status::HookStatus;
use tiovivo::hooks::{self, HooksHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::cluster::fall;
use crate::health::tls::Authority;
use crate::hooks::receiver::{Manner, Nobody, Receiver, SECRET};

const BOUND: Duration = Duration::from_secs(20);

/// Hooks without a server around them.
struct Run {
    sender: ChangeSender,
    handle: HooksHandle,
}

impl Run {
    fn start(folder: &Path, hooks: &[Hook]) -> Run {
        let (sender, changes) = change_feed::channel();
        Run {
            sender,
            handle: hooks::start(hooks, changes, folder, Some("ns1"), Troubles::default()),
        }
    }

    /// One change for each number.
    fn tell(&mut self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            self.sender.send(fall(&format!("server-{number}")));
        }
    }

    fn status(&self, name: &str) -> HookStatus {
        self.handle.status().into_iter().find(|hook| hook.name == name).unwrap()
    }

    #[track_caller]
    fn until(&self, name: &str, what: impl Fn(&HookStatus) -> bool) -> impl Future<Output = ()> {
        until(move || what(&self.status(name)))
    }

    async fn stop(self) -> Duration {
        let begin = Instant::now();
        drop(self.sender);
        self.handle.stop().await;
        begin.elapsed()
    }
}

async fn until(what: impl Fn() -> bool) {
    let begin = Instant::now();
    while !what() {
        assert!(begin.elapsed() < BOUND, "not within {BOUND:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

fn webhook(name: &str, at: SocketAddr) -> Hook {
    let action = Action::Webhook {
        url: format!("http://{at}/hook"),
        secret: Some(HookSecret(SECRET.as_bytes().into())),
        trust: Trust::Public,
    };
    hook(name, action)
}

fn hook(name: &str, action: Action) -> Hook {
    Hook {
        name: name.into(),
        action,
        on: vec![Scope::Node],
        pools: vec![],
        timeout: Duration::from_secs(10),
        retry: Duration::from_millis(10),
    }
}

fn nodes(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["node"].as_str().unwrap()).collect()
}

fn content(folder: &Path) -> String {
    fs::read_to_string(folder.join(FILE)).unwrap_or_default()
}

#[tokio::test]
async fn what_waits_at_a_stop_is_delivered_by_the_next_run_in_order_and_with_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Nobody::new();
    let hooks = [webhook("pager", nobody.address())];
    let mut run = Run::start(folder.path(), &hooks);
    run.tell(0..40);
    run.until("pager", |hook| hook.waiting == 40).await;
    let took = run.stop().await;
    assert!(took < Duration::from_secs(4), "the stop took {took:?}");
    let kept: Value = serde_json::from_str(&content(folder.path())).unwrap();
    let kept = kept["hooks"][0]["events"].as_array().unwrap().clone();
    assert_eq!(kept.len(), 40);

    let receiver = Receiver::default();
    receiver.is(Manner::Takes);
    receiver.listen(nobody.listen());
    let mut run = Run::start(folder.path(), &hooks);
    run.tell(40..45);
    run.until("pager", |hook| hook.delivered == 45).await;
    let events = receiver.events();
    assert_eq!(events[..40], kept, "the same, with the same ids");
    let wanted: Vec<String> = (0..45).map(|number| format!("server-{number}")).collect();
    assert_eq!(nodes(&events), wanted);
    assert!(receiver.ids().is_sorted_by(|a, b| a < b));
    assert_eq!(run.status("pager").why, "every event is delivered");
    run.stop().await;
    assert!(content(folder.path()).ends_with("\"hooks\":[]}"), "{}", content(folder.path()));
    // Nothing is told twice.
    Run::start(folder.path(), &hooks).stop().await;
    assert_eq!(receiver.events().len(), 45);
}

/// What a crash leaves is what the file has at that moment.
#[tokio::test]
async fn the_file_follows_while_the_hooks_run() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, address) = Receiver::start(Manner::Hangs);
    let mut run = Run::start(folder.path(), &[webhook("pager", address)]);
    assert!(!folder.path().join(FILE).exists(), "nothing waits yet");
    let has = |number: u32| content(folder.path()).contains(&format!("\"server-{number}\""));
    run.tell(0..3);
    until(|| has(0) && has(1) && has(2)).await;
    receiver.is(Manner::Takes);
    run.handle.reload(&[Hook { timeout: BOUND, ..webhook("pager", address) }]);
    run.until("pager", |hook| hook.delivered == 3).await;
    until(|| !has(0) && !has(1) && !has(2)).await;
    run.stop().await;
}

/// Whoever keeps the standings waits for that.
#[tokio::test]
async fn changes_are_heeded_when_a_crash_would_not_lose_them() {
    let folder = tempfile::tempdir().unwrap();
    let (_receiver, address) = Receiver::start(Manner::Hangs);
    let mut run = Run::start(folder.path(), &[webhook("pager", address)]);
    run.tell(0..3);
    run.sender.backlog().persisted().await;
    let kept = content(folder.path());
    assert!((0..3).all(|number| kept.contains(&format!("\"server-{number}\""))), "{kept}");
    run.handle.reload(&[]);
    run.tell(3..5);
    run.sender.backlog().persisted().await;
    assert!(!content(folder.path()).contains("server-4"), "nobody wants it");
    let mut backlog = run.sender.backlog();
    run.stop().await;
    backlog.persisted().await;
}

#[tokio::test]
async fn events_of_a_hook_that_is_gone_are_dropped_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, address) = Receiver::start(Manner::Takes);
    let nobody = Nobody::new();
    let at = nobody.address();
    let mut run = Run::start(folder.path(), &[webhook("old", at), webhook("pager", at)]);
    run.tell(0..3);
    run.until("old", |hook| hook.waiting == 3).await;
    run.stop().await;
    let run = Run::start(folder.path(), &[webhook("pager", address)]);
    run.until("pager", |hook| hook.delivered == 3).await;
    until(|| !content(folder.path()).contains("\"old\"")).await;
    run.stop().await;
    assert_eq!(receiver.events().len(), 3);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_stops_nothing_and_is_kept_aside() {
    let event = r#"{"version":1,"last_id":1,"hooks":[{"name":"pager","events":[{"id":1}]}]}"#;
    for broken in ["", "{", "\0\0", r#"{"version":2,"last_id":1,"hooks":[]}"#, event] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), broken).unwrap();
        let (_receiver, address) = Receiver::start(Manner::Takes);
        let mut run = Run::start(folder.path(), &[webhook("pager", address)]);
        run.tell(0..1);
        run.until("pager", |hook| hook.delivered == 1).await;
        run.stop().await;
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let aside = |path: &std::path::PathBuf| path.to_str().unwrap().contains("json.broken-");
        let aside: Vec<_> = names.filter(aside).collect();
        assert_eq!(fs::read_to_string(&aside[0]).unwrap(), broken);
        assert!(content(folder.path()).starts_with("{\"version\":1,"), "{broken:?}");
    }
}

/// A folder stands for a file that cannot be read.
#[tokio::test]
async fn a_file_that_cannot_be_read_is_not_written_over_and_delivered_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mended) = (folder.path().join(FILE), folder.path().join("mended"));
    let nobody = Nobody::new();
    let hooks = [webhook("pager", nobody.address())];
    let mut run = Run::start(folder.path(), &hooks);
    run.tell(0..3);
    run.until("pager", |hook| hook.waiting == 3).await;
    run.stop().await;
    fs::rename(&path, &mended).unwrap();
    fs::create_dir(&path).unwrap();

    let mut run = Run::start(folder.path(), &hooks);
    run.tell(3..5);
    run.until("pager", |hook| hook.waiting == 2).await;
    fs::remove_dir(&path).unwrap();
    fs::rename(&mended, &path).unwrap();
    run.until("pager", |hook| hook.waiting == 5).await;
    until(|| content(folder.path()).contains("server-4\"")).await;
    let receiver = Receiver::default();
    receiver.is(Manner::Takes);
    receiver.listen(nobody.listen());
    run.until("pager", |hook| hook.delivered == 5).await;
    // What was in hand already was told first.
    let told = receiver.events();
    assert_eq!(nodes(&told), ["server-3", "server-0", "server-1", "server-2", "server-4"]);
    run.stop().await;
}

#[tokio::test]
async fn what_is_in_the_way_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::write(&state, "a file where the folder should be").unwrap();
    let (receiver, address) = Receiver::start(Manner::Takes);
    let mut run = Run::start(&state, &[webhook("pager", address)]);
    run.tell(0..2);
    run.until("pager", |hook| hook.delivered == 2).await;
    run.stop().await;
    assert_eq!(fs::read_to_string(&state).unwrap(), "a file where the folder should be");
    assert_eq!(receiver.events().len(), 2);
}

#[tokio::test]
async fn an_event_that_is_always_refused_is_given_up_and_the_next_ones_get_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, address) = Receiver::start(Manner::Takes);
    receiver.refuses("server-1\"");
    let quick = Hook { retry: Duration::from_millis(1), ..webhook("pager", address) };
    let mut run = Run::start(folder.path(), &[quick]);
    run.tell(0..4);
    run.until("pager", |hook| hook.delivered == 3).await;
    assert_eq!(nodes(&receiver.events()), ["server-0", "server-2", "server-3"]);
    let status = run.status("pager");
    assert_eq!((status.refused, status.dropped, status.waiting), (1, 0, 0));
    assert_eq!(status.failed, u64::from(MAX_REFUSALS));
    assert_eq!(receiver.attempts(), 3 + MAX_REFUSALS as usize);
    assert_eq!(status.last_failure.unwrap().error, "HTTP 422, expected 2xx");
    assert_eq!(status.last_error, None);
    run.stop().await;
    assert!(content(folder.path()).ends_with("\"hooks\":[]}"), "it is not kept either");
}

/// The receiver has the event, whatever the form of its answer.
#[tokio::test]
async fn an_answer_of_an_odd_form_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, address) = Receiver::start(Manner::Folds);
    let mut run = Run::start(folder.path(), &[webhook("pager", address)]);
    run.tell(0..3);
    run.until("pager", |hook| hook.delivered == 3).await;
    assert_eq!(receiver.attempts(), 3);
    run.stop().await;
}

#[tokio::test]
async fn what_answers_no_http_has_the_event_no_more_often_than_what_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, address) = Receiver::start(Manner::Babbles);
    let quick = Hook { retry: Duration::from_millis(1), ..webhook("pager", address) };
    let mut run = Run::start(folder.path(), &[quick]);
    run.tell(0..1);
    run.until("pager", |hook| hook.refused == 1).await;
    assert_eq!(receiver.attempts(), MAX_REFUSALS as usize);
    assert_eq!(run.status("pager").last_failure.unwrap().error, "not an HTTP answer");
    run.stop().await;
}

#[tokio::test]
async fn what_is_ill_is_told_for_as_long_as_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    for code in [500, 503, 408, 425, 429, 307] {
        let (receiver, address) = Receiver::start(Manner::Answers(code));
        let quick = Hook { retry: Duration::from_millis(1), ..webhook("pager", address) };
        let mut run = Run::start(folder.path(), &[quick]);
        run.tell(0..2);
        let more = u64::from(MAX_REFUSALS) + 1;
        run.until("pager", |hook| hook.failed > more).await;
        receiver.is(Manner::Takes);
        run.until("pager", |hook| hook.delivered == 2).await;
        assert_eq!(run.status("pager").refused, 0, "{code}");
        run.stop().await;
    }
}

#[tokio::test]
async fn a_command_may_refuse_an_event_too() {
    let folder = tempfile::tempdir().unwrap();
    let script = "read -r line; case $line in *server-1*) exit 65;; esac";
    let sh = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let hook = Hook { retry: Duration::from_millis(1), ..hook("noter", Action::Command(sh)) };
    let mut run = Run::start(folder.path(), &[hook]);
    run.tell(0..3);
    run.until("noter", |hook| hook.delivered == 2).await;
    let status = run.status("noter");
    assert_eq!((status.refused, status.failed), (1, u64::from(MAX_REFUSALS)));
    let told = status.last_failure.unwrap().error;
    assert_eq!(told, "/bin/sh refuses it with exit code 65");
    run.stop().await;
}

/// One hook is removed, one is changed, and one stays as it is, while each has an event in hand.
#[tokio::test]
async fn a_reload_in_the_middle_of_a_delivery() {
    let folder = tempfile::tempdir().unwrap();
    let [gone, changed, same] = [(); 3].map(|()| Receiver::start(Manner::Hangs));
    let hooks = [
        webhook("gone", gone.1),
        webhook("changed", changed.1),
        Hook { timeout: BOUND, ..webhook("same", same.1) },
    ];
    let mut run = Run::start(folder.path(), &hooks);
    run.tell(0..5);
    let under_way = || [&gone.0, &changed.0, &same.0].iter().all(|r| r.attempts() == 1);
    until(under_way).await;
    let (other, address) = Receiver::start(Manner::Takes);
    run.handle.reload(&[hooks[2].clone(), webhook("changed", address)]);
    run.until("changed", |hook| hook.delivered == 5).await;
    assert_eq!(other.events().len(), 5, "with the one that was in hand");
    assert!(other.ids().is_sorted_by(|a, b| a < b));
    assert_eq!(run.handle.status().len(), 2);
    // The attempt that was under way goes on; nothing of it was broken off.
    assert_eq!((same.0.attempts(), run.status("same").waiting), (1, 5));
    assert_eq!(run.status("same").failed, 0);
    for receiver in [&gone.0, &changed.0, &same.0] {
        receiver.is(Manner::Takes);
    }
    run.handle.reload(&[Hook { timeout: Duration::from_secs(1), ..hooks[2].clone() }]);
    run.until("same", |hook| hook.delivered == 5).await;
    assert_eq!(same.0.events().len(), 5);
    assert_eq!((gone.0.events().len(), changed.0.events().len()), (0, 0));
    run.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_a_receiver_no_longer_than_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, address) = Receiver::start(Manner::Hangs);
    let script = ["/bin/sh", "-c", "trap '' TERM; sleep 1000"].map(str::to_owned).to_vec();
    let hooks = [webhook("pager", address), hook("noter", Action::Command(script))];
    let mut run = Run::start(folder.path(), &hooks);
    run.tell(0..3);
    until(|| receiver.attempts() == 1).await;
    let took = run.stop().await;
    assert!((2.0..3.5).contains(&took.as_secs_f64()), "the stop took {took:?}");
    let kept: Value = serde_json::from_str(&content(folder.path())).unwrap();
    for hook in kept["hooks"].as_array().unwrap() {
        assert_eq!(hook["events"].as_array().unwrap().len(), 3, "also the one in hand: {hook}");
    }
}

/// Whether a process runs: one that has ended, and nobody waited for, does not.
fn runs(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains("zombie"))
}

#[tokio::test]
async fn a_command_that_hangs_and_ignores_sigterm_is_killed_with_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let script = "trap '' TERM INT HUP; sleep 1000 & echo $! >$0.new; echo $$ >>$0.new; \
                  mv $0.new $0; sleep 1000";
    let words = ["/bin/sh", "-c", script, file.to_str().unwrap()].map(str::to_owned).to_vec();
    let hook = hook("noter", Action::Command(words));
    let hook = Hook { timeout: Duration::from_secs(2), retry: BOUND, ..hook };
    let mut run = Run::start(folder.path(), &[hook]);
    run.tell(0..1);
    run.until("noter", |hook| hook.failed == 1).await;
    assert_eq!(run.status("noter").last_error.as_deref(), Some("not done within 2s"));
    let processes = fs::read_to_string(file).unwrap();
    assert_eq!(processes.lines().count(), 2);
    until(|| !processes.lines().any(runs)).await;
    run.stop().await;
}

/// Answers each request with 204, and counts them.
async fn over_tls(acceptor: TlsAcceptor) -> (u16, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(b"HTTP/1.1 204 Fine\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    (port, taken)
}

#[tokio::test]
async fn an_https_receiver_needs_a_certificate_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (port, taken) = over_tls(ours.acceptor("localhost", |_| {})).await;
    let trusting = |trust: Trust, host: &str| {
        let url = format!("https://{host}:{port}/hook");
        hook("pager", Action::Webhook { url, secret: None, trust })
    };
    let mut run = Run::start(folder.path(), &[trusting(Trust::Public, "localhost")]);
    run.tell(0..1);
    let wrong = [
        (Trust::Public, "localhost", "the issuer of the certificate is not trusted"),
        (theirs.trust(), "localhost", "the issuer of the certificate is not trusted"),
        (ours.trust(), "127.0.0.1", "the certificate is not for 127.0.0.1"),
    ];
    for (trust, host, told) in wrong {
        run.handle.reload(&[trusting(trust, host)]);
        run.until("pager", |hook| hook.last_error.as_deref() == Some(told)).await;
    }
    assert_eq!(taken.load(Ordering::SeqCst), 0, "nobody was told anything");
    run.handle.reload(&[trusting(ours.trust(), "localhost")]);
    run.until("pager", |hook| hook.delivered == 1).await;
    assert_eq!(taken.load(Ordering::SeqCst), 1);
    run.stop().await;
}
