//! Address families, and the values that exist for each.
//!
//! | a pool | its answers are decided |
//! |---|---|
//! | whose `min_serving` counts families: `{ v4: 2, v6: 1 }` | for each family |
//! | with a member that is probed in both families | for each family |
//! | any other | once, for both |
//!
//! If one family is short, `when_short` decides for that family alone. A member with addresses of
//! both families counts in both. `Option<Family>` means one family, or both together (`None`).

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// The decisions of a pool that is decided once for both families.
    pub const TOGETHER: &'static [Option<Family>] = &[None];

    /// The decisions of a pool that is decided for each family.
    pub const APART: &'static [Option<Family>] = &[Some(Family::V4), Some(Family::V6)];

    /// As people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    /// As config.yaml, the API and the metrics write it.
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

/// A value for each family.
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

    /// The value of a family. The value for both together (`None`) is stored as `v4`.
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
