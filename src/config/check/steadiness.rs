//! `damping`, `slow_start` and `common_cause` of a pool, and `server.controls`.

use std::path::Path;
use std::time::Duration;

use crate::checks::raw::RawCheckKind;
use crate::cluster::node::Node;
use crate::cluster::steadiness::{Damping, MAX_CONTROLS, ReferenceTarget, Steadiness};
use crate::config::check::keys::written;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawPool;
use crate::config::raw::scalar::Scalar;
use crate::config::raw::steadiness::{RawControl, RawDamping, Spell};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(86_400);
/// The default TTL: resolvers with an older answer ask again within that time, so the load of a
/// returning member rises at most twice as long as without slow start.
const SLOW_START: Duration = Duration::from_secs(30);
/// Longer than the restart of a switch, and shorter than an operator needs to react.
const COMMON_CAUSE: Duration = Duration::from_secs(300);

pub fn check(raw: &RawPool, path: &KeyPath, report: &mut Report<'_>) -> Steadiness {
    Steadiness {
        damping: damping(raw, &path.key("damping"), report),
        slow_start: spell(raw.slow_start, SLOW_START, &path.key("slow_start"), report),
        common_cause: spell(raw.common_cause, COMMON_CAUSE, &path.key("common_cause"), report),
    }
}

fn spell(
    raw: Option<Scalar<Spell>>,
    default: Duration,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(3600);
    let over = raw.map_or(Some(default), |written| written.0.0)?;
    if !(SHORTEST..=LONGEST).contains(&over) {
        let message = format!("{} is out of range", written(over));
        report.error(path, message, "write 1s to 1h, or off");
    }
    Some(over)
}

fn damping(raw: &RawPool, path: &KeyPath, report: &mut Report<'_>) -> Option<Damping> {
    let rule = match &raw.damping {
        None => return Some(Damping::DEFAULT),
        Some(RawDamping::Off) => return None,
        Some(RawDamping::Rule(rule)) => rule,
    };
    let mut time = |key, raw: Option<Scalar<Duration>>, default: Duration| {
        let time = raw.map_or(default, |time| time.0);
        if !(SHORTEST..=LONGEST).contains(&time) {
            let message = format!("{} is out of range", written(time));
            report.error(&path.key(key), message, "write 1s to 1d");
        }
        time
    };
    let default = Damping::DEFAULT;
    let damping = Damping {
        falls: rule.falls.map_or(default.falls, |falls| falls.0.0),
        within: time("within", rule.within, default.within),
        hold: time("hold", rule.hold, default.hold),
        most: time("most", rule.most, default.most),
    };
    let is_faulty = ["hold", "most"].iter().any(|key| report.is_faulty(&path.key(key)));
    if damping.hold > damping.most && !is_faulty {
        let (hold, most) = (written(damping.hold), written(damping.most));
        let message = format!("the first hold of {hold} is longer than the longest one, {most}");
        let key = if rule.hold.is_some() { "hold" } else { "most" };
        report.error(&path.key(key), message, "write a `hold` up to `most`");
    }
    Some(damping)
}

/// `nodes` are the nodes of the cluster.
pub fn controls(
    raw: &[RawControl],
    nodes: &[Node],
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Vec<ReferenceTarget> {
    if raw.len() > MAX_CONTROLS {
        let message = format!("{} control targets", raw.len());
        report.error(path, message, format!("write at most {MAX_CONTROLS}"));
        return vec![];
    }
    let controls = raw.iter().enumerate();
    let control = |(index, raw)| control(raw, nodes, folder, &path.index(index), report);
    controls.filter_map(control).collect()
}

fn control(
    raw: &RawControl,
    nodes: &[Node],
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<ReferenceTarget> {
    const HELP: &str =
        "write `address` and one of icmp, tcp or dns: { address: 192.0.2.1, icmp: {} }";
    if raw.address.is_none() {
        report.missing(path, "address", HELP);
    }
    let address = raw.address.map(|address| address.0);
    let is_of = |node: &&Node| node.addresses().any(|of| Some(of) == address);
    if let Some(node) = nodes.iter().find(is_of) {
        let message = format!("this is node `{}`, which fails with the others", node.name);
        let help = "write an address that has nothing to do with the cluster";
        report.error(&path.key("address"), message, help);
    }
    let is_told = ["icmp", "tcp", "dns"].iter().any(|kind| report.is_faulty(&path.key(kind)));
    let probe = match (&raw.icmp, &raw.tcp, &raw.dns) {
        (Some(raw), None, None) => raw.check(folder, &path.key("icmp"), report),
        (None, Some(raw), None) => raw.check(folder, &path.key("tcp"), report),
        (None, None, Some(raw)) => raw.check(folder, &path.key("dns"), report),
        _ if is_told => None,
        (None, None, None) => {
            report.error(path, "nothing to probe", HELP);
            None
        }
        _ => {
            report.error(path, "more than one probe", HELP);
            None
        }
    };
    Some(ReferenceTarget { address: address?, probe: probe? })
}
