//! What a node says to a probe → a verdict, whatever it says and in whatever pieces.
//!
//! ```text
//! 1 octet   which probe listens, counted round
//! 1 octet   how the node speaks: bits 0-2 the octets that come at once, 3 pauses between them,
//!           4 it does not listen, 5 it ends by a reset, 6 it says all again and again
//! n octets  what it says
//! ```
//!
//! Nothing here waits, so a probe that waits for more than a node has will be seen.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use tiovivo::checks::checked::Probe;
use tiovivo::checks::dns::checked::{DnsProbe, Question};
use tiovivo::checks::grpc::checked::GrpcProbe;
use tiovivo::checks::http::checked::{HttpProbe, JsonMatch};
use tiovivo::checks::mysql::checked::MysqlProbe;
use tiovivo::checks::probe::Prober;
use tiovivo::checks::redis::checked::RedisProbe;
use tiovivo::checks::talk::checked::TalkProbe;
use tiovivo::checks::tls::checked::TlsProbe;
use tiovivo::cluster::connection::StartTls;
use tiovivo::cluster::node::NodeName;
use tiovivo::cluster::pool::PoolName;
use tiovivo::cluster::trust::{Tls, Trust};
use tiovivo::health::probe::ask::{Ask, Subject};
use tiovivo::rcode::Rcode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets of a node that says all again and again: far more than any probe listens to.
const ENDLESS: usize = 2 << 20;
/// Octets that a node says at once at least, when it says all again and again.
const LEAST: usize = 1000;
/// Each gives one piece at least.
const MAX_POLLS: usize = 64 << 10;
/// Characters of a reason.
const MAX_REASON: usize = 400;
const PIECES: [usize; 8] = [1, 2, 3, 7, 64, 1000, 4096, usize::MAX];

static PROBERS: LazyLock<Vec<Prober>> = LazyLock::new(|| {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (node, pool) = (NodeName::new("server-2"), PoolName::new("web"));
    let subject = Subject { node, pool, address };
    probes().iter().map(|probe| Prober::new(&subject, probe).expect("it asks")).collect()
});

fn probes() -> Vec<Probe> {
    let json = JsonMatch { pointer: "/status".into(), value: "up".into(), equal: true };
    let http = HttpProbe {
        path: "/health".into(),
        expect: vec![(200, 299)],
        body: Some("ready".into()),
        load: true,
        ..HttpProbe::default()
    };
    let whole = HttpProbe { body_not: Some("ERROR".into()), json: vec![json], ..http.clone() };
    let tls = |trust| Tls { name: Some("www.midominio.com".into()), trust };
    let begins = |protocol| {
        let start_tls = Some((protocol, tls(Trust::Anyone)));
        let (send, expect) = (None, "imok".into());
        Probe::Talk(TalkProbe { port: 25, send, expect, start_tls, proxy: None })
    };
    let question = Question { wire: b"\x01a\0\0\x06\0\x01"[..].into(), text: "a SOA".into() };
    let (send, expect) = (Some("ruok".into()), "imok".into());
    let dns = DnsProbe { port: 53, question, tcp: true, recursion: false, expect: Rcode::NOERROR };
    vec![
        Probe::Http(HttpProbe { tls: Some(tls(Trust::Anyone)), ..http.clone() }),
        Probe::Http(http),
        Probe::Tls(TlsProbe {
            port: 443,
            tls: tls(Trust::Public),
            min_days: Some(7),
            start_tls: None,
            proxy: None,
        }),
        Probe::Talk(TalkProbe { port: 25, send, expect, start_tls: None, proxy: None }),
        Probe::Mysql(MysqlProbe { port: 3306, full_is_up: true }),
        Probe::Redis(RedisProbe { port: 6379, tls: None }),
        Probe::Dns(dns),
        Probe::Grpc(GrpcProbe { port: 50_051, service: "web".into(), tls: None }),
        Probe::Http(whole),
        begins(StartTls::Smtp),
        begins(StartTls::Imap),
        begins(StartTls::Pop3),
    ]
}

pub fn run(octets: &[u8]) {
    watch(octets, || {});
}

/// As [`run`]; `each` is called whenever the probe waits.
pub fn watch(octets: &[u8], mut each: impl FnMut()) {
    let [kind, manner, says @ ..] = octets else { return };
    let prober = &PROBERS[usize::from(*kind) % PROBERS.len()];
    let mut verdict = pin!(prober.ask_over(Box::new(Node::new(says, *manner))));
    let mut context = Context::from_waker(Waker::noop());
    let ended = (0..MAX_POLLS).find_map(|_| match verdict.as_mut().poll(&mut context) {
        Poll::Ready(verdict) => Some(verdict),
        Poll::Pending => {
            each();
            None
        }
    });
    let verdict = ended.expect("it ends with the node").expect("it listens");
    if let Err(failure) = verdict {
        let reason = failure.to_string();
        assert!(reason.chars().count() <= MAX_REASON, "{reason}");
        assert!(!reason.chars().any(char::is_control), "{reason:?}");
        assert!(!failure.is_ours(), "{reason}");
    }
}

/// The node's end of a connection.
struct Node {
    says: Vec<u8>,
    /// Octets that were said, and that will be in all.
    said: usize,
    all: usize,
    /// Octets that come at once.
    piece: usize,
    pauses: bool,
    is_pausing: bool,
    is_deaf: bool,
    resets: bool,
}

impl Node {
    fn new(says: &[u8], manner: u8) -> Node {
        let is_endless = manner & 0x40 != 0 && !says.is_empty();
        let piece = PIECES[usize::from(manner & 7)];
        Node {
            says: if is_endless { says.repeat(LEAST.div_ceil(says.len())) } else { says.to_vec() },
            said: 0,
            all: if is_endless { ENDLESS } else { says.len() },
            piece: if is_endless { piece.max(LEAST) } else { piece },
            pauses: manner & 0x08 != 0,
            is_pausing: false,
            is_deaf: manner & 0x10 != 0,
            resets: manner & 0x20 != 0,
        }
    }
}

impl AsyncRead for Node {
    fn poll_read(
        mut self: Pin<&mut Node>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_pausing = self.pauses && !self.is_pausing;
        if self.is_pausing {
            return Poll::Pending;
        }
        if self.said == self.all {
            return Poll::Ready(match self.resets {
                true => Err(io::ErrorKind::ConnectionReset.into()),
                false => Ok(()),
            });
        }
        let at = self.said % self.says.len();
        let left = (self.all - self.said).min(self.says.len() - at);
        let length = left.min(self.piece).min(into.remaining());
        into.put_slice(&self.says[at..at + length]);
        self.said += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Node {
    fn poll_write(
        self: Pin<&mut Node>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.is_deaf {
            true => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            false => Poll::Ready(Ok(octets.len().min(self.piece))),
        }
    }

    fn poll_flush(self: Pin<&mut Node>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Node>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
