//! config.yaml as a tree of values that know their line and column, and the paths into it.
//!
//! Serde sees this tree as a [`serde_yaml::Value`]. A value that was found faulty is *pruned*: it
//! stays here, so that nobody calls its key missing, but serde no longer sees it.

use std::collections::HashMap;
use std::fmt;

use serde_yaml::Value;

use crate::config::fault::Span;

/// A value as written.
#[derive(Debug, Clone)]
pub struct Written {
    pub span: Span,
    pub shape: Shape,
    pub pruned: bool,
    /// The environment variable that it comes from.
    pub variable: Option<String>,
}

#[derive(Debug, Clone)]
pub enum Shape {
    /// Numbers and words alike: what a text means is up to the key that it stands at. So `no` is
    /// no boolean, 1.10 no fraction and 010 no octal number by accident.
    Text(String),
    List(Vec<Written>),
    Map(Map),
}

/// Entries in the order of the file, found by their key: a cluster may have thousands of nodes.
#[derive(Debug, Clone, Default)]
pub struct Map {
    pub entries: Vec<Entry>,
    index: HashMap<String, usize>,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Written,
}

/// `pools.web.members[2]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// What a path leads to.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// `None` at the root and in a list.
    pub key_span: Option<Span>,
    pub value: &'a Written,
}

impl Written {
    pub fn to_value(&self) -> Value {
        match &self.shape {
            Shape::Text(text) => Value::String(text.clone()),
            Shape::List(items) => {
                Value::Sequence(items.iter().filter(|i| !i.pruned).map(Written::to_value).collect())
            }
            Shape::Map(map) => Value::Mapping(
                map.entries
                    .iter()
                    .filter(|entry| !entry.value.pruned)
                    .map(|entry| (Value::String(entry.key.clone()), entry.value.to_value()))
                    .collect(),
            ),
        }
    }

    /// Nothing is written in it, not even something faulty.
    pub fn is_empty(&self) -> bool {
        match &self.shape {
            Shape::Text(text) => text.is_empty(),
            Shape::List(items) => items.is_empty(),
            Shape::Map(map) => map.entries.is_empty(),
        }
    }

    /// Pruned values are found by their key; an index counts what serde sees.
    pub fn find(&self, path: &KeyPath) -> Option<Found<'_>> {
        let mut found = Found { key_span: None, value: self };
        for step in &path.0 {
            found = found.value.step(step)?;
        }
        Some(found)
    }

    /// What `path` leads to, or the nearest thing above it.
    pub fn nearest(&self, path: &KeyPath) -> Found<'_> {
        let mut found = Found { key_span: None, value: self };
        for step in &path.0 {
            match found.value.step(step) {
                Some(next) => found = next,
                None => break,
            }
        }
        found
    }

    /// `path` with the indices that the file has: for people, who also see what is pruned.
    pub fn as_written(&self, path: &KeyPath) -> KeyPath {
        let mut value = Some(self);
        let mut written = KeyPath::root();
        for step in &path.0 {
            let position = match (value.map(|value| &value.shape), step) {
                (Some(Shape::List(items)), &Step::Index(index)) => {
                    let seen = items.iter().enumerate().filter(|(_, item)| !item.pruned);
                    seen.map(|(position, _)| position).nth(index).map(Step::Index)
                }
                _ => None,
            };
            written = written.then(position.unwrap_or_else(|| step.clone()));
            value = value.and_then(|value| value.step(step)).map(|found| found.value);
        }
        written
    }

    /// Whether the value at `path`, or one on the way to it, was found faulty: then nobody needs to
    /// hear that something is missing there.
    pub fn is_told(&self, path: &KeyPath) -> bool {
        let mut value = self;
        for step in &path.0 {
            match value.step(step) {
                Some(next) if next.value.pruned => return true,
                Some(next) => value = next.value,
                None => return false,
            }
        }
        value.pruned
    }

    pub fn any_pruned(&self) -> bool {
        self.pruned
            || match &self.shape {
                Shape::Text(_) => false,
                Shape::List(items) => items.iter().any(Written::any_pruned),
                Shape::Map(map) => map.entries.iter().any(|entry| entry.value.any_pruned()),
            }
    }

    /// Hides the value at `path`, or the nearest one above it that serde still sees. False when
    /// nothing is left to hide.
    pub fn prune(&mut self, path: &KeyPath) -> bool {
        let mut value = self;
        for step in &path.0 {
            if value.step(step).is_none_or(|next| next.value.pruned) {
                break;
            }
            let Some(next) = value.step_mut(step) else { return false };
            value = next;
        }
        !std::mem::replace(&mut value.pruned, true)
    }

    fn step(&self, step: &Step) -> Option<Found<'_>> {
        match (&self.shape, step) {
            (Shape::Map(map), Step::Key(key)) => map
                .get(key)
                .map(|entry| Found { key_span: Some(entry.key_span), value: &entry.value }),
            (Shape::List(items), Step::Index(index)) => items
                .iter()
                .filter(|item| !item.pruned)
                .nth(*index)
                .map(|value| Found { key_span: None, value }),
            _ => None,
        }
    }

    fn step_mut(&mut self, step: &Step) -> Option<&mut Written> {
        match (&mut self.shape, step) {
            (Shape::Map(map), Step::Key(key)) => {
                let index = *map.index.get(key)?;
                map.entries.get_mut(index).map(|entry| &mut entry.value)
            }
            (Shape::List(items), Step::Index(index)) => {
                items.iter_mut().filter(|item| !item.pruned).nth(*index)
            }
            _ => None,
        }
    }
}

impl Map {
    /// The key is not in the map yet.
    pub fn push(&mut self, entry: Entry) {
        self.index.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.index.get(key).and_then(|&index| self.entries.get(index))
    }
}

impl Found<'_> {
    /// A scalar itself, else the key that leads to it: a mark under forty lines helps nobody.
    pub fn span(&self) -> Span {
        match (&self.value.shape, self.key_span) {
            (Shape::List(_) | Shape::Map(_), Some(key_span)) => key_span,
            _ => self.value.span,
        }
    }
}

impl KeyPath {
    pub fn root() -> KeyPath {
        KeyPath::default()
    }

    pub fn of(steps: &[Step]) -> KeyPath {
        KeyPath(steps.to_vec())
    }

    pub fn key(&self, key: &str) -> KeyPath {
        self.then(Step::Key(key.to_owned()))
    }

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

    fn written(shape: Shape) -> Written {
        Written { span: Span::default(), shape, pruned: false, variable: None }
    }

    fn text(text: &str) -> Written {
        written(Shape::Text(text.into()))
    }

    fn list(items: Vec<Written>) -> Written {
        written(Shape::List(items))
    }

    fn map(key: &str, value: Written) -> Written {
        let entry = Entry { key: key.into(), key_span: Span::default(), value };
        let mut map = Map::default();
        map.push(entry);
        written(Shape::Map(map))
    }

    #[test]
    fn a_pruned_item_moves_the_index_but_a_pruned_key_is_still_there() {
        let mut tree = map("a", list(vec![text("x"), text("y")]));
        let a = KeyPath::root().key("a");
        assert!(tree.prune(&a.index(0)));
        let shape = &tree.find(&a.index(0)).unwrap().value.shape;
        assert!(matches!(shape, Shape::Text(text) if text == "y"));
        assert_eq!(tree.as_written(&a.index(0)).to_string(), "a[1]");
        assert!(tree.prune(&a));
        assert!(tree.find(&a).is_some());
        assert_eq!(tree.to_value(), Value::Mapping(Default::default()));
    }

    #[test]
    fn pruning_comes_to_an_end() {
        let mut tree = map("a", text("x"));
        let below = KeyPath::root().key("a").key("b");
        assert!(tree.prune(&below));
        assert!(tree.prune(&below));
        assert!(!tree.prune(&below));
    }

    #[test]
    fn a_path_reads_like_the_file() {
        let path = KeyPath::root().key("pools").key("web").key("members").index(2);
        assert_eq!(path.to_string(), "pools.web.members[2]");
    }
}
