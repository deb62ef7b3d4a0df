//! An RRset that no message has room for is a fault: whoever asks for it would never get it.

use super::{CONFIG, load, told};

fn addresses(count: u32) -> String {
    let address = |number: u32| std::net::Ipv4Addr::from(0xc612_0000 + number);
    (0..count).map(|number| format!("a A {}\n", address(number))).collect()
}

/// 65535 octets less header, question and OPT are room for this many records of 16 octets.
#[test]
fn an_rrset_as_large_as_a_message_loads_and_a_larger_one_is_told_of() {
    let question = b"\x01a\x09midominio\x03com\0".len() + 4;
    let most = (65_535 - 12 - question - 11) / 16;
    let loaded = load(CONFIG, addresses(most as u32).as_bytes());
    assert!(loaded.is_ok(), "{:?}", loaded.err());
    let told = told(CONFIG, addresses(most as u32 + 1).as_bytes());
    let [fault] = told.as_slice() else { panic!("{told:?}") };
    let line = 7 + most;
    let message = format!("{line}: from here on, the A RRset of a.midominio.com. does not fit");
    assert!(fault.starts_with(&message), "{fault}");
    assert!(fault.ends_with("spread them over more names"), "{fault}");
}

/// What is written twice is sent once.
#[test]
fn repeated_records_take_no_room() {
    assert!(load(CONFIG, addresses(3000).repeat(2).as_bytes()).is_ok());
}

#[test]
fn long_strings_are_counted() {
    let string = "x".repeat(252);
    let text: String = (0..256).map(|n| format!("t TXT \"{n:03}{string}\"\n")).collect();
    let told = told(CONFIG, text.as_bytes());
    assert!(told.len() == 1 && told[0].contains("the TXT RRset"), "{told:?}");
}

/// These exchanges take more than a message in full, and fit because their end is a pointer.
#[test]
fn compressed_names_count_as_they_are_sent() {
    let lines: String = (0..2600).map(|n| format!("m MX 1 m{n}.mail.example.net.\n")).collect();
    let loaded = load(CONFIG, lines.as_bytes());
    assert!(loaded.is_ok(), "{:?}", loaded.err());
}
