//! YAML events → the tree of [`Written`] values, and what of YAML config.yaml may not use.
//!
//! Aliases and merge keys are put in the place where they stand ([`anchors`]), and `!env NAME` is
//! what the variable has ([`environment`]). Other tags are refused, and duplicate keys, of which
//! one would win in silence, and keys without a value, which would be a default in silence. A key
//! of the whole file that begins with `x-` says nothing itself: there anchors may stand.
//!
//! | bound | keeps |
//! |---|---|
//! | [`MAX_DEPTH`] | the recursion of this file and of serde |
//! | [`MAX_VALUES`] | the memory of the tree, with all copies by aliases |
//! | [`MAX_FLOW_MARKS`] | the parser's look-ahead, which buffers a whole `[…]` or `{…}` |

use std::borrow::Cow;
use std::ffi::OsString;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Range, StrInput, Tag};

use crate::config::anchors::{self, Anchor, Anchors};
use crate::config::environment;
use crate::config::fault::{Fault, Source, Span};
use crate::config::written::{Entry, KeyPath, Map, Shape, Step, Written};

/// Deepest nesting; the format needs 6.
pub const MAX_DEPTH: usize = 32;
/// Most keys and values together.
pub const MAX_VALUES: usize = 200_000;
/// Most characters that may part values within brackets and braces.
pub const MAX_FLOW_MARKS: usize = 400_000;
/// So many faults are collected before reading stops.
const MAX_FAULTS: usize = 100;

/// The tree, if there is one, and every fault in how the YAML is written. Faulty parts are pruned.
pub fn read(source: &Source<'_>, text: &str) -> (Option<Written>, Vec<Fault>) {
    read_with(source, text, |name| std::env::var_os(name))
}

/// As [`read`], with the environment that `variable` knows.
pub fn read_with(
    source: &Source<'_>,
    text: &str,
    variable: fn(&str) -> Option<OsString>,
) -> (Option<Written>, Vec<Fault>) {
    let faults = before_parsing(source, text);
    if !faults.is_empty() {
        return (None, faults);
    }
    let parser = Parser::new_from_str(text);
    let anchors = Anchors::default();
    let mut reader = Reader { parser, source, faults, values: 0, path: vec![], anchors, variable };
    match reader.document() {
        Ok(root) => (Some(root), reader.faults),
        Err(Stop) => (None, reader.faults),
    }
}

/// What the parser would report badly, or take too long over.
fn before_parsing(source: &Source<'_>, text: &str) -> Vec<Fault> {
    let marks = text.bytes().filter(|byte| b",[{:?&*!\"'".contains(byte)).take(MAX_FLOW_MARKS + 1);
    if marks.count() > MAX_FLOW_MARKS {
        let message = format!("more than {MAX_FLOW_MARKS} brackets, commas, colons and quotes");
        return vec![Fault::error(source.file, None, message).help("shorten the file")];
    }
    let mut faults = vec![];
    for (index, line) in source.lines().iter().enumerate() {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        let Some(column) = line[..indentation].find('\t') else { continue };
        if indentation == line.len() || line[indentation..].starts_with('#') {
            continue;
        }
        let span = span_of(index as u32 + 1, column as u32 + 1, 1);
        faults.push(source.fault(span, "a tab in the indentation").help("write spaces"));
        if faults.len() == MAX_FAULTS {
            break;
        }
    }
    faults
}

/// The rest of the file cannot be read; why is among the faults.
struct Stop;

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    source: &'a Source<'a>,
    faults: Vec<Fault>,
    /// Written ones, and copies of them.
    values: usize,
    path: Vec<Step>,
    anchors: Anchors,
    variable: fn(&str) -> Option<OsString>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Written, Stop> {
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

    fn value(&mut self, event: Event<'a>, at: Range, depth: usize) -> Result<Written, Stop> {
        self.values += 1;
        if depth > MAX_DEPTH {
            return self.stop(at, &format!("nested deeper than {MAX_DEPTH} levels"), "flatten it");
        }
        self.check_values(at)?;
        let span = self.span(at);
        match event {
            Event::Scalar(text, _, anchor, tag) => {
                let scalar = self.scalar(span, text.into_owned(), tag);
                self.keep(anchor, scalar, at)
            }
            Event::SequenceStart(anchor, tag) => {
                let pruned = self.tagged(span, tag.is_some());
                let shape = self.list(depth)?;
                self.keep(anchor, Written { span, shape, pruned, variable: None }, at)
            }
            Event::MappingStart(anchor, tag) => {
                let pruned = self.tagged(span, tag.is_some());
                let shape = self.map(depth)?;
                self.keep(anchor, Written { span, shape, pruned, variable: None }, at)
            }
            Event::Alias(number) => self.alias(number, at, depth),
            _ => self.stop(at, "no value where one belongs", "write a value"),
        }
    }

    fn scalar(&mut self, span: Span, text: String, tag: Option<Cow<'a, Tag>>) -> Written {
        let plain =
            |text, pruned| Written { span, shape: Shape::Text(text), pruned, variable: None };
        match tag {
            Some(tag) if (tag.handle.as_str(), tag.suffix.as_str()) == environment::TAG => {
                match environment::value(&text, (self.variable)(&text)) {
                    Ok(value) => Written { variable: Some(text), ..plain(value, false) },
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

    /// Keeps what an anchor names.
    fn keep(&mut self, anchor: usize, value: Written, at: Range) -> Result<Written, Stop> {
        self.values += self.anchors.keep(anchor, &value);
        self.check_values(at)?;
        Ok(value)
    }

    fn alias(&mut self, number: usize, at: Range, depth: usize) -> Result<Written, Stop> {
        let span = self.span(at);
        let Some(Anchor { value, size, height }) = self.anchors.find(number) else {
            let help = "a value cannot hold itself; write the value";
            self.fault(span, "an alias within its own anchor", help);
            let shape = Shape::Text(String::new());
            return Ok(Written { span, shape, pruned: true, variable: None });
        };
        self.values += size;
        let too_deep = depth + height - 1 > MAX_DEPTH;
        // Counted before it is copied.
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
        let mut sources: Option<(Span, Written)> = None;
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
            // It is there for its anchors.
            value.pruned |= key.pruned || (depth == 1 && text.starts_with("x-"));
            match (map.get(&text).map(|first| first.key_span), &sources) {
                (Some(first), _) => self.duplicate(key_span, first),
                (None, Some((first, _))) if is_merge => self.duplicate(key_span, *first),
                (None, None) if is_merge => sources = Some((key_span, value)),
                (None, _) => map.push(Entry { key: text, key_span, value }),
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

    /// Whether the value had a tag; then that is told.
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
        let span = self.span(at);
        self.fault(span, message, help);
        Err(Stop)
    }

    /// Once a line: nine aliases beside each other are one mistake.
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

    /// The parser's end of a quoted text lies behind the blanks that follow it.
    fn span(&self, at: Range) -> Span {
        let (line, column) = (at.start.line(), at.start.col());
        let mut length = 1;
        if at.end.line() == line {
            let text = self.source.lines().get(line.saturating_sub(1)).copied().unwrap_or_default();
            let width = at.end.col().saturating_sub(column);
            let (mut at, mut last) = (0, 0);
            for char in text.chars().skip(column).take(width) {
                at += 1;
                last = if char.is_whitespace() { last } else { at };
            }
            length = last.max(1);
        }
        span_of(line as u32, column as u32 + 1, length)
    }
}

fn span_of(line: u32, column: u32, length: u32) -> Span {
    Span { line, column, length }
}

/// Nothing after the colon or the dash, or YAML's words for nothing.
fn is_empty(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, _, _) => {
            ["", "~", "null", "Null", "NULL"].contains(&text.as_ref())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::written::KeyPath;

    fn faults(text: &str) -> Vec<String> {
        let (_, faults) = read(&Source::new("f", text), text);
        faults.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn values_know_their_line_and_column() {
        let text = "a:\r\n  - {b: \"ñ\" , c: x}\r\n  - y # z\r\n";
        let (tree, faults) = read(&Source::new("f", text), text);
        assert_eq!(faults, []);
        let tree = tree.unwrap();
        let a = KeyPath::root().key("a");
        let span = |path: &KeyPath| tree.find(path).unwrap().value.span;
        assert_eq!(span(&a.index(0).key("b")), span_of(2, 9, 3));
        assert_eq!(span(&a.index(0).key("c")), span_of(2, 18, 1));
        assert_eq!(span(&a.index(1)), span_of(3, 5, 1));
        assert_eq!(tree.find(&a).unwrap().span(), span_of(1, 1, 1));
    }

    #[test]
    fn every_fault_of_the_yaml_is_told_at_once() {
        let text = "a: &x [*x]\na: 2\n<<: {c: 1}\n<<: {}\nd:\ne: !t 1\nf: [1, ~]\ng: {<<: 1}\n";
        assert_eq!(
            faults(text),
            [
                "f:1:8: a[0]: an alias within its own anchor; \
                 a value cannot hold itself; write the value",
                "f:2:1: a: the key is in line 1 already; leave one of the two",
                "f:4:1: <<: the key is in line 3 already; leave one of the two",
                "f:5:1: d: a key without a value; write one, or leave the key out",
                "f:6:4: e: a tag is not allowed here; \
                 remove the `!` and its name; `!env NAME` is a text, number or duration",
                "f:7:8: f[1]: an empty entry of a list; write it or remove it",
                "f:8:5: g: a merge key takes a mapping, or a list of mappings; \
                 write `<<: *NAME`, or `<<: [*NAME, *OTHER]`",
            ]
        );
    }

    #[test]
    fn what_is_not_one_document_is_refused() {
        assert_eq!(faults("# only words\n"), ["f: is empty; write at least `zones:`"]);
        let twice =
            "f:2:1: a second YAML document; write everything in one document, without `---`";
        assert_eq!(faults("a: 1\n---\nb: 2\n"), [twice]);
        assert_eq!(faults("a:\n\tb: 1\n"), ["f:2:1: a tab in the indentation; write spaces"]);
        assert!(faults("a: [1\n")[0].starts_with("f:2:1: no YAML: "), "{:?}", faults("a: [1\n"));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}x{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(faults(&nested(MAX_DEPTH - 1)), [] as [&str; 0]);
        assert!(faults(&nested(MAX_DEPTH))[0].contains("nested deeper than 32 levels"));
        assert!(faults(&"[".repeat(100_000))[0].contains("f:1:"));
    }

    #[test]
    fn megabytes_of_nonsense_end_soon() {
        let start = std::time::Instant::now();
        for piece in ["[a,", "{", "a: ", "- ", "a\n", "'' ", "|\n", "- - a\n", "%a\n", "}", "#"] {
            let text = piece.repeat((1 << 20) / piece.len());
            read(&Source::new("f", &text), &text);
        }
        assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    }
}
