//! `tiovivo serve`: load, bind, answer, probe, publish, ready; until a signal ends it.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::runtimes::{Beside, Runtimes};
use crate::cli::server::{self, Running};
use crate::cli::{failure, faults, logging, supervisor};
use crate::config;

pub fn run(path: &Path) -> ExitCode {
    logging::init();
    match Runtimes::new() {
        Ok(runtimes) => runtimes.run(|beside| serve(path, beside)),
        Err(error) => failure(error),
    }
}

async fn serve(path: &Path, beside: Beside) -> ExitCode {
    // From here on it asks for a reload; before, it would end the process.
    let hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return failure(error),
    };
    let loaded = match config::load(path) {
        Ok(loaded) => loaded,
        Err(found) => return faults::refuse(&found),
    };
    faults::warn(&loaded.warnings);
    let mut running = match server::start(path, loaded.config, hangup, &beside).await {
        Ok(running) => running,
        Err(error) => return failure(error),
    };
    for address in &running.dns {
        tracing::info!("answering on {address}, UDP and TCP");
    }
    if let Some(dashboard) = running.dashboard {
        tracing::info!("dashboard on http://{dashboard}/");
    }
    let result = until_signal(&mut running).await;
    supervisor::stopping();
    tracing::info!("stopping");
    running.stop().await;
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(error),
    }
}

/// Tells the supervisor when it is ready and that it lives, until SIGTERM or SIGINT.
async fn until_signal(running: &mut Running) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let life = async {
        server::until_ready(&mut running.status).await;
        tracing::info!("ready");
        supervisor::ready();
        supervisor::keep_alive(|| running.is_alive()).await
    };
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        error = life => Err(error),
    }
}
