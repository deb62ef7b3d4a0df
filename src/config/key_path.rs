//! The path of a key in config.yaml.

use std::fmt;

/// A path such as `pools.web.members[2]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Step>);

/// One step of a path: into a mapping or into a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

impl KeyPath {
    pub fn root() -> KeyPath {
        KeyPath::default()
    }

    pub fn of(steps: &[Step]) -> KeyPath {
        KeyPath(steps.to_vec())
    }

    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path of a key in the mapping at this path.
    pub fn key(&self, key: &str) -> KeyPath {
        self.then(Step::Key(key.to_owned()))
    }

    /// The path of an entry of the list at this path.
    pub fn index(&self, index: usize) -> KeyPath {
        self.then(Step::Index(index))
    }

    pub fn then(&self, step: Step) -> KeyPath {
        let mut steps = self.0.clone();
        steps.push(step);
        KeyPath(steps)
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last step; `None` if that is an index, or the path is the root.
    pub fn last_key(&self) -> Option<&str> {
        match self.0.last() {
            Some(Step::Key(key)) => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => write!(f, "{}", key.escape_debug())?,
                Step::Key(key) => write!(f, ".{}", key.escape_debug())?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_the_file() {
        let path = KeyPath::root().key("pools").key("web").key("members").index(2);
        assert_eq!(path.to_string(), "pools.web.members[2]");
    }
}
