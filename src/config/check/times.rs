//! One check of a pool: its times and counts. Its kind is checked in [`crate::checks`].

use std::path::Path;
use std::time::Duration;

use crate::checks::checked::Probe;
use crate::checks::push::checked::PushProbe;
use crate::checks::raw::RawCheck;
use crate::cluster::check::{Check, Thresholds};
use crate::config::check::keys::{LONGEST, written};
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::{Scalar, Whole};

const SHORTEST: Duration = Duration::from_millis(100);
const FALL: u32 = 3;
const RISE: u32 = 2;
const FORGIVE: u32 = 9;
/// `fall` and `rise` of a push by default: a report is a verdict already.
const PUSH_COUNTS: (u32, u32) = (1, 1);

/// What holds when a key is absent.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    every: Duration,
    timeout: Duration,
}

pub const SHALLOW: Times = Times { every: Duration::from_secs(5), timeout: Duration::from_secs(2) };
pub const DEEP: Times = Times { every: Duration::from_secs(30), timeout: Duration::from_secs(5) };

pub fn check(
    raw: &RawCheck,
    defaults: Times,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Check> {
    let probe = raw.probe(folder, path, report);
    let (times, counts) = match &probe {
        Some(Probe::Push(push)) => (push_times(raw, push, path, report), PUSH_COUNTS),
        _ => (times(raw, defaults, path, report), (FALL, RISE)),
    };
    let Times { every, timeout } = times;
    let count = |count: Option<Scalar<Whole<1, 100>>>, default| count.map_or(default, |c| c.0.0);
    let thresholds = Thresholds {
        fall: count(raw.fall, counts.0),
        rise: count(raw.rise, counts.1),
        forgive: raw.forgive.map_or(FORGIVE, |forgive| forgive.0.0),
    };
    let address = raw.address.map(|address| address.0);
    let family = raw.family.map(|family| family.0).unwrap_or_default();
    let probe = probe?;
    if raw.family.is_some() && !probe.has_a_family() {
        let message = format!("`{}` says something of the node in both families", probe.kind());
        report.error(&path.key("family"), message, "take it out");
    }
    Some(Check { probe, address, family, every, timeout, thresholds })
}

fn times(raw: &RawCheck, defaults: Times, path: &KeyPath, report: &mut Report<'_>) -> Times {
    let every = raw.every.map_or(defaults.every, |every| every.0);
    let timeout = raw.timeout.map_or(defaults.timeout, |timeout| timeout.0);
    if !(SHORTEST..=LONGEST).contains(&every) {
        let message = format!("{} is out of range", written(every));
        report.error(&path.key("every"), message, "write 100ms to 1d");
    }
    if timeout.is_zero() {
        report.error(&path.key("timeout"), "no time to answer", "write at least 1ms");
    }
    let told = report.is_faulty(&path.key("every")) || report.is_faulty(&path.key("timeout"));
    if timeout >= every && !told {
        let by_default = |given: bool| if given { "" } else { ", by default," };
        let message = format!(
            "the timeout of {}{} is not shorter than the interval of {}{}",
            written(timeout),
            by_default(raw.timeout.is_some()),
            written(every),
            by_default(raw.every.is_some()).trim_end_matches(','),
        );
        let help = format!("write a timeout below {}, or a longer `every`", written(every));
        let key = if raw.timeout.is_some() { "timeout" } else { "every" };
        report.error(&path.key(key), message, help);
    }
    Times { every, timeout }
}

/// A push has no times of its own, and no address.
fn push_times(raw: &RawCheck, push: &PushProbe, path: &KeyPath, report: &mut Report<'_>) -> Times {
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
