//! The probes of databases, caches, name servers and gRPC against what Debian has of them.

use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tiovivo::checks::checked::Probe;
use tiovivo::checks::dns::checked::{DnsProbe, Question};
use tiovivo::checks::grpc::checked::GrpcProbe;
use tiovivo::checks::grpc::probe::SERVING;
use tiovivo::checks::mysql::checked::MysqlProbe;
use tiovivo::checks::mysql::probe::{GREETING, OTHER_HOSTS, TOO_MANY_IS_UP};
use tiovivo::checks::probe::Prober;
use tiovivo::checks::redis::checked::RedisProbe;
use tiovivo::checks::redis::probe::{PONG, WANTS_PASSWORD};
use tiovivo::cluster::node::NodeName;
use tiovivo::cluster::pool::PoolName;
use tiovivo::cluster::trust::{Tls, Trust};
use tiovivo::config::certificate;
use tiovivo::health::probe::answer::ProbeAnswer;
use tiovivo::health::probe::ask::{Subject, judge};
use tiovivo::rcode::Rcode;

use crate::nginx;
use crate::server::{free_port, program};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const WITHIN: Duration = Duration::from_secs(10);
/// MariaDB begins with nothing.
const START: Duration = Duration::from_secs(60);

/// A running server. Dropping it ends the process.
pub struct Service(Child);

impl Service {
    /// Waits until the port accepts connections.
    pub fn start(command: &mut Command, port: u16) -> Service {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut service = Service(quiet.spawn().expect("the server starts"));
        let began = Instant::now();
        while TcpStream::connect((HOME, port)).is_err() {
            assert!(service.0.try_wait().expect("a process").is_none(), "{command:?} has ended");
            assert!(began.elapsed() < START, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        service
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub async fn verdict(probe: &Probe) -> Result<ProbeAnswer, String> {
    let (node, pool) = (NodeName::new("server-1"), PoolName::new("data"));
    let prober = Prober::new(&Subject { node, pool, address: HOME }, probe).unwrap();
    judge(&prober, WITHIN).await.map(|up| up.said).map_err(|failure| failure.to_string())
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[tokio::test]
async fn redis_with_and_without_a_password() {
    for (password, said) in [("", PONG), ("secret", WANTS_PASSWORD)] {
        let (folder, port) = (folder(), free_port());
        let mut command = Command::new(program("redis-server"));
        command.args(["--bind", "127.0.0.1", "--save", "", "--requirepass", password]);
        command.args(["--port", &port.to_string(), "--dir"]).arg(folder.path());
        let service = Service::start(&mut command, port);
        assert_eq!(verdict(&Probe::Redis(RedisProbe { port, tls: None })).await, Ok(said));
        drop(service);
        assert_eq!(
            verdict(&Probe::Redis(RedisProbe { port, tls: None })).await,
            Err("connection refused".into())
        );
    }
}

/// A MariaDB of nothing but its own tables, with further options.
fn database(folder: &Path, port: u16, options: &[String]) -> Service {
    let data = folder.join("data");
    let installed = Command::new(program("mariadb-install-db"))
        .args(["--no-defaults", "--user=root", "--skip-test-db"])
        .args(["--auth-root-authentication-method=normal"])
        .arg(format!("--datadir={}", data.display()))
        .output()
        .expect("mariadb-install-db runs");
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let mut command = Command::new(program("mariadbd"));
    command.args(["--no-defaults", "--user=root", "--skip-name-resolve", "--extra-port=0"]);
    command.args(["--bind-address=127.0.0.1", "--max-connections=10"]).args(options);
    command.arg(format!("--port={port}"));
    command.arg(format!("--socket={}", folder.join("socket").display()));
    command.arg(format!("--datadir={}", data.display()));
    Service::start(&mut command, port)
}

/// Nobody but another machine may log in.
#[tokio::test]
async fn a_database_that_grants_nothing_to_this_host() {
    let (folder, port) = (folder(), free_port());
    let grants = folder.path().join("grants.sql");
    let sql = "DELETE FROM mysql.global_priv WHERE User = 'root';\nFLUSH PRIVILEGES;\n\
               CREATE USER shop@'192.0.2.20';\n";
    fs::write(&grants, sql).expect("a file");
    let options = [format!("--init-file={}", grants.display())];
    let _service = database(folder.path(), port, &options);
    let probe = Probe::Mysql(MysqlProbe { port, full_is_up: false });
    assert_eq!(verdict(&probe).await, Ok(OTHER_HOSTS));
}

#[tokio::test]
async fn redis_over_tls() {
    let (folder, port) = (folder(), free_port());
    nginx::certificates(folder.path());
    let mut command = Command::new(program("redis-server"));
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", "0", "--tls-auth-clients", "no"]);
    command.args(["--tls-cert-file", "good.pem", "--tls-key-file", "good.key"]);
    command.args(["--tls-port", &port.to_string()]).current_dir(folder.path());
    let _service = Service::start(&mut command, port);
    let within = |trust| {
        let tls = Some(Tls { name: Some(nginx::NAME.into()), trust });
        Probe::Redis(RedisProbe { port, tls })
    };
    let ours = certificate::authorities(&folder.path().join("ca.pem")).expect("an authority");
    assert_eq!(verdict(&within(Trust::Authorities(ours))).await, Ok(PONG));
    let untrusted = Err("the issuer of the certificate is not trusted".into());
    assert_eq!(verdict(&within(Trust::Public)).await, untrusted);
    let plain = verdict(&Probe::Redis(RedisProbe { port, tls: None })).await;
    assert!(plain.is_err(), "{plain:?}");
}

#[tokio::test]
async fn a_database_that_is_full() {
    let (folder, port) = (folder(), free_port());
    let _service = database(folder.path(), port, &[]);
    let probe = |full_is_up| Probe::Mysql(MysqlProbe { port, full_is_up });
    assert_eq!(verdict(&probe(false)).await, Ok(GREETING));
    // A connection that has not logged in counts, too: one place more than `max_connections` is
    // kept for the administrator.
    let _held: Vec<TcpStream> = (0..11).map(|_| place(port)).collect();
    let full = Err("MySQL error 1040: Too many connections".into());
    assert_eq!(verdict_but_for(Ok(GREETING), &probe(false)).await, full);
    assert_eq!(verdict_but_for(Ok(GREETING), &probe(true)).await, Ok(TOO_MANY_IS_UP));
}

/// A connection that the server greeted, so that it counts. Some of before may count until a little
/// after they are closed.
fn place(port: u16) -> TcpStream {
    const ERROR: u8 = 0xff;
    let began = Instant::now();
    loop {
        let mut stream = TcpStream::connect((HOME, port)).expect("a connection");
        let mut head = [0; 5];
        stream.read_exact(&mut head).expect("a greeting or an error");
        if head[4] != ERROR {
            return stream;
        }
        assert!(began.elapsed() < WITHIN, "no place becomes free");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The first other verdict: the server counts a connection a little after it is made.
async fn verdict_but_for(
    passing: Result<ProbeAnswer, String>,
    probe: &Probe,
) -> Result<ProbeAnswer, String> {
    let began = Instant::now();
    loop {
        let verdict = verdict(probe).await;
        if verdict != passing || began.elapsed() > WITHIN {
            return verdict;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn knot(folder: &Path, port: u16) -> Service {
    let shown = folder.display();
    let zone = "@ 60 IN SOA ns1 hostmaster 1 14400 3600 1209600 300\n@ 60 IN NS ns1\n\
                ns1 60 IN A 192.0.2.53\n";
    fs::write(folder.join("midominio.com.zone"), zone).expect("a file");
    let config = format!(
        "server:\n  listen: 127.0.0.1@{port}\n  rundir: {shown}\n\
         database:\n  storage: {shown}\n\
         zone:\n  - domain: midominio.com\n    storage: {shown}\n"
    );
    fs::write(folder.join("knot.conf"), config).expect("a file");
    let mut command = Command::new(program("knotd"));
    command.arg("-c").arg(folder.join("knot.conf"));
    Service::start(&mut command, port)
}

#[tokio::test]
async fn a_name_server_over_udp_and_tcp() {
    let (folder, port) = (folder(), free_port());
    let _service = knot(folder.path(), port);
    for tcp in [false, true] {
        for (name, expect, is) in [
            (&b"\x09midominio\x03com\0"[..], 0, Ok(0)),
            (b"\x04nope\x09midominio\x03com\0", 3, Ok(3)),
            (b"\x04nope\x09midominio\x03com\0", 0, Err("NXDOMAIN, expected NOERROR")),
            (b"\x05other\x04test\0", 0, Err("REFUSED, expected NOERROR")),
        ] {
            let wire = [name, b"\0\x06\0\x01"].concat().into();
            let question = Question { wire, text: "a name".into() };
            let expect = Rcode(expect);
            let probe = DnsProbe { port, question, tcp, recursion: false, expect };
            let is = is.map(|rcode| ProbeAnswer::Rcode(Rcode(rcode))).map_err(str::to_owned);
            assert_eq!(verdict(&Probe::Dns(probe)).await, is, "{name:?}, tcp: {tcp}");
        }
    }
}

/// A gRPC health service that says `status`.
pub fn grpc_health(port: u16, status: &str) -> Service {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/grpc_health.py");
    let mut command = Command::new("/usr/bin/python3");
    Service::start(command.args(["-I", script, &port.to_string(), status]), port)
}

#[tokio::test]
async fn grpc_says_whether_it_serves() {
    for (status, is) in [("1", Ok(SERVING)), ("2", Err("NOT_SERVING"))] {
        let port = free_port();
        let _service = grpc_health(port, status);
        let asked =
            |service: &str| Probe::Grpc(GrpcProbe { port, service: service.into(), tls: None });
        let is = is.map_err(|says| format!("the health service says {says}"));
        assert_eq!(verdict(&asked("")).await, is);
        assert_eq!(verdict(&asked("shop.Basket")).await, Ok(SERVING));
        let unknown = Err("gRPC status NOT_FOUND: unknown service".into());
        assert_eq!(verdict(&asked("shop.Nothing")).await, unknown);
    }
}
