//! A node whose server listens on another port than those of its pool's other members.

use std::net::IpAddr;

use nix::sys::signal::Signal;

use crate::process::child::{Child, Mood};
use crate::process::server::Server;
use crate::process::site::{Plan, QUICK, Site};

#[test]
fn a_node_is_probed_at_its_own_port_until_a_reload_says_otherwise() {
    let site = Site::new(2, QUICK);
    let address = site.address(1);
    let IpAddr::V4(v4) = address else { unreachable!("children have IPv4") };
    let other = Child::start(v4, 0).unwrap();
    let port = other.address.port();
    // What listens on the port of the pool is not what clients want.
    site.children[1].is(Mood::Ill);
    let plain = site.config(&Plan::new(0..2));
    let node = format!("address: {address} }}");
    assert!(plain.contains(&node));
    let own = format!("address: {address}, check: {{ http: {{ port: {port} }} }} }}");
    site.write_config(&plain.replace(&node, &own));

    let mut server = Server::start(&site);
    server.until_ready();
    server.until_answering(&["server-2", "server-3"]);
    let probe = |name: &str| {
        let status = server.status();
        let members = status["pools"][0]["members"].as_array().unwrap();
        let member = members.iter().find(|member| member["node"] == name).unwrap();
        member["check"]["probe"].as_str().unwrap().to_owned()
    };
    let at = |address: IpAddr, port: u16| format!("GET http://{address}:{port}/health");
    let of_pool = site.children[0].address.port();
    assert_eq!(probe("server-2"), at(site.address(0), of_pool));
    assert_eq!(probe("server-3"), at(address, port));
    assert_eq!(site.children[1].probes(), 0, "nobody asks at the port of the pool");
    assert!(other.probes() > 0);

    other.is(Mood::Ill);
    server.until_answering(&["server-2"]);
    site.children[1].is(Mood::Well);
    site.write_config(&plain);
    server.reload();
    server.until_answering(&["server-2", "server-3"]);
    assert_eq!(probe("server-3"), at(address, of_pool));
    assert!(server.end(Signal::SIGTERM).success());
}
