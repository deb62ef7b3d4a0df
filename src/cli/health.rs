//! `tiovivo health`: is the configured server well? For HEALTHCHECK lines and cron.
//!
//! Asks the server's own addresses: `/readyz` of the dashboard, and over UDP the SOA of the first
//! zone. Both must be fine.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::remote::{exchange, reachable, request};
use crate::cli::{failure, faults, query};
use crate::config::{self, Config};
use crate::zone::rtype;

const TIMEOUT: Duration = Duration::from_secs(2);
/// Octets of the dashboard's reply that are looked at.
const REPLY_ROOM: u64 = 512;

pub fn run(path: &Path) -> ExitCode {
    let loaded = match config::load(path) {
        Ok(loaded) => loaded,
        Err(found) => return faults::refuse(&found),
    };
    match readiness(&loaded.config).and_then(|()| answers(&loaded.config)) {
        Ok(()) => {
            println!("well");
            ExitCode::SUCCESS
        }
        Err(error) => failure(error),
    }
}

fn readiness(config: &Config) -> Result<(), String> {
    let Some(dashboard) = config.server.dashboard else { return Ok(()) };
    let dashboard = reachable(dashboard);
    let said = |error: io::Error| format!("dashboard {dashboard}: {error}");
    let request = request(dashboard, "/readyz", None);
    let reply = exchange(dashboard, &request, TIMEOUT, REPLY_ROOM).map_err(said)?;
    let reply = String::from_utf8_lossy(&reply);
    let status = reply.lines().next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(format!("dashboard {dashboard}: {status}")),
    }
}

fn answers(config: &Config) -> Result<(), String> {
    let (Some(listen), Some(zone)) = (config.server.listen.first(), config.zones.first()) else {
        return Ok(());
    };
    let server = reachable(*listen);
    let said = |error: io::Error| format!("DNS {server}: {error}");
    let reply = query::ask(server, &query::message(&zone.apex, rtype::SOA)).map_err(said)?;
    match reply.get(3) {
        Some(flags) if flags & 15 == 0 => Ok(()),
        Some(flags) => Err(format!("DNS {server}: rcode {} for {} SOA", flags & 15, zone.apex)),
        None => Err(format!("DNS {server}: half a message")),
    }
}
