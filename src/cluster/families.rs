//! Address families that are counted apart: `min_serving: { v4: 2, v6: 1 }`.
//!
//! A family that falls short alone is filled up by `when_short`, and the other one stays as it is.
//! A member with addresses of both families counts in both.

use crate::cluster::member::Addresses;
use crate::cluster::pool::Pool;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// In the operator's words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    pub fn is_of(self, addresses: &Addresses) -> bool {
        match self {
            Family::V4 => addresses.v4().is_some(),
            Family::V6 => addresses.v6().is_some(),
        }
    }

    /// Those of these members that have an address of the family.
    pub fn of(self, pool: &Pool, mut members: Vec<usize>) -> Vec<usize> {
        members
            .retain(|index| pool.membership.get(*index).is_some_and(|m| self.is_of(m.addresses)));
        members
    }
}

/// Something of each family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Families<T> {
    pub v4: T,
    pub v6: T,
}

impl<T> Families<T> {
    pub fn get(&self, family: Family) -> &T {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

/// Whether so many of a family serve that `when_short` has nothing to say about it. `serving` has
/// members of that family alone.
pub fn is_enough(least: &Families<usize>, family: Family, serving: &[usize]) -> bool {
    serving.len() >= *least.get(family)
}
