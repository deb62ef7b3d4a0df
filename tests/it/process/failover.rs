//! Every child dead: the answer is every child, and never the mother or its standby.

use std::collections::BTreeSet;

use crate::process::child::Mood;
use crate::process::client::{dig, dig_addresses};
use crate::process::server::Server;
use crate::process::site::{QUICK, Site};

#[test]
fn with_every_child_dead_dig_gets_every_child() {
    let site = Site::new(3, QUICK);
    let server = Server::start(&site);
    server.until_ready();
    for child in &site.children {
        child.is(Mood::Ill);
    }
    let why = server.until("nobody serves", |status| {
        let web = &status["pools"][0];
        (web["serving"] == 0).then(|| web["why"].as_str().unwrap().to_owned())
    });
    assert_eq!(why, "0 of 3 serve, at least 1 must: all members are answered (when_short: all)");
    for _ in 0..10 {
        let got: BTreeSet<_> =
            dig_addresses(server.at(), "www.midominio.com").into_iter().collect();
        assert_eq!(got, site.addresses(0..3));
    }
    // The name exists: types that it lacks get NODATA with the SOA.
    let text = dig(server.at(), &["midominio.com", "AAAA"]);
    assert!(text.contains("status: NOERROR") && text.contains("SOA"), "{text}");

    site.children[1].is(Mood::Well);
    server.until_answering(&["server-3"]);
    assert_eq!(dig_addresses(server.at(), "midominio.com"), [site.address(1)]);
}
