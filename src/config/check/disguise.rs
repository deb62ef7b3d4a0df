//! IPv4 addresses inside IPv6 addresses: packets to the IPv6 address reach the IPv4 one, through a
//! translator, a tunnel or the operating system.
//!
//! | form | position of the IPv4 address |
//! |---|---|
//! | mapped `::ffff:a.b.c.d` and compatible `::a.b.c.d` (RFC 4291 §2.5.5) | last 32 bits |
//! | translated `::ffff:0:a.b.c.d` (RFC 2765 §2.1) | last 32 bits |
//! | NAT64 `64:ff9b::/96` (RFC 6052) | last 32 bits |
//! | NAT64 of one network `64:ff9b:1::/48` (RFC 8215) | by RFC 6052 §2.2, for each length |
//! | 6to4 `2002::/16` (RFC 3056) | bits 16 to 47 |
//! | ISATAP `…:0:5efe:a.b.c.d` (RFC 5214) | last 32 bits |
//! | Teredo `2001::/32` (RFC 4380) | bits 32 to 63; last 32 bits, inverted |

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address itself, and every IPv4 address in it.
pub fn reached(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let inside = match address {
        IpAddr::V4(_) => vec![],
        IpAddr::V6(address) => inside(address),
    };
    std::iter::once(address).chain(inside.into_iter().map(IpAddr::V4))
}

fn inside(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bits = address.to_bits();
    // RFC 6052 §2.2: bits 64 to 71 are zero and belong to no address.
    let before = |count: u32| (bits >> (128 - count)) as u32;
    let last = Ipv4Addr::from_bits(bits as u32);
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, _, _] | [0, 0, 0, 0, 0, 0xffff, _, _] => vec![last],
        [0, 0, 0, 0, 0xffff, 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => vec![last],
        [0x64, 0xff9b, 1, ..] => {
            let (head16, tail16) = (before(64) as u16, (bits >> 40) as u16);
            let (head8, tail24) = (before(64) as u8, (bits >> 32) as u32 & 0xff_ffff);
            let of_48 = u32::from(head16) << 16 | u32::from(tail16);
            let of_56 = u32::from(head8) << 24 | tail24;
            let of_64 = (bits >> 24) as u32;
            [of_48, of_56, of_64].map(Ipv4Addr::from_bits).into_iter().chain([last]).collect()
        }
        [0x2002, ..] => vec![Ipv4Addr::from_bits(before(48))],
        [0x2001, 0, ..] => {
            vec![Ipv4Addr::from_bits(before(64)), Ipv4Addr::from_bits(!(bits as u32))]
        }
        [_, _, _, _, 0 | 0x0200, 0x5efe, _, _] => vec![last],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_seen_through() {
        for form in [
            "::ffff:192.0.2.17",
            "::ffff:0:192.0.2.17",
            "::192.0.2.17",
            "64:ff9b::192.0.2.17",
            "64:ff9b:1::192.0.2.17",
            // RFC 6052 §2.2, with prefixes of 48, 56 and 64 bits.
            "64:ff9b:1:c000:2:1100::",
            "64:ff9b:1:c0:0:211::",
            "64:ff9b:1:7:c0:2:1100:0",
            "2002:c000:211::1",
            "2001:db8::5efe:192.0.2.17",
            "fe80::200:5efe:192.0.2.17",
            "2001:0:c000:211::",
            "2001:0:4136:e378:8000:63bf:3fff:fdee",
        ] {
            let address: Ipv6Addr = form.parse().unwrap();
            let wanted = Ipv4Addr::new(192, 0, 2, 17);
            assert!(reached(address.into()).any(|found| found == IpAddr::V4(wanted)), "{form}");
        }
    }

    #[test]
    fn other_addresses_stand_for_nothing_else() {
        for address in ["2001:db8::c000:211", "2a00:1450::1", "fe80::1", "192.0.2.17"] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(reached(address).collect::<Vec<_>>(), [address]);
        }
    }
}
