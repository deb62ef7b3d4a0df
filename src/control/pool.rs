//! The state of one pool: that of its members, its active tier, and its outage detectors.

use crate::clock::Moment;
use crate::cluster::families::{Families, Family};
use crate::cluster::pool::{Order, Pool};
use crate::cluster::selection;
use crate::cluster::standing::Standing;
use crate::control::active_tier;
use crate::control::health_file::{SavedMember, SavedPool, SavedVerdict};
use crate::control::member::MemberState;
use crate::control::outage::detector::Detector;
use crate::pace;

/// The state of one pool.
#[derive(Debug)]
pub struct PoolState {
    /// In the order of [`Pool::membership`].
    pub members: Vec<MemberState>,
    /// Indices of the members that served when at least `min_serving` members last served.
    pub last_enough: Families<Vec<usize>>,
    /// The tier that is answered, in a pool with `stay`; `None` in others.
    pub active_tier: Families<Option<usize>>,
    /// Whether fewer than `min_serving` members served at the last decision.
    pub short: Families<bool>,
    /// The outage detector of each family; that of IPv4 is for both if they are judged together.
    pub outage: Families<Detector>,
}

impl PoolState {
    /// The standing of each member in the answers of the family.
    pub fn standings(&self, family: Option<Family>) -> Vec<Standing> {
        self.members.iter().map(|member| member.standing(family)).collect()
    }

    /// Indices of the members that serve and have an address of the family, ascending.
    pub fn serving(&self, pool: &Pool, family: Option<Family>) -> Vec<usize> {
        pool.with_family(family, selection::serving(&self.standings(family)))
    }

    /// The state to store for the next start.
    pub fn to_saved(&self, pool: &Pool) -> SavedPool {
        let node = |index: &usize| Some(pool.membership.get(*index)?.node.to_string());
        let members = pool.membership.iter().zip(&self.members).filter_map(|(member, state)| {
            pace::yield_after(1);
            let (first, v6) = state.to_saved();
            let (node, SavedVerdict { serving, since, falls }) = (member.node.to_string(), first?);
            Some(SavedMember { node, serving, since, falls, v6 })
        });
        let Families { v4, v6 } = &self.last_enough;
        let in_charge = |family| active_tier::nodes(pool, *self.active_tier.get(family));
        let (in_charge, in_charge6) = (in_charge(Family::V4), in_charge(Family::V6));
        let is_other = pool.judges_apart() && in_charge6 != in_charge;
        SavedPool {
            name: pool.name.to_string(),
            last_enough: v4.iter().filter_map(node).collect(),
            last_enough6: (v4 != v6).then(|| v6.iter().filter_map(node).collect()),
            in_charge,
            in_charge6: is_other.then_some(in_charge6),
            members: members.collect(),
        }
    }

    /// Updates the slow start of each member. Returns when a share next grows; `None` if none does.
    pub fn step_slow_start(&mut self, pool: &Pool, now: Moment) -> Option<Moment> {
        let over = pool.steadiness.slow_start.filter(|_| pool.order != Order::Failover);
        let mut next: Option<Moment> = None;
        for member in &mut self.members {
            member.each_verdict(|_, verdict, active| {
                let standing = verdict.standing(active);
                let grows = verdict.comeback.step(over, standing, now);
                next = next.into_iter().chain(grows).min();
            });
        }
        next
    }
}
