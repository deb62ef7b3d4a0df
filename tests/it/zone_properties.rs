//! Whatever stands in a file, reading it ends without a panic; whatever was read is written so
//! that it reads back as the same octets.

use proptest::prelude::*;
use tiovivo::zone::name::Name;
use tiovivo::zone::rdata::parse::parse;
use tiovivo::zone::rdata::present::RdataText;
use tiovivo::zone::rdata::walk;
use tiovivo::zone::rdata::words::Words;
use tiovivo::zone::read::lexer::Lexer;
use tiovivo::zone::read::read;

const HEAD: &str = "$TTL 1h\n@ SOA ns1 h 1 4h 1h 2w 5m\n@ NS ns1\nns1 A 192.0.2.53\n";

/// Types with rows, and two without.
fn any_type() -> impl Strategy<Value = u16> {
    prop_oneof![0u16..=110, 256u16..=260, Just(32769), any::<u16>()]
}

/// Words that fit somewhere, words that fit nowhere, and what stands between words.
fn any_word() -> impl Strategy<Value = String> {
    let fitting = prop::sample::select(vec![
        "@",
        "www",
        "ns1",
        "a.b.",
        ".",
        "*",
        "300",
        "1h",
        "0",
        "1",
        "65535",
        "IN",
        "CH",
        "A",
        "NS",
        "AAAA",
        "CNAME",
        "DNAME",
        "MX",
        "TXT",
        "SRV",
        "SOA",
        "CAA",
        "HTTPS",
        "SVCB",
        "LOC",
        "NSEC",
        "NSEC3",
        "DS",
        "RRSIG",
        "DNSKEY",
        "TYPE65280",
        "\\#",
        "192.0.2.1",
        "2001:db8::1",
        "-",
        "AQ==",
        "c0000201",
        "\"a b\"",
        "\"\"",
        "alpn=h2",
        "port=1",
        "mandatory=alpn",
        "issue",
        "$TTL",
        "$ORIGIN",
        "$INCLUDE",
        "part",
        "20380101000000",
        "N",
        "E",
        "1m",
        "(",
        ")",
        ";",
        "\n",
        "\n",
        "\n ",
        "\r\n",
        "\"",
        "\\",
        "\t",
        "\\000",
        "\\300",
        "\u{feff}",
        "é",
    ]);
    prop_oneof![8 => fitting.prop_map(str::to_owned), 1 => "[ -~]{0,8}", 1 => "\\PC{0,4}"]
}

fn rdata(rtype: u16, text: &str) -> Option<Vec<u8>> {
    let mut tokens = Vec::new();
    Lexer::new(text.as_bytes()).entry(&mut tokens)?.ok()?;
    let mut out = Vec::new();
    let origin = Name::parse("example.com").ok()?;
    parse(rtype, &mut Words::new(text.as_bytes(), &tokens, 0), &origin, &mut out).ok()?;
    Some(out)
}

fn reads_without_panic(text: &str) -> bool {
    let apex = Name::parse("example.com.").unwrap();
    read(&apex, "zone", &mut |name| match name {
        "zone" => Ok(text.as_bytes().to_vec().into()),
        "part" => Ok(format!("{text}\npart A 192.0.2.1\n").into_bytes().into()),
        _ => Err("there is no such file".to_owned()),
    })
    .is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(any_word(), 0..60)) {
        let text = words.join(" ");
        reads_without_panic(&text);
        reads_without_panic(&(HEAD.to_owned() + &text));
        reads_without_panic(&words.concat());
    }

    #[test]
    fn any_text_is_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        reads_without_panic(&String::from_utf8_lossy(&octets));
    }

    #[test]
    fn a_good_line_with_one_octet_changed(
        line in prop::sample::select(good_lines()),
        at in any::<prop::sample::Index>(),
        octet in 0u8..128,
    ) {
        let mut octets = line.into_bytes();
        let at = at.index(octets.len());
        octets[at] = octet;
        reads_without_panic(&(HEAD.to_owned() + &String::from_utf8_lossy(&octets)));
    }

    #[test]
    fn what_any_words_said_reads_back(
        rtype in any_type(),
        words in prop::collection::vec(any_word(), 1..8),
    ) {
        if let Some(octets) = rdata(rtype, &words.join(" ")) {
            prop_assert_eq!(walk::check(rtype, &octets), Ok(()));
            let text = RdataText { rtype, rdata: &octets }.to_string();
            prop_assert_eq!(rdata(rtype, &text), Some(octets), "{}", text);
        }
    }

    #[test]
    fn any_octets_are_shown_and_read_back(
        rtype in any_type(),
        octets in prop::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..40),
    ) {
        let text = RdataText { rtype, rdata: &octets }.to_string();
        for name in walk::names(rtype, &octets) {
            prop_assert!(name.range.end <= octets.len());
        }
        if walk::check(rtype, &octets).is_ok() {
            prop_assert_eq!(rdata(rtype, &text), Some(octets), "{}", text);
        } else {
            prop_assert!(text.starts_with("\\# "), "{}", text);
        }
    }
}

/// One-line records of the corpus.
fn good_lines() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/zones/good");
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path()) else { continue };
        lines.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned));
    }
    lines.sort();
    lines
}
