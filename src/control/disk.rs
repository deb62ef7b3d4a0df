//! Work on a disk that may not answer, such as one on another machine. Nobody but the one who
//! asked waits for it; what hangs is shown; and of each kind of work one at a time is under way,
//! so that one thread hangs at most.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::control::troubles::{Subject, Troubles};

/// For the disk to answer before it is shown that it does not.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// At the start, which goes on without what the disk has.
pub const START: Duration = Duration::from_secs(3);

/// What `work` returns, however long that takes. Its trouble with `subject` lasts until it is well.
pub async fn ask<T: Send + 'static>(
    troubles: &Troubles,
    subject: Subject,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let mut task = spawn_blocking(work);
    let done = tokio::select! {
        done = &mut task => done,
        () = sleep(PATIENCE) => {
            troubles.begin(subject, late(subject));
            task.await
        }
    };
    let done = done.unwrap_or_else(|_| Err("the disk was not asked".into()));
    match &done {
        Ok(_) => troubles.end(subject),
        Err(what) => troubles.begin(subject, said(subject, what)),
    }
    done
}

/// Some work of the start took too long: the disk is asked for nothing else.
static IS_LATE: AtomicBool = AtomicBool::new(false);

/// `None` when it takes longer than [`START`]; then the work goes on, and nobody hears of it.
pub fn at_start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if IS_LATE.load(Ordering::Relaxed) {
        return None;
    }
    let (done, result) = sync_channel(1);
    let run = move || drop(done.try_send(work()));
    thread::Builder::new().name("state".into()).spawn(run).ok()?;
    let result = result.recv_timeout(START).ok();
    IS_LATE.fetch_or(result.is_none(), Ordering::Relaxed);
    result
}

pub fn late(subject: Subject) -> String {
    said(subject, &format!("the state folder has not answered for {} s", PATIENCE.as_secs()))
}

fn said(subject: Subject, what: &str) -> String {
    match subject {
        Subject::Standings => format!("the state is not kept: {what}"),
        Subject::Hooks => format!("what waits for hooks is not kept: {what}"),
        Subject::Orders => format!("no operator's order can be kept: {what}"),
        Subject::Configuration
        | Subject::StateFolder
        | Subject::TokenFile
        | Subject::ReportTokenFile => what.to_owned(),
    }
}
