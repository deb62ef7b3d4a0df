//! The values of config.yaml, as a tree with the line and column of each value.
//!
//! Serde reads this tree as a [`serde_yaml::Value`]. A faulty value is *pruned*: serde does not see
//! it, but it stays in this tree, so that its key is not reported as missing.

use std::collections::HashMap;

use serde_yaml::Value;

use crate::config::fault::Span;
use crate::config::key_path::{KeyPath, Step};

/// A value of the file.
#[derive(Debug, Clone)]
pub struct YamlValue {
    pub span: Span,
    pub shape: Shape,
    /// Whether the value is hidden from serde.
    pub pruned: bool,
    /// The environment variable that the value comes from; `None` when the file has it.
    pub variable: Option<String>,
}

/// The content of a value.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Any scalar. The key decides the type, so `no` is not taken for a boolean, 1.10 not for a
    /// fraction and 010 not for an octal number.
    Text(String),
    List(Vec<YamlValue>),
    Map(Map),
}

/// A mapping: its entries in the order of the file, and an index by key, because a cluster may have
/// thousands of nodes.
#[derive(Debug, Clone, Default)]
pub struct Map {
    pub entries: Vec<MapEntry>,
    index: HashMap<String, usize>,
}

/// One key of a mapping with its value.
#[derive(Debug, Clone)]
pub struct MapEntry {
    pub key: String,
    pub key_span: Span,
    pub value: YamlValue,
}

/// The value that a path leads to.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// `None` at the root and in a list.
    pub key_span: Option<Span>,
    pub value: &'a YamlValue,
}

impl YamlValue {
    /// The tree as serde reads it: without the pruned values.
    pub fn to_value(&self) -> Value {
        match &self.shape {
            Shape::Text(text) => Value::String(text.clone()),
            Shape::List(items) => Value::Sequence(
                items.iter().filter(|i| !i.pruned).map(YamlValue::to_value).collect(),
            ),
            Shape::Map(map) => Value::Mapping(
                map.entries
                    .iter()
                    .filter(|entry| !entry.value.pruned)
                    .map(|entry| (Value::String(entry.key.clone()), entry.value.to_value()))
                    .collect(),
            ),
        }
    }

    /// Whether the value has no content, not even a faulty one.
    pub fn is_empty(&self) -> bool {
        match &self.shape {
            Shape::Text(text) => text.is_empty(),
            Shape::List(items) => items.is_empty(),
            Shape::Map(map) => map.entries.is_empty(),
        }
    }

    /// The value at `path`. A key also finds pruned values; an index counts the values that serde
    /// sees.
    pub fn find(&self, path: &KeyPath) -> Option<Found<'_>> {
        let mut found = Found { key_span: None, value: self };
        for step in path.steps() {
            found = found.value.step(step)?;
        }
        Some(found)
    }

    /// The value at `path`, or the nearest one above it.
    pub fn nearest(&self, path: &KeyPath) -> Found<'_> {
        let mut found = Found { key_span: None, value: self };
        for step in path.steps() {
            match found.value.step(step) {
                Some(next) => found = next,
                None => break,
            }
        }
        found
    }

    /// `path` with the indices of the file, where pruned values count too. For messages.
    pub fn as_written(&self, path: &KeyPath) -> KeyPath {
        let mut value = Some(self);
        let mut written = KeyPath::root();
        for step in path.steps() {
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

    /// Whether the value at `path`, or a value above it, is pruned. Then its fault is already
    /// reported, and keys that are missing in it are not.
    pub fn is_faulty(&self, path: &KeyPath) -> bool {
        let mut value = self;
        for step in path.steps() {
            match value.step(step) {
                Some(next) if next.value.pruned => return true,
                Some(next) => value = next.value,
                None => return false,
            }
        }
        value.pruned
    }

    /// Whether this value, or a value in it, is pruned.
    pub fn any_pruned(&self) -> bool {
        self.pruned
            || match &self.shape {
                Shape::Text(_) => false,
                Shape::List(items) => items.iter().any(YamlValue::any_pruned),
                Shape::Map(map) => map.entries.iter().any(|entry| entry.value.any_pruned()),
            }
    }

    /// Hides the value at `path`, or the nearest one above it that serde still sees. False when
    /// nothing is left to hide.
    pub fn prune(&mut self, path: &KeyPath) -> bool {
        let mut value = self;
        for step in path.steps() {
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

    fn step_mut(&mut self, step: &Step) -> Option<&mut YamlValue> {
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
    /// Appends an entry; its key must not be in the map yet.
    pub fn push(&mut self, entry: MapEntry) {
        self.index.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
    }

    pub fn get(&self, key: &str) -> Option<&MapEntry> {
        self.index.get(key).and_then(|&index| self.entries.get(index))
    }
}

impl Found<'_> {
    /// The span to mark in a message: that of a scalar, or of the key of a list or mapping, which
    /// may have many lines.
    pub fn span(&self) -> Span {
        match (&self.value.shape, self.key_span) {
            (Shape::List(_) | Shape::Map(_), Some(key_span)) => key_span,
            _ => self.value.span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(shape: Shape) -> YamlValue {
        YamlValue { span: Span::default(), shape, pruned: false, variable: None }
    }

    fn text(text: &str) -> YamlValue {
        written(Shape::Text(text.into()))
    }

    fn list(items: Vec<YamlValue>) -> YamlValue {
        written(Shape::List(items))
    }

    fn map(key: &str, value: YamlValue) -> YamlValue {
        let entry = MapEntry { key: key.into(), key_span: Span::default(), value };
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
}
