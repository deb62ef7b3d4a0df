//! A server on every address answers from the one that was asked.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::process::client::{PATIENCE, ask, dig, dig_addresses};
use crate::process::server::Server;
use crate::process::site::{Plan, QUICK, Site};
use crate::world::Ask;

fn everywhere() -> (Site, Server) {
    let site = Site::new(2, QUICK);
    let plan = Plan { listen: "0.0.0.0:0 [::]:0".into(), ..Plan::new(0..2) };
    site.write_config(&site.config(&plan));
    let server = Server::start(&site);
    (site, server)
}

#[test]
fn a_reply_leaves_from_the_address_that_was_asked() {
    let (site, server) = everywhere();
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

/// Many at once come in batches, and replies to one client then leave together.
#[test]
fn replies_of_a_batch_leave_from_the_addresses_that_were_asked() {
    let (_site, server) = everywhere();
    let names = ["midominio.com", "www.midominio.com", "nobody.midominio.com"];
    for listen in &server.dns {
        let (from, ips) = match listen {
            SocketAddr::V4(_) => ("127.0.0.1:0", ["127.0.0.5", "127.200.0.1"]),
            SocketAddr::V6(_) => ("[::1]:0", ["::1", "::1"]),
        };
        let client = UdpSocket::bind(from).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let asked = |id: u16| {
            let ip: IpAddr = ips[usize::from(id / 3 % 2)].parse().unwrap();
            SocketAddr::new(ip, listen.port())
        };
        let mut room = [0; 1500];
        for first in (0..1200).step_by(60) {
            let mut waiting: BTreeSet<u16> = (first..first + 60).collect();
            for id in &waiting {
                let mut query = Ask::new(names[usize::from(id % 3)], "A").message();
                query[..2].copy_from_slice(&id.to_be_bytes());
                client.send_to(&query, asked(*id)).unwrap();
            }
            while !waiting.is_empty() {
                let (_, from) = client.recv_from(&mut room).unwrap();
                let id = u16::from_be_bytes([room[0], room[1]]);
                assert!(waiting.remove(&id));
                assert_eq!(from, asked(id));
            }
        }
    }
}
