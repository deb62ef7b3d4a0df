//! `check:`, or `checks:` with `need:`, and `deep:` of a pool.

use std::path::Path;

use crate::checks::raw::RawCheck;
use crate::cluster::check::{Check, CheckedFamily};
use crate::cluster::checks::{Checks, MAX_CHECKS, NamedCheck};
use crate::cluster::pool::Membership;
use crate::config::check::members;
use crate::config::check::nodes;
use crate::config::check::report::Report;
use crate::config::check::times::{self, DEEP, SHALLOW, Times};
use crate::config::key_path::KeyPath;
use crate::config::raw::RawPool;
use crate::config::raw::scalar::{Need, quoted};

/// Names in metrics: of the verdict of all checks together, and of the deep check.
const TAKEN: [&str; 2] = ["rotation", DEEP_NAME];
pub const DEEP_NAME: &str = "deep";

/// The parts of the pool that its checks depend on.
#[derive(Debug)]
pub struct Context<'a> {
    /// `None` when it is faulty.
    pub membership: Option<&'a Membership>,
    pub folder: &'a Path,
}

/// The checks that decide the rotation.
pub fn check(
    raw: &RawPool,
    context: &Context<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Checks> {
    let list = path.key("checks");
    if let Some(need) = raw.need.filter(|_| raw.checks.is_none() && !report.is_faulty(&list)) {
        let message = format!("`{}` of what is no list", need.0);
        report.error(&path.key("need"), message, "write the list as `checks:`, or take this out");
    }
    match (&raw.check, &raw.checks) {
        (Some(_), Some(_)) => {
            let help = "put that check into the list, or take the list out";
            let check = path.key("check");
            report.clash(&list, "`check` is there, too", help, (&check, "this one"));
            None
        }
        (None, None) => {
            if !report.is_faulty(&list) {
                let help = "write how a member is probed: `check: { http: { path: /health } }`, \
                            or several of them as `checks:`";
                report.missing(path, "check", help);
            }
            None
        }
        (Some(check), None) => {
            single(check, SHALLOW, context, &path.key("check"), report).map(Checks::one)
        }
        (None, Some(checks)) => several(raw, checks, context, path, report),
    }
}

pub fn deep(
    raw: &RawCheck,
    context: &Context<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Check> {
    let path = path.key("deep");
    let check = single(raw, DEEP, context, &path, report)?;
    if raw.family.is_some_and(|family| family.0 == CheckedFamily::Each) {
        let help = "write v4 or v6, or take it out";
        report.error(&path.key("family"), "a deep check is made in one family", help);
    }
    if check.probe.tells_load() {
        let help = "take it out, or write it at the check that decides";
        report.error(
            &path.key(check.probe.kind()).key("load"),
            "a deep check decides nothing",
            help,
        );
    }
    Some(check)
}

fn single(
    raw: &RawCheck,
    times: Times,
    context: &Context<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Check> {
    if raw.name.is_some() {
        let help = "take it out: names tell the checks of a list apart";
        report.error(&path.key("name"), "a name for the only one", help);
    }
    one(raw, times, context, path, report)
}

fn one(
    raw: &RawCheck,
    times: Times,
    context: &Context<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Check> {
    let check = times::check(raw, times, context.folder, path, report)?;
    if let Some(membership) = context.membership {
        members::check_reach(membership, &check, path, report);
    }
    Some(check)
}

fn several(
    raw: &RawPool,
    checks: &[RawCheck],
    context: &Context<'_>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Checks> {
    let list = path.key("checks");
    if checks.is_empty() && !report.has_items(&list) {
        let help = "write at least one, such as `- http: { path: /health }`";
        report.error(&list, "nothing to probe", help);
    }
    if checks.len() > MAX_CHECKS {
        let message = format!("{} checks", checks.len());
        report.error(&list, message, format!("write at most {MAX_CHECKS}"));
        return None;
    }
    let least = match raw.need.map(|need| need.0) {
        None | Some(Need::All) => checks.len(),
        Some(Need::Any) => 1,
        Some(Need::Least(least)) => least as usize,
    };
    if least > checks.len() && !checks.is_empty() && !report.is_faulty(&list) {
        let message = format!("{least} of {} checks can never pass", checks.len());
        let help = format!("write all, any, or a number up to {}", checks.len());
        report.error(&path.key("need"), message, help);
    }
    let mut named: Vec<Option<NamedCheck>> = vec![];
    for (index, raw) in checks.iter().enumerate() {
        let path = list.index(index);
        let check = one(raw, SHALLOW, context, &path, report);
        let name = name(raw, check.as_ref(), &path, report);
        let is_same = |earlier: &Option<NamedCheck>| {
            earlier.as_ref().map(|of| &of.name) == name.as_ref() && name.is_some()
        };
        if let (Some(first), Some(name)) = (named.iter().position(is_same), &name) {
            let message = format!("there is a check {} already", quoted(name));
            let help = "write a `name:` of its own here";
            report.clash(&path, message, help, (&list.index(first), "this one"));
        }
        named.push(name.zip(check).map(|(name, check)| NamedCheck { name, check }));
    }
    Checks::new(named.into_iter().collect::<Option<_>>()?, least)
}

/// The written name, or else the kind of the probe.
fn name(
    raw: &RawCheck,
    check: Option<&Check>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<String> {
    let Some(name) = &raw.name else { return check.map(|check| check.probe.kind().to_owned()) };
    let path = path.key("name");
    nodes::check_name("check", name, &path, report);
    if TAKEN.contains(&name.as_str()) {
        let message = format!("{} is what metrics call another one", quoted(name));
        report.error(&path, message, "write another name");
    }
    Some(name.clone())
}
