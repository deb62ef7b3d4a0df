//! Replaces the aliases and merge keys of YAML: a value with an anchor is written once and used in
//! several places.
//!
//! Nine lines of aliases can make a billion values. So copies count: written values and copies
//! together are at most [`MAX_VALUES`].
//!
//! A copy has the span of its original, because a fault in it is mended there.
//!
//! [`MAX_VALUES`]: crate::config::yaml_reader::MAX_VALUES

use std::collections::HashMap;

use crate::config::yaml_value::{Map, MapEntry, Shape, YamlValue};

/// The values that anchors name, by the parser's number of the anchor.
#[derive(Debug, Default)]
pub struct Anchors(HashMap<usize, Anchor>);

/// A value that an anchor names.
#[derive(Debug)]
pub struct Anchor {
    pub value: YamlValue,
    /// Keys and values in `value`, itself included.
    pub size: usize,
    /// Levels of nesting of `value`; 1 for a scalar.
    pub height: usize,
}

impl Anchors {
    /// Keeps a copy of the value, and returns how many values the copy has. Without an anchor
    /// (`number` 0) nothing is kept.
    pub fn keep(&mut self, number: usize, value: &YamlValue) -> usize {
        if number == 0 {
            return 0;
        }
        let (size, height) = extent(value);
        self.0.insert(number, Anchor { value: value.clone(), size, height });
        size
    }

    /// The value of an anchor. `None` while the value is being read: it cannot contain itself.
    pub fn find(&self, number: usize) -> Option<&Anchor> {
        self.0.get(&number)
    }
}

/// The number of keys and values, and the levels of nesting.
fn extent(written: &YamlValue) -> (usize, usize) {
    let join = |(size, height): (usize, usize), (below, levels): (usize, usize)| {
        (size + below, height.max(levels + 1))
    };
    match &written.shape {
        Shape::Text(_) => (1, 1),
        Shape::List(items) => items.iter().map(extent).fold((1, 1), join),
        Shape::Map(map) => {
            let values = map.entries.iter().map(|entry| extent(&entry.value));
            values.fold((1, 1), |sum, (below, levels)| join(sum, (below + 1, levels)))
        }
    }
}

/// Appends the entries of `sources`, the mappings that `<<` names. A key that `map` already has
/// stays as it is; of several sources the first counts. False when a source is no mapping.
pub fn merge(map: &mut Map, sources: YamlValue) -> bool {
    let sources = match sources.shape {
        Shape::List(items) => items,
        Shape::Text(_) | Shape::Map(_) => vec![sources],
    };
    for source in sources.into_iter().filter(|source| !source.pruned) {
        let Shape::Map(source) = source.shape else { return false };
        for entry in source.entries {
            let MapEntry { key, .. } = &entry;
            if map.get(key).is_none() {
                map.push(entry);
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use crate::config::fault::{Fault, Source};
    use crate::config::yaml_reader::read_with;

    /// The tree as YAML; the environment is `PORT=53`.
    fn plain(text: &str) -> (String, Vec<String>) {
        let variable = |name: &str| (name == "PORT").then(|| "53".into());
        let (tree, faults) = read_with(&Source::new("f", text), text, variable);
        let tree = tree.map(|tree| serde_json::to_string(&tree.to_value()).unwrap());
        (tree.unwrap_or_default(), faults.iter().map(Fault::to_string).collect())
    }

    #[track_caller]
    fn reads(text: &str, as_json: &str) {
        assert_eq!(plain(text), (as_json.to_owned(), vec![]), "{text}");
    }

    #[test]
    fn an_alias_is_what_its_anchor_names() {
        reads("a: &x 1\nb: *x\n", r#"{"a":"1","b":"1"}"#);
        reads(
            "a: &x {k: [1, 2]}\nb: [*x, *x]\n",
            r#"{"a":{"k":["1","2"]},"b":[{"k":["1","2"]},{"k":["1","2"]}]}"#,
        );
        reads("a: &x 1\nb: &x 2\nc: *x\n", r#"{"a":"1","b":"2","c":"2"}"#);
        reads("x-of: &x {k: v}\na: *x\n", r#"{"a":{"k":"v"}}"#);
        reads("&k a: 1\nb: *k\n", r#"{"a":"1","b":"a"}"#);
    }

    #[test]
    fn a_merge_key_gives_what_is_not_written() {
        reads("x-d: &d {a: 1, b: 2}\nm: {<<: *d, b: 3}\n", r#"{"m":{"b":"3","a":"1"}}"#);
        reads(
            "x-d: &d {a: 1}\nx-e: &e {a: 2, b: 2}\nm:\n  c: 3\n  <<: [*d, *e]\n",
            r#"{"m":{"c":"3","a":"1","b":"2"}}"#,
        );
        reads(
            "x-d: &d {a: 1}\nx-e: &e {<<: *d, b: 2}\nm: {<<: *e}\n",
            r#"{"m":{"b":"2","a":"1"}}"#,
        );
        reads("m: {\"<<\": 1}\n", r#"{"m":{"<<":"1"}}"#);
    }

    #[test]
    fn a_value_may_stand_in_the_environment() {
        reads(
            "a: !env PORT\nb: [x, !env PORT]\nc: $PORT\n",
            r#"{"a":"53","b":["x","53"],"c":"$PORT"}"#,
        );
        let faults = |text: &str| plain(text).1;
        let unset = "f:2:4: b: the environment variable NONE is not set; \
                     set it where the server is started, or write the value";
        assert_eq!(faults("a: 1\nb: !env NONE\n"), [unset]);
        assert_eq!(faults("a: !env {PORT: 1}\n").len(), 1);
        assert!(
            faults("a: !env ${PORT}\n")[0].contains("is no name"),
            "{:?}",
            faults("a: !env ${PORT}\n")
        );
    }

    #[test]
    fn copies_are_bounded() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..20 {
            let of = format!("*a{}, ", n - 1).repeat(10);
            text += &format!("a{n}: &a{n} [{of}]\n");
        }
        let (tree, found) = plain(&text);
        assert!(tree.is_empty() && found.len() == 1, "{found:?}");
        assert!(
            found[0].contains("more than 200000 values, those of aliases included"),
            "{found:?}"
        );
        let deep: String = (1..40).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
        assert!(plain(&format!("a0: &a0 x\n{deep}")).1[0].contains("nested deeper"), "depth");
    }
}
