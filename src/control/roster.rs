//! Which targets there are, at the start and over a reload.
//!
//! | a member of the new configuration | its standing |
//! |---|---|
//! | same pool, node, addresses and check | goes on, with its account and its timer |
//! | same, but for a check | is remembered until the new check has decided; the others go on |
//! | new, in a pool where others go on | out until it has risen: it must not be answered untried |
//! | new, in a pool where nobody goes on | unknown: it serves until its first probe |
//!
//! A deep check goes on when it is the same, and otherwise begins anew.
//!
//! A member with a verdict for each address family has two of each check that is probed in each,
//! and one target of every other check, which counts in both verdicts.

use std::collections::{HashMap, HashSet};

use crate::clock::Moment;
use crate::cluster::check::Check;
use crate::cluster::checks::NamedCheck;
use crate::cluster::families::{Families, Family};
use crate::cluster::member::Addresses;
use crate::cluster::pool::{MemberView, Pool};
use crate::cluster::selection;
use crate::cluster::standing::Standing;
use crate::control::charge;
use crate::control::checks::Checked;
use crate::control::load::Load;
use crate::control::member::{FamilyState, MemberState};
use crate::control::store::{KeptMember, KeptPool, KeptVerdict};
use crate::control::suspicion::Suspicion;
use crate::control::watched::{Memory, Watched};
use crate::health::TargetId;
use crate::health::probe::Subject;
use crate::pace;

/// The members of one pool, in its order.
#[derive(Debug)]
pub struct PoolState {
    pub members: Vec<MemberState>,
    /// Members that served the last time that there were enough.
    pub last_enough: Families<Vec<usize>>,
    /// The tier that is answered, of a pool with `stay`.
    pub in_charge: Families<Option<usize>>,
    /// It was told that fewer than `min_serving` serve.
    pub short: Families<bool>,
    pub suspicion: Families<Suspicion>,
}

/// What is to be probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub id: TargetId,
    pub subject: Subject,
    pub check: Check,
}

/// What a configuration means for the timers.
#[derive(Debug, Default)]
pub struct Plan {
    pub start: Vec<Target>,
    pub stop: Vec<TargetId>,
}

/// What is to be probed beside what a configuration says.
#[derive(Debug, Default)]
pub struct Errands {
    pub plan: Plan,
    /// At once.
    pub hurry: Vec<TargetId>,
}

/// Makes targets; no number comes twice in a run.
#[derive(Debug, Default)]
pub struct Numbers(u64);

impl Numbers {
    pub fn make(&mut self) -> TargetId {
        self.0 += 1;
        TargetId(self.0)
    }
}

struct Maker<'a> {
    numbers: &'a mut Numbers,
    start: Vec<Target>,
    now: Moment,
}

/// The roster of a run that begins.
pub fn first(
    pools: &[Pool],
    kept: &[KeptPool],
    numbers: &mut Numbers,
    now: Moment,
) -> (Vec<PoolState>, Plan) {
    let mut maker = Maker { numbers, start: vec![], now };
    let kept: HashMap<&str, &KeptPool> = kept.iter().map(|p| (p.name.as_str(), p)).collect();
    let states = pools.iter().map(|pool| recalled(pool, kept.get(pool.name.as_str()), &mut maker));
    (states.collect(), Plan { start: maker.start, stop: vec![] })
}

fn recalled(pool: &Pool, kept: Option<&&KeptPool>, maker: &mut Maker<'_>) -> PoolState {
    // Of several of one name the first counts.
    let members = kept.into_iter().flat_map(|kept| kept.members.iter().rev());
    let members: HashMap<&str, &KeptMember> = members.map(|m| (m.node.as_str(), m)).collect();
    let now = maker.now;
    let members = pool.membership.iter().map(|member| {
        let kept = members.get(member.node.as_str());
        let kept = |family| kept.and_then(|kept| kept.memory(family));
        let memory = |family| kept(family).map(|(memory, _)| memory);
        let memory = Families { v4: memory(Family::V4), v6: memory(Family::V6) };
        let mut state = maker.member(&member, pool, memory);
        state.each_verdict(|family, state, _| {
            let kept = kept(family.unwrap_or(Family::V4));
            if let (Some(rule), Some((_, falls))) = (&pool.steadiness.damping, kept) {
                state.falls = falls.recalled(rule, now);
            }
        });
        state
    });
    let members = members.collect();
    let enough = |of: fn(&KeptPool) -> &Vec<String>| {
        let nodes: HashSet<&str> =
            kept.into_iter().flat_map(|kept| of(kept)).map(String::as_str).collect();
        indices(pool, |node| nodes.contains(node))
    };
    let last_enough =
        Families { v4: enough(|kept| &kept.last_enough), v6: enough(|kept| kept.last_enough6()) };
    let in_charge = |of: fn(&KeptPool) -> &Vec<String>| charge::recall(pool, of(kept?));
    let in_charge =
        Families { v4: in_charge(|kept| &kept.in_charge), v6: in_charge(KeptPool::in_charge6) };
    PoolState {
        members,
        last_enough,
        in_charge,
        short: Families::default(),
        suspicion: Families::default(),
    }
}

/// The roster of the configuration `pools`, which follows upon `old_pools` in state `old`.
pub fn next(
    pools: &[Pool],
    old_pools: &[Pool],
    old: Vec<PoolState>,
    numbers: &mut Numbers,
    now: Moment,
) -> (Vec<PoolState>, Plan) {
    let before: Vec<TargetId> = targets(&old).collect();
    let mut maker = Maker { numbers, start: vec![], now };
    let old = old_pools.iter().zip(old);
    let mut old: HashMap<&str, _> = old.map(|pair| (pair.0.name.as_str(), pair)).collect();
    let follow = |pool: &Pool| match old.remove(pool.name.as_str()) {
        Some((old_pool, state)) => follow(pool, old_pool, state, &mut maker),
        None => recalled(pool, None, &mut maker),
    };
    let states: Vec<PoolState> = pools.iter().map(follow).collect();
    let after: HashSet<TargetId> = targets(&states).collect();
    let stop = before.into_iter().filter(|target| !after.contains(target)).collect();
    (states, Plan { start: maker.start, stop })
}

fn follow(pool: &Pool, old_pool: &Pool, old: PoolState, maker: &mut Maker<'_>) -> PoolState {
    let enough = |last: &[usize]| {
        let nodes = last.iter().filter_map(|&index| old_pool.membership.get(index));
        let nodes: HashSet<&str> = nodes.map(|member| member.node.as_str()).collect();
        indices(pool, |node| nodes.contains(node))
    };
    let Families { v4, v6 } = &old.last_enough;
    let last_enough = Families { v4: enough(v4), v6: enough(v6) };
    let in_charge = |family| charge::recall(pool, &charge::nodes(old_pool, &old, Some(family)));
    let in_charge = Families { v4: in_charge(Family::V4), v6: in_charge(Family::V6) };
    let stays = old_pool.membership.iter().zip(old.members);
    let mut stays: HashMap<&str, (MemberView<'_>, MemberState)> =
        stays.map(|pair| (pair.0.node.as_str(), pair)).collect();
    let members = pool.membership.iter();
    let new: HashMap<&str, &Addresses> =
        members.map(|member| (member.node.as_str(), member.addresses)).collect();
    stays.retain(|node, (old, _)| new.get(node) == Some(&old.addresses));
    let untried = Memory { standing: Standing::Out, since: maker.now };
    let untried = (!stays.is_empty()).then_some(untried);
    let untried = Families { v4: untried, v6: untried };
    let members = pool.membership.iter().inspect(|_| pace::did(1));
    let members = members.map(|member| match stays.remove(member.node.as_str()) {
        Some((old, state)) => maker.go_on((&member, pool), (&old, old_pool), state),
        None => maker.member(&member, pool, untried),
    });
    let members = members.collect();
    let mut suspicion = old.suspicion;
    if !pool.judges_apart() {
        suspicion.v6 = Suspicion::default();
    }
    PoolState { members, last_enough, in_charge, short: old.short, suspicion }
}

impl Maker<'_> {
    fn member(
        &mut self,
        member: &MemberView<'_>,
        pool: &Pool,
        memory: Families<Option<Memory>>,
    ) -> MemberState {
        let are_two = pool.has_two_verdicts(member);
        let mut verdict = |family: Family, first: Option<&Checked>| {
            let (family, memory) = (are_two.then_some(family), *memory.get(family));
            let next = Next { member, pool, family, first };
            FamilyState::new(self.checked(&next, memory, |_| None))
        };
        let first = verdict(Family::V4, None);
        let second = are_two.then(|| verdict(Family::V6, Some(&first.check)));
        let deep = pool.deep_of(member);
        let deep = deep.map(|deep| self.watched(member, pool, deep, None, None));
        MemberState::new(first, second, deep, None)
    }

    fn go_on(
        &mut self,
        (member, pool): (&MemberView<'_>, &Pool),
        old_of: (&MemberView<'_>, &Pool),
        old: MemberState,
    ) -> MemberState {
        let are_two = pool.has_two_verdicts(member);
        let (old_first, old_second, old_deep, operator) = old.into_parts();
        let was_of = |family| old_second.as_ref().map(|_| family);
        let (was4, was6) = (was_of(Family::V4), was_of(Family::V6));
        // One verdict that was of both families is what is known of either.
        let known = (old_first.check.memory(), old_first.check.since);
        let first = Next { member, pool, family: are_two.then_some(Family::V4), first: None };
        let first = self.go_on_verdict(&first, old_of, was4, known, Some(old_first));
        let second = are_two.then(|| {
            let known = old_second.as_ref().map(|old| (old.check.memory(), old.check.since));
            let known = known.unwrap_or((first.check.memory(), first.check.since));
            let family = Some(Family::V6);
            let next = Next { member, pool, family, first: Some(&first.check) };
            self.go_on_verdict(&next, old_of, was6, known, old_second)
        });
        let (old_member, old_pool) = old_of;
        let deep =
            pool.deep_of(member).map(|deep| match (old_deep, old_pool.deep_of(old_member)) {
                (Some(watched), Some(old))
                    if deep == old && member.probed(deep, None) == old_member.probed(old, None) =>
                {
                    watched
                }
                _ => self.watched(member, pool, deep, None, None),
            });
        MemberState::new(first, second, deep, operator)
    }

    /// `was_of` is the family that `old` was the verdict of; `known` is what it said.
    fn go_on_verdict(
        &mut self,
        next: &Next<'_>,
        (old_member, old_pool): (&MemberView<'_>, &Pool),
        was_of: Option<Family>,
        (memory, since): (Option<Memory>, Moment),
        old: Option<FamilyState>,
    ) -> FamilyState {
        let (old_checks, falls, comeback) = match old {
            Some(FamilyState { check, falls, comeback }) => (check.into_list(), falls, comeback),
            None => Default::default(),
        };
        let list = old_pool.checks_of(old_member).list();
        let mut before: Vec<_> = list.iter().zip(old_checks).collect();
        let mut check = self.checked(next, memory, |new| {
            let at = next.member.probed(&new.check, next.family);
            let same = |old: &NamedCheck| new == old && old_member.probed(&old.check, was_of) == at;
            let place = before.iter().position(|(old, _)| same(old))?;
            Some(before.swap_remove(place).1.watched)
        });
        if check.state().standing() == check.standing() {
            check.since = since;
        }
        FamilyState { check, falls, comeback }
    }

    /// `before` gives what there was of the same check.
    fn checked(
        &mut self,
        next: &Next<'_>,
        memory: Option<Memory>,
        mut before: impl FnMut(&NamedCheck) -> Option<Watched>,
    ) -> Checked {
        let Next { member, pool, family, .. } = *next;
        let mut watched = vec![];
        let checks = pool.checks_of(member);
        for (index, of) in checks.list().iter().enumerate() {
            let known = next.shared(index, &of.check).or_else(|| before(of));
            watched.push(match known {
                Some(known) => known,
                None => self.watched(member, pool, &of.check, family, memory),
            });
        }
        Checked::new(checks, watched, memory, self.now)
    }

    fn watched(
        &mut self,
        member: &MemberView<'_>,
        pool: &Pool,
        check: &Check,
        family: Option<Family>,
        memory: Option<Memory>,
    ) -> Watched {
        let id = self.numbers.make();
        let subject = Subject {
            node: member.node.clone(),
            pool: pool.name.clone(),
            address: member.probed(check, family),
        };
        self.start.push(Target { id, subject, check: check.clone() });
        let mut watched = Watched::new(id, check.thresholds, memory, self.now);
        watched.load = check.probe.tells_load().then(Load::default);
        watched.is_of_two = family.is_some() && member.is_probed_in_each(check);
        watched
    }
}

/// A verdict that is to be made.
struct Next<'a> {
    member: &'a MemberView<'a>,
    pool: &'a Pool,
    family: Option<Family>,
    /// The one of IPv4, of the same member.
    first: Option<&'a Checked>,
}

impl Next<'_> {
    /// Of a check that is not probed in each family, what the first verdict has of it.
    fn shared(&self, index: usize, check: &Check) -> Option<Watched> {
        let of = self.first?.list().get(index)?;
        (!self.member.is_probed_in_each(check)).then(|| of.watched.clone())
    }
}

fn targets(pools: &[PoolState]) -> impl Iterator<Item = TargetId> {
    let members = pools.iter().flat_map(|pool| &pool.members).inspect(|_| pace::did(1));
    members.flat_map(MemberState::targets)
}

impl PoolState {
    /// What counts for the answers of a family, of each member.
    pub fn standings(&self, family: Option<Family>) -> Vec<Standing> {
        self.members.iter().map(|member| member.standing(family)).collect()
    }

    /// Indices of the members that serve and have an address of the family, ascending.
    pub fn serving(&self, pool: &Pool, family: Option<Family>) -> Vec<usize> {
        let serving = selection::serving(&self.standings(family));
        match family {
            Some(family) => family.of(pool, serving),
            None => serving,
        }
    }

    /// What a restart is to remember.
    pub fn kept(&self, pool: &Pool) -> KeptPool {
        let node = |index: &usize| Some(pool.membership.get(*index)?.node.to_string());
        let members = pool.membership.iter().zip(&self.members).filter_map(|(member, state)| {
            pace::did(1);
            let (first, v6) = state.memories();
            let (node, KeptVerdict { serving, since, falls }) = (member.node.to_string(), first?);
            Some(KeptMember { node, serving, since, falls, v6 })
        });
        let Families { v4, v6 } = &self.last_enough;
        let in_charge = |family| charge::nodes(pool, self, Some(family));
        let (in_charge, in_charge6) = (in_charge(Family::V4), in_charge(Family::V6));
        let is_other = pool.judges_apart() && in_charge6 != in_charge;
        KeptPool {
            name: pool.name.to_string(),
            last_enough: v4.iter().filter_map(node).collect(),
            last_enough6: (v4 != v6).then(|| v6.iter().filter_map(node).collect()),
            in_charge,
            in_charge6: is_other.then_some(in_charge6),
            members: members.collect(),
        }
    }
}

/// Members whose node is meant.
fn indices(pool: &Pool, meant: impl Fn(&str) -> bool) -> Vec<usize> {
    let members = pool.membership.iter().enumerate();
    members.filter(|(_, member)| meant(member.node.as_str())).map(|(index, _)| index).collect()
}
