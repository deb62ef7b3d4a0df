//! A pool: a set of members that are answered under the same names, by one policy.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::cluster::check::Check;
use crate::cluster::checks::Checks;
use crate::cluster::failover::Tiers;
use crate::cluster::families::Families;
use crate::cluster::member::{Addresses, Member, PublicAddresses, Reach};
use crate::cluster::networks::Networks;
use crate::cluster::node::{NodeName, Role};
use crate::cluster::steadiness::Steadiness;

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
    /// The least of each family, where they are counted apart; `min_serving` is the larger one.
    /// Never of `failover`.
    pub families: Option<Families<usize>>,
    pub when_short: WhenShort,
    /// Decide the rotation.
    pub checks: Checks,
    /// Shown and alerted, never decides the rotation.
    pub deep: Option<Check>,
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
    /// Where a check of the pool probes it. The configuration knows that it has the address.
    pub fn probed(&self, check: &Check) -> IpAddr {
        let asked_for = check.address.and_then(|kind| self.reach.get(kind));
        asked_for.unwrap_or_else(|| self.addresses.probed())
    }
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
