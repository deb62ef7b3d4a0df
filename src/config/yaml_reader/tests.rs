//! Tests of what config.yaml may and may not use of YAML.

use super::*;

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
    let twice = "f:2:1: a second YAML document; write everything in one document, without `---`";
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
