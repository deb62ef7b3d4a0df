//! `min_serving:` of a pool: at most as many as can serve.

use crate::cluster::families::{Families, Family};
use crate::cluster::pool::{Membership, Order};
use crate::cluster::tiers::Tiers;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawPool;
use crate::config::raw::choice::{RawFamilies, RawMinServing};

const DEFAULT: usize = 1;

/// The minimum, and the one of each family when they are counted apart; the first is then the
/// larger of the two. Not used after a fault.
pub fn check(
    raw: &RawPool,
    known: Option<(&Membership, &Tiers)>,
    order: Order,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> (usize, Option<Families<usize>>) {
    let path = path.key("min_serving");
    let least = match &raw.min_serving {
        None => DEFAULT,
        Some(RawMinServing::Number(number)) => number.0 as usize,
        Some(RawMinServing::Families(written)) => {
            let least = families(written, known, order, &path, report);
            return (least.v4.max(least.v6), Some(least));
        }
    };
    if let Some((membership, tiers)) = known {
        let (members, of) = match tiers.smallest() {
            Some(smallest) => (smallest, "members of a tier"),
            None => (membership.len(), "members"),
        };
        check_bound(least, members, of, &path, report);
    }
    (least, None)
}

fn check_bound(least: usize, members: usize, of: &str, path: &KeyPath, report: &mut Report<'_>) {
    if least > members {
        let message = format!("{least} of {members} {of} can never serve");
        let help = match members {
            0 => "leave it out".to_owned(),
            _ => format!("write 1 to {members}"),
        };
        report.error(path, message, help);
    }
}

fn families(
    written: &RawFamilies,
    known: Option<(&Membership, &Tiers)>,
    order: Order,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Families<usize> {
    if order == Order::Failover {
        let help = "write a number, or another order";
        report.error(path, "`order: failover` counts members, not families", help);
    }
    if written.v4.is_none() && written.v6.is_none() && !report.has_items(path) {
        report.error(path, "no family is counted", "write a number, or { v4: 2, v6: 1 }");
    }
    if [&written.v4, &written.v6].iter().all(|least| least.is_some_and(|least| least.0.0 == 0)) {
        let help = "write 0 for one of them at most";
        report.error(path, "neither family would ever be short", help);
    }
    let mut least = |family: Family, written: Option<usize>, key: &str| {
        let Some((membership, _)) = known else { return DEFAULT };
        let members = membership.iter().filter(|member| member.addresses.has(family)).count();
        let Some(least) = written else { return members.min(DEFAULT) };
        let of = format!("members with an {} address", family.as_str());
        check_bound(least, members, &of, &path.key(key), report);
        least
    };
    Families {
        v4: least(Family::V4, written.v4.map(|number| number.0.0 as usize), "v4"),
        v6: least(Family::V6, written.v6.map(|number| number.0.0 as usize), "v6"),
    }
}
