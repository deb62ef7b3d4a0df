//! Decides which members and targets exist, at the start and after a reload.
//!
//! | a member of the new configuration | its standing |
//! |---|---|
//! | same pool, node, addresses and checks | continues, with its tracker and its schedule |
//! | same, with another check | stays until the new check has decided; the other checks continue |
//! | new, in a pool where members continue | out until it has risen, as it is untried |
//! | new, in a pool where no member continues | unknown: it serves until its first probe |
//!
//! A deep check continues when it is the same, and starts again otherwise.
//!
//! A member with a verdict for each address family has two targets of each check that is probed in
//! both families, and one target of every other check, which counts in both verdicts.

use std::collections::{HashMap, HashSet};

use crate::clock::Moment;
use crate::cluster::check::Check;
use crate::cluster::checks::NamedCheck;
use crate::cluster::families::{Families, Family};
use crate::cluster::member::Addresses;
use crate::cluster::pool::{MemberView, Pool};
use crate::cluster::standing::Standing;
use crate::control::active_tier;
use crate::control::health_file::{SavedMember, SavedPool};
use crate::control::member::checks::MemberChecks;
use crate::control::member::load::Load;
use crate::control::member::target::{PriorStanding, TargetState};
use crate::control::member::{FamilyState, MemberState};
use crate::control::outage::detector::Detector;
use crate::control::pool::PoolState;
use crate::control::probes::{ProbeChanges, ProbeTarget, TargetIds};
use crate::health::TargetId;
use crate::health::probe::ask::Subject;
use crate::pace;

/// Builds the states of members.
struct StateBuilder<'a> {
    ids: &'a mut TargetIds,
    /// The targets whose probes start.
    start: Vec<ProbeTarget>,
    now: Moment,
}

/// The state at the start of a run; `saved` is what an earlier run stored.
pub fn first(
    pools: &[Pool],
    saved: &[SavedPool],
    ids: &mut TargetIds,
    now: Moment,
) -> (Vec<PoolState>, ProbeChanges) {
    let mut builder = StateBuilder { ids, start: vec![], now };
    let saved: HashMap<&str, &SavedPool> = saved.iter().map(|p| (p.name.as_str(), p)).collect();
    let states =
        pools.iter().map(|pool| initial(pool, saved.get(pool.name.as_str()), &mut builder));
    (states.collect(), ProbeChanges { start: builder.start, ..ProbeChanges::default() })
}

/// The state of a pool that this run has not had before.
fn initial(pool: &Pool, saved: Option<&&SavedPool>, builder: &mut StateBuilder<'_>) -> PoolState {
    // Where a name occurs twice, its first entry counts.
    let members = saved.into_iter().flat_map(|saved| saved.members.iter().rev());
    let members: HashMap<&str, &SavedMember> = members.map(|m| (m.node.as_str(), m)).collect();
    let now = builder.now;
    let members = pool.membership.iter().map(|member| {
        let saved = members.get(member.node.as_str());
        let saved = |family| saved.and_then(|saved| saved.to_prior(family));
        let prior = |family| saved(family).map(|(prior, _)| prior);
        let prior = Families { v4: prior(Family::V4), v6: prior(Family::V6) };
        let mut state = builder.member(&member, pool, prior);
        state.each_verdict(|family, state, _| {
            let saved = saved(family.unwrap_or(Family::V4));
            if let (Some(rule), Some((_, falls))) = (&pool.steadiness.damping, saved) {
                state.falls = falls.recalled(rule, now);
            }
        });
        state
    });
    let members = members.collect();
    let enough = |of: fn(&SavedPool) -> &Vec<String>| {
        let nodes: HashSet<&str> =
            saved.into_iter().flat_map(|saved| of(saved)).map(String::as_str).collect();
        indices(pool, |node| nodes.contains(node))
    };
    let last_enough = Families {
        v4: enough(|saved| &saved.last_enough),
        v6: enough(|saved| saved.last_enough6()),
    };
    let active = |of: fn(&SavedPool) -> &Vec<String>| active_tier::find(pool, of(saved?));
    let active =
        Families { v4: active(|saved| &saved.in_charge), v6: active(SavedPool::in_charge6) };
    PoolState {
        members,
        last_enough,
        active_tier: active,
        short: Families::default(),
        outage: Families::default(),
    }
}

/// The state after a reload: `pools` replaces `old_pools`, whose state was `old`.
pub fn next(
    pools: &[Pool],
    old_pools: &[Pool],
    old: Vec<PoolState>,
    ids: &mut TargetIds,
    now: Moment,
) -> (Vec<PoolState>, ProbeChanges) {
    let before: Vec<TargetId> = targets(&old).collect();
    let mut builder = StateBuilder { ids, start: vec![], now };
    let old = old_pools.iter().zip(old);
    let mut old: HashMap<&str, _> = old.map(|pair| (pair.0.name.as_str(), pair)).collect();
    let follow = |pool: &Pool| match old.remove(pool.name.as_str()) {
        Some((old_pool, state)) => follow(pool, old_pool, state, &mut builder),
        None => initial(pool, None, &mut builder),
    };
    let states: Vec<PoolState> = pools.iter().map(follow).collect();
    let after: HashSet<TargetId> = targets(&states).collect();
    let stop = before.into_iter().filter(|target| !after.contains(target)).collect();
    (states, ProbeChanges { start: builder.start, stop, at_once: vec![] })
}

/// The state of a pool that continues `old_pool`, whose state was `old`.
fn follow(
    pool: &Pool,
    old_pool: &Pool,
    old: PoolState,
    builder: &mut StateBuilder<'_>,
) -> PoolState {
    let enough = |last: &[usize]| {
        let nodes = last.iter().filter_map(|&index| old_pool.membership.get(index));
        let nodes: HashSet<&str> = nodes.map(|member| member.node.as_str()).collect();
        indices(pool, |node| nodes.contains(node))
    };
    let Families { v4, v6 } = &old.last_enough;
    let last_enough = Families { v4: enough(v4), v6: enough(v6) };
    let active = |old: Option<usize>| active_tier::find(pool, &active_tier::nodes(old_pool, old));
    let active = Families { v4: active(old.active_tier.v4), v6: active(old.active_tier.v6) };
    let stays = old_pool.membership.iter().zip(old.members);
    let mut stays: HashMap<&str, (MemberView<'_>, MemberState)> =
        stays.map(|pair| (pair.0.node.as_str(), pair)).collect();
    let members = pool.membership.iter();
    let new: HashMap<&str, &Addresses> =
        members.map(|member| (member.node.as_str(), member.addresses)).collect();
    stays.retain(|node, (old, _)| new.get(node) == Some(&old.addresses));
    let untried = PriorStanding { standing: Standing::Out, since: builder.now };
    let untried = (!stays.is_empty()).then_some(untried);
    let untried = Families { v4: untried, v6: untried };
    let members = pool.membership.iter().inspect(|_| pace::yield_after(1));
    let members = members.map(|member| match stays.remove(member.node.as_str()) {
        Some((old, state)) => builder.continue_member((&member, pool), (&old, old_pool), state),
        None => builder.member(&member, pool, untried),
    });
    let members = members.collect();
    let mut outage = old.outage;
    if !pool.judges_apart() {
        outage.v6 = Detector::default();
    }
    PoolState { members, last_enough, active_tier: active, short: old.short, outage }
}

impl StateBuilder<'_> {
    fn member(
        &mut self,
        member: &MemberView<'_>,
        pool: &Pool,
        prior: Families<Option<PriorStanding>>,
    ) -> MemberState {
        let are_two = pool.has_two_verdicts(member);
        let mut verdict = |family: Family, first: Option<&MemberChecks>| {
            let (family, prior) = (are_two.then_some(family), *prior.get(family));
            let next = NextVerdict { member, pool, family, first };
            FamilyState::new(self.checks(&next, prior, |_| None))
        };
        let first = verdict(Family::V4, None);
        let second = are_two.then(|| verdict(Family::V6, Some(&first.check)));
        let deep = pool.deep_of(member);
        let deep = deep.map(|deep| self.target(member, pool, deep, None, None));
        MemberState::new(first, second, deep, None)
    }

    fn continue_member(
        &mut self,
        (member, pool): (&MemberView<'_>, &Pool),
        old_of: (&MemberView<'_>, &Pool),
        old: MemberState,
    ) -> MemberState {
        let are_two = pool.has_two_verdicts(member);
        let (old_first, old_second, old_deep, operator) = old.into_parts();
        let was_of = |family| old_second.as_ref().map(|_| family);
        let (was4, was6) = (was_of(Family::V4), was_of(Family::V6));
        // A verdict of both families becomes the prior standing of each.
        let known = (old_first.check.to_prior(), old_first.check.since);
        let first =
            NextVerdict { member, pool, family: are_two.then_some(Family::V4), first: None };
        let first = self.continue_verdict(&first, old_of, was4, known, Some(old_first));
        let second = are_two.then(|| {
            let known = old_second.as_ref().map(|old| (old.check.to_prior(), old.check.since));
            let known = known.unwrap_or((first.check.to_prior(), first.check.since));
            let family = Some(Family::V6);
            let next = NextVerdict { member, pool, family, first: Some(&first.check) };
            self.continue_verdict(&next, old_of, was6, known, old_second)
        });
        let (old_member, old_pool) = old_of;
        let deep =
            pool.deep_of(member).map(|deep| match (old_deep, old_pool.deep_of(old_member)) {
                (Some(target), Some(old))
                    if deep == old && member.probed(deep, None) == old_member.probed(old, None) =>
                {
                    target
                }
                _ => self.target(member, pool, deep, None, None),
            });
        MemberState::new(first, second, deep, operator)
    }

    /// Continues the verdict `old`, which was of the family `was_of`. The pair is the standing that
    /// new checks begin with, and when the old state last changed.
    fn continue_verdict(
        &mut self,
        next: &NextVerdict<'_>,
        (old_member, old_pool): (&MemberView<'_>, &Pool),
        was_of: Option<Family>,
        (prior, since): (Option<PriorStanding>, Moment),
        old: Option<FamilyState>,
    ) -> FamilyState {
        let (old_checks, falls, comeback) = match old {
            Some(FamilyState { check, falls, comeback }) => (check.into_list(), falls, comeback),
            None => Default::default(),
        };
        let list = old_pool.checks_of(old_member).list();
        let mut before: Vec<_> = list.iter().zip(old_checks).collect();
        let mut check = self.checks(next, prior, |new| {
            let at = next.member.probed(&new.check, next.family);
            let same = |old: &NamedCheck| new == old && old_member.probed(&old.check, was_of) == at;
            let place = before.iter().position(|(old, _)| same(old))?;
            Some(before.swap_remove(place).1.target)
        });
        if check.state().standing() == check.standing() {
            check.since = since;
        }
        FamilyState { check, falls, comeback }
    }

    /// Builds a verdict; `before` returns the state that the same check had, if there was one.
    fn checks(
        &mut self,
        next: &NextVerdict<'_>,
        prior: Option<PriorStanding>,
        mut before: impl FnMut(&NamedCheck) -> Option<TargetState>,
    ) -> MemberChecks {
        let NextVerdict { member, pool, family, .. } = *next;
        let mut target = vec![];
        let checks = pool.checks_of(member);
        for (index, of) in checks.list().iter().enumerate() {
            let known = next.shared(index, &of.check).or_else(|| before(of));
            target.push(match known {
                Some(known) => known,
                None => self.target(member, pool, &of.check, family, prior),
            });
        }
        MemberChecks::new(checks, target, prior, self.now)
    }

    fn target(
        &mut self,
        member: &MemberView<'_>,
        pool: &Pool,
        check: &Check,
        family: Option<Family>,
        prior: Option<PriorStanding>,
    ) -> TargetState {
        let id = self.ids.allocate();
        let subject = Subject {
            node: member.node.clone(),
            pool: pool.name.clone(),
            address: member.probed(check, family),
        };
        self.start.push(ProbeTarget { id, subject, check: check.clone() });
        let mut target = TargetState::new(id, check.thresholds, prior, self.now);
        target.load = check.probe.tells_load().then(Load::default);
        target.is_of_two = family.is_some() && member.is_probed_in_each(check);
        target
    }
}

/// A verdict that is to be built.
struct NextVerdict<'a> {
    member: &'a MemberView<'a>,
    pool: &'a Pool,
    /// The family of the verdict; `None` if it is for both.
    family: Option<Family>,
    /// The first verdict of the same member; `None` while the first itself is built.
    first: Option<&'a MemberChecks>,
}

impl NextVerdict<'_> {
    /// The first verdict's target, if the check is not probed in both families and so has one
    /// target for both verdicts.
    fn shared(&self, index: usize, check: &Check) -> Option<TargetState> {
        let of = self.first?.list().get(index)?;
        (!self.member.is_probed_in_each(check)).then(|| of.target.clone())
    }
}

fn targets(pools: &[PoolState]) -> impl Iterator<Item = TargetId> {
    let members = pools.iter().flat_map(|pool| &pool.members).inspect(|_| pace::yield_after(1));
    members.flat_map(MemberState::targets)
}

/// Indices of the members whose node satisfies `is_meant`.
fn indices(pool: &Pool, is_meant: impl Fn(&str) -> bool) -> Vec<usize> {
    let members = pool.membership.iter().enumerate();
    members.filter(|(_, member)| is_meant(member.node.as_str())).map(|(index, _)| index).collect()
}
