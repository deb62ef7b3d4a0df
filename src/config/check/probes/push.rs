//! `push:` of a check: somebody reports, and nothing is probed.

use std::time::Duration;

use crate::cluster::check::{Probe, PushProbe};
use crate::config::check::probes::{LONGEST, Times, written};
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::probe::RawCheck;
use crate::config::raw::service::RawPush;

/// `fall` and `rise` by default: a report is a verdict already.
pub const COUNTS: (u32, u32) = (1, 1);

const EXPIRES: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);

pub fn check(raw: &RawPush, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
    let expires = raw.expires.map_or(EXPIRES, |expires| expires.0);
    if !(SHORTEST..=LONGEST).contains(&expires) {
        let message = format!("{} is out of range", written(expires));
        report.error(&path.key("expires"), message, "write 1s to 1d");
        return None;
    }
    Some(Probe::Push(PushProbe { expires, load: raw.load.is_some_and(|load| load.0.0) }))
}

/// It has none of its own, and no address.
pub fn times(raw: &RawCheck, push: &PushProbe, path: &KeyPath, report: &mut Report<'_>) -> Times {
    for (key, is_written, help) in [
        ("every", raw.every.is_some(), "`push: { expires: … }` says how soon a report must come"),
        ("timeout", raw.timeout.is_some(), "take it out: silence is a failure after `expires`"),
        ("address", raw.address.is_some(), "take it out: the report names the node"),
    ] {
        if is_written {
            report.error(&path.key(key), "a push is not probed", help);
        }
    }
    Times { every: push.expires, timeout: Duration::ZERO }
}
