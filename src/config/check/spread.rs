//! `spread_by:` of a pool: the failure domain of each member, by its tags.

use std::collections::HashMap;

use crate::cluster::operator::matches;
use crate::cluster::pool::{Membership, Order, Spread};
use crate::cluster::tiers::Tiers;
use crate::config::check::nodes::{MAX_NAME, NodeInventory};
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawPool;
use crate::config::raw::scalar::quoted;

/// `None` without `spread_by`, and after a fault.
pub fn check(
    raw: &RawPool,
    (membership, tiers, order): (&Membership, &Tiers, Order),
    inventory: &NodeInventory<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Spread> {
    let by = raw.spread_by.as_deref()?;
    let path = path.key("spread_by");
    if let Some(message) = fault(by) {
        report.error(&path, message, "write a tag with `*` for any characters: rack-*");
        return None;
    }
    if order == Order::Failover && !tiers.are_written() {
        let help = "leave it out, or write `tiers` of several members";
        report.error(&path, "`order: failover` answers one member of `members`", help);
        return None;
    }
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut domains: Vec<u32> = vec![];
    for (member, alone) in membership.iter().zip(0..) {
        let index = inventory.names.get(member.node.as_str()).copied().flatten();
        let tags = index.and_then(|index| inventory.nodes.get(index)).map(|node| &node.tags);
        let mut fitting = tags.into_iter().flatten().filter(|tag| matches(by, tag));
        let tag = fitting.next();
        if let (Some(one), Some(other)) = (tag, fitting.next()) {
            let message = format!(
                "{} has {} and {}: it is in two domains",
                quoted(member.node.as_str()),
                quoted(one),
                quoted(other)
            );
            report.error(&path, message, "write a pattern that fits one tag of each member");
            return None;
        }
        // The index of the member, so that each has a domain of its own.
        domains.push(tag.map_or(alone, |tag| *numbers.entry(tag).or_insert(alone)));
    }
    if numbers.is_empty() {
        let message = format!("no member has a tag such as {}", quoted(by));
        report.error(&path, message, "write a pattern that fits tags of members");
        return None;
    }
    Some(Spread { by: by.to_owned(), domains })
}

fn fault(by: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*?".contains(&byte);
    if by.is_empty() || !by.bytes().all(allowed) {
        return Some(format!("{} is no pattern of tags", quoted(by)));
    }
    (by.len() > MAX_NAME).then(|| format!("{} has {} characters", quoted(by), by.len()))
}
