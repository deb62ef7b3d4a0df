//! Transitions: changes of a member's standing, which of them clients feel, and the sentences
//! that announce them.
//!
//! | health | member | clients feel | announced |
//! |---|---|---|---|
//! | falls | serves | it is out, which counts for its damping | out, and for how long |
//! | rises | is out | it is back | back |
//! | falls, rises | is held out by its damping | nothing | its health |
//! | falls, rises | is under an override | nothing | its health |
//! | falls | serves, but most members fail: see [`outage::detector`] | nothing | the outage |
//! | | its hold is over, and it is healthy | it is back | back |
//!
//! A member with a state for each address family falls and rises in each. When it stops serving in
//! its last family, or serves in a first one again, the change is one of the whole member; every
//! other change is of one family, and names it. When both families change at once, one sentence
//! states both changes.
//!
//! [`outage::detector`]: crate::control::outage::detector

use crate::clock::Moment;
use crate::cluster::families::Family;
use crate::cluster::node::NodeName;
use crate::cluster::operator::ActiveOverride;
use crate::cluster::pool::Pool;
use crate::cluster::selection::is_enough;
use crate::cluster::standing::Standing;
use crate::control::explain;
use crate::control::member::{FamilyState, MemberState};
use crate::control::outage::detector::Detector;
use crate::control::outage::evidence;
use crate::control::pool::PoolState;

/// What happened to one member.
#[derive(Debug)]
pub struct Transition {
    pub node: NodeName,
    /// One sentence without its subject, which is the node.
    pub what: String,
    /// The change for the hooks; `None` while damping holds the member out, and for a deep check.
    pub change: Option<StandingChange>,
}

/// A change of standing as the hooks get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingChange {
    /// The new standing.
    pub standing: Standing,
    /// The family that changed; `None` when the member as a whole did.
    pub family: Option<Family>,
    /// Why, as part of a sentence.
    pub cause: String,
}

/// Commits what the trackers say of all members of a pool.
pub fn commit_pool(pool: &Pool, state: &mut PoolState, now: Moment) -> Vec<Transition> {
    let mut transitions = vec![];
    let PoolState { members, outage: detectors, .. } = state;
    let is_apart = pool.judges_apart();
    for (member, state) in pool.membership.iter().zip(members) {
        let (did_serve, mut changes) = (state.is_healthy(), vec![]);
        state.each_verdict(|family, verdict, active| {
            let judged_in = is_apart.then(|| family.unwrap_or_else(|| member.first_family()));
            let detector = detectors.of_mut(judged_in);
            if let Some(standing) = commit(pool, verdict, active, detector, now) {
                changes.push(family_change(pool, family, verdict, active, standing, now));
            }
        });
        transitions.extend(of_member(pool, member.node, state, did_serve, changes));
        if let Some(deep) = &mut state.deep
            && let Some(standing) = deep.commit()
        {
            let what = explain::transition::deep_changed(standing, deep);
            transitions.push(Transition { node: member.node.clone(), what, change: None });
        }
    }
    transitions
}

/// Commits one family's state. Returns the new standing; `None` when the standing did not change,
/// also because the outage detector keeps the member.
fn commit(
    pool: &Pool,
    verdict: &mut FamilyState,
    active: Option<&ActiveOverride>,
    detector: &mut Detector,
    now: Moment,
) -> Option<Standing> {
    let changes = verdict.check.state().standing() != verdict.check.standing();
    let evidence = if changes { evidence::of_member(verdict, active) } else { None };
    if evidence.is_some_and(|of| of.falls && detector.keeps(&of)) {
        return None;
    }
    let standing = verdict.check.commit()?;
    if let (Some(_), Some(rule), Standing::Out) = (evidence, evidence::rule(pool), standing) {
        detector.note_fall(&rule, pool.membership.len(), now);
    }
    Some(standing)
}

/// The change of one family's state.
struct FamilyChange {
    family: Option<Family>,
    standing: Standing,
    what: String,
    cause: String,
    /// Whether the hooks get it: not while damping holds the member out, unless an override counts.
    is_felt: bool,
}

fn family_change(
    pool: &Pool,
    family: Option<Family>,
    verdict: &mut FamilyState,
    active: Option<&ActiveOverride>,
    standing: Standing,
    now: Moment,
) -> FamilyChange {
    let held = verdict.falls.held_until();
    if standing == Standing::Out
        && held.is_none()
        && active.is_none()
        && let Some(rule) = &pool.steadiness.damping
    {
        verdict.falls.count_fall(rule, now);
    }
    let check = &verdict.check;
    let (what, cause) = match (active, held) {
        (Some(active), _) => {
            let what = explain::transition::changed_under_override(active, family, standing, check);
            (what.clone(), what)
        }
        (None, Some(until)) => {
            let what = explain::transition::changed_while_held(family, standing, check, until, now);
            (what.clone(), what)
        }
        (None, None) => {
            let hold = explain::transition::hold(pool, &verdict.falls, now);
            let cause = check.cause() + &hold.map(|hold| format!("; {hold}")).unwrap_or_default();
            (explain::transition::standing_changed(pool, family, standing, &cause), cause)
        }
    };
    FamilyChange { family, standing, what, cause, is_felt: active.is_some() || held.is_none() }
}

/// The transitions of a member, from the changes of its families. `did_serve` is whether the member
/// was healthy before.
fn of_member(
    pool: &Pool,
    node: &NodeName,
    state: &MemberState,
    did_serve: bool,
    mut changes: Vec<FamilyChange>,
) -> Vec<Transition> {
    let is_whole = state.is_healthy() != did_serve;
    if let ([first, second], true, None) = (&changes[..], is_whole, &state.operator)
        && first.is_felt
        && second.is_felt
    {
        let cause = explain::transition::of_both(&first.cause, &second.cause);
        let what = explain::transition::standing_changed(pool, None, first.standing, &cause);
        let standing = first.standing;
        changes = vec![FamilyChange { family: None, standing, what, cause, is_felt: true }];
    }
    // If the member as a whole changed, the last change for the hooks is announced as its change.
    let last = changes.iter().rposition(|change| change.is_felt).filter(|_| is_whole);
    let of = |(index, change): (usize, FamilyChange)| {
        let FamilyChange { family, standing, what, cause, is_felt } = change;
        let family = family.filter(|_| last != Some(index));
        let change = is_felt.then_some(StandingChange { standing, family, cause });
        Transition { node: node.clone(), what, change }
    };
    changes.into_iter().enumerate().map(of).collect()
}

/// Ends the holds whose time is over, and all holds of a pool without damping.
pub fn end_holds(pool: &Pool, state: &mut PoolState, now: Moment) -> Vec<Transition> {
    let mut transitions = vec![];
    for (member, state) in pool.membership.iter().zip(&mut state.members) {
        let (did_serve, mut changes) = (state.is_healthy(), vec![]);
        state.each_verdict(|family, verdict, active| {
            let is_over = match &pool.steadiness.damping {
                Some(_) => verdict.falls.end_hold(now),
                None => std::mem::take(&mut verdict.falls).held_until().is_some(),
            };
            if is_over && is_well(verdict, active) {
                changes.push(return_of(pool, family, verdict, "the hold is over"));
            }
        });
        transitions.extend(of_member(pool, member.node, state, did_serve, changes));
    }
    transitions
}

/// Releases holds of healthy members while too few members serve, because damping must not make a
/// pool short. The hold that would end first is released first.
pub fn release_holds(pool: &Pool, state: &mut PoolState) -> Vec<Transition> {
    let mut transitions = vec![];
    // The usual case: no member is held, and nothing needs to be counted.
    if !state.members.iter().any(MemberState::is_held) {
        return transitions;
    }
    for &family in pool.decisions() {
        while !is_enough(pool, family, &state.serving(pool, family)) {
            let members = state.members.iter().enumerate();
            let members = members.filter(|(index, _)| pool.is_in(*index, family));
            let held = members.filter_map(|(index, state)| {
                let verdict = state.of(family);
                let is_well = is_well(verdict, state.operator.as_ref());
                Some((verdict.falls.held_until().filter(|_| is_well)?, index))
            });
            let Some((_, index)) = held.min_by_key(|(until, _)| *until) else { break };
            let Some(member) = pool.membership.get(index) else { break };
            let state = &mut state.members[index];
            let did_serve = state.is_healthy();
            let (of, verdict) = state.of_mut(family);
            verdict.falls.release();
            let why = "too few serve to hold it out any longer";
            let change = return_of(pool, of, verdict, why);
            transitions.extend(of_member(pool, member.node, state, did_serve, vec![change]));
        }
    }
    transitions
}

/// Whether the member would serve without its hold.
fn is_well(verdict: &FamilyState, active: Option<&ActiveOverride>) -> bool {
    active.is_none() && verdict.check.standing() == Standing::Serving
}

fn return_of(
    pool: &Pool,
    family: Option<Family>,
    verdict: &FamilyState,
    why: &str,
) -> FamilyChange {
    let cause = format!("{why}; {}", verdict.check.cause());
    let what = explain::transition::back(pool, family, &cause);
    FamilyChange { family, standing: Standing::Serving, what, cause, is_felt: true }
}
