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

/// One pool of `pools:`. The DNS names under which it is published are not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub name: PoolName,
    pub membership: Membership,
    pub order: Order,
    /// The tiers of a `failover` pool; each member is a tier of its own if none are written.
    pub tiers: Tiers,
    /// Whether a `failover` pool stays with the active tier when an earlier tier serves again.
    pub stay: bool,
    pub spread: Option<Spread>,
    /// Seconds, 1 to 86400.
    pub ttl: u32,
    /// At most this many addresses of a family in an answer, 1 to 256.
    pub max_answers: usize,
    /// With fewer serving members than this `when_short` decides; if tiers are written, with fewer
    /// in every tier. At least 1.
    pub min_serving: usize,
    /// `min_serving` of each family, if config.yaml has two numbers; `min_serving` is then the
    /// larger one. `None` with `failover`.
    pub families: Option<Families<usize>>,
    pub when_short: WhenShort,
    /// The checks that decide whether a member serves.
    pub checks: Checks,
    /// A check that is shown and decides nothing.
    pub deep: Option<Check>,
    /// The checks of members whose nodes set some keys themselves.
    pub own: HashMap<NodeName, OwnChecks>,
    /// The protocols of the members on port 443, the preferred first, for HTTPS records; never
    /// empty. `None` publishes no such records.
    pub https: Option<Vec<Alpn>>,
    pub steadiness: Steadiness,
}

impl Pool {
    /// Whether more than one member may be answered at a time, so that shares matter.
    pub fn answers_several(&self) -> bool {
        self.order != Order::Failover || self.tiers.are_written()
    }

    /// Whether members with addresses of both families have a verdict for each family. This holds
    /// for all such members or for none.
    pub fn judges_apart(&self) -> bool {
        self.membership.iter().any(|member| self.has_two_verdicts(&member))
    }

    /// Whether that member has a verdict for each family.
    pub fn has_two_verdicts(&self, member: &MemberView<'_>) -> bool {
        self.checks.list().iter().any(|of| member.is_probed_in_each(&of.check))
    }

    /// The families for which the answers are decided.
    pub fn decisions(&self) -> &'static [Option<Family>] {
        match self.families.is_some() || self.judges_apart() {
            true => Family::APART,
            false => Family::TOGETHER,
        }
    }

    /// The families for which members have verdicts.
    pub fn verdicts(&self) -> &'static [Option<Family>] {
        if self.judges_apart() { Family::APART } else { Family::TOGETHER }
    }

    /// With fewer serving members than this `when_short` decides. For a family this is the number
    /// that config.yaml has for it; without one, `min_serving`, but at most the number of members
    /// with an address of the family.
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

    /// The indices in `members` whose member has an address of the family.
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

    /// The checks that decide about that member.
    pub fn checks_of(&self, member: &MemberView<'_>) -> &Checks {
        self.own.get(member.node).map_or(&self.checks, |own| &own.checks)
    }

    /// The deep check of that member.
    pub fn deep_of(&self, member: &MemberView<'_>) -> Option<&Check> {
        self.own.get(member.node).map_or(&self.deep, |own| &own.deep).as_ref()
    }

    /// The checks that decide, and then the deep check.
    pub fn all_checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.list().iter().map(|of| &of.check).chain(&self.deep)
    }
}

/// Spreads answers over failure domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    /// Pattern of the tags that name domains, such as `rack-*`.
    pub by: String,
    /// The domain of each member, as a number. A member without such a tag has a domain of its own.
    pub domains: Vec<u32>,
}

/// An application protocol of TLS (RFC 7301).
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

/// The members in the order of config.yaml, and the clients that may ask for them. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Every client may ask.
    Everyone(Vec<Member<PublicAddresses>>),
    /// Clients of these networks may ask; others get REFUSED.
    Only { clients: Networks, members: Vec<Member<Addresses>> },
}

/// The order of the addresses in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Each serving member is equally often at each place.
    #[default]
    Rotate,
    /// Each serving member is first as often as its weight says.
    Weighted,
    /// Only the first serving member of the list, or the serving members of one tier, rotated.
    Failover,
    /// Each client network gets an order of its own, which stays. Each serving member is first for
    /// as many networks as its weight says.
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
    /// The answer of that pool. `config` refuses loops, and a restricted fallback of a public pool.
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

/// A member of a pool, without regard to the clients that may get its addresses.
#[derive(Debug, Clone, Copy)]
pub struct MemberView<'a> {
    pub node: &'a NodeName,
    pub role: Role,
    pub addresses: &'a Addresses,
    pub reach: Reach,
    pub weight: u8,
}

impl MemberView<'_> {
    /// The address that a check probes, for the verdict of a family or of both. Checking the
    /// configuration made sure that there is one.
    pub fn probed(&self, check: &Check, family: Option<Family>) -> IpAddr {
        self.reached(check).probed(match check.family {
            CheckedFamily::Only(family) => Some(family),
            CheckedFamily::Each => family.filter(|_| self.is_probed_in_each(check)),
        })
    }

    /// Whether the check gives the member a verdict for each family: the member is answered and
    /// probed in both.
    pub fn is_probed_in_each(&self, check: &Check) -> bool {
        check.family == CheckedFamily::Each
            && check.probe.has_a_family()
            && self.addresses.are_of_both_families()
            && self.reached(check).are_of_both_families()
    }

    /// IPv4 if the member has an IPv4 address, otherwise IPv6.
    pub fn first_family(&self) -> Family {
        if self.addresses.v4().is_some() { Family::V4 } else { Family::V6 }
    }

    fn reached(&self, check: &Check) -> Addresses {
        check.address.and_then(|kind| self.reach.get(kind)).unwrap_or(*self.addresses)
    }
}

/// The names of the members' nodes, each once.
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
