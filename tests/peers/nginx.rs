//! Probes over HTTP, HTTPS, TLS and TCP against nginx as Debian has it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tiovivo::checks::checked::Probe;
use tiovivo::checks::grpc::checked::GrpcProbe;
use tiovivo::checks::grpc::probe::SERVING;
use tiovivo::checks::http::checked::{HttpProbe, Method};
use tiovivo::checks::probe::Prober;
use tiovivo::checks::talk::checked::TalkProbe;
use tiovivo::checks::tcp::checked::TcpProbe;
use tiovivo::checks::tls::checked::TlsProbe;
use tiovivo::cluster::connection::{ProxyVersion, StartTls};
use tiovivo::cluster::node::NodeName;
use tiovivo::cluster::pool::PoolName;
use tiovivo::cluster::trust::{Tls, Trust};
use tiovivo::config::certificate;
use tiovivo::health::probe::answer::ProbeAnswer;
use tiovivo::health::probe::ask::{Subject, judge};

use crate::server::{free_port, program};
use crate::services::{self, Service};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub const NAME: &str = "www.midominio.com";
const WITHIN: Duration = Duration::from_secs(10);
const START: Duration = Duration::from_secs(20);
/// Octets of the file that is far too long to be read.
const HUGE: u64 = 512 << 20;

/// A running nginx. Dropping it ends the process and removes its folder.
struct Nginx {
    process: Child,
    folder: tempfile::TempDir,
    plain: u16,
    tls: u16,
    expired: u16,
}

impl Nginx {
    fn start() -> Nginx {
        let folder = tempfile::tempdir().expect("a folder");
        certificates(folder.path());
        let huge = fs::File::create(folder.path().join("huge")).expect("a file");
        huge.set_len(HUGE).expect("a file with a hole");
        fs::write(folder.path().join("health"), "status: ready\n").expect("a file");
        let (plain, tls, expired) = (free_port(), free_port(), free_port());
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config(folder.path(), plain, tls, expired)).expect("a file");
        let process = Command::new(program("nginx"))
            .args(["-e", "stderr", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let mut nginx = Nginx { process, folder, plain, tls, expired };
        nginx.wait();
        nginx
    }

    fn wait(&mut self) {
        let began = Instant::now();
        while TcpStream::connect((HOME, self.plain)).is_err() {
            assert!(self.process.try_wait().expect("nginx").is_none(), "nginx has ended");
            assert!(began.elapsed() < START, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn trust(&self) -> Trust {
        let file = self.folder.path().join("ca.pem");
        Trust::Authorities(certificate::authorities(&file).expect("an authority"))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An authority, a certificate of it for [`NAME`], and one that has expired.
pub fn certificates(folder: &Path) {
    let mut parameters = CertificateParams::new(vec![]).expect("parameters");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(parameters, key).expect("an authority");
    let write = |name: &str, text: String| fs::write(folder.join(name), text).expect("a file");
    write("ca.pem", authority.pem());
    for (name, end) in [("good", 2999), ("expired", 2002)] {
        let mut parameters = CertificateParams::new(vec![NAME.into()]).expect("parameters");
        parameters.not_before = date_time_ymd(2001, 1, 1);
        parameters.not_after = date_time_ymd(end, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &authority).expect("a certificate");
        write(&format!("{name}.pem"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}

/// One process in the foreground, with nothing outside of its folder.
fn config(folder: &Path, plain: u16, tls: u16, expired: u16) -> String {
    let folder = folder.display();
    let places = "location = /busy { return 503; }
        location = /moved { return 301 http://127.0.0.1:1/; }
        location = /secret { if ($http_x_probe != letmein) { return 403; } return 204; }
        location = /posted { if ($request_method != POST) { return 405; } return 200; }
        location = /host { return 200 $host; }
        location /b { return 200 \"<$request>\"; }";
    let ssl = |name: &str| {
        format!("ssl_certificate {folder}/{name}.pem; ssl_certificate_key {folder}/{name}.key;")
    };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/tmp;"))
        .concat();
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr error;
        events {{}}
        http {{
            access_log off; {temporary} root {folder};
            server {{ listen 127.0.0.1:{plain}; {places} }}
            server {{ listen 127.0.0.1:{tls} ssl default_server; ssl_reject_handshake on; }}
            server {{ listen 127.0.0.1:{tls} ssl; server_name {NAME}; {} {places} }}
            server {{ listen 127.0.0.1:{expired} ssl; {} {places} }}
        }}",
        ssl("good"),
        ssl("expired")
    )
}

fn http(port: u16, path: &str) -> HttpProbe {
    HttpProbe {
        port,
        path: path.into(),
        host: Some(NAME.into()),
        expect: vec![(200, 299)],
        ..HttpProbe::default()
    }
}

fn tls_probe(port: u16, tls: Tls, start_tls: Option<StartTls>) -> TlsProbe {
    TlsProbe { port, tls, min_days: Some(30), start_tls, proxy: None }
}

/// What is said in the end: the healthy answer or the reason.
async fn said(probe: Probe) -> String {
    let (node, pool) = (NodeName::new("server-2"), PoolName::new("web"));
    let prober = Prober::new(&Subject { node, pool, address: HOME }, &probe).unwrap();
    match judge(&prober, WITHIN).await {
        Ok(healthy) => healthy.said.to_string(),
        Err(failure) => failure.to_string(),
    }
}

#[tokio::test]
async fn plain_http_of_nginx() {
    let nginx = Nginx::start();
    let get = |path: &str| http(nginx.plain, path);
    assert_eq!(said(Probe::Http(get("/health"))).await, "200");
    assert_eq!(said(Probe::Http(get("/busy"))).await, "HTTP 503, expected 200-299");
    assert_eq!(said(Probe::Http(get("/moved"))).await, "HTTP 301, expected 200-299");
    let looking = |path, text: &str| HttpProbe { body: Some(text.into()), ..get(path) };
    assert_eq!(said(Probe::Http(looking("/health", "status: ready"))).await, "200");
    let told = said(Probe::Http(looking("/health", "running"))).await;
    assert_eq!(told, "no `running` in the answer");
    assert_eq!(said(Probe::Http(looking("/host", NAME))).await, "200");
    let headers = vec![("X-Probe".into(), "letmein".into())];
    assert_eq!(said(Probe::Http(get("/secret"))).await, "HTTP 403, expected 200-299");
    assert_eq!(said(Probe::Http(HttpProbe { headers, ..get("/secret") })).await, "204");
    let with = |method, path| Probe::Http(HttpProbe { method, ..get(path) });
    assert_eq!(said(with(Method::Post, "/posted")).await, "200");
    assert_eq!(said(with(Method::Get, "/posted")).await, "HTTP 405, expected 200-299");
    assert_eq!(said(with(Method::Head, "/health")).await, "200");
    assert_eq!(said(Probe::Tcp(TcpProbe { port: nginx.plain })).await, "connection accepted");
    let (send, expect) = (Some("GET /health HTTP/1.0\r\n\r\n".into()), "ready".into());
    let talk = TalkProbe { port: nginx.plain, send, expect, start_tls: None, proxy: None };
    assert_eq!(said(Probe::Talk(talk)).await, "expected answer");
}

#[tokio::test]
async fn https_and_tls_of_nginx() {
    let nginx = Nginx::start();
    let tls = |name: &str, trust| Tls { name: Some(name.into()), trust };
    let https = |port, tls| {
        Probe::Http(HttpProbe {
            tls: Some(tls),
            body: Some("ready".into()),
            ..http(port, "/health")
        })
    };
    let handshake = |port, tls| Probe::Tls(tls_probe(port, tls, None));
    let untrusted = "the issuer of the certificate is not trusted";
    let unknown = "the TLS handshake was refused: no such name here";
    for (name, trust, expected) in [
        (NAME, nginx.trust(), "200"),
        (NAME, Trust::Anyone, "200"),
        (NAME, Trust::Public, untrusted),
        ("other.midominio.com", nginx.trust(), unknown),
    ] {
        assert_eq!(said(https(nginx.tls, tls(name, trust.clone()))).await, expected);
        let handshaken = said(handshake(nginx.tls, tls(name, trust))).await;
        match expected {
            "200" => assert!(handshaken.starts_with("TLS, certificate expires"), "{handshaken}"),
            failure => assert_eq!(handshaken, failure, "{name}"),
        }
    }
    for probe in [https, handshake] {
        let told = said(probe(nginx.expired, tls(NAME, nginx.trust()))).await;
        assert!(told.starts_with("the certificate expired "), "{told}");
    }
    assert_eq!(said(https(nginx.expired, tls(NAME, Trust::Anyone))).await, "200");
    let told = said(handshake(nginx.plain, tls(NAME, Trust::Anyone))).await;
    assert_eq!(told, "not a TLS answer");
    // Plain HTTP at a port that wants TLS: nginx answers 400.
    let told = said(Probe::Http(http(nginx.tls, "/health"))).await;
    assert_eq!(told, "HTTP 400, expected 200-299");
}

/// An nginx with a configuration of its own; `server` stands in its block `http`, and `rest` behind.
fn started(folder: &Path, port: u16, server: &str, rest: &str) -> Service {
    let shown = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {shown}/tmp;"))
        .concat();
    let config = format!(
        "load_module /usr/lib/nginx/modules/ngx_mail_module.so;
        daemon off; master_process off; pid {shown}/pid; error_log stderr error;
        events {{}}
        http {{ access_log off; {temporary} {server} }}
        {rest}"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(program("nginx"));
    command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(&file);
    Service::start(&mut command, port)
}

/// nginx says GOAWAY with its answer and closes, and does so for each probe; in plain text and
/// within TLS.
#[tokio::test]
async fn grpc_behind_an_nginx_that_keeps_no_connection() {
    let (behind, plain, secure) = (free_port(), free_port(), free_port());
    let _health = services::grpc_health(behind, "1");
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let shown = folder.path().display();
    let server = format!(
        "keepalive_requests 1;
        ssl_certificate {shown}/good.pem; ssl_certificate_key {shown}/good.key;
        server {{
            listen 127.0.0.1:{plain} http2; listen 127.0.0.1:{secure} http2 ssl;
            location / {{ grpc_pass grpc://127.0.0.1:{behind}; }}
        }}"
    );
    let _nginx = started(folder.path(), plain, &server, "");
    let tls = Tls { name: Some(NAME.into()), trust: trust(folder.path()) };
    for (port, tls) in [(plain, None), (secure, Some(tls))] {
        let probe = Probe::Grpc(GrpcProbe { port, service: String::new(), tls });
        for _ in 0..25 {
            assert_eq!(services::verdict(&probe).await, Ok(SERVING));
        }
    }
    let tls = Some(Tls { name: Some("other.midominio.com".into()), trust: trust(folder.path()) });
    let probe = Probe::Grpc(GrpcProbe { port: secure, service: String::new(), tls });
    let told = "the certificate is not for other.midominio.com";
    assert_eq!(services::verdict(&probe).await, Err(told.into()));
}

fn trust(folder: &Path) -> Trust {
    let file = folder.join("ca.pem");
    Trust::Authorities(certificate::authorities(&file).expect("an authority"))
}

/// A server behind a balancer: it listens to nobody without a header of the PROXY protocol.
#[tokio::test]
async fn nginx_behind_a_proxy() {
    let (plain, secure) = (free_port(), free_port());
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let shown = folder.path().display();
    let server = format!(
        "ssl_certificate {shown}/good.pem; ssl_certificate_key {shown}/good.key;
        server {{
            listen 127.0.0.1:{plain} proxy_protocol; listen 127.0.0.1:{secure} ssl proxy_protocol;
            location / {{ return 200 \"from <$proxy_protocol_addr>\\n\"; }}
        }}"
    );
    let _nginx = started(folder.path(), plain, &server, "");
    let tls = Tls { name: Some(NAME.into()), trust: trust(folder.path()) };
    for (version, from) in [(ProxyVersion::V1, "from <127.0.0.1>"), (ProxyVersion::V2, "from <")] {
        let proxy = Some(version);
        let http = HttpProbe { proxy, body: Some(from.into()), ..http(plain, "/") };
        assert_eq!(said(Probe::Http(http.clone())).await, "200");
        let https = HttpProbe { port: secure, tls: Some(tls.clone()), ..http };
        assert_eq!(said(Probe::Http(https)).await, "200");
        let handshake = TlsProbe { proxy, ..tls_probe(secure, tls.clone(), None) };
        let told = said(Probe::Tls(handshake)).await;
        assert!(told.starts_with("TLS, certificate expires in "), "{told}");
        let (send, expect) = (Some("GET / HTTP/1.0\r\n\r\n".into()), from.into());
        let talk = TalkProbe { port: plain, send, expect, start_tls: None, proxy };
        assert_eq!(said(Probe::Talk(talk)).await, "expected answer");
    }
    assert_ne!(said(Probe::Http(http(plain, "/"))).await, "200");
}

/// nginx as a proxy of mail asks for TLS as the servers behind it do.
#[tokio::test]
async fn mail_servers_that_begin_in_plain_text() {
    let (web, smtp, imap, pop3) = (free_port(), free_port(), free_port(), free_port());
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let shown = folder.path().display();
    let mail = format!(
        "mail {{
            server_name {NAME}; auth_http 127.0.0.1:1/; starttls on;
            ssl_certificate {shown}/good.pem; ssl_certificate_key {shown}/good.key;
            server {{ listen 127.0.0.1:{smtp}; protocol smtp; }}
            server {{ listen 127.0.0.1:{imap}; protocol imap; }}
            server {{ listen 127.0.0.1:{pop3}; protocol pop3; }}
        }}"
    );
    let server = format!("server {{ listen 127.0.0.1:{web}; }}");
    let _nginx = started(folder.path(), web, &server, &mail);
    let tls = Tls { name: Some(NAME.into()), trust: trust(folder.path()) };
    for (port, protocol, send, expect) in [
        (smtp, StartTls::Smtp, "EHLO x\r\n", "250"),
        (imap, StartTls::Imap, "b NOOP\r\n", "b OK"),
        (pop3, StartTls::Pop3, "CAPA\r\n", "+OK"),
    ] {
        let told = said(Probe::Tls(tls_probe(port, tls.clone(), Some(protocol)))).await;
        assert!(told.starts_with("TLS, certificate expires in "), "{protocol:?}: {told}");
        let start_tls = Some((protocol, tls.clone()));
        let (send, expect) = (Some(send.into()), expect.into());
        let talk = TalkProbe { port, send, expect, start_tls, proxy: None };
        assert_eq!(said(Probe::Talk(talk)).await, "expected answer", "{protocol:?}");
    }
    let told = said(Probe::Tls(tls_probe(smtp, tls.clone(), Some(StartTls::Pop3)))).await;
    assert!(told.starts_with("TLS was not offered: 220 "), "{told}");
    let other = Tls { trust: Trust::Public, ..tls };
    let told = said(Probe::Tls(tls_probe(imap, other, Some(StartTls::Imap)))).await;
    assert_eq!(told, "the issuer of the certificate is not trusted");
}

/// What is sent is what is written, to the octet: nginx shows the request's own path.
#[tokio::test]
async fn nginx_sees_the_path_as_it_is_written() {
    let nginx = Nginx::start();
    let path = "/uri/%2e%2e/b?x='a'";
    let body = Some("<GET /uri/%2e%2e/b?x='a' HTTP/1.1>".into());
    assert_eq!(said(Probe::Http(HttpProbe { body, ..http(nginx.plain, path) })).await, "200");
}

/// Twice 512 MB, offered ten times: the verdict comes at once, and the process does not grow.
#[tokio::test]
async fn a_huge_file_of_nginx_is_read_to_64_kib() {
    let nginx = Nginx::start();
    let looking = HttpProbe { body: Some("ready".into()), ..http(nginx.plain, "/huge") };
    let tls = Some(Tls { name: Some(NAME.into()), trust: Trust::Anyone });
    let over_tls = HttpProbe { port: nginx.tls, tls, ..looking.clone() };
    let began = Instant::now();
    let before = resident();
    for _ in 0..10 {
        for probe in [&looking, &over_tls] {
            let told = said(Probe::Http(probe.clone())).await;
            assert_eq!(told, "no `ready` in its first 64 KiB");
        }
        assert_eq!(
            said(Probe::Http(http(nginx.plain, "/huge"))).await,
            ProbeAnswer::Status(200).to_string()
        );
    }
    let grown = resident().saturating_sub(before);
    println!("{} MB offered: {grown} KiB grown, {:?}", (30 * HUGE) >> 20, began.elapsed());
    assert!(grown < 32 * 1024, "grew by {grown} KiB");
}

/// Resident memory of this process in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|size| size.parse().ok()).expect("a number")
}
