//! Finds the addresses in a record of any type by its fields, also in types that are added later.
//!
//! | field | addresses |
//! |---|---|
//! | an IPv4 or IPv6 address (A, AAAA, WKS) | the address |
//! | parameters of SVCB and HTTPS | the hints (RFC 9460 §7.3) |
//! | gateway of IPSECKEY, relay of AMTRELAY | the gateway, if it is an address |
//! | prefixes of APL | the address of each, also of negated ones |
//! | suffix of A6 | the address, if its prefix length is 0 |
//!
//! The 32 bits of L32 only look like an address: they name a network of ILNP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::zone::rdata::field::{Field, Rare};
use crate::zone::rdata::rare::{former, gateway, prefixes};
use crate::zone::rdata::svcb;
use crate::zone::rdata::table::row;
use crate::zone::rdata::walk::Fields;

/// All addresses in checked RDATA; none in a type without a row.
pub fn addresses(rtype: u16, rdata: &[u8]) -> Vec<IpAddr> {
    let mut found = vec![];
    let Some(row) = row(rtype) else { return found };
    for (field, range) in Fields::new(row, rdata).map_while(Result::ok) {
        let octets = rdata.get(range).unwrap_or_default();
        match field {
            Field::Ipv4 => found.extend(v4(octets)),
            Field::Ipv6 => found.extend(v6(octets)),
            Field::SvcParams => found.extend(svcb::params(octets).flat_map(hints)),
            Field::Rare(Rare::Gateway) => found.extend(gateway::address(octets, rdata)),
            Field::Rare(Rare::Prefixes) => {
                let prefixes = prefixes::items(octets).filter_map(Result::ok);
                found.extend(prefixes.filter_map(|prefix| prefix.address()));
            }
            Field::Rare(Rare::Suffix) if rdata.first() == Some(&0) => {
                found.extend(former::suffix_address(octets).map(IpAddr::from));
            }
            _ => {}
        }
    }
    found
}

fn hints((key, value): (u16, &[u8])) -> Vec<IpAddr> {
    match key {
        svcb::IPV4HINT => v4(value),
        svcb::IPV6HINT => v6(value),
        _ => vec![],
    }
}

fn v4(octets: &[u8]) -> Vec<IpAddr> {
    octets.as_chunks::<4>().0.iter().map(|&octets| Ipv4Addr::from(octets).into()).collect()
}

fn v6(octets: &[u8]) -> Vec<IpAddr> {
    octets.as_chunks::<16>().0.iter().map(|&octets| Ipv6Addr::from(octets).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::rtype::HTTPS;

    #[test]
    fn hints_are_found_behind_other_parameters() {
        // 1 . alpn=h2 ipv4hint=192.0.2.17 ipv6hint=::1
        let mut rdata = vec![0, 1, 0, 0, 1, 0, 3, 2, b'h', b'2', 0, 4, 0, 4, 192, 0, 2, 17];
        rdata.extend([0, 6, 0, 16]);
        rdata.extend(Ipv6Addr::LOCALHOST.octets());
        let expected: [IpAddr; 2] = [[192, 0, 2, 17].into(), Ipv6Addr::LOCALHOST.into()];
        assert_eq!(addresses(HTTPS, &rdata), expected);
        assert!(addresses(HTTPS, &rdata[..16]).is_empty());
    }
}
