//! Pings of this machine by itself, where the system allows it and where it does not.
//!
//! Who may ping is a setting of the network namespace, and a fresh one forbids it to everyone. So
//! the test that must have it runs once more in a namespace of its own, with the setting changed.

use std::net::Ipv6Addr;
use std::process::Command;

use super::*;
use tiovivo::checks::icmp::checked::IcmpProbe;
use tiovivo::checks::icmp::probe::ECHO;

/// Set in the namespace.
const WITHIN: &str = "TIOVIVO_TEST_MAY_PING";
const TEST: &str = "health::icmp::an_echo_is_healthy_in_both_families";

async fn ping(address: IpAddr, size: usize) -> Verdict {
    let (node, pool) = (NodeName::new("server-2"), PoolName::new("web"));
    let subject = Subject { node, pool, address };
    judge(&Prober::new(&subject, &Probe::Icmp(IcmpProbe { size })).unwrap(), SHORT).await
}

#[tokio::test]
async fn an_echo_is_healthy_in_both_families() {
    if std::env::var_os(WITHIN).is_none() {
        return assert!(again(), "{TEST} in a namespace");
    }
    for address in [HOME, Ipv6Addr::LOCALHOST.into()] {
        for size in [16, 56, 1400] {
            assert_eq!(ping(address, size).await.unwrap().said, ECHO, "{address} {size}");
        }
    }
    // Nobody has this address.
    let told = ping("192.0.2.1".parse().unwrap(), 56).await.unwrap_err().to_string();
    assert_eq!(told, "network unreachable");
}

/// Runs the test in a network namespace where everyone may ping.
fn again() -> bool {
    let alone = Command::new("unshare").args(["-n", "true"]).output().expect("unshare runs");
    let unshare = if alone.status.success() { "-n" } else { "-rn" };
    let script = "echo 0 0 >/proc/sys/net/ipv4/ping_group_range &&
        ip link set lo up && exec \"$0\" --exact \"$1\"";
    let program = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args([unshare, "--", "sh", "-c", script])
        .arg(program)
        .arg(TEST)
        .env(WITHIN, "1")
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    output.status.success() && said.contains("1 passed")
}

#[tokio::test]
async fn a_system_that_forbids_it_is_no_fault_of_the_member() {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").unwrap();
    match ping(HOME, 56).await {
        Ok(healthy) => assert_eq!(healthy.said, ECHO),
        Err(failure) => {
            assert!(failure.is_ours(), "{failure}, range {range}");
            assert!(failure.to_string().contains("net.ipv4.ping_group_range"), "{failure}");
        }
    }
    assert_eq!(describe(HOME, &Probe::Icmp(IcmpProbe { size: 56 })), "ping of 127.0.0.1");
}
