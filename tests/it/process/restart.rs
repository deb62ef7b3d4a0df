//! After a crash the server answers at once, with what it knew.

use std::fs;

use nix::sys::signal::Signal;

use crate::process::child::Mood;
use crate::process::client::dig_addresses;
use crate::process::server::Server;
use crate::process::site::{Plan, QUICK, Site};
use crate::process::until;

#[test]
fn a_killed_server_answers_with_its_last_known_health_before_it_has_probed() {
    let site = Site::new(3, QUICK);
    let mut server = Server::start(&site);
    server.until_ready();
    site.children[1].is(Mood::Ill);
    server.until_answering(&["server-2", "server-4"]);
    let kept = site.folder.path().join("state/health.json");
    until("the state is kept", || {
        let text = fs::read_to_string(&kept).ok()?;
        text.contains("\"node\":\"server-3\",\"serving\":false").then_some(())
    });
    server.end(Signal::SIGKILL);

    // Whatever is probed now says nothing for longer than this test takes.
    for child in &site.children {
        child.is(Mood::Silent);
    }
    let check = "every: 20s, timeout: 10s, fall: 1, rise: 1";
    site.write_config(&site.config(&Plan { check, ..Plan::new(0..3) }));
    let server = Server::start(&site);
    let mut got = dig_addresses(server.at(), "midominio.com");
    got.sort();
    assert_eq!(got, [site.address(0), site.address(2)]);
    let status = server.status();
    assert_eq!(status["ready"], false, "the first round is still under way");
    let why = status["pools"][0]["members"][1]["why"].as_str().unwrap();
    assert!(why.starts_with("out since") && why.ends_with("until it is probed"), "{why}");
}
