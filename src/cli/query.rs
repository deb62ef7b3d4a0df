//! `tiovivo query`: what would be answered, from the configuration alone or by a running server.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::{ConfigArg, failure, faults, output, present, refuse};
use crate::cluster::pool::PoolId;
use crate::cluster::selection::{PoolHealth, select};
use crate::cluster::standing::Standing;
use crate::config::{self, Config};
use crate::control::served_config::identity;
use crate::dns::clock::Clock;
use crate::dns::exchange::{Client, Reply, Transport};
use crate::dns::respond::respond;
use crate::snapshot::statics::Statics;
use crate::snapshot::{PoolInput, Snapshot};
use crate::zone::name::Name;
use crate::zone::rdata::table::type_number;

/// A server that does not answer is given up after this.
const TIMEOUT: Duration = Duration::from_secs(2);
const TRIES: usize = 2;
const EDNS_SIZE: u16 = 1232;

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
    let query = message(&name, rtype);
    let start = Instant::now();
    let (reply, source) = match args.at {
        Some(server) => match ask(server, &query) {
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

/// One question with EDNS.
pub fn message(name: &Name, rtype: u16) -> Vec<u8> {
    let [high, low] = fastrand::u16(..).to_be_bytes();
    let [size_high, size_low] = EDNS_SIZE.to_be_bytes();
    let mut message = vec![high, low, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&rtype.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message.extend_from_slice(&[0, 0, 41, size_high, size_low, 0, 0, 0, 0, 0, 0]);
    message
}

/// The reply, and the configuration that it follows from.
fn offline(config: &ConfigArg, query: &[u8], from: IpAddr) -> Result<(Vec<u8>, PathBuf), ExitCode> {
    let path = config.path()?;
    let loaded = config::load(&path).map_err(|faults| faults::refuse(&faults))?;
    let snapshot = all_up(&loaded.config).map_err(failure)?;
    let mut room = vec![0; usize::from(u16::MAX)];
    let now = Clock::default().seconds();
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

/// Over UDP, and over TCP when the answer says that it was truncated.
pub fn ask(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let local: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(local)?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    let mut room = [0; u16::MAX as usize];
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for _ in 0..TRIES {
        socket.send(query)?;
        match socket.recv(&mut room) {
            Ok(len) if room[..len].get(..2) == query.get(..2) => {
                let truncated = room.get(2).is_some_and(|flags| flags & 2 != 0);
                return if truncated { ask_tcp(server, query) } else { Ok(room[..len].into()) };
            }
            Ok(_) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask_tcp(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(&[&(query.len() as u16).to_be_bytes(), query].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply)?;
    Ok(reply)
}
