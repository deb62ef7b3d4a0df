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

use std::collections::{HashMap, HashSet};

use crate::clock::Moment;
use crate::cluster::check::Check;
use crate::cluster::families::Families;
use crate::cluster::member::Addresses;
use crate::cluster::operator::{InForce, Withheld};
use crate::cluster::pool::{MemberView, Pool};
use crate::cluster::selection::{self, Share};
use crate::cluster::standing::Standing;
use crate::control::charge;
use crate::control::checks::Checked;
use crate::control::damping::Falls;
use crate::control::load::Load;
use crate::control::slow_start::Comeback;
use crate::control::store::{KeptMember, KeptPool};
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
    pub in_charge: Option<usize>,
    /// It was told that fewer than `min_serving` serve.
    pub short: Families<bool>,
    pub suspicion: Suspicion,
}

#[derive(Debug)]
pub struct MemberState {
    /// Decide the rotation.
    pub check: Checked,
    /// Is shown.
    pub deep: Option<Watched>,
    /// The order of the operator that counts for it.
    pub operator: Option<InForce>,
    pub falls: Falls,
    pub comeback: Comeback,
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
    let of = |node: &str| members.get(node);
    let memory = |node: &str| {
        let member = of(node)?;
        let standing = if member.serving { Standing::Serving } else { Standing::Out };
        Some(Memory { standing, since: member.since })
    };
    let members = pool.membership.iter().map(|member| {
        let node = member.node.as_str();
        let mut state = maker.member(&member, pool, memory(node));
        if let (Some(rule), Some(kept)) = (&pool.steadiness.damping, of(node)) {
            state.falls = kept.falls.recalled(rule, maker.now);
        }
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
    let in_charge = kept.and_then(|kept| charge::recall(pool, &kept.in_charge));
    PoolState {
        members,
        last_enough,
        in_charge,
        short: Families::default(),
        suspicion: Suspicion::default(),
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
    let in_charge = charge::recall(pool, &charge::nodes(old_pool, &old));
    let stays = old_pool.membership.iter().zip(old.members);
    let mut stays: HashMap<&str, (MemberView<'_>, MemberState)> =
        stays.map(|pair| (pair.0.node.as_str(), pair)).collect();
    let members = pool.membership.iter();
    let new: HashMap<&str, &Addresses> =
        members.map(|member| (member.node.as_str(), member.addresses)).collect();
    stays.retain(|node, (old, _)| new.get(node) == Some(&old.addresses));
    let untried = Memory { standing: Standing::Out, since: maker.now };
    let untried = (!stays.is_empty()).then_some(untried);
    let members = pool.membership.iter().inspect(|_| pace::did(1));
    let members = members.map(|member| match stays.remove(member.node.as_str()) {
        Some((old, state)) => maker.go_on((&member, pool), (&old, old_pool), state),
        None => maker.member(&member, pool, untried),
    });
    let members = members.collect();
    PoolState { members, last_enough, in_charge, short: old.short, suspicion: old.suspicion }
}

impl Maker<'_> {
    fn member(
        &mut self,
        member: &MemberView<'_>,
        pool: &Pool,
        memory: Option<Memory>,
    ) -> MemberState {
        MemberState {
            check: self.checked(member, pool, memory),
            deep: pool.deep.as_ref().map(|deep| self.watched(member, pool, deep, None)),
            operator: None,
            falls: Falls::default(),
            comeback: Comeback::default(),
        }
    }

    fn go_on(
        &mut self,
        (member, pool): (&MemberView<'_>, &Pool),
        (old_member, old_pool): (&MemberView<'_>, &Pool),
        old: MemberState,
    ) -> MemberState {
        let same =
            |new: &Check, old: &Check| new == old && member.probed(new) == old_member.probed(old);
        let (memory, since) = (old.check.memory(), old.check.since);
        let before = old_pool.checks.list().iter();
        let mut before: Vec<_> = before.zip(old.check.into_list()).collect();
        let mut watched = vec![];
        for new in pool.checks.list() {
            let kept = before
                .iter()
                .position(|(old, _)| new.name == old.name && same(&new.check, &old.check));
            watched.push(match kept {
                Some(index) => before.swap_remove(index).1.watched,
                None => self.watched(member, pool, &new.check, memory),
            });
        }
        let mut check = Checked::new(&pool.checks, watched, memory, self.now);
        if check.state().standing() == check.standing() {
            check.since = since;
        }
        let deep = pool.deep.as_ref().map(|deep| match (old.deep, &old_pool.deep) {
            (Some(watched), Some(old)) if same(deep, old) => watched,
            _ => self.watched(member, pool, deep, None),
        });
        let falls = old.falls;
        MemberState { check, deep, operator: old.operator, falls, comeback: old.comeback }
    }

    fn checked(&mut self, member: &MemberView<'_>, pool: &Pool, memory: Option<Memory>) -> Checked {
        let checks = pool.checks.list().iter();
        let watched = checks.map(|of| self.watched(member, pool, &of.check, memory)).collect();
        Checked::new(&pool.checks, watched, memory, self.now)
    }

    fn watched(
        &mut self,
        member: &MemberView<'_>,
        pool: &Pool,
        check: &Check,
        memory: Option<Memory>,
    ) -> Watched {
        let id = self.numbers.make();
        let subject = Subject {
            node: member.node.clone(),
            pool: pool.name.clone(),
            address: member.probed(check),
        };
        self.start.push(Target { id, subject, check: check.clone() });
        let mut watched = Watched::new(id, check.thresholds, memory, self.now);
        watched.load = check.probe.tells_load().then(Load::default);
        watched
    }
}

fn targets(pools: &[PoolState]) -> impl Iterator<Item = TargetId> {
    let members = pools.iter().flat_map(|pool| &pool.members).inspect(|_| pace::did(1));
    members.flat_map(MemberState::targets)
}

impl PoolState {
    /// What counts for the answers, of each member.
    pub fn standings(&self) -> Vec<Standing> {
        self.members.iter().map(MemberState::standing).collect()
    }

    /// Indices of the members that serve, ascending.
    pub fn serving(&self) -> Vec<usize> {
        selection::serving(&self.standings())
    }

    /// What a restart is to remember.
    pub fn kept(&self, pool: &Pool) -> KeptPool {
        let node = |index: &usize| Some(pool.membership.get(*index)?.node.to_string());
        let members = pool.membership.iter().zip(&self.members).filter_map(|(member, state)| {
            pace::did(1);
            let memory = state.check.memory()?;
            let serving = memory.standing == Standing::Serving;
            let (node, falls) = (member.node.to_string(), state.falls.clone());
            Some(KeptMember { node, serving, since: memory.since, falls })
        });
        let Families { v4, v6 } = &self.last_enough;
        KeptPool {
            name: pool.name.to_string(),
            last_enough: v4.iter().filter_map(node).collect(),
            last_enough6: (v4 != v6).then(|| v6.iter().filter_map(node).collect()),
            in_charge: charge::nodes(pool, self),
            members: members.collect(),
        }
    }
}

impl MemberState {
    /// What counts for the answers: the operator's word, then a hold, then its health.
    pub fn standing(&self) -> Standing {
        match &self.operator {
            Some(order) => order.standing(),
            None if self.falls.held_until().is_some() => Standing::Out,
            None => self.check.standing(),
        }
    }

    pub fn withheld(&self) -> Withheld {
        self.operator.as_ref().map(InForce::withheld).unwrap_or_default()
    }

    /// The part of its first places that it takes.
    pub fn share(&self) -> Share {
        self.comeback.share().times(self.load())
    }

    /// The part of its first places that it takes by what it says of its load.
    pub fn load(&self) -> Share {
        self.check.load()
    }

    /// Whether its next probe changes nothing.
    pub fn is_settled(&self) -> bool {
        let is_held = self.operator.is_some() || self.falls.held_until().is_some();
        is_held || self.check.state().is_settled()
    }

    /// Of its checks, the deep one last.
    pub fn targets(&self) -> impl Iterator<Item = TargetId> {
        self.check.targets().chain(self.deep.as_ref().map(|deep| deep.target))
    }
}

/// Members whose node is meant.
fn indices(pool: &Pool, meant: impl Fn(&str) -> bool) -> Vec<usize> {
    let members = pool.membership.iter().enumerate();
    members.filter(|(_, member)| meant(member.node.as_str())).map(|(index, _)| index).collect()
}
