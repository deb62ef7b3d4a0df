//! Changes of standing: which of them clients feel, and what is told of them.
//!
//! | health | member | clients feel | told |
//! |---|---|---|---|
//! | falls | serves | it is out, which counts for its damping | out, and for how long |
//! | rises | is out | it is back | back |
//! | falls, rises | is held out by its damping | nothing | its health |
//! | falls, rises | is under an operator's order | nothing | its health |
//! | falls | serves, but most fail: see [`crate::control::suspicion`] | nothing | of the pool |
//! | | its hold is over, and it is well | it is back | back |

use crate::clock::Moment;
use crate::cluster::node::NodeName;
use crate::cluster::pool::Pool;
use crate::cluster::selection::is_enough;
use crate::cluster::standing::Standing;
use crate::control::common;
use crate::control::explain;
use crate::control::roster::{MemberState, PoolState};

/// What is to be told of one member.
#[derive(Debug)]
pub struct Move {
    pub node: NodeName,
    /// One sentence.
    pub what: String,
    /// The new standing and its cause, for the hooks.
    pub turn: Option<(Standing, String)>,
}

/// Takes over what the trackers say.
pub fn take_over(pool: &Pool, state: &mut PoolState, now: Moment) -> Vec<Move> {
    let mut moves = vec![];
    let (rule, size) = (common::rule(pool), state.members.len());
    let PoolState { members, suspicion, .. } = state;
    for (member, state) in pool.membership.iter().zip(members) {
        let changes = state.check.state().standing() != state.check.standing();
        let sight = if changes { common::sight(state) } else { None };
        let is_kept = sight.is_some_and(|sight| sight.falls && suspicion.keeps(&sight));
        if !is_kept && let Some(standing) = state.check.settle() {
            if let (Some(_), Some(rule), Standing::Out) = (sight, &rule, standing) {
                suspicion.note_fall(rule, size, now);
            }
            moves.push(moved(pool, member.node, state, standing, now));
        }
        if let Some(deep) = &mut state.deep
            && let Some(standing) = deep.settle()
        {
            let what = explain::deep_moved(standing, deep);
            moves.push(Move { node: member.node.clone(), what, turn: None });
        }
    }
    moves
}

fn moved(
    pool: &Pool,
    node: &NodeName,
    state: &mut MemberState,
    standing: Standing,
    now: Moment,
) -> Move {
    let held = state.falls.held_until();
    if standing == Standing::Out
        && held.is_none()
        && state.operator.is_none()
        && let Some(rule) = &pool.steadiness.damping
    {
        state.falls.fall(rule, now);
    }
    let (what, cause) = match (&state.operator, held) {
        (Some(order), _) => {
            let what = explain::moved_under(order, standing, &state.check);
            (what.clone(), what)
        }
        (None, Some(until)) => {
            let what = explain::moved_while_held(standing, &state.check, until, now);
            return Move { node: node.clone(), what, turn: None };
        }
        (None, None) => {
            let hold = explain::hold(pool, &state.falls, now);
            let hold = hold.map(|hold| format!("; {hold}")).unwrap_or_default();
            let (what, cause) = (explain::moved(pool, standing, &state.check), state.check.cause());
            (what + &hold, cause + &hold)
        }
    };
    Move { node: node.clone(), what, turn: Some((standing, cause)) }
}

/// Ends the holds whose time is over, or that the pool does not want any more.
pub fn end_holds(pool: &Pool, state: &mut PoolState, now: Moment) -> Vec<Move> {
    let members = pool.membership.iter().zip(&mut state.members);
    let over = members.filter_map(|(member, state)| {
        let is_over = match &pool.steadiness.damping {
            Some(_) => state.falls.end(now),
            None => std::mem::take(&mut state.falls).held_until().is_some(),
        };
        let is_back = is_over && is_well(state);
        is_back.then(|| back(pool, member.node, state, "the hold is over"))
    });
    over.collect()
}

/// A pool is not made short by its damping: while too few serve, the holds of members that are
/// well are over, that which would end first first.
pub fn release_holds(pool: &Pool, state: &mut PoolState) -> Vec<Move> {
    let mut moves = vec![];
    // Nearly always: nobody is held.
    if state.members.iter().all(|member| member.falls.held_until().is_none()) {
        return moves;
    }
    loop {
        if is_enough(pool, &state.serving()) {
            return moves;
        }
        let members = pool.membership.iter().zip(&mut state.members);
        let held = members.filter(|(_, state)| is_well(state));
        let held =
            held.filter_map(|(member, state)| Some((state.falls.held_until()?, member, state)));
        let Some((_, member, state)) = held.min_by_key(|(until, ..)| *until) else { return moves };
        state.falls.release();
        moves.push(back(pool, member.node, state, "too few serve to hold it out any longer"));
    }
}

/// It would serve, were it not for a hold.
fn is_well(state: &MemberState) -> bool {
    state.operator.is_none() && state.check.standing() == Standing::Serving
}

fn back(pool: &Pool, node: &NodeName, state: &MemberState, why: &str) -> Move {
    let cause = format!("{why}; {}", state.check.cause());
    let what = format!("back in the answers of {}: {cause}", pool.name);
    Move { node: node.clone(), what, turn: Some((Standing::Serving, cause)) }
}
