//! A pool: a set of members that are answered under the same names, by one policy.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::cluster::check::{Check, CheckedFamily};
use crate::cluster::checks::{Checks, OwnChecks};
use crate::cluster::families::{Families, Family};
use crate::cluster::member::{Addresses, Member, PublicAddresses, Reach};
use crate::cluster::networks::Networks;
use crate::cluster::node::{NodeName, Role};
use crate::cluster::steadiness::Steadiness;
use crate::cluster::tiers::Tiers;

/// One pool of `pools:`. The names that it is published under are `config`'s: this is no DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub name: PoolName,
    pub membership: Membership,
    pub order: Order,
    /// Of `failover`; not written otherwise.
    pub tiers: Tiers,
    /// Of `failover`: who came before does not take back by itself.
    pub stay: bool,
    pub spread: Option<Spread>,
    /// Seconds, 1 to 86400.
    pub ttl: u32,
    /// At most this many addresses of a family in an answer, 1 to 256.
    pub max_answers: usize,
    /// Fewer serving members than this, where tiers are written in each of them, and `when_short`
    /// decides. At least 1.
    pub min_serving: usize,
    /// The least of each family, where it is written; `min_serving` is the larger one then. Never
    /// of `failover`.
    pub families: Option<Families<usize>>,
    pub when_short: WhenShort,
    /// Decide the rotation.
    pub checks: Checks,
    /// Shown and alerted, never decides the rotation.
    pub deep: Option<Check>,
    /// Instead of these, of the members whose nodes have keys of their own.
    pub own: HashMap<NodeName, OwnChecks>,
    /// What the members speak on port 443, the best first: published beside their addresses. Not
    /// published when `None`; otherwise never empty.
    pub https: Option<Vec<Alpn>>,
    pub steadiness: Steadiness,
}

impl Pool {
    /// Whether more than one member may be answered at a time, so that they have parts.
    pub fn answers_several(&self) -> bool {
        self.order != Order::Failover || self.tiers.are_written()
    }

    /// Whether a member that has both families has a verdict for each of them. Then every such
    /// member has, and each verdict is of one family.
    pub fn judges_apart(&self) -> bool {
        self.membership.iter().any(|member| self.has_two_verdicts(&member))
    }

    pub fn has_two_verdicts(&self, member: &MemberView<'_>) -> bool {
        self.checks.list().iter().any(|of| member.is_probed_in_each(&of.check))
    }

    /// For which families it is decided who is answered.
    pub fn decisions(&self) -> &'static [Option<Family>] {
        match self.families.is_some() || self.judges_apart() {
            true => Family::APART,
            false => Family::TOGETHER,
        }
    }

    /// For which families the members have verdicts of their own.
    pub fn verdicts(&self) -> &'static [Option<Family>] {
        if self.judges_apart() { Family::APART } else { Family::TOGETHER }
    }

    /// With fewer serving members `when_short` decides: so many of a family as are written for it,
    /// or `min_serving`, as far as so many have an address of it.
    pub fn least(&self, family: Option<Family>) -> usize {
        match (family, &self.families) {
            (Some(family), Some(least)) => *least.get(family),
            (Some(_), None) => self.min_serving.min(self.count(family)),
            (None, _) => self.min_serving,
        }
    }

    /// How many members have an address of the family.
    pub fn count(&self, family: Option<Family>) -> usize {
        let Some(family) = family else { return self.membership.len() };
        self.membership.iter().filter(|member| member.addresses.has(family)).count()
    }

    /// Those of `members` (indices) that have an address of the family.
    pub fn with_family(&self, family: Option<Family>, mut members: Vec<usize>) -> Vec<usize> {
        members.retain(|index| self.is_in(*index, family));
        members
    }

    /// Whether that member has an address of the family.
    pub fn is_in(&self, member: usize, family: Option<Family>) -> bool {
        let is_of =
            |family: Family| self.membership.get(member).is_some_and(|of| of.addresses.has(family));
        family.is_none_or(is_of)
    }

    /// What decides about that member.
    pub fn checks_of(&self, member: &MemberView<'_>) -> &Checks {
        self.own.get(member.node).map_or(&self.checks, |own| &own.checks)
    }

    pub fn deep_of(&self, member: &MemberView<'_>) -> Option<&Check> {
        self.own.get(member.node).map_or(&self.deep, |own| &own.deep).as_ref()
    }

    /// Those that decide, and the deep one last.
    pub fn all_checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.list().iter().map(|of| &of.check).chain(&self.deep)
    }
}

/// Answers take members of different failure domains first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    /// Which tags name domains: `*` and `?` as in `rack-*`.
    pub by: String,
    /// The domain of each member, by a number. One without such a tag has one to itself.
    pub domains: Vec<u32>,
}

/// A protocol inside TLS (RFC 7301), by its name there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    Http1,
    Http2,
    Http3,
}

impl Alpn {
    pub const fn id(self) -> &'static str {
        match self {
            Alpn::Http1 => "http/1.1",
            Alpn::Http2 => "h2",
            Alpn::Http3 => "h3",
        }
    }
}

/// The members in the order of config.yaml, and who may be told. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    Everyone(Vec<Member<PublicAddresses>>),
    /// Others get REFUSED.
    Only {
        clients: Networks,
        members: Vec<Member<Addresses>>,
    },
}

/// The order of the addresses in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Each serving member equally often at each place.
    #[default]
    Rotate,
    /// Each serving member first as often as its weight says.
    Weighted,
    /// Only the first serving member of the list, or the serving members of one tier, rotated.
    Failover,
    /// For each client network its own, which stays; each serving member first for as many networks
    /// as its weight says.
    Sticky,
}

/// What is answered when fewer than `min_serving` members serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenShort {
    /// Every member: a wrong verdict must not take the site down.
    #[default]
    All,
    /// The last set that was large enough.
    LastKnown,
    /// NODATA.
    None,
    /// What that pool answers. Loops are refused by `config`, and so is a restricted fallback of a
    /// public pool.
    Pool(PoolId),
}

/// Index into the list of pools of one loaded configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId(pub u32);

impl PoolId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The key of a pool in config.yaml.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolName(Arc<str>);

impl PoolName {
    pub fn new(name: &str) -> PoolName {
        PoolName(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What counting, probing and showing need of a member, whoever may be told its address.
#[derive(Debug, Clone, Copy)]
pub struct MemberView<'a> {
    pub node: &'a NodeName,
    pub role: Role,
    pub addresses: &'a Addresses,
    pub reach: Reach,
    pub weight: u8,
}

impl MemberView<'_> {
    /// Where a check of the pool probes it, for the verdict of a family or of both. The
    /// configuration knows that it has the address.
    pub fn probed(&self, check: &Check, family: Option<Family>) -> IpAddr {
        self.reached(check).probed(match check.family {
            CheckedFamily::Only(family) => Some(family),
            CheckedFamily::Each => family.filter(|_| self.is_probed_in_each(check)),
        })
    }

    /// Whether that check gives it a verdict for each family: it is answered in both, and reached
    /// in both.
    pub fn is_probed_in_each(&self, check: &Check) -> bool {
        check.family == CheckedFamily::Each
            && check.probe.has_a_family()
            && self.addresses.are_of_both_families()
            && self.reached(check).are_of_both_families()
    }

    /// The only one, or IPv4.
    pub fn first_family(&self) -> Family {
        if self.addresses.v4().is_some() { Family::V4 } else { Family::V6 }
    }

    fn reached(&self, check: &Check) -> Addresses {
        check.address.and_then(|kind| self.reach.get(kind)).unwrap_or(*self.addresses)
    }
}

/// The names of the nodes, each once.
pub fn node_names<'a>(members: impl Iterator<Item = MemberView<'a>>) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = members.map(|member| member.node.as_str());
    names.filter(|name| seen.insert(*name)).map(str::to_owned).collect()
}

impl Membership {
    pub fn len(&self) -> usize {
        match self {
            Membership::Everyone(members) => members.len(),
            Membership::Only { members, .. } => members.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, index: usize) -> Option<MemberView<'_>> {
        match self {
            Membership::Everyone(members) => members.get(index).map(|m| view(m, m.addresses.get())),
            Membership::Only { members, .. } => members.get(index).map(|m| view(m, &m.addresses)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = MemberView<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

fn view<'a, A>(member: &'a Member<A>, addresses: &'a Addresses) -> MemberView<'a> {
    MemberView {
        node: &member.node,
        role: member.role,
        addresses,
        reach: member.reach,
        weight: member.weight,
    }
}
