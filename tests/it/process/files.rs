//! The server's own files: one server has a state folder, a token that others may read counts no
//! more, a pipe in the place of a file is not waited for, and faults of config.yaml keep nobody from
//! reaching a server that runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::client;
use crate::process::orders::{TOKEN, post, write_config};
use crate::process::server::{BINARY, Server, serve};
use crate::process::site::{Plan, QUICK, Site, zone};
use crate::process::unread::{decides, ends, plan, start};
use crate::process::until;

const DRAIN: &str = r#"{"order": "drain", "target": "server-2", "author": "ana"}"#;

fn run(args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(BINARY).args(args).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn pipe(at: &Path) {
    let _ = fs::remove_file(at);
    assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
}

#[test]
fn a_second_server_on_the_same_state_folder_is_refused_and_names_the_first() {
    let site = Site::new(1, QUICK);
    let mut server = Server::start(&site);
    let refused = serve(&site).output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("process {}, which runs", server.pid())), "{told}");
    server.end(Signal::SIGKILL);
    Server::start(&site).until_ready();
}

#[test]
fn a_token_that_others_may_read_counts_no_more_until_that_is_mended() {
    let site = Site::new(1, QUICK);
    write_config(&site, &Plan::new(0..1));
    let server = Server::start(&site);
    let chmod = |mode| {
        let token = site.folder.path().join("token");
        fs::set_permissions(token, Permissions::from_mode(mode)).unwrap();
    };
    assert_eq!(post(server.dashboard, Some(TOKEN), DRAIN).unwrap().0, 200);
    chmod(0o644);
    let of = |status: &Value| Some(status["troubles"][0]["subject"].as_str()?.to_owned());
    assert_eq!(server.until("it is shown", of), "token_file");
    let (status, body) = post(server.dashboard, Some(TOKEN), DRAIN).unwrap();
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("mode 644") && body.contains("chmod 600"), "{body}");
    assert!(client::get(server.dashboard, "/").unwrap().contains("no order is taken"));
    until("it is logged", || (server.logged("no order is taken") == 1).then_some(()));
    chmod(0o600);
    until("orders are taken again", || {
        (post(server.dashboard, Some(TOKEN), DRAIN).unwrap().0 == 200).then_some(())
    });
    assert_eq!(server.status()["troubles"].as_array().unwrap().len(), 0);
}

#[test]
fn zones_without_pools_are_ready_when_they_are_answered() {
    let site = Site::new(1, QUICK);
    let config = "server: { listen: [\"127.0.0.1:0\"], dashboard: \"127.0.0.1:0\", state: state }
zones: [{ apex: midominio.com, file: zones/midominio.com.zone }]\n";
    site.write_config(config);
    let server = Server::start(&site);
    assert_eq!(client::get(server.dashboard, "/readyz").unwrap(), "ready\n");
    let at = server.dashboard.to_string();
    assert_eq!(run(&["health", "--at", &at]), (Some(0), "well\n".into()));
}

#[test]
fn faults_of_the_configuration_keep_nobody_from_a_server_that_runs() {
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let server = start(&site, &mut serve(&site), Stdio::null());
    let good = fs::read_to_string(site.path()).unwrap();
    let config = site.path();
    let config = config.to_str().unwrap();
    for fault in ["  no such key: 1\n", "\t: [\n"] {
        site.write_config(&format!("{good}{fault}"));
        assert_eq!(run(&["health", "--config", config]), (Some(0), "well\n".into()));
        for order in ["drain", "release"] {
            let (code, told) = run(&[order, "server-3", "--config", config]);
            assert_eq!(code, Some(0), "{told}");
        }
        let (code, told) = run(&["overrides", "--config", config]);
        assert_eq!((code, told.as_str()), (Some(0), "no order is in force\n"));
        let (_, told) = run(&["report", "server-3", "up", "--config", config]);
        assert!(told.contains("no pool waits for reports"), "{told}");
    }
    fs::remove_file(config).unwrap();
    let at = server.dashboard.to_string();
    let token = site.folder.path().join("token");
    let token = token.to_str().unwrap();
    let (code, told) = run(&["drain", "server-3", "--at", &at, "--token-file", token]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = run(&["health", "--config", config]);
    assert!(code == Some(2) && told.contains("there is no such file"), "{told}");
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_neither_waited_for_at_the_start_nor_at_a_reload() {
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let state = site.folder.path().join("state");
    fs::create_dir(&state).unwrap();
    for file in ["health.json", "overrides.json", "hooks.json", "lock"] {
        pipe(&state.join(file));
    }
    let server = start(&site, &mut serve(&site), Stdio::null());
    decides(&server, &site);
    for (file, at) in [("token", "token"), ("zone", "zones/midominio.com.zone")] {
        let path = site.folder.path().join(at);
        let content = fs::read(&path).unwrap();
        pipe(&path);
        server.signal(Signal::SIGHUP);
        server.until("it is refused", |status| {
            let faults = status["config"]["refused"]["faults"].to_string();
            (faults.contains("is no regular file") && faults.contains(file)).then_some(())
        });
        fs::remove_file(&path).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        server.until("it is mended", |status| status["config"]["refused"].is_null().then_some(()));
    }
    let begun = Instant::now();
    pipe(&site.path());
    let refused = serve(&site).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(begun.elapsed() < Duration::from_secs(5));
    ends(server, Signal::SIGTERM);
}

/// Files that are named by config.yaml or by a zone, and the words of the fault that names each.
const NAMED: [(&str, &str); 5] = [
    ("chain.pem", "chain"),
    ("key.pem", "key"),
    ("ca.pem", "ca_file"),
    ("cookies", "cookie_secret_file"),
    ("zones/more.zone", "more.zone"),
];

fn write_named(site: &Site) {
    let folder = site.folder.path();
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["ns1.midominio.com".into()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    for (file, content) in [
        ("chain.pem", certificate.as_str()),
        ("key.pem", &key.serialize_pem()),
        ("ca.pem", &certificate),
        ("cookies", "000102030405060708090a0b0c0d0e0f\n"),
        ("zones/more.zone", "more IN TXT \"more\"\n"),
    ] {
        let path = folder.join(file);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    site.write_zone(&(zone(1) + "$INCLUDE more.zone\n"));
    let keys = "state: state, tls: { listen: [\"127.0.0.1:0\"] }, cookie_secret_file: cookies, \
                certificate: { chain: chain.pem, key: key.pem },";
    let hook = "\nhooks: [{ name: far, on: [pool], \
                webhook: { url: \"https://127.0.0.1:9/\", ca_file: ca.pem } }]\n";
    let config = fs::read_to_string(site.path()).unwrap().replace("state: state,", keys);
    site.write_config(&(config + hook));
}

#[test]
fn a_pipe_in_the_place_of_a_file_that_is_named_is_refused_at_once_and_by_name() {
    let site = Site::new(1, QUICK);
    write_config(&site, &plan(&site));
    write_named(&site);
    let config = site.path();
    let config = config.to_str().unwrap();
    let (code, told) = run(&["check", "--config", config]);
    assert_eq!(code, Some(0), "{told}");
    let server = start(&site, &mut serve(&site), Stdio::null());
    for (file, words) in NAMED {
        let path = site.folder.path().join(file);
        let aside = site.folder.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        pipe(&path);
        let begun = Instant::now();
        let (code, told) = run(&["check", "--config", config]);
        assert_eq!(code, Some(2), "{file}: {told}");
        assert!(told.contains("is no regular file") && told.contains(words), "{file}: {told}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{file}: {:?}", begun.elapsed());
        server.signal(Signal::SIGHUP);
        server.until(&format!("{file} is refused"), |status| {
            let faults = status["config"]["refused"]["faults"].to_string();
            (faults.contains("is no regular file") && faults.contains(words)).then_some(())
        });
        fs::rename(&aside, &path).unwrap();
        server.signal(Signal::SIGHUP);
        server.until("it is mended", |status| status["config"]["refused"].is_null().then_some(()));
    }
    ends(server, Signal::SIGTERM);
}
