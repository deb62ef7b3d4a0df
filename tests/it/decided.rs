//! Only pools in which something happened are decided and told of again. That must be what deciding
//! and telling all of them would say.

use std::sync::Arc;

use jiff::Timestamp;
use tiovivo::cluster::pool::PoolId;
use tiovivo::cluster::selection::{PoolHealth, Share, select};
use tiovivo::control::board::Board;
use tiovivo::control::report;
use tiovivo::control::roster::MemberState;
use tiovivo::control::state::ControlState;
use tiovivo::control::status::{MemberStatus, PoolStatus};
use tiovivo::health::Observation;

use crate::cluster::{loaded, pool};
use crate::control::OK;

/// Every answer is the one that all health of now gives.
pub fn all_are_decided(state: &ControlState) {
    let pools = &state.loaded.pools;
    let health = pools.iter().zip(&state.pools).map(|(pool, state)| {
        let share = |member: &MemberState| match pool.answers_several() {
            true => member.share(),
            false => Share::FULL,
        };
        PoolHealth {
            standings: state.standings(),
            withheld: state.members.iter().map(MemberState::withheld).collect(),
            shares: state.members.iter().map(share).collect(),
            last_enough: state.last_enough.clone(),
            in_charge: state.in_charge,
        }
    });
    let health: Vec<PoolHealth> = health.collect();
    for (index, answer) in state.answers().iter().enumerate() {
        let selection = select(pools, &health, PoolId(index as u32));
        assert_eq!(answer.selection, selection, "{}", pools[index].name);
        let of = selection.each().map(|of| of.pool.index()).chain([index]);
        let mut members = of.flat_map(|pool| &state.pools[pool].members);
        let ttl = match (members.all(MemberState::is_settled), pools[index].ttl) {
            (false, ttl @ 10..) => ttl / 2,
            (false, ttl) => ttl.min(5),
            (true, ttl) => ttl,
        };
        assert_eq!(answer.ttl, ttl, "{}", pools[index].name);
    }
}

/// The board has what was decided, whatever it has not yet of what was only observed.
pub fn all_are_told(board: &Board, state: &ControlState, now: Timestamp) {
    let told = board.told();
    let expected = report::status(state, now).pools;
    assert_eq!(told.len(), expected.len());
    for (told, expected) in told.iter().zip(&expected) {
        assert_eq!(of_pool(told), of_pool(expected), "{}", expected.name);
        let members = told.members.iter().zip(&expected.members);
        members.for_each(|(told, expected)| assert_eq!(of_member(told), of_member(expected)));
    }
}

fn of_pool(pool: &PoolStatus) -> impl PartialEq + std::fmt::Debug {
    let PoolStatus { name, ttl, serving, short, answering, in_charge, kept, .. } = pool;
    (name.clone(), *ttl, *serving, *short, answering.clone(), in_charge.clone(), kept.clone())
}

fn of_member(member: &MemberStatus) -> impl PartialEq + std::fmt::Debug {
    let MemberStatus { node, in_answers, operator, held_until, .. } = member;
    let operator = operator.as_ref().map(|order| (order.state, order.since.clone()));
    (node.clone(), *in_answers, operator, held_until.clone())
}

const POOLS: usize = 100;

/// What was only observed comes in pieces, and what it replaces goes in pieces.
#[test]
fn a_round_goes_on_in_pieces_of_some_pools() {
    let pools = (0..POOLS).map(|index| pool(&format!("p{index}"), &[2, 3, 4, 5, 6, 7, 8, 9]));
    let now = Timestamp::UNIX_EPOCH;
    let (mut state, plan) = ControlState::new(loaded(pools.collect()), &[], now);
    let mut board = Board::new(&state, now);
    let before = board.told();
    let old: Vec<_> = before.iter().map(Arc::downgrade).collect();
    drop(before);
    for target in plan.start {
        state.observe(&Observation { target: target.id, verdict: OK }, now);
    }
    state.settle(now);
    let probed = |board: &Board| {
        let told = board.told();
        told.iter().filter(|pool| pool.members.iter().all(|m| m.check.probes == 1)).count()
    };
    assert!(!board.is_behind(), "nobody has begun");

    board.begin_round();
    let mut pieces = 1;
    while !board.go_on(&state, now) {
        assert_eq!(probed(&board), 4 * pieces);
        pieces += 1;
    }
    assert_eq!((pieces, probed(&board)), (POOLS / 4, POOLS));

    let read = || old.iter().filter(|pool| pool.strong_count() > 0).count();
    assert_eq!(read(), POOLS, "whoever reads the last status may go on");
    assert!(!board.go_on(&state, now));
    assert_eq!(read(), POOLS - 4);
    while board.is_behind() {
        board.go_on(&state, now);
    }
    assert_eq!(read(), 0);
}
