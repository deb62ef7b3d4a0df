//! Address families: for which of them a pool is decided.
//!
//! | a pool | is decided |
//! |---|---|
//! | whose `min_serving` counts families: `{ v4: 2, v6: 1 }` | for each family |
//! | with a member that is probed in both families | for each family |
//! | other | once, for both |
//!
//! A family that falls short alone is filled up by `when_short`, and the other one stays as it is.
//! A member with addresses of both families counts in both. Where a number or a verdict may be one
//! of a family or one of both, it is said of `Option<Family>`: `None` is both together.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// Of what is decided once for both.
    pub const TOGETHER: &'static [Option<Family>] = &[None];

    /// Of what is decided for each.
    pub const APART: &'static [Option<Family>] = &[Some(Family::V4), Some(Family::V6)];

    /// In the operator's words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    /// As config.yaml, the API and the metrics have it.
    pub const fn key(self) -> &'static str {
        match self {
            Family::V4 => "v4",
            Family::V6 => "v6",
        }
    }

    pub const fn other(self) -> Family {
        match self {
            Family::V4 => Family::V6,
            Family::V6 => Family::V4,
        }
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

    /// That of both together is kept in the place of IPv4.
    pub fn of(&self, family: Option<Family>) -> &T {
        self.get(family.unwrap_or(Family::V4))
    }

    pub fn of_mut(&mut self, family: Option<Family>) -> &mut T {
        match family {
            None | Some(Family::V4) => &mut self.v4,
            Some(Family::V6) => &mut self.v6,
        }
    }
}
