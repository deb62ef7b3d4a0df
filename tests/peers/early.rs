//! Servers that answer before they are asked, and close without hearing the request: a cluster check
//! of xinetd, and what an operator has in a shell.

use std::fs;
use std::process::Command;

use tiovivo::checks::checked::Probe;
use tiovivo::checks::http::checked::HttpProbe;
use tiovivo::health::probe::answer::ProbeAnswer;

use crate::server::{free_port, program};
use crate::services::{Service, verdict};

/// More often than by luck.
const PROBES: usize = 25;
const ANSWER: &str = "HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\nsynced\\n";

fn http(port: u16, body: Option<&str>) -> Probe {
    let body = body.map(str::to_owned);
    Probe::Http(HttpProbe { port, body, ..HttpProbe::default() })
}

async fn is_up(port: u16) {
    for body in [None, Some("synced")] {
        for _ in 0..PROBES {
            assert_eq!(verdict(&http(port, body)).await, Ok(ProbeAnswer::Status(200)), "{body:?}");
        }
    }
}

#[tokio::test]
async fn socat_answers_at_once() {
    let port = free_port();
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("check");
    fs::write(&script, format!("printf '{ANSWER}'\n")).expect("a script");
    let mut command = Command::new(program("socat"));
    // It only answers: were it to hand on the request, it could end at the write to a script that
    // has ended, before it has sent what the script said.
    command.arg("-U");
    command.arg(format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork"));
    command.arg(format!("SYSTEM:sh {}", script.display()));
    let _socat = Service::start(&mut command, port);
    is_up(port).await;
}

#[tokio::test]
async fn xinetd_answers_at_once() {
    let port = free_port();
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("check");
    fs::write(&script, format!("printf '{ANSWER}'\n")).expect("a script");
    let file = folder.path().join("xinetd.conf");
    let config = format!(
        "defaults\n{{\n}}\nservice check\n{{\n type = UNLISTED\n port = {port}\n \
         bind = 127.0.0.1\n socket_type = stream\n protocol = tcp\n wait = no\n \
         user = root\n server = /bin/sh\n server_args = {}\n cps = 1000 1\n \
         instances = UNLIMITED\n per_source = UNLIMITED\n}}\n",
        script.display()
    );
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(program("xinetd"));
    command.arg("-dontfork").arg("-f").arg(&file).arg("-pidfile").arg(folder.path().join("pid"));
    let _xinetd = Service::start(&mut command, port);
    is_up(port).await;
}
