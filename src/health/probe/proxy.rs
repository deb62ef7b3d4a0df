//! The header of the PROXY protocol, for servers that wait for one before they listen to anybody.
//!
//! The probe relays nobody, so version 2 says LOCAL, as it is meant for health checks; version 1
//! has no such word that all servers take, and names the connection's own two ends.

use std::net::SocketAddr;

use crate::cluster::connection::ProxyVersion;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, LOCAL; no protocol; no octets of addresses.
const LOCAL: [u8; 4] = [0x20, 0, 0, 0];

pub fn header(version: ProxyVersion, local: SocketAddr, peer: SocketAddr) -> Vec<u8> {
    match version {
        ProxyVersion::V1 => {
            let family = if local.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to) = (local.ip(), peer.ip());
            format!("PROXY {family} {from} {to} {} {}\r\n", local.port(), peer.port()).into()
        }
        ProxyVersion::V2 => [SIGNATURE, &LOCAL].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions() {
        let header = |version, local: &str, peer: &str| {
            header(version, local.parse().unwrap(), peer.parse().unwrap())
        };
        let v1 = header(ProxyVersion::V1, "192.0.2.53:40000", "192.0.2.1:25");
        assert_eq!(v1, b"PROXY TCP4 192.0.2.53 192.0.2.1 40000 25\r\n");
        let v1 = header(ProxyVersion::V1, "[2001:db8::53]:40000", "[2001:db8::1]:25");
        assert_eq!(v1, b"PROXY TCP6 2001:db8::53 2001:db8::1 40000 25\r\n");
        let v2 = header(ProxyVersion::V2, "192.0.2.53:40000", "192.0.2.1:25");
        assert_eq!(v2, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    }
}
