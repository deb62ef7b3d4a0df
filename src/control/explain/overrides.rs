//! Sentences about an override and the members that it selects.

use crate::clock::Moment;
use crate::cluster::operator::{ActiveOverride, OverrideKind};
use crate::control::explain::time::clock;

/// What changed for a member when its active override changed from `old` to `new`; `None` if
/// nothing changed.
pub fn changed(
    old: Option<&ActiveOverride>,
    new: Option<&ActiveOverride>,
    now: Moment,
) -> Option<String> {
    match (old, new) {
        (None, None) => None,
        (Some(old), Some(new)) if old.given == new.given => (old.is_drained != new.is_drained)
            .then(|| "drained: no resolver should hold its address any more".into()),
        (_, Some(new)) => Some(in_force(new, now)),
        (Some(old), None) if old.given.is_over(now) => {
            let (word, author) = (old.given.kind.as_str(), &old.given.author);
            Some(format!("the time of {author}'s order {word} is over: health decides again"))
        }
        (Some(_), None) => Some("released: health decides again".into()),
    }
}

/// An active override:
/// `draining since 10:02:11 UTC by ana@ns1: kernel update; resolvers may hold its address until …`
pub fn in_force(active: &ActiveOverride, now: Moment) -> String {
    let given = &active.given;
    let mut text =
        format!("{} since {} by {}", active.state(), clock(given.since, now), given.author);
    if !given.reason.is_empty() {
        text += &format!(": {}", given.reason);
    }
    if let Some(held) = active.held_until.filter(|_| !active.is_drained) {
        text += &format!("; resolvers may hold its address until {}", clock(held, now));
    }
    if let Some(until) = given.until {
        text += &format!("; the order ends {}", clock(until, now));
    }
    text
}

/// Why a member is answered or not, while an override counts for it. `shortage` says why the pool
/// is short; `None` while it is not.
pub fn member(
    active: &ActiveOverride,
    in_answers: bool,
    shortage: Option<&str>,
    now: Moment,
) -> String {
    let words = in_force(active, now);
    match (active.given.kind, in_answers, shortage) {
        (OverrideKind::ForceUp, true, _) => words,
        (OverrideKind::ForceUp, false, None) => {
            format!("{words}; in reserve, another is answered")
        }
        (OverrideKind::ForceUp, false, Some(shortage)) => {
            format!("{words}; not answered: {shortage}")
        }
        (OverrideKind::Drain | OverrideKind::ForceDown, false, _) => words,
        (OverrideKind::Drain | OverrideKind::ForceDown, true, _) => format!(
            "{words}; answered all the same: nobody else is left, and only when_short: none \
             empties a pool"
        ),
    }
}
