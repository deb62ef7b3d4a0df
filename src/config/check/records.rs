//! The records of the zones against the pools and the nodes: the second half of the mother guard.
//!
//! | record | at a pool's name | with an address of a guarded node | leads to a pool's name |
//! |---|---|---|---|
//! | A, AAAA | refused | refused | |
//! | hints of SVCB and HTTPS (RFC 9460) | refused | refused | |
//! | HTTPS without hints | refused when the pool has `https` | | |
//! | CNAME | refused | | allowed |
//! | NS | | | refused: health must not decide where the name servers are |
//!
//! The guard looks at public and private addresses alike, at every name of every zone.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::cluster::node::Node;
use crate::config::check::names::{NS, Named};
use crate::config::check::report::Report;
use crate::config::fault::Fault;
use crate::config::zones::{Loaded, Zones};
use crate::zone::name::Name;
use crate::zone::record::Record;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SVCB: u16 = 64;
const HTTPS: u16 = 65;
/// `SvcParamKey` of ipv4hint and ipv6hint (RFC 9460 §14.3.2).
const IPV4HINT: u16 = 4;
const IPV6HINT: u16 = 6;
/// Most faults that are told of records.
const MAX_FAULTS: usize = 100;

struct Rules<'a> {
    pools: HashMap<&'a Name, &'a Named<'a>>,
    guarded: HashMap<IpAddr, &'a Node>,
}

pub fn check(named: &[Named<'_>], nodes: &[Node], zones: &Zones, report: &mut Report<'_>) {
    let rules = Rules {
        pools: named.iter().map(|named| (&named.published.owner, named)).collect(),
        guarded: guarded(nodes),
    };
    let mut left = MAX_FAULTS;
    for loaded in &zones.loaded {
        let records = &loaded.zone.records;
        let runs = records.chunk_by(|a, b| a.owner == b.owner);
        let faults = runs.flat_map(|run| rules.judge_run(loaded, run));
        let faults: Vec<Fault> = faults.take(left).collect();
        left -= faults.len();
        report.faults.extend(faults);
    }
}

fn guarded(nodes: &[Node]) -> HashMap<IpAddr, &Node> {
    let mut guarded = HashMap::new();
    for node in nodes.iter().filter(|node| node.role.is_guarded()) {
        guarded.extend(node.addresses().map(|address| (address, node)));
    }
    guarded
}

impl Rules<'_> {
    /// Records side by side of one owner: its pool is looked up once.
    fn judge_run<'r>(
        &'r self,
        loaded: &'r Loaded,
        run: &'r [Record],
    ) -> impl Iterator<Item = Fault> + 'r {
        let pool =
            run.first().and_then(|record| self.pools.get(loaded.zone.owner(record))).copied();
        run.iter().filter_map(move |record| self.judge(loaded, record, pool))
    }

    fn judge(&self, loaded: &Loaded, record: &Record, pool: Option<&Named<'_>>) -> Option<Fault> {
        let rdata = loaded.zone.rdata(record);
        let addresses = match record.rtype {
            // Most zones are mostly these.
            A | AAAA if pool.is_none() && self.guarded.is_empty() => return None,
            rtype => addresses(rtype, rdata),
        };
        let (message, help) =
            match addresses.iter().find_map(|a| Some((a, self.guarded.get(&a.to_canonical())?))) {
                Some((address, node)) => (
                    format!("{address} is the address of `{}`, a {}", node.name, node.role),
                    "remove it: the world never sees such a node".to_owned(),
                ),
                None => match (record.rtype, pool) {
                    (CNAME, Some(named)) => at_pool(named, "this CNAME"),
                    (A | AAAA, Some(named)) => at_pool(named, "this address"),
                    (_, Some(named)) if !addresses.is_empty() => at_pool(named, "these hints"),
                    (HTTPS, Some(named)) if named.has_https => (
                        format!(
                            "the pool `{}` answers HTTPS for `{}`",
                            named.pool, named.published.owner
                        ),
                        format!("remove this record, or `https` from `pools.{}`", named.pool),
                    ),
                    (NS, _) => self.name_server(rdata)?,
                    _ => return None,
                },
            };
        Some(loaded.fault(record.place, message, help))
    }

    fn name_server(&self, rdata: &[u8]) -> Option<(String, String)> {
        let (target, _) = Name::from_wire(rdata).ok()?;
        let pool = self.pools.get(&target)?.pool;
        Some((
            format!("the name server `{target}` is a name of the pool `{pool}`"),
            "write a name with a fixed address: name servers are not health-checked".to_owned(),
        ))
    }
}

fn at_pool(named: &Named<'_>, what: &str) -> (String, String) {
    let (owner, pool) = (&named.published.owner, named.pool);
    (
        format!("`{owner}` is a name of the pool `{pool}`, which answers its addresses"),
        format!("remove {what}, or the name from `pools.{pool}.names`"),
    )
}

/// Every address that the record tells.
fn addresses(rtype: u16, rdata: &[u8]) -> Vec<IpAddr> {
    match rtype {
        A => v4(rdata),
        AAAA => v6(rdata),
        SVCB | HTTPS => hints(rdata).unwrap_or_default(),
        _ => vec![],
    }
}

fn v4(octets: &[u8]) -> Vec<IpAddr> {
    octets.as_chunks::<4>().0.iter().map(|&octets| Ipv4Addr::from(octets).into()).collect()
}

fn v6(octets: &[u8]) -> Vec<IpAddr> {
    octets.as_chunks::<16>().0.iter().map(|&octets| Ipv6Addr::from(octets).into()).collect()
}

/// RFC 9460 §2.2: priority, target, then parameters of key, length and value.
fn hints(rdata: &[u8]) -> Option<Vec<IpAddr>> {
    let (_, mut rest) = Name::from_wire(rdata.get(2..)?).ok()?;
    let mut found = vec![];
    while let [key, key_low, length, length_low, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*length, *length_low]));
        let (value, after) = tail.split_at_checked(length)?;
        match u16::from_be_bytes([*key, *key_low]) {
            IPV4HINT => found.extend(v4(value)),
            IPV6HINT => found.extend(v6(value)),
            _ => {}
        }
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

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
