//! Overrides: what the operator says about members, instead of their health.
//!
//! | the newest override for a member | its standing | withheld |
//! |---|---|---|
//! | none | that of its health | no |
//! | drain: draining while resolvers may hold it, then drained | out | [`Withholding::Drained`] |
//! | force up | serving | no |
//! | force down | out | [`Withholding::Down`] |
//!
//! An override changes the standing of a member in its pools. It never adds a node to a pool, so it
//! cannot bring the address of a mother into a public answer.

use std::collections::BTreeSet;
use std::fmt;

use crate::clock::Moment;
use crate::cluster::node::{NodeName, Role};
use crate::cluster::standing::Standing;

/// What an override does to the members that it selects; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverrideKind {
    Drain,
    ForceUp,
    ForceDown,
}

/// How strongly a member is withheld. A pool that is short takes the members that are withheld
/// least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Withholding {
    #[default]
    No,
    Drained,
    Down,
}

/// Which nodes an override selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// A node's name, or a pattern with `*` and `?`.
    Name(String),
    Tag(String),
    Role(Role),
}

/// An override that an operator has given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub selector: Selector,
    /// The pool in which it counts; `None` for every pool.
    pub pool: Option<String>,
    pub kind: OverrideKind,
    pub reason: String,
    pub author: String,
    pub since: Moment,
    /// When it ends by itself; `None` if it does not.
    pub until: Option<Moment>,
}

/// The override that counts for one member now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveOverride {
    pub given: Override,
    /// Until when resolvers may hold the address of a drained member; `None` for other kinds.
    pub held_until: Option<Moment>,
    /// Whether `held_until` has passed.
    pub is_drained: bool,
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
    /// Reads `server-3`, `server-*`, `tag:rack-a` or `role:child`. The error says what to write
    /// instead.
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

    /// Whether it selects that node.
    pub fn selects(&self, node: &NodeName, role: Role, tags: Option<&BTreeSet<String>>) -> bool {
        match self {
            Selector::Name(pattern) => matches(pattern, node.as_str()),
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

/// Whether `text` matches `pattern`: `*` matches any characters, `?` matches one. After a mismatch
/// only the last `*` is extended, by one character, so the number of steps is at most the product
/// of the two lengths.
pub fn matches(pattern: &str, text: &str) -> bool {
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
    /// Whether its time is over.
    pub fn is_over(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl ActiveOverride {
    /// `draining`, `drained`, `forced up` or `forced down`.
    pub fn state(&self) -> &'static str {
        match self.given.kind {
            OverrideKind::Drain if self.is_drained => "drained",
            OverrideKind::Drain => "draining",
            OverrideKind::ForceUp => "forced up",
            OverrideKind::ForceDown => "forced down",
        }
    }

    /// The standing of the member in its pools.
    pub fn standing(&self) -> Standing {
        match self.given.kind {
            OverrideKind::ForceUp => Standing::Serving,
            OverrideKind::Drain | OverrideKind::ForceDown => Standing::Out,
        }
    }

    /// How strongly the member is kept out of a pool that is short.
    pub fn withheld(&self) -> Withholding {
        match self.given.kind {
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
            Selector::parse(pattern).unwrap().selects(&NodeName::new(name), Role::Child, None)
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
            Selector::parse(target).unwrap().selects(&NodeName::new("server-2"), Role::Child, tags)
        };
        assert!(means("tag:rack-a", Some(&tags)) && !means("tag:rack-b", Some(&tags)));
        assert!(!means("tag:rack-a", None));
        assert!(means("role:child", None) && !means("role:mother", None));
    }
}
