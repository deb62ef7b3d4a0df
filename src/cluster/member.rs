//! Members of pools, and the mother guard.
//!
//! | audience of the pool | who may be a member |
//! |---|---|
//! | everyone | children only: their address is a [`PublicAddresses`] |
//! | the networks of `clients` | mother, standby, child, worker |
//!
//! [`PublicAddresses`] has one constructor, which refuses every other role. The answers of a public
//! pool accept no other type, so no policy, operator or bug can bring the mother into them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::cluster::families::Family;
use crate::cluster::node::{Node, NodeName, Role};

/// `address:` of a pool: which of a node's addresses is answered and probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressKind {
    #[default]
    Public,
    Private,
}

/// One address, or one of each family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    v4: Option<Ipv4Addr>,
    v6: Option<Ipv6Addr>,
}

impl Addresses {
    /// `None` when the node has no address of that kind.
    pub fn of(node: &Node, kind: AddressKind) -> Option<Addresses> {
        let (v4, v6) = match kind {
            AddressKind::Public => (node.address, node.address6),
            AddressKind::Private => match node.private? {
                IpAddr::V4(v4) => (Some(v4), None),
                IpAddr::V6(v6) => (None, Some(v6)),
            },
        };
        (v4.is_some() || v6.is_some()).then_some(Addresses { v4, v6 })
    }

    pub fn v4(&self) -> Option<Ipv4Addr> {
        self.v4
    }

    pub fn v6(&self) -> Option<Ipv6Addr> {
        self.v6
    }

    /// Whether there is an address of the family.
    pub fn has(&self, family: Family) -> bool {
        match family {
            Family::V4 => self.v4.is_some(),
            Family::V6 => self.v6.is_some(),
        }
    }

    pub fn are_of_both_families(&self) -> bool {
        self.v4.is_some() && self.v6.is_some()
    }

    /// The address to probe: that of the given family, if there is one; with `None`, IPv4 first.
    pub fn probed(&self, family: Option<Family>) -> IpAddr {
        match (self.v4, self.v6, family) {
            (_, Some(v6), Some(Family::V6)) | (None, Some(v6), _) => IpAddr::V6(v6),
            (Some(v4), _, _) => IpAddr::V4(v4),
            (None, None, _) => unreachable!("Addresses::of refuses a node without an address"),
        }
    }
}

/// The addresses of a node that checks may probe, by kind. They are never answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    public: Option<Addresses>,
    private: Option<Addresses>,
}

impl Reach {
    pub fn of(node: &Node) -> Reach {
        let of = |kind| Addresses::of(node, kind);
        Reach { public: of(AddressKind::Public), private: of(AddressKind::Private) }
    }

    pub fn get(&self, kind: AddressKind) -> Option<Addresses> {
        match kind {
            AddressKind::Public => self.public,
            AddressKind::Private => self.private,
        }
    }
}

/// Addresses that any client may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicAddresses(Addresses);

/// The error of a node whose role keeps it out of public answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPublic(pub Role);

impl PublicAddresses {
    /// The mother guard: the only way to make public addresses. It succeeds for children only.
    /// `Ok(None)` if the child has no address of the kind.
    pub fn of(node: &Node, kind: AddressKind) -> Result<Option<PublicAddresses>, NotPublic> {
        match node.role {
            Role::Child => Ok(Addresses::of(node, kind).map(PublicAddresses)),
            Role::Mother | Role::Standby | Role::Worker | Role::Dns => Err(NotPublic(node.role)),
        }
    }

    pub fn get(&self) -> &Addresses {
        &self.0
    }
}

/// A node as a member of a pool; `A` says which clients may get its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<A> {
    pub node: NodeName,
    pub role: Role,
    pub addresses: A,
    pub reach: Reach,
    /// Weight in a `weighted` or `sticky` pool, 0 to 100. 0 drains the member.
    pub weight: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(role: Role) -> Node {
        Node {
            name: NodeName::new("n"),
            role,
            address: Some(Ipv4Addr::new(192, 0, 2, 1)),
            address6: None,
            private: None,
            tags: Default::default(),
            weight: 1,
        }
    }

    #[test]
    fn only_a_child_has_a_public_address() {
        for role in Role::ALL {
            let got = PublicAddresses::of(&node(role), AddressKind::Public);
            assert_eq!(got.is_ok(), role == Role::Child, "{role}");
        }
    }

    #[test]
    fn a_node_without_a_private_address_has_none() {
        assert_eq!(Addresses::of(&node(Role::Mother), AddressKind::Private), None);
    }
}
