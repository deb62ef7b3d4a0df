//! The same with real sockets: the writer, its schedule and its control targets.

use std::net::Ipv4Addr;
use std::time::Duration;

use tiovivo::checks::checked::Probe;
use tiovivo::checks::tcp::checked::TcpProbe;
use tiovivo::cluster::check::{Check, Thresholds};
use tiovivo::cluster::checks::Checks;
use tiovivo::cluster::pool::Pool;
use tiovivo::cluster::steadiness::{ReferenceTarget, Steadiness};
use tiovivo::control::served_config::ServedConfig;
use tiovivo::control::status::Status;
use tiovivo::control::writer::{Control, ControlHandle};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::cluster::{check, loaded, pool};

const SOON: Duration = Duration::from_secs(20);
const MEMBERS: [u8; 3] = [2, 3, 4];

/// Members 127.0.0.2 to 4 on one port, checked five times a second.
fn quick(port: u16) -> Pool {
    let check = Check {
        every: Duration::from_millis(200),
        timeout: Duration::from_millis(150),
        thresholds: Thresholds { fall: 2, rise: 2, forgive: 10 },
        ..check(port)
    };
    let common_cause = Some(Duration::from_secs(60));
    let steadiness = Steadiness { common_cause, ..Steadiness::default() };
    Pool { checks: Checks::one(check), steadiness, ..pool("web", &MEMBERS) }
}

async fn until(handle: &mut ControlHandle, what: impl FnMut(&Status) -> bool) -> Status {
    let mut what = what;
    let status = timeout(SOON, handle.status.wait_for(|status| what(status))).await;
    Status::clone(&status.expect("in time").unwrap())
}

async fn listen(host: u8, port: u16) -> TcpListener {
    TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), port)).await.unwrap()
}

/// A port that is free at all members and at the control target.
async fn members() -> (u16, Vec<TcpListener>) {
    for _ in 0..100 {
        let first = listen(MEMBERS[0], 0).await;
        let port = first.local_addr().unwrap().port();
        let mut all = vec![first];
        for host in MEMBERS[1..].iter().chain(&[5]) {
            all.extend(TcpListener::bind((Ipv4Addr::new(127, 0, 0, *host), port)).await.ok());
        }
        if all.len() == MEMBERS.len() + 1 {
            all.pop();
            return (port, all);
        }
    }
    panic!("no port is free");
}

fn start(port: u16, folder: &std::path::Path) -> ControlHandle {
    let control =
        ReferenceTarget { address: [127, 0, 0, 5].into(), probe: Probe::Tcp(TcpProbe { port }) };
    let loaded = ServedConfig { references: vec![control], ..*loaded(vec![quick(port)]) };
    let (control, _) = Control::new(Box::new(loaded), folder.into());
    control.start()
}

#[tokio::test]
async fn with_a_control_target_that_answers_the_dead_are_out() {
    let folder = tempfile::tempdir().unwrap();
    let (port, mut members) = members().await;
    let _control = listen(5, port).await;
    let mut handle = start(port, folder.path());
    until(&mut handle, |status| status.ready && status.pools[0].serving == 3).await;
    members.truncate(1);
    until(&mut handle, |status| status.pools[0].kept.is_some()).await;
    let status = until(&mut handle, |status| status.pools[0].serving == 1).await;
    assert_eq!(status.pools[0].answering, ["server-2"]);
    let told = "most members failed again, and a control target answers: they are believed";
    assert!(status.changes.iter().any(|change| change.what == told), "{:?}", status.changes);
    handle.stop().await;
}

#[tokio::test]
async fn without_any_answer_the_last_set_is_kept_until_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let (port, members) = members().await;
    let mut handle = start(port, folder.path());
    until(&mut handle, |status| status.ready && status.pools[0].serving == 3).await;
    drop(members);
    let status = until(&mut handle, |status| status.pools[0].cut_off).await;
    assert_eq!(status.pools[0].answering.len(), 3);
    let mut back = vec![];
    for host in MEMBERS {
        back.push(listen(host, port).await);
    }
    let status = until(&mut handle, |status| status.pools[0].kept.is_none()).await;
    assert_eq!(status.pools[0].serving, 3);
    assert!(status.changes.iter().all(|change| change.node.is_empty()), "{:?}", status.changes);
    handle.stop().await;
}
