//! The records of the zones against the pools and the nodes: the second half of the mother guard.
//!
//! | record | at a pool's name | with an address of a guarded node | with a pool's name as target |
//! |---|---|---|---|
//! | A, AAAA | refused | refused | |
//! | hints of SVCB and HTTPS (RFC 9460) | refused | refused | |
//! | WKS, APL, IPSECKEY, AMTRELAY, A6 | | refused | |
//! | HTTPS without hints | refused when the pool has `https` | | |
//! | CNAME | refused | | allowed |
//! | NS | | | refused: the addresses of name servers must not depend on health |
//!
//! The guard checks public and private addresses at every name of every zone, and IPv4 addresses
//! inside IPv6 ones ([`disguise`]).
//!
//! [`disguise`]: crate::config::check::disguise

use std::collections::HashMap;
use std::net::IpAddr;

use crate::cluster::node::{Node, Role};
use crate::config::check::disguise::reached;
use crate::config::check::names::{NS, Named};
use crate::config::check::report::Report;
use crate::config::fault::Fault;
use crate::config::zones::{LoadedZone, LoadedZones};
use crate::zone::name::Name;
use crate::zone::rdata::addresses::addresses;
use crate::zone::record::Record;
use crate::zone::rtype::{A, AAAA, CNAME, HTTPS, SVCB};

/// Most faults of records that are reported.
const MAX_FAULTS: usize = 100;

struct Rules<'a> {
    pools: HashMap<&'a Name, &'a Named<'a>>,
    guarded: HashMap<IpAddr, &'a Node>,
}

/// `mother_address` is the virtual address of `deploy:`.
pub fn check(
    named: &[Named<'_>],
    nodes: &[Node],
    mother_address: Option<IpAddr>,
    zones: &LoadedZones,
    report: &mut Report<'_>,
) {
    let mut guarded = guarded(nodes);
    let mother = nodes.iter().find(|node| node.role == Role::Mother);
    guarded.extend(mother_address.zip(mother));
    let pools = named.iter().map(|named| (&named.published.owner, named)).collect();
    let rules = Rules { pools, guarded };
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
    /// Checks the records of one owner, whose pool is looked up once.
    fn judge_run<'r>(
        &'r self,
        loaded: &'r LoadedZone,
        run: &'r [Record],
    ) -> impl Iterator<Item = Fault> + 'r {
        let pool =
            run.first().and_then(|record| self.pools.get(loaded.zone.owner(record))).copied();
        run.iter().filter_map(move |record| self.judge(loaded, record, pool))
    }

    fn judge(
        &self,
        loaded: &LoadedZone,
        record: &Record,
        pool: Option<&Named<'_>>,
    ) -> Option<Fault> {
        let rdata = loaded.zone.rdata(record);
        let addresses = match record.rtype {
            // The most frequent types first.
            A | AAAA if pool.is_none() && self.guarded.is_empty() => return None,
            rtype => addresses(rtype, rdata),
        };
        let (message, help) = match addresses.iter().find_map(|address| self.guarded_node(*address))
        {
            Some(found) => found,
            None => match (record.rtype, pool) {
                (CNAME, Some(named)) => at_pool(named, "this CNAME"),
                (A | AAAA, Some(named)) => at_pool(named, "this address"),
                (SVCB | HTTPS, Some(named)) if !addresses.is_empty() => {
                    at_pool(named, "these hints")
                }
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

    /// Whether packets to `address` reach a guarded node.
    fn guarded_node(&self, address: IpAddr) -> Option<(String, String)> {
        let find = |reached: IpAddr| Some((reached, self.guarded.get(&reached)?));
        let (found, node) = reached(address).find_map(find)?;
        let leads = match found == address {
            true => format!("{address} is"),
            false => format!("{address} leads to {found},"),
        };
        let message = format!("{leads} the address of `{}`, a {}", node.name, node.role);
        Some((message, "remove it: the world never sees such a node".to_owned()))
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
