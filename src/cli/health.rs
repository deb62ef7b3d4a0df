//! `tiovivo health`: checks the configured server, for HEALTHCHECK lines and cron.
//!
//! Asks the dashboard for `/readyz`, and the DNS address over UDP for the SOA of the first zone;
//! both must succeed. Only these addresses are read from config.yaml: the server runs with what it
//! has loaded, so faults in the file do not matter.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::cli::config_arg::ConfigArg;
use crate::cli::output;
use crate::cli::output::{failure, refuse};
use crate::cli::remote::{exchange, reachable, request};
use crate::config::reach;
use crate::dns_client::exchange;
use crate::zone::name::Name;
use crate::zone::rtype;

const TIMEOUT: Duration = Duration::from_secs(2);
/// Most octets of the dashboard's reply that are read.
const REPLY_ROOM: u64 = 512;

#[derive(Debug, Args)]
pub struct HealthArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Ask only the dashboard at this address, and read no configuration
    #[arg(long, value_name = "ADDR:PORT")]
    at: Option<SocketAddr>,
}

pub fn run(args: &HealthArgs) -> ExitCode {
    let well = match args.at {
        Some(at) => readiness(at),
        None => {
            let path = match args.config.path() {
                Ok(path) => path,
                Err(code) => return code,
            };
            match reach::read(&path) {
                Ok(read) => {
                    read.dashboard.map_or(Ok(()), readiness).and_then(|()| match &read.zone {
                        Some(zone) => answers(read.listen, zone),
                        None => Ok(()),
                    })
                }
                Err(error) => return refuse(&format!("{error}, or write --at")),
            }
        }
    };
    match well {
        Ok(()) => output::print("well\n", ExitCode::SUCCESS),
        Err(error) => failure(error),
    }
}

fn readiness(dashboard: SocketAddr) -> Result<(), String> {
    let dashboard = reachable(dashboard);
    let said = |error: io::Error| format!("dashboard {dashboard}: {error}");
    let request = request(dashboard, "/readyz", None);
    let reply = exchange(dashboard, &request, TIMEOUT, REPLY_ROOM).map_err(said)?;
    let reply = String::from_utf8_lossy(&reply);
    let status = reply.lines().next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => {
            let why = reply.split_once("\r\n\r\n").map_or("", |(_, body)| body.trim());
            Err(format!("dashboard {dashboard}: {status}: {why}"))
        }
    }
}

fn answers(listen: SocketAddr, zone: &Name) -> Result<(), String> {
    let server = reachable(listen);
    let said = |error: io::Error| format!("DNS {server}: {error}");
    let reply = exchange::ask(server, &exchange::question(zone, rtype::SOA)).map_err(said)?;
    match reply.get(3) {
        Some(flags) if flags & 15 == 0 => Ok(()),
        Some(flags) => Err(format!("DNS {server}: rcode {} for {zone} SOA", flags & 15)),
        None => Err(format!("DNS {server}: half a message")),
    }
}
