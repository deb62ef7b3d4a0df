//! Decides which addresses the Internet reaches, by a table of the special-purpose address
//! registries (RFC 6890 and its updates).

use std::net::IpAddr;

use ipnet::IpNet;

const SPECIAL: [(&str, &str); 28] = [
    ("0.0.0.0/8", "of \"this network\" (RFC 791)"),
    ("10.0.0.0/8", "private (RFC 1918)"),
    ("100.64.0.0/10", "shared by a provider's customers (RFC 6598)"),
    ("127.0.0.0/8", "loopback (RFC 1122)"),
    ("169.254.0.0/16", "link-local (RFC 3927)"),
    ("172.16.0.0/12", "private (RFC 1918)"),
    ("192.0.0.0/24", "for protocols (RFC 6890)"),
    ("192.0.2.0/24", "for documentation (RFC 5737)"),
    ("192.88.99.0/24", "of a service that was given up (RFC 7526)"),
    ("192.168.0.0/16", "private (RFC 1918)"),
    ("198.18.0.0/15", "for benchmarks (RFC 2544)"),
    ("198.51.100.0/24", "for documentation (RFC 5737)"),
    ("203.0.113.0/24", "for documentation (RFC 5737)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("240.0.0.0/4", "reserved (RFC 1112)"),
    ("::/128", "unspecified (RFC 4291)"),
    ("::1/128", "loopback (RFC 4291)"),
    ("::ffff:0:0/96", "an IPv4 address in disguise (RFC 4291)"),
    ("64:ff9b::/96", "for translation (RFC 6052)"),
    ("100::/64", "discarded (RFC 6666)"),
    ("2001::/23", "for protocols (RFC 2928)"),
    ("2001:db8::/32", "for documentation (RFC 3849)"),
    ("2002::/16", "of 6to4 (RFC 3056)"),
    ("3fff::/20", "for documentation (RFC 9637)"),
    ("fc00::/7", "private (RFC 4193)"),
    ("fe80::/10", "link-local (RFC 4291)"),
    ("ff00::/8", "multicast (RFC 4291)"),
    ("fec0::/10", "site-local, given up (RFC 3879)"),
];

/// The part of the IPv6 address space from which the Internet's addresses are assigned.
const GLOBAL_V6: &str = "2000::/3";

/// What the address is for; `None` for an address of the Internet.
pub fn special(address: IpAddr) -> Option<&'static str> {
    let contains = |net: &str| net.parse::<IpNet>().is_ok_and(|net| net.contains(&address));
    let found = SPECIAL.iter().find(|(net, _)| contains(net)).map(|(_, purpose)| *purpose);
    let outside = address.is_ipv6() && !contains(GLOBAL_V6);
    found.or_else(|| outside.then_some("not handed out (RFC 4291)"))
}

/// The network of an address that the registries count as one network: a /24 or a /48.
pub fn prefix(address: IpAddr) -> Option<IpNet> {
    let length = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, length).ok().map(|net| net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_network() {
        for (net, _) in SPECIAL {
            let parsed: IpNet = net.parse().unwrap();
            assert_eq!(parsed, parsed.trunc(), "{net}");
            assert!(special(parsed.addr()).is_some());
        }
    }

    #[test]
    fn the_internet_is_what_is_left() {
        for public in ["8.8.8.8", "192.0.3.1", "198.20.0.1", "2a00::1", "2001:500::1"] {
            assert_eq!(special(public.parse().unwrap()), None, "{public}");
        }
        for other in ["10.77.0.1", "172.31.255.255", "4000::1", "fd00::1", "255.255.255.255"] {
            assert!(special(other.parse().unwrap()).is_some(), "{other}");
        }
    }

    #[test]
    fn neighbours_share_a_prefix() {
        let of = |text: &str| prefix(text.parse().unwrap()).unwrap().to_string();
        assert_eq!(of("192.0.2.53"), "192.0.2.0/24");
        assert_eq!(of("2001:db8:1:2::53"), "2001:db8:1::/48");
    }
}
