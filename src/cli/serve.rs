//! `tiovivo serve`: load, bind, answer, probe, publish, ready; until a signal ends it.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::end::End;
use crate::cli::output::failure;
use crate::cli::runtimes::{Beside, Runtimes};
use crate::cli::server::{self, Running};
use crate::cli::supervisor::Supervisor;
use crate::cli::{faults, logging};
use crate::config;

pub fn run(path: &Path) -> ExitCode {
    let end = End::listen();
    logging::init();
    // Threads that hang in a system call are left behind.
    match end.and_then(|end| Ok((end, Runtimes::new()?))) {
        Ok((end, runtimes)) => runtimes.run(|beside| serve(path, beside, end)),
        Err(error) => failure(error),
    }
}

async fn serve(path: &Path, beside: Beside, end: End) -> ExitCode {
    // From here on SIGHUP asks for a reload; before, it would end the process.
    let hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return failure(error),
    };
    let loaded = match config::load::load(path) {
        Ok(loaded) => loaded,
        Err(found) => return faults::refuse(&found),
    };
    faults::warn(&loaded.warnings);
    let mut running = match server::start(path, loaded.config, hangup, &beside).await {
        Ok(running) => running,
        Err(error) => return failure(error),
    };
    end.serves();
    for address in &running.dns {
        tracing::info!("answering on {address}, UDP and TCP");
    }
    if let Some(dashboard) = running.dashboard {
        tracing::info!("dashboard on http://{dashboard}/");
    }
    let result = until_asked(&mut running, &end).await;
    tracing::info!("stopping");
    running.stop().await;
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(error),
    }
}

/// Notifies the supervisor that the server is ready and alive, until the server is to end.
async fn until_asked(running: &mut Running, end: &End) -> std::io::Result<()> {
    let (supervisor, mut death) = Supervisor::start(running.life())?;
    let ready = async {
        server::until_ready(&mut running.status).await;
        tracing::info!("ready");
        supervisor.ready();
        std::future::pending::<()>().await;
    };
    let result = tokio::select! {
        () = end.asked() => Ok(()),
        what = &mut death => {
            let what = what.unwrap_or("the thread that looks after this server has ended");
            Err(std::io::Error::other(what))
        }
        () = ready => Ok(()),
    };
    supervisor.stopping();
    result
}
