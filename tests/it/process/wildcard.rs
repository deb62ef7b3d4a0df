//! A server on every address answers from the one that was asked.

use std::net::{IpAddr, SocketAddr};

use crate::process::client::{ask, dig, dig_addresses};
use crate::process::server::Server;
use crate::process::site::{Plan, QUICK, Site};

#[test]
fn a_reply_leaves_from_the_address_that_was_asked() {
    let site = Site::new(2, QUICK);
    let plan = Plan { listen: "0.0.0.0:0 [::]:0".into(), ..Plan::new(0..2) };
    site.write_config(&site.config(&plan));
    let server = Server::start(&site);
    assert!(server.dns.iter().all(|address| address.ip().is_unspecified()));
    for ip in ["127.0.0.5", "127.0.0.6", "127.200.0.1", "::1"] {
        let ip: IpAddr = ip.parse().unwrap();
        let listen = server.dns.iter().find(|listen| listen.is_ipv4() == ip.is_ipv4()).unwrap();
        let asked = SocketAddr::new(ip, listen.port());
        let answer = ask(asked, "midominio.com");
        assert_eq!((answer.from, answer.addresses), (asked, site.addresses(0..2)));
        // dig warns of a reply from elsewhere and does not take it.
        assert_eq!(dig_addresses(asked, "midominio.com").len(), 2);
        assert!(dig(asked, &["+tcp", "midominio.com"]).contains("ANSWER: 2"));
    }
}
