//! The mother guard looks into every type that carries an address, and through every form in which
//! an IPv6 address stands for an IPv4 one.

use super::{load, told};

const CONFIG: &str = "\
zones: [{ apex: midominio.com, file: zone }]
nodes:
  server-1: { role: mother, address: 192.0.2.17, address6: '2001:db8::17', private: 10.77.0.17 }
  server-2: { role: child, address: 192.0.2.18, address6: '2001:db8::18' }
pools: { web: { names: [www.midominio.com], members: [server-2], check: { tcp: { port: 80 } } } }
";

fn refused(line: &str) {
    let told = told(CONFIG, format!("{line}\n").as_bytes());
    let [fault] = told.as_slice() else { panic!("{line}: {told:?}") };
    assert!(fault.starts_with("7: "), "{line}: {fault}");
    assert!(fault.contains("the address of `server-1`, a mother"), "{line}: {fault}");
}

#[test]
fn every_type_that_carries_an_address_is_looked_into() {
    for line in [
        "a A 192.0.2.17",
        "a A 10.77.0.17",
        "a AAAA 2001:db8::17",
        "a WKS 192.0.2.17 TCP 25",
        "a APL 1:192.0.2.17/32",
        "a APL 1:198.51.100.0/24 !1:192.0.2.17/32",
        "a APL 2:2001:db8::17/128",
        "a IPSECKEY 10 1 2 192.0.2.17 AQID",
        "a IPSECKEY 10 2 2 2001:db8::17 AQID",
        "a AMTRELAY 10 0 1 192.0.2.17",
        "a AMTRELAY 10 1 2 2001:db8::17",
        "a A6 0 2001:db8::17",
        "a HTTPS 1 . ipv4hint=192.0.2.17",
        "a SVCB 1 . ipv6hint=2001:db8::17",
        // In the form of RFC 3597, the octets count.
        "a TYPE260 \\# 6 0A01C0000211",
        "a TYPE1 \\# 4 C0000211",
    ] {
        refused(line);
    }
}

#[test]
fn a_guarded_ipv4_address_is_seen_inside_ipv6_addresses() {
    for address in [
        "::ffff:192.0.2.17",
        "::192.0.2.17",
        "64:ff9b::192.0.2.17",
        "64:ff9b:1::192.0.2.17",
        "2002:c000:211::1",
        "64:ff9b::10.77.0.17",
    ] {
        refused(&format!("a AAAA {address}"));
        refused(&format!("a HTTPS 1 . ipv6hint={address}"));
        refused(&format!("a APL 2:{address}/128"));
        refused(&format!("a IPSECKEY 10 2 2 {address} AQID"));
        refused(&format!("a AMTRELAY 10 0 2 {address}"));
    }
}

#[test]
fn what_only_looks_like_an_address_is_let_through() {
    let lines = "a L32 10 192.0.2.17\na L64 10 2001:db8:0:17\na TXT 192.0.2.17\n\
                 a APL 1:192.0.2.0/24\na AAAA 64:ff9b::192.0.2.18\nwww WKS 192.0.2.18 TCP 80\n\
                 www IPSECKEY 10 1 2 192.0.2.18 AQID\n";
    let loaded = load(CONFIG, lines.as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(loaded.warnings, []);
}

/// A child whose address leads to the mother would be answered as a child.
#[test]
fn no_node_has_an_address_that_leads_to_another() {
    for (child, mother) in [("server-0", "server-1"), ("server-2", "server-1")] {
        for address in ["64:ff9b::192.0.2.17", "2002:c000:211::1", "::192.0.2.17"] {
            let child = format!("  {child}: {{ role: child, address6: '{address}' }}\n");
            let mother = format!("  {mother}: {{ role: mother, address: 192.0.2.17 }}\n");
            for nodes in [format!("{child}{mother}"), format!("{mother}{child}")] {
                let zones = "zones: [{ apex: midominio.com, file: zone }]";
                let told = told(&format!("{zones}\nnodes:\n{nodes}"), b"");
                assert!(told.len() == 1 && told[0].contains("192.0.2.17"), "{nodes}: {told:?}");
            }
        }
    }
}
