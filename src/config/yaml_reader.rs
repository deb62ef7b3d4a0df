//! Reads YAML into the tree of [`YamlValue`] values, and refuses what config.yaml may not use.
//!
//! Aliases and merge keys are replaced by their values ([`anchors`]), and `!env NAME` by the value
//! of the variable ([`environment`]). Refused are other tags; duplicate keys, as one of the two
//! would be ignored in silence; and keys without a value, as the default would count in silence. A
//! top-level key that begins with `x-` is ignored: it is a place for anchors.
//!
//! | bound | limits |
//! |---|---|
//! | [`MAX_DEPTH`] | the recursion of this file and of serde |
//! | [`MAX_VALUES`] | the memory of the tree, with all copies by aliases |
//! | [`yaml_precheck::MAX_FLOW_MARKS`] | the parser's look-ahead, a whole `[…]` or `{…}` |

use std::borrow::Cow;
use std::ffi::OsString;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Range, StrInput, Tag};

use crate::config::anchors::{self, Anchor, Anchors};
use crate::config::fault::{Fault, Source, Span};
use crate::config::key_path::{KeyPath, Step};
use crate::config::yaml_value::{Map, MapEntry, Shape, YamlValue};
use crate::config::{environment, yaml_precheck};

/// Deepest nesting; the format needs 6.
pub const MAX_DEPTH: usize = 32;
/// Most keys and values together.
pub const MAX_VALUES: usize = 200_000;
/// Number of faults after which reading stops.
const MAX_FAULTS: usize = 100;

/// The tree, if there is one, and every fault of the YAML. Faulty values are pruned.
pub fn read(source: &Source<'_>, text: &str) -> (Option<YamlValue>, Vec<Fault>) {
    read_with(source, text, |name| std::env::var_os(name))
}

/// As [`read`], with `variable` as the environment.
pub fn read_with(
    source: &Source<'_>,
    text: &str,
    variable: fn(&str) -> Option<OsString>,
) -> (Option<YamlValue>, Vec<Fault>) {
    let faults = yaml_precheck::check(source, text);
    if !faults.is_empty() {
        return (None, faults);
    }
    let parser = Parser::new_from_str(text);
    let anchors = Anchors::default();
    let mut reader =
        YamlReader { parser, source, faults, values: 0, path: vec![], anchors, variable };
    match reader.document() {
        Ok(root) => (Some(root), reader.faults),
        Err(Stop) => (None, reader.faults),
    }
}

/// The error after which the rest of the file cannot be read; the reason is among the faults.
struct Stop;

struct YamlReader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    source: &'a Source<'a>,
    faults: Vec<Fault>,
    /// Number of values so far, copies by aliases included.
    values: usize,
    path: Vec<Step>,
    anchors: Anchors,
    variable: fn(&str) -> Option<OsString>,
}

impl<'a> YamlReader<'a> {
    fn document(&mut self) -> Result<YamlValue, Stop> {
        loop {
            let (event, range) = self.next()?;
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd => {
                    let fault = Fault::error(self.source.file, None, "is empty");
                    self.faults.push(fault.help("write at least `zones:`"));
                    return Err(Stop);
                }
                event => {
                    let root = self.value(event, range, 1)?;
                    self.end()?;
                    return Ok(root);
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Stop> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), range) => {
                    let help = "write everything in one document, without `---`";
                    return self.stop(range, "a second YAML document", help);
                }
                _ => {}
            }
        }
    }

    fn value(&mut self, event: Event<'a>, at: Range, depth: usize) -> Result<YamlValue, Stop> {
        self.values += 1;
        if depth > MAX_DEPTH {
            return self.stop(at, &format!("nested deeper than {MAX_DEPTH} levels"), "flatten it");
        }
        self.check_values(at)?;
        let span = span(self.source, at);
        match event {
            Event::Scalar(text, _, anchor, tag) => {
                let scalar = self.scalar(span, text.into_owned(), tag);
                self.keep(anchor, scalar, at)
            }
            Event::SequenceStart(anchor, tag) => {
                let pruned = self.tagged(span, tag.is_some());
                let shape = self.list(depth)?;
                self.keep(anchor, YamlValue { span, shape, pruned, variable: None }, at)
            }
            Event::MappingStart(anchor, tag) => {
                let pruned = self.tagged(span, tag.is_some());
                let shape = self.map(depth)?;
                self.keep(anchor, YamlValue { span, shape, pruned, variable: None }, at)
            }
            Event::Alias(number) => self.alias(number, at, depth),
            _ => self.stop(at, "no value where one belongs", "write a value"),
        }
    }

    fn scalar(&mut self, span: Span, text: String, tag: Option<Cow<'a, Tag>>) -> YamlValue {
        let plain =
            |text, pruned| YamlValue { span, shape: Shape::Text(text), pruned, variable: None };
        match tag {
            Some(tag) if (tag.handle.as_str(), tag.suffix.as_str()) == environment::TAG => {
                match environment::value(&text, (self.variable)(&text)) {
                    Ok(value) => YamlValue { variable: Some(text), ..plain(value, false) },
                    Err(problem) => {
                        let help = problem.help.unwrap_or_default();
                        self.fault(span, &problem.message, &help);
                        plain(String::new(), true)
                    }
                }
            }
            tag => {
                let pruned = self.tagged(span, tag.is_some());
                plain(text, pruned)
            }
        }
    }

    /// Keeps the value for aliases, if it has an anchor.
    fn keep(&mut self, anchor: usize, value: YamlValue, at: Range) -> Result<YamlValue, Stop> {
        self.values += self.anchors.keep(anchor, &value);
        self.check_values(at)?;
        Ok(value)
    }

    fn alias(&mut self, number: usize, at: Range, depth: usize) -> Result<YamlValue, Stop> {
        let span = span(self.source, at);
        let Some(Anchor { value, size, height }) = self.anchors.find(number) else {
            let help = "a value cannot hold itself; write the value";
            self.fault(span, "an alias within its own anchor", help);
            let shape = Shape::Text(String::new());
            return Ok(YamlValue { span, shape, pruned: true, variable: None });
        };
        self.values += size;
        let too_deep = depth + height - 1 > MAX_DEPTH;
        // The size is checked before the value is copied.
        let copy = (self.values <= MAX_VALUES && !too_deep).then(|| value.clone());
        match copy {
            Some(copy) => Ok(copy),
            None if too_deep => {
                self.stop(at, &format!("nested deeper than {MAX_DEPTH} levels"), "flatten it")
            }
            None => self.too_many(at),
        }
    }

    fn check_values(&mut self, at: Range) -> Result<(), Stop> {
        if self.values > MAX_VALUES { self.too_many(at) } else { Ok(()) }
    }

    fn too_many<T>(&mut self, at: Range) -> Result<T, Stop> {
        let message = format!("more than {MAX_VALUES} values, those of aliases included");
        self.stop(at, &message, "shorten the file")
    }

    fn list(&mut self, depth: usize) -> Result<Shape, Stop> {
        let mut items = vec![];
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Shape::List(items)),
                (event, at) => {
                    let empty = is_empty(&event);
                    self.path.push(Step::Index(items.len()));
                    let mut item = self.value(event, at, depth + 1)?;
                    if empty {
                        item.pruned = true;
                        self.fault(item.span, "an empty entry of a list", "write it or remove it");
                    }
                    self.path.pop();
                    items.push(item);
                }
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Shape, Stop> {
        let mut map = Map::default();
        let mut sources: Option<(Span, YamlValue)> = None;
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                if let Some((span, sources)) = sources
                    && !anchors::merge(&mut map, sources)
                {
                    let help = "write `<<: *NAME`, or `<<: [*NAME, *OTHER]`";
                    self.fault(span, "a merge key takes a mapping, or a list of mappings", help);
                }
                return Ok(Shape::Map(map));
            }
            let is_merge =
                matches!(&event, Event::Scalar(key, ScalarStyle::Plain, _, None) if key == "<<");
            let key = self.value(event, at, depth + 1)?;
            let key_span = key.span;
            let text = match key.shape {
                Shape::Text(text) => text,
                Shape::List(_) | Shape::Map(_) => {
                    self.fault(key_span, "a list or a mapping as a key", "write a word as key");
                    "?".into()
                }
            };
            let (event, at) = self.next()?;
            let empty = is_empty(&event);
            self.path.push(Step::Key(text.clone()));
            let mut value = self.value(event, at, depth + 1)?;
            if empty && !value.pruned {
                self.fault(key_span, "a key without a value", "write one, or leave the key out");
                value.pruned = true;
            }
            // A top-level key with `x-` only holds anchors.
            value.pruned |= key.pruned || (depth == 1 && text.starts_with("x-"));
            match (map.get(&text).map(|first| first.key_span), &sources) {
                (Some(first), _) => self.duplicate(key_span, first),
                (None, Some((first, _))) if is_merge => self.duplicate(key_span, *first),
                (None, None) if is_merge => sources = Some((key_span, value)),
                (None, _) => map.push(MapEntry { key: text, key_span, value }),
            }
            self.path.pop();
        }
    }

    fn duplicate(&mut self, again: Span, first: Span) {
        let message = format!("the key is in line {} already", first.line);
        let mut fault = self.source.fault(again, message).help("leave one of the two");
        fault.also = Some((self.source.spot(first), "the first one".into()));
        self.push(fault);
    }

    /// Adds a fault if the value has a tag; returns whether it has.
    fn tagged(&mut self, span: Span, has_tag: bool) -> bool {
        if has_tag {
            let help = "remove the `!` and its name; `!env NAME` is a text, number or duration";
            self.fault(span, "a tag is not allowed here", help);
        }
        has_tag
    }

    fn next(&mut self) -> Result<(Event<'a>, Range), Stop> {
        if self.faults.len() >= MAX_FAULTS {
            return Err(Stop);
        }
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                self.syntax(&error);
                Err(Stop)
            }
            None => Ok((Event::StreamEnd, Range::default())),
        }
    }

    fn syntax(&mut self, error: &ScanError) {
        let mark = error.marker();
        let span = span_of(mark.line() as u32, mark.col() as u32 + 1, 1);
        let fault = self.source.fault(span, format!("no YAML: {}", error.info()));
        let help = "look at the indentation, quotes and brackets here and in the line above";
        self.faults.push(fault.help(help));
    }

    fn stop<T>(&mut self, at: Range, message: &str, help: &str) -> Result<T, Stop> {
        let span = span(self.source, at);
        self.fault(span, message, help);
        Err(Stop)
    }

    /// Adds a fault, unless its line has the same fault already, as when aliases repeat a value.
    fn fault(&mut self, span: Span, message: &str, help: &str) {
        let line = |fault: &Fault| fault.spot.as_ref().map(|spot| spot.span.line);
        let is_told = |fault: &Fault| line(fault) == Some(span.line) && fault.message == message;
        if !self.faults.iter().any(is_told) {
            self.push(self.source.fault(span, message).help(help));
        }
    }

    fn push(&mut self, mut fault: Fault) {
        let path = KeyPath::of(&self.path);
        fault.key_path = (!path.is_root()).then(|| path.to_string());
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}

/// The range without trailing blanks, which the parser includes after a quoted text.
fn span(source: &Source<'_>, at: Range) -> Span {
    let end = (at.end.line() == at.start.line()).then(|| at.end.col());
    source.trimmed_span(at.start.line(), at.start.col(), end)
}

fn span_of(line: u32, column: u32, length: u32) -> Span {
    Span { line, column, length }
}

/// Whether the value is empty or one of YAML's words for null.
fn is_empty(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, _, _) => {
            ["", "~", "null", "Null", "NULL"].contains(&text.as_ref())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
