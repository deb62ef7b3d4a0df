//! One probe: one connection to the member's own address, one verdict.
//!
//! This is all that the server ever sends on its own account. Nothing is kept between two probes,
//! so each one also tests that the member accepts connections. No proxy, no redirect, no retry: a
//! second try would hide the very loss that is measured.
//!
//! Deliberately missing: a login at the database.

pub mod connection;
pub mod dns;
pub mod exec;
pub mod failure;
pub mod find;
pub mod group;
pub mod grpc;
pub mod http;
pub mod icmp;
pub mod mysql;
pub mod proxy;
pub mod redis;
pub mod route;
pub mod service;
pub mod start;
pub mod start_tls;
pub mod talk;
pub mod tcp;
pub mod tls;
pub mod trust;
pub mod verifier;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};

use crate::cluster::check::Probe;
use crate::cluster::node::NodeName;
use crate::cluster::pool::PoolName;
use crate::health::heart::{Heart, late};
use crate::health::probe::connection::Connection;
use crate::health::probe::dns::DnsProber;
use crate::health::probe::exec::ExecProber;
use crate::health::probe::failure::Failure;
use crate::health::probe::grpc::GrpcProber;
use crate::health::probe::http::HttpProber;
use crate::health::probe::icmp::IcmpProber;
use crate::health::probe::mysql::MysqlProber;
use crate::health::probe::redis::RedisProber;
use crate::health::probe::talk::TalkProber;
use crate::health::probe::tcp::TcpProber;
use crate::health::probe::tls::TlsProber;
use crate::rcode::Rcode;

pub type Verdict = Result<Healthy, Failure>;

/// The member answered as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Healthy {
    pub said: Said,
    /// From the start of the connection to the end of what was waited for.
    pub rtt: Duration,
    /// When the server's certificate ends; `None` without TLS, or of one without an end.
    pub certificate: Option<Timestamp>,
}

/// `200 in 1.3 ms`.
impl fmt::Display for Healthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.took() {
            Some(took) => write!(f, "{} in {:.1} ms", self.said, took.as_secs_f64() * 1000.0),
            None => self.said.fmt(f),
        }
    }
}

impl Healthy {
    /// Of one that was not asked.
    pub fn reported(said: Said) -> Healthy {
        Healthy { said, rtt: Duration::ZERO, certificate: None }
    }

    /// `None` of one that was not asked.
    pub fn took(&self) -> Option<Duration> {
        (!matches!(self.said, Said::Reported { .. })).then_some(self.rtt)
    }

    pub fn capacity(&self) -> Capacity {
        match self.said {
            Said::Weighed(_, capacity) => capacity,
            Said::Reported { weight: Some(weight) } => Capacity::Percent(weight),
            _ => Capacity::Silent,
        }
    }
}

/// The healthy answer of each kind of probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Status(u16),
    Accepted,
    /// A handshake; the days until the certificate ends, rounded down. `None` of a certificate
    /// without an end.
    Certificate {
        days: Option<i64>,
    },
    /// A reply to a ping.
    Echo,
    /// A command, with 0.
    Exit,
    /// What was looked for.
    Expected,
    Greeting,
    /// A MySQL server greets with "Too many connections", and that was to be up.
    Full,
    /// A MySQL server that serves other hosts than this one.
    OtherHosts,
    Pong,
    /// A Redis server that answers nobody without a password.
    WantsPassword,
    Rcode(Rcode),
    /// The gRPC health service.
    Serving,
    /// By itself, or by an outside system; with its capacity in percent.
    Reported {
        weight: Option<u8>,
    },
    /// A status, and what the answer says of the node's capacity.
    Weighed(u16, Capacity),
}

/// What a node says of how much it can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    Silent,
    /// 0 to 100.
    Percent(u8),
    /// Something that is no such number.
    Garbage,
}

/// Whoever can be asked for a verdict. It need not watch the clock: [`judge`] does.
pub trait Ask: Send + Sync + 'static {
    fn ask(&self) -> impl Future<Output = Result<Said, Failure>> + Send;

    /// What must be held while it is asked; waiting for it is no time of the member's. Most kinds
    /// need nothing.
    fn turn(&self) -> impl Future<Output = Option<SemaphorePermit<'static>>> + Send {
        std::future::ready(None)
    }

    /// What it means that there was no answer `within` its time.
    fn silence(&self, within: Duration) -> Failure {
        Failure::NoAnswer { within }
    }

    /// When the certificate ends that the newest handshake showed.
    fn certificate(&self) -> Option<Timestamp> {
        None
    }
}

/// A probe that was held up for more than this part of its time says nothing of the node, unless
/// the node was heard all the same.
const HELD_UP: u32 = 4;

/// Asks once, and takes silence for a failure. Time in which this process was held up is given back
/// once: an answer that is there by then has come in time.
///
/// | the node | held up for less than a quarter of the time | for more |
/// |---|---|---|
/// | answers well | up | up |
/// | is refused, says what it should not | a failure | a failure |
/// | is silent, or [`Failure::goes_by_time`] | a failure | void: it counts as not sent |
pub async fn judge_beside(member: &impl Ask, within: Duration, heart: &Arc<Heart>) -> Verdict {
    let (flight, started) = (heart.fly(), Instant::now());
    let mut ask = pin!(member.ask());
    let mut end = started + within;
    let mut answer = timeout_at(end, ask.as_mut()).await;
    let mut held_up = flight.held_up().max(late(end));
    if answer.is_err() && !held_up.is_zero() {
        end = Instant::now() + held_up.min(within);
        answer = timeout_at(end, ask.as_mut()).await;
        held_up = flight.held_up().max(held_up + late(end));
    }
    match answer.unwrap_or_else(|_| Err(member.silence(within))) {
        Ok(said) => {
            let rtt = started.elapsed().saturating_sub(held_up);
            Ok(Healthy { said, rtt, certificate: member.certificate() })
        }
        Err(failure) => Err(unless_void(failure, held_up, within)),
    }
}

/// The same where nobody notices hold-ups but the probe's own timer.
pub async fn judge(member: &impl Ask, within: Duration) -> Verdict {
    judge_beside(member, within, &Arc::default()).await
}

/// What a failure says after this process was held up for so long of the time.
pub fn unless_void(failure: Failure, held_up: Duration, within: Duration) -> Failure {
    match failure.goes_by_time() && held_up > within / HELD_UP {
        true => Failure::Void { held_up },
        false => failure,
    }
}

/// Who is probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub node: NodeName,
    pub pool: PoolName,
    pub address: IpAddr,
}

/// A check's probe, made ready for one address.
#[derive(Debug)]
pub enum Prober {
    Http(Box<HttpProber>),
    Tcp(TcpProber),
    Talk(TalkProber),
    Exec(Box<ExecProber>),
    Icmp(IcmpProber),
    Tls(Box<TlsProber>),
    Mysql(MysqlProber),
    Redis(RedisProber),
    Dns(Box<DnsProber>),
    Grpc(Box<GrpcProber>),
}

impl Prober {
    /// `None` of a push: nothing is sent.
    pub fn new(subject: &Subject, probe: &Probe) -> Option<Prober> {
        let address = subject.address;
        Some(match probe {
            Probe::Http(http) => Prober::Http(Box::new(HttpProber::new(address, http))),
            Probe::Tcp { port } => Prober::Tcp(TcpProber::new(SocketAddr::new(address, *port))),
            Probe::Talk(talk) => Prober::Talk(TalkProber::new(address, talk)),
            Probe::Tls(tls) => Prober::Tls(Box::new(TlsProber::new(address, tls))),
            Probe::Icmp { size } => Prober::Icmp(IcmpProber { address, size: *size }),
            Probe::Exec(exec) => Prober::Exec(Box::new(ExecProber::new(subject, exec))),
            Probe::Mysql(mysql) => Prober::Mysql(MysqlProber::new(address, mysql)),
            Probe::Redis(redis) => Prober::Redis(RedisProber::new(address, redis)),
            Probe::Dns(dns) => Prober::Dns(Box::new(DnsProber::new(address, dns))),
            Probe::Grpc(grpc) => Prober::Grpc(Box::new(GrpcProber::new(address, grpc))),
            Probe::Push(_) => return None,
        })
    }
}

impl Prober {
    /// Asks over a connection that is there already; `None` of a kind that needs no stream.
    pub async fn converse(&self, stream: Connection) -> Option<Result<Said, Failure>> {
        Some(match self {
            Prober::Http(prober) => prober.converse(stream).await,
            Prober::Talk(prober) => prober.converse(stream).await,
            Prober::Tls(prober) => prober.converse(stream).await,
            Prober::Mysql(prober) => prober.converse(stream).await,
            Prober::Redis(prober) => prober.converse(stream).await,
            Prober::Dns(prober) => prober.converse(stream).await,
            Prober::Grpc(prober) => prober.converse(stream).await,
            Prober::Tcp(_) | Prober::Exec(_) | Prober::Icmp(_) => return None,
        })
    }
}

impl Ask for Prober {
    fn silence(&self, within: Duration) -> Failure {
        match self {
            Prober::Exec(prober) => prober.silence(within),
            _ => Failure::NoAnswer { within },
        }
    }

    fn certificate(&self) -> Option<Timestamp> {
        match self {
            Prober::Http(prober) => prober.connector.certificate(),
            Prober::Talk(prober) => prober.connector.certificate(),
            Prober::Redis(prober) => prober.connector.certificate(),
            Prober::Grpc(prober) => prober.connector.certificate(),
            Prober::Tls(prober) => prober.handshake.certificate(),
            Prober::Tcp(_)
            | Prober::Exec(_)
            | Prober::Icmp(_)
            | Prober::Mysql(_)
            | Prober::Dns(_) => None,
        }
    }

    async fn turn(&self) -> Option<SemaphorePermit<'static>> {
        match self {
            Prober::Exec(prober) => prober.turn().await,
            _ => None,
        }
    }

    async fn ask(&self) -> Result<Said, Failure> {
        match self {
            Prober::Tcp(prober) => prober.ask().await,
            // In a box while they run: what waits between two probes, of every kind, would have the
            // size of the largest otherwise.
            Prober::Http(prober) => Box::pin(prober.ask()).await,
            Prober::Talk(prober) => Box::pin(prober.ask()).await,
            Prober::Exec(prober) => Box::pin(prober.ask()).await,
            Prober::Icmp(prober) => Box::pin(prober.ask()).await,
            Prober::Tls(prober) => Box::pin(prober.ask()).await,
            Prober::Mysql(prober) => Box::pin(prober.ask()).await,
            Prober::Redis(prober) => Box::pin(prober.ask()).await,
            Prober::Dns(prober) => Box::pin(prober.ask()).await,
            Prober::Grpc(prober) => Box::pin(prober.ask()).await,
        }
    }
}

/// What is probed, in words.
pub fn describe(address: IpAddr, probe: &Probe) -> String {
    match probe {
        Probe::Http(http) => {
            let scheme = if http.tls.is_some() { "https" } else { "http" };
            let address = SocketAddr::new(address, http.port);
            format!("{} {scheme}://{address}{}", http.method.as_str(), http.path)
        }
        Probe::Tcp { port } => format!("TCP connection to {}", SocketAddr::new(address, *port)),
        Probe::Talk(talk) => {
            format!("TCP answer of {}", SocketAddr::new(address, talk.port))
        }
        Probe::Tls(tls) => format!("TLS handshake with {}", SocketAddr::new(address, tls.port)),
        Probe::Icmp { .. } => format!("ping of {address}"),
        Probe::Exec(exec) => format!("command {} for {address}", exec.command.join(" ")),
        Probe::Mysql(mysql) => {
            format!("MySQL greeting of {}", SocketAddr::new(address, mysql.port))
        }
        Probe::Redis(redis) => format!("Redis PING to {}", SocketAddr::new(address, redis.port)),
        Probe::Dns(dns) => {
            let (over, asked) = (if dns.tcp { "TCP" } else { "UDP" }, &dns.question.text);
            format!("DNS query {asked} over {over} to {}", SocketAddr::new(address, dns.port))
        }
        Probe::Grpc(grpc) => {
            let of = if grpc.service.is_empty() { "" } else { " of " };
            let address = SocketAddr::new(address, grpc.port);
            format!("gRPC health{of}{} at {address}", grpc.service)
        }
        Probe::Push(push) => format!("reports, one in {}", failure::duration(push.expires)),
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Status(status) => write!(f, "{status}"),
            Said::Accepted => f.write_str("connection accepted"),
            Said::Certificate { days: None } => f.write_str("TLS, certificate without an end"),
            Said::Certificate { days: Some(..0) } => f.write_str("TLS, certificate expired"),
            Said::Certificate { days: Some(0) } => f.write_str("TLS, certificate expires today"),
            Said::Certificate { days: Some(1) } => f.write_str("TLS, certificate expires in 1 day"),
            Said::Certificate { days: Some(days) } => {
                write!(f, "TLS, certificate expires in {days} days")
            }
            Said::Echo => f.write_str("ping answered"),
            Said::Exit => f.write_str("exit status 0"),
            Said::Expected => f.write_str("expected answer"),
            Said::Greeting => f.write_str("MySQL greeting"),
            Said::Full => f.write_str("MySQL, but too many connections"),
            Said::OtherHosts => f.write_str("MySQL, does not serve this host (error 1130)"),
            Said::Pong => f.write_str("PONG"),
            Said::WantsPassword => f.write_str("Redis, wants a password"),
            Said::Rcode(rcode) => write!(f, "{rcode}"),
            Said::Serving => f.write_str("SERVING"),
            Said::Reported { .. } => f.write_str("reported healthy"),
            Said::Weighed(status, _) => write!(f, "{status}"),
        }
    }
}
