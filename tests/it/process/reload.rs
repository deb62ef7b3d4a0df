//! A reload: all of it or nothing, and those who did not change notice nothing.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::client::{ask, connect, dig, exchange};
use crate::process::server::Server;
use crate::process::site::{Plan, QUICK, Site, zone};
use crate::process::until;

fn faults(status: &Value) -> Option<String> {
    Some(status["config"]["refused"]["faults"].as_array()?.first()?.as_str()?.to_owned())
}

fn loaded_well(status: &Value) -> Option<()> {
    status["config"]["refused"].is_null().then_some(())
}

fn serial(server: &Server) -> String {
    dig(server.at(), &["+short", "midominio.com", "SOA"]).split(' ').nth(2).unwrap().to_owned()
}

#[test]
fn a_broken_file_changes_nothing_until_it_is_mended() {
    let site = Site::new(3, QUICK);
    let server = Server::start(&site);
    server.until_ready();
    let good = site.config(&Plan::new(0..3));

    site.write_config(&good.replace("members: [server-2,", "members: [server-1,"));
    server.signal(Signal::SIGHUP);
    let told = server.until("the mother is refused", faults);
    assert!(told.contains("pools.web.members") && told.contains("server-1"), "{told}");
    assert_eq!(ask(server.at(), "midominio.com").addresses, site.addresses(0..3));
    site.write_config(&good);
    server.until("mended, without a signal", loaded_well);

    site.write_zone(&zone(2).replace("IN MX  10 mail", "IN MX  ten mail"));
    let told = server.until("the zone is refused, without a signal", faults);
    assert!(told.contains("midominio.com.zone:8"), "{told}");
    assert_eq!(serial(&server), "1");
    assert!(server.logged("the reload is refused, nothing changes") >= 2);
    let page = crate::process::client::get(server.dashboard, "/").unwrap();
    assert!(page.contains("midominio.com.zone:8"), "{page}");
    site.write_zone(&zone(2));
    server.signal(Signal::SIGHUP);
    server.until("the zone is mended", loaded_well);
    assert_eq!(serial(&server), "2");
    assert_eq!(ask(server.at(), "midominio.com").addresses, site.addresses(0..3));
}

#[test]
fn a_zone_file_that_comes_after_the_configuration_that_names_it_is_loaded() {
    let site = Site::new(1, QUICK);
    let server = Server::start(&site);
    let other = "zones:\n  - { apex: example.org, file: zones/example.org.zone }";
    site.write_config(&site.config(&Plan::new(0..1)).replace("zones:", other));
    server.signal(Signal::SIGHUP);
    let told = server.until("the file is missing", faults);
    assert!(told.contains("example.org.zone"), "{told}");
    let text = zone(1).replace("midominio.com", "example.org");
    std::fs::write(site.folder.path().join("zones/example.org.zone"), text).unwrap();
    server.until("the file is there", loaded_well);
    assert!(dig(server.at(), &["example.org", "SOA"]).contains("status: NOERROR"));
}

#[test]
fn who_is_removed_is_left_alone_and_who_stays_goes_on() {
    let site = Site::new(3, QUICK);
    let server = Server::start(&site);
    let mut before = connect(server.at());
    assert_eq!(exchange(&mut before, 1).unwrap(), 1);
    server.until_ready();
    let member = |status: &Value, node: &str| {
        let members = status["pools"][0]["members"].as_array().unwrap();
        members.iter().find(|member| member["node"] == node).cloned()
    };
    let probes = |status: &Value| member(status, "server-2")?["check"]["probes"].as_u64();
    server.until("a few probes", |status| probes(status).filter(|probes| *probes >= 3));
    let old = member(&server.status(), "server-2").unwrap();

    site.write_config(&site.config(&Plan { ttl: 60, ..Plan::new(0..2) }));
    server.reload();
    let status = server.status();
    assert_eq!(member(&status, "server-4"), None);
    let new = member(&status, "server-2").unwrap();
    assert_eq!(new["check"]["since"], old["check"]["since"]);
    assert!(new["check"]["probes"].as_u64() >= old["check"]["probes"].as_u64());
    assert_eq!(new["check"]["state"], "up");
    let answer = ask(server.at(), "midominio.com");
    assert_eq!((answer.addresses, answer.ttl), (site.addresses(0..2), 60));
    assert_eq!(exchange(&mut before, 2).unwrap(), 2);

    // One probe may have been under way. While the others are probed on, no other comes.
    let others = || site.children[0].probes();
    let seen = others();
    until("the next probe", || (others() > seen).then_some(()));
    let (left_alone, seen) = (site.children[2].probes(), others());
    let start = Instant::now();
    until("five more probes", || (others() >= seen + 5).then_some(()));
    assert!(start.elapsed() > Duration::from_secs(1));
    assert_eq!(site.children[2].probes(), left_alone);
}
