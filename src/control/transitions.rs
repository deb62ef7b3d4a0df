//! Changes of standing: which of them clients feel, and what is told of them.
//!
//! | health | member | clients feel | told |
//! |---|---|---|---|
//! | falls | serves | it is out, which counts for its damping | out, and for how long |
//! | rises | is out | it is back | back |
//! | falls, rises | is held out by its damping | nothing | its health |
//! | falls, rises | is under an operator's order | nothing | its health |
//! | falls | serves, but most fail: see [`outage::detector`] | nothing | of the pool |
//! | | its hold is over, and it is well | it is back | back |
//!
//! A member with a verdict for each address family falls and rises in each. It is one event of the
//! member when it serves in no family any more, or in one again; everything between is an event of
//! a family, and names it. Both families that move at once are told in one sentence.
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

/// What is to be told of one member.
#[derive(Debug)]
pub struct Transition {
    pub node: NodeName,
    /// One sentence.
    pub what: String,
    /// For the hooks.
    pub turn: Option<StandingChange>,
}

/// The new standing of a member, or of it in a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingChange {
    pub standing: Standing,
    pub family: Option<Family>,
    pub cause: String,
}

/// Takes over what the trackers say.
pub fn commit_pool(pool: &Pool, state: &mut PoolState, now: Moment) -> Vec<Transition> {
    let mut moves = vec![];
    let PoolState { members, outage: detectors, .. } = state;
    let is_apart = pool.judges_apart();
    for (member, state) in pool.membership.iter().zip(members) {
        let (did_serve, mut changes) = (state.is_healthy(), vec![]);
        state.each_verdict(|family, verdict, order| {
            let judged_in = is_apart.then(|| family.unwrap_or_else(|| member.first_family()));
            let detector = detectors.of_mut(judged_in);
            if let Some(standing) = commit(pool, verdict, order, detector, now) {
                changes.push(moved(pool, family, verdict, order, standing, now));
            }
        });
        moves.extend(told(pool, member.node, state, did_serve, changes));
        if let Some(deep) = &mut state.deep
            && let Some(standing) = deep.commit()
        {
            let what = explain::deep_moved(standing, deep);
            moves.push(Transition { node: member.node.clone(), what, turn: None });
        }
    }
    moves
}

/// The new standing of a verdict, unless the detector keeps it.
fn commit(
    pool: &Pool,
    verdict: &mut FamilyState,
    order: Option<&ActiveOverride>,
    detector: &mut Detector,
    now: Moment,
) -> Option<Standing> {
    let changes = verdict.check.state().standing() != verdict.check.standing();
    let sight = if changes { evidence::sight(verdict, order) } else { None };
    if sight.is_some_and(|sight| sight.falls && detector.keeps(&sight)) {
        return None;
    }
    let standing = verdict.check.commit()?;
    if let (Some(_), Some(rule), Standing::Out) = (sight, evidence::rule(pool), standing) {
        detector.note_fall(&rule, pool.membership.len(), now);
    }
    Some(standing)
}

/// What became of one verdict.
struct VerdictChange {
    family: Option<Family>,
    standing: Standing,
    what: String,
    cause: String,
    /// It counts: no hold is in its way.
    is_turn: bool,
}

fn moved(
    pool: &Pool,
    family: Option<Family>,
    verdict: &mut FamilyState,
    order: Option<&ActiveOverride>,
    standing: Standing,
    now: Moment,
) -> VerdictChange {
    let held = verdict.falls.held_until();
    if standing == Standing::Out
        && held.is_none()
        && order.is_none()
        && let Some(rule) = &pool.steadiness.damping
    {
        verdict.falls.fall(rule, now);
    }
    let check = &verdict.check;
    let (what, cause) = match (order, held) {
        (Some(order), _) => {
            let what = explain::moved_under(order, family, standing, check);
            (what.clone(), what)
        }
        (None, Some(until)) => {
            let what = explain::moved_while_held(family, standing, check, until, now);
            (what.clone(), what)
        }
        (None, None) => {
            let hold = explain::hold(pool, &verdict.falls, now);
            let cause = check.cause() + &hold.map(|hold| format!("; {hold}")).unwrap_or_default();
            (explain::moved(pool, family, standing, &cause), cause)
        }
    };
    VerdictChange { family, standing, what, cause, is_turn: order.is_some() || held.is_none() }
}

/// `did_serve` is whether it was healthy before.
fn told(
    pool: &Pool,
    node: &NodeName,
    state: &MemberState,
    did_serve: bool,
    mut changes: Vec<VerdictChange>,
) -> Vec<Transition> {
    let turned = state.is_healthy() != did_serve;
    if let ([first, second], true, None) = (&changes[..], turned, &state.operator)
        && first.is_turn
        && second.is_turn
    {
        let cause = explain::of_both(&first.cause, &second.cause);
        let what = explain::moved(pool, None, first.standing, &cause);
        let standing = first.standing;
        changes = vec![VerdictChange { family: None, standing, what, cause, is_turn: true }];
    }
    // That of the member is the last one.
    let last = changes.iter().rposition(|change| change.is_turn).filter(|_| turned);
    let of = |(index, change): (usize, VerdictChange)| {
        let VerdictChange { family, standing, what, cause, is_turn } = change;
        let family = family.filter(|_| last != Some(index));
        let turn = is_turn.then_some(StandingChange { standing, family, cause });
        Transition { node: node.clone(), what, turn }
    };
    changes.into_iter().enumerate().map(of).collect()
}

/// Ends the holds whose time is over, or that the pool does not want any more.
pub fn end_holds(pool: &Pool, state: &mut PoolState, now: Moment) -> Vec<Transition> {
    let mut moves = vec![];
    for (member, state) in pool.membership.iter().zip(&mut state.members) {
        let (did_serve, mut changes) = (state.is_healthy(), vec![]);
        state.each_verdict(|family, verdict, order| {
            let is_over = match &pool.steadiness.damping {
                Some(_) => verdict.falls.end(now),
                None => std::mem::take(&mut verdict.falls).held_until().is_some(),
            };
            if is_over && is_well(verdict, order) {
                changes.push(back(pool, family, verdict, "the hold is over"));
            }
        });
        moves.extend(told(pool, member.node, state, did_serve, changes));
    }
    moves
}

/// A pool is not made short by its damping: while too few serve, the holds of members that are
/// well are over, that which would end first first.
pub fn release_holds(pool: &Pool, state: &mut PoolState) -> Vec<Transition> {
    let mut moves = vec![];
    // Nearly always: nobody is held.
    if !state.members.iter().any(MemberState::is_held) {
        return moves;
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
            let change = back(pool, of, verdict, "too few serve to hold it out any longer");
            moves.extend(told(pool, member.node, state, did_serve, vec![change]));
        }
    }
    moves
}

/// It would serve, were it not for a hold.
fn is_well(verdict: &FamilyState, order: Option<&ActiveOverride>) -> bool {
    order.is_none() && verdict.check.standing() == Standing::Serving
}

fn back(pool: &Pool, family: Option<Family>, verdict: &FamilyState, why: &str) -> VerdictChange {
    let cause = format!("{why}; {}", verdict.check.cause());
    let what = explain::back(pool, family, &cause);
    VerdictChange { family, standing: Standing::Serving, what, cause, is_turn: true }
}
