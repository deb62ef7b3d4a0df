//! `damping` and `slow_start` of a pool: what keeps its answers steady.

use std::time::Duration;

use crate::cluster::steadiness::{Damping, Steadiness};
use crate::config::check::probes::written;
use crate::config::check::report::Report;
use crate::config::raw::RawPool;
use crate::config::raw::scalar::Scalar;
use crate::config::raw::steadiness::RawDamping;
use crate::config::written::KeyPath;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(86_400);
/// As long as the TTL is by default: resolvers that hold the addresses without it forget them by
/// then, so its load rises at most twice as long as it would by itself.
const SLOW_START: Duration = Duration::from_secs(30);

pub fn check(raw: &RawPool, path: &KeyPath, report: &mut Report<'_>) -> Steadiness {
    Steadiness {
        damping: damping(raw, &path.key("damping"), report),
        slow_start: slow_start(raw, &path.key("slow_start"), report),
    }
}

fn slow_start(raw: &RawPool, path: &KeyPath, report: &mut Report<'_>) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(3600);
    let over = raw.slow_start.map_or(Some(SLOW_START), |written| written.0.0)?;
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
    let told = ["hold", "most"].iter().any(|key| report.is_told(&path.key(key)));
    if damping.hold > damping.most && !told {
        let (hold, most) = (written(damping.hold), written(damping.most));
        let message = format!("the first hold of {hold} is longer than the longest one, {most}");
        let key = if rule.hold.is_some() { "hold" } else { "most" };
        report.error(&path.key(key), message, "write a `hold` up to `most`");
    }
    Some(damping)
}
