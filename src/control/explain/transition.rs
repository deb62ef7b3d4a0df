//! Sentences about a member's change of standing.

use crate::clock::Moment;
use crate::cluster::families::Family;
use crate::cluster::operator::ActiveOverride;
use crate::cluster::pool::Pool;
use crate::cluster::standing::Standing;
use crate::control::explain::time::{clock, span};
use crate::control::member::checks::MemberChecks;
use crate::control::member::damping::Falls;
use crate::control::member::target::TargetState;

/// The new standing of a member, in a family or as a whole.
pub fn standing_changed(
    pool: &Pool,
    family: Option<Family>,
    standing: Standing,
    cause: &str,
) -> String {
    let (name, which) = (&pool.name, which(family));
    match standing {
        // The member serves again, but it is not answered while another tier stays active.
        Standing::Serving if pool.stay => {
            let over = family.map(|family| format!(" over {}", family.as_str()));
            format!("serves again{} in {name}: {cause}", over.unwrap_or_default())
        }
        Standing::Serving => back(pool, family, cause),
        Standing::Out => format!("out of the {which}answers of {name}: {cause}"),
    }
}

/// A member is in the answers again, in a family or as a whole.
pub fn back(pool: &Pool, family: Option<Family>, cause: &str) -> String {
    format!("back in the {}answers of {}: {cause}", which(family), pool.name)
}

/// `IPv6 `, as in `the IPv6 answers`; empty for a member as a whole.
fn which(family: Option<Family>) -> String {
    family.map(|family| format!("{} ", family.as_str())).unwrap_or_default()
}

/// The causes of both families: `IPv4: connection refused (3/3); IPv6: no answer within 2 s (3/3)`,
/// or the cause alone if both are equal.
pub fn of_both(v4: &str, v6: &str) -> String {
    match v4 == v6 {
        true => v4.to_owned(),
        false => format!("{}: {v4}; {}: {v6}", Family::V4.as_str(), Family::V6.as_str()),
    }
}

/// A change of health of a member under an override.
pub fn changed_under_override(
    active: &ActiveOverride,
    family: Option<Family>,
    standing: Standing,
    check: &MemberChecks,
) -> String {
    let health = match standing {
        Standing::Serving => "would serve again",
        Standing::Out => "would be out",
    };
    let health = format!("{health} by its {}health", which(family));
    format!("{health}: {}; it stays {}", check.cause(), active.state())
}

/// A change of health of a member that its damping holds out.
pub fn changed_while_held(
    family: Option<Family>,
    standing: Standing,
    check: &MemberChecks,
    until: Moment,
    now: Moment,
) -> String {
    let (cause, until) = (check.cause(), clock(until, now));
    let over = family.map(|family| format!(" over {}", family.as_str())).unwrap_or_default();
    match standing {
        Standing::Serving => format!("is well again{over}: {cause}; it is held out until {until}"),
        Standing::Out => format!("is not well again{over}: {cause}; it is held out until {until}"),
    }
}

/// Until when the damping holds a member out, and why; `None` without a hold.
pub fn hold(pool: &Pool, falls: &Falls, now: Moment) -> Option<String> {
    let (until, rule) = (falls.held_until()?, pool.steadiness.damping.as_ref()?);
    let (count, within) = (falls.count(rule, now), span(rule.within));
    Some(format!("held out until {}: {count} falls within {within}", clock(until, now)))
}

/// The deep check of a member passes or fails now.
pub fn deep_changed(standing: Standing, deep: &TargetState) -> String {
    match standing {
        Standing::Serving => format!("passes its deep check again: {}", deep.cause()),
        Standing::Out => format!("fails its deep check: {}", deep.cause()),
    }
}
