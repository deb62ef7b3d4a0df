//! What the operator has ordered of members, and what it makes of their health.
//!
//! | the newest order for a member | its standing | withheld |
//! |---|---|---|
//! | none | that of its health | no |
//! | drain: draining until resolvers forgot it, then drained | out | [`Withholding::Drained`] |
//! | force up | serving | no |
//! | force down | out | [`Withholding::Down`] |
//!
//! An order moves members in and out of the pools that they belong to, and never a node into a
//! pool: so nothing here can bring the address of a mother into a public answer.

use std::collections::BTreeSet;
use std::fmt;

use crate::clock::Moment;
use crate::cluster::node::{NodeName, Role};
use crate::cluster::standing::Standing;

/// What is to be done with the members that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverrideKind {
    Drain,
    ForceUp,
    ForceDown,
}

/// How much a member is held back. A pool that is short takes those that are held back least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Withholding {
    #[default]
    No,
    Drained,
    Down,
}

/// Whom an order means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// A node's name, or with `*` and `?` all the names that look like it.
    Name(String),
    Tag(String),
    Role(Role),
}

/// An order that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub target: Selector,
    /// Only as members of this pool.
    pub pool: Option<String>,
    pub order: OverrideKind,
    pub reason: String,
    pub author: String,
    pub since: Moment,
    /// From then on it is as if it had never been given.
    pub until: Option<Moment>,
}

/// What an order says of one member now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveOverride {
    pub by: Override,
    /// Of a drain: resolvers may hold the member's address until then.
    pub held_until: Option<Moment>,
    /// That moment has passed.
    pub drained: bool,
}

impl OverrideKind {
    pub const ALL: [OverrideKind; 3] =
        [OverrideKind::Drain, OverrideKind::ForceUp, OverrideKind::ForceDown];

    /// As it is written in a request and in the state folder.
    pub fn as_str(self) -> &'static str {
        match self {
            OverrideKind::Drain => "drain",
            OverrideKind::ForceUp => "force-up",
            OverrideKind::ForceDown => "force-down",
        }
    }
}

impl Selector {
    /// `server-3`, `server-*`, `tag:rack-a` or `role:child`. Of a fault, what to write instead.
    pub fn parse(text: &str) -> Result<Selector, String> {
        let (kind, name) = text.split_once(':').unwrap_or(("", text));
        let is_glob = |byte: u8| kind.is_empty() && b"*?".contains(&byte);
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) || is_glob(byte);
        let named = !name.is_empty() && name.bytes().all(allowed);
        let role = || Role::ALL.into_iter().find(|role| role.as_str() == name);
        match kind {
            "" if named => Ok(Selector::Name(name.into())),
            "tag" if named => Ok(Selector::Tag(name.into())),
            "role" => role().map(Selector::Role).ok_or_else(|| {
                format!("one of {}", Role::ALL.map(|role| format!("role:{role}")).join(", "))
            }),
            _ => Err("a node such as `server-3`, several such as `server-*`, a tag such as \
                      `tag:rack-a`, or a role such as `role:child`"
                .into()),
        }
    }

    /// Whether it means that node.
    pub fn means(&self, node: &NodeName, role: Role, tags: Option<&BTreeSet<String>>) -> bool {
        match self {
            Selector::Name(pattern) => fits(pattern, node.as_str()),
            Selector::Tag(tag) => tags.is_some_and(|tags| tags.contains(tag)),
            Selector::Role(meant) => *meant == role,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Name(name) => f.write_str(name),
            Selector::Tag(tag) => write!(f, "tag:{tag}"),
            Selector::Role(role) => write!(f, "role:{role}"),
        }
    }
}

/// `*` stands for any characters, `?` for one. After a mismatch only the last `*` takes one more,
/// so this takes at most pattern times text steps.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

impl Override {
    pub fn is_over(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl ActiveOverride {
    /// draining, drained, forced up or forced down.
    pub fn state(&self) -> &'static str {
        match self.by.order {
            OverrideKind::Drain if self.drained => "drained",
            OverrideKind::Drain => "draining",
            OverrideKind::ForceUp => "forced up",
            OverrideKind::ForceDown => "forced down",
        }
    }

    pub fn standing(&self) -> Standing {
        match self.by.order {
            OverrideKind::ForceUp => Standing::Serving,
            OverrideKind::Drain | OverrideKind::ForceDown => Standing::Out,
        }
    }

    pub fn withheld(&self) -> Withholding {
        match self.by.order {
            OverrideKind::ForceUp => Withholding::No,
            OverrideKind::Drain => Withholding::Drained,
            OverrideKind::ForceDown => Withholding::Down,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_written_as_it_is_read() {
        for text in ["server-3", "server-*", "*", "s?rver.1", "tag:rack-a", "role:mother"] {
            assert_eq!(Selector::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "tag:", "tag:rack-*", "role:", "role:queen", "pool:web", "a b", "é"] {
            assert!(Selector::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_pattern_means_the_names_that_look_like_it() {
        let means = |pattern: &str, name: &str| {
            Selector::parse(pattern).unwrap().means(&NodeName::new(name), Role::Child, None)
        };
        for (pattern, name) in [
            ("server-3", "server-3"),
            ("server-*", "server-31"),
            ("server-*", "server-"),
            ("*", "x"),
            ("*-b-*2", "a-b-c-b-12"),
            ("serv??-3", "server-3"),
        ] {
            assert!(means(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("server-3", "server-31"),
            ("server-?", "server-"),
            ("*-b", "a-b-c"),
            ("Server-3", "server-3"),
        ] {
            assert!(!means(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_tag_and_a_role_mean_who_has_them() {
        let tags = BTreeSet::from(["rack-a".to_owned()]);
        let means = |target: &str, tags| {
            Selector::parse(target).unwrap().means(&NodeName::new("server-2"), Role::Child, tags)
        };
        assert!(means("tag:rack-a", Some(&tags)) && !means("tag:rack-b", Some(&tags)));
        assert!(!means("tag:rack-a", None));
        assert!(means("role:child", None) && !means("role:mother", None));
    }
}
