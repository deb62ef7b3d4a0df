//! `tiovivo query`: the answer to a question, by the configuration alone or by a running server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use crate::cli::config_arg::ConfigArg;
use crate::cli::output::{failure, refuse};
use crate::cli::{faults, output};
use crate::cluster::pool::PoolId;
use crate::cluster::selection::{PoolHealth, select};
use crate::cluster::standing::Standing;
use crate::config::{self, Config};
use crate::control::served_config::identity;
use crate::dns::cookie_clock::CookieClock;
use crate::dns::exchange::{Client, Reply, Transport};
use crate::dns::respond::respond;
use crate::dns_client::{exchange, present};
use crate::snapshot::statics::Statics;
use crate::snapshot::{PoolInput, Snapshot};
use crate::zone::name::Name;
use crate::zone::rdata::table::type_number;

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The name asked for
    name: String,
    /// Its type: A, AAAA, MX, TYPE65 …
    #[arg(default_value = "A")]
    rtype: String,
    #[command(flatten)]
    config: ConfigArg,
    /// Ask a running server instead of the configuration
    #[arg(long, value_name = "ADDR:PORT")]
    at: Option<SocketAddr>,
    /// Answer as to this client, from the configuration; pools may be restricted to some
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST),
        conflicts_with = "at")]
    from: IpAddr,
}

pub fn run(args: &QueryArgs) -> ExitCode {
    let name = match Name::parse(&args.name) {
        Ok(name) => name,
        Err(fault) => return refuse(&format!("{:?} is no domain name: {fault}", args.name)),
    };
    let Some(rtype) = type_number(&args.rtype.to_ascii_uppercase()) else {
        return refuse(&format!("{:?} is no RR type; write A, AAAA, MX or TYPE65", args.rtype));
    };
    let query = exchange::question(&name, rtype);
    let start = Instant::now();
    let (reply, source) = match args.at {
        Some(server) => match exchange::ask(server, &query) {
            Ok(reply) => (reply, server.to_string()),
            Err(error) => return failure(format!("no answer from {server}: {error}")),
        },
        None => match offline(&args.config, &query, args.from) {
            Ok((reply, path)) => (reply, format!("{}, every node up", path.display())),
            Err(code) => return code,
        },
    };
    let Some(text) = present::message(&reply) else {
        return failure(format!("what {source} sent is no DNS message"));
    };
    let time = start.elapsed().as_millis();
    let end = format!("\n;; Query time: {time} msec\n;; SERVER: {source}\n");
    let size = format!(";; MSG SIZE  rcvd: {}\n", reply.len());
    output::print(&(text + &end + &size), ExitCode::SUCCESS)
}

/// The reply by the configuration, and the path of config.yaml.
fn offline(config: &ConfigArg, query: &[u8], from: IpAddr) -> Result<(Vec<u8>, PathBuf), ExitCode> {
    let path = config.path()?;
    let loaded = config::load::load(&path).map_err(|faults| faults::refuse(&faults))?;
    let snapshot = all_up(&loaded.config).map_err(failure)?;
    let mut room = vec![0; usize::from(u16::MAX)];
    let now = CookieClock::default().seconds();
    let client = Client { address: from, transport: Transport::Stream, idle: None, now };
    match respond(&snapshot, query, &client, fastrand::u64(..), &mut room) {
        Reply::Send { len, .. } => {
            room.truncate(len);
            Ok((room, path))
        }
        Reply::Drop => Err(failure("the query would be dropped")),
    }
}

/// The answers while every node serves.
fn all_up(config: &Config) -> Result<Snapshot, String> {
    let published = config.published.iter().map(|p| (&p.owner, p.pool));
    let identity = identity(&config.server);
    let statics = Statics::build(&config.zones, published, identity).map_err(|e| e.to_string())?;
    let health: Vec<PoolHealth> = config
        .pools
        .iter()
        .map(|pool| PoolHealth::of(vec![Standing::Serving; pool.membership.len()]))
        .collect();
    let input = |index: usize| PoolInput {
        selection: select(&config.pools, &health, PoolId(index as u32)),
        ttl: config.pools[index].ttl,
    };
    let inputs: Vec<PoolInput> = (0..config.pools.len()).map(input).collect();
    Ok(Snapshot::build(&Arc::new(statics), &config.pools, &inputs, None))
}
