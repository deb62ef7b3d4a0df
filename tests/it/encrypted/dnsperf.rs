//! dnsperf as a client: it reads one TLS record at a time, and takes one reply out of each.

use std::process::Command;

use super::server::{Identity, Server};

#[tokio::test(flavor = "multi_thread")]
async fn dnsperf_over_https_loses_no_reply() {
    if Command::new("dnsperf").arg("-h").output().is_err() {
        eprintln!("not checked: dnsperf is not installed");
        return;
    }
    let server = Server::start(&Identity::new());
    let folder = tempfile::tempdir().unwrap();
    let questions = folder.path().join("questions");
    let lines = "www.midominio.com A\nmidominio.com MX\nnothing.midominio.com A\n";
    std::fs::write(&questions, lines).unwrap();
    for method in ["GET", "POST"] {
        let mut command = Command::new("dnsperf");
        command
            .args(["-m", "doh", "-s", "127.0.0.1", "-c", "2", "-q", "20", "-l", "2", "-p"])
            .arg(server.https.port().to_string())
            .args(["-O", "doh-uri=https://127.0.0.1/dns-query", "-O"])
            .arg(format!("doh-method={method}"))
            .arg("-d")
            .arg(&questions);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let count = |what: &str| -> u64 {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(what));
            let number = line.and_then(|line| line.split_whitespace().next());
            number.unwrap_or_else(|| panic!("{what} is not in {text}")).parse().unwrap()
        };
        assert_eq!(count("Queries lost:"), 0, "{method}: {text}");
        assert!(count("Queries completed:") > 100, "{method}: {text}");
    }
}
