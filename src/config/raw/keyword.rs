//! Values that are written as one of a few words.

use schemars::{Schema, json_schema};

use crate::cluster::check::CheckedFamily;
use crate::cluster::connection::{ProxyVersion, StartTls};
use crate::cluster::families::Family;
use crate::cluster::hook::Scope;
use crate::cluster::member::AddressKind;
use crate::cluster::node::Role;
use crate::cluster::pool::{Alpn, Order};
use crate::config::fault::Problem;
use crate::config::raw::scalar::{Text, either, quoted};
use crate::config::suggestion;

/// A value that is written as one of a few words.
pub trait Keyword: Copy + 'static {
    /// The noun in messages, such as `unknown role`.
    const WHAT: &'static str;
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Keyword> Text for T {
    fn parse(text: &str) -> Result<T, Problem> {
        let known = || T::WORDS.iter().map(|&(word, _)| word);
        T::WORDS.iter().find(|&&(word, _)| word == text).map(|&(_, value)| value).ok_or_else(|| {
            let meant = suggestion::did_you_mean(text, known());
            let known: Vec<&str> = known().collect();
            let message = format!("unknown {} {}", T::WHAT, quoted(text));
            Problem::new(message, format!("{meant}write {}", either(&known)))
        })
    }

    fn schema() -> Schema {
        let words: Vec<&str> = T::WORDS.iter().map(|&(word, _)| word).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

impl Keyword for Role {
    const WHAT: &'static str = "role";
    const WORDS: &'static [(&'static str, Role)] = &[
        ("mother", Role::Mother),
        ("standby", Role::Standby),
        ("child", Role::Child),
        ("worker", Role::Worker),
        ("dns", Role::Dns),
    ];
}

impl Keyword for Order {
    const WHAT: &'static str = "order";
    const WORDS: &'static [(&'static str, Order)] = &[
        ("rotate", Order::Rotate),
        ("weighted", Order::Weighted),
        ("failover", Order::Failover),
        ("sticky", Order::Sticky),
    ];
}

impl Keyword for AddressKind {
    const WHAT: &'static str = "kind of address";
    const WORDS: &'static [(&'static str, AddressKind)] =
        &[("public", AddressKind::Public), ("private", AddressKind::Private)];
}

impl Keyword for CheckedFamily {
    const WHAT: &'static str = "family";
    const WORDS: &'static [(&'static str, CheckedFamily)] = &[
        (Family::V4.key(), CheckedFamily::Only(Family::V4)),
        (Family::V6.key(), CheckedFamily::Only(Family::V6)),
        ("each", CheckedFamily::Each),
    ];
}

impl Keyword for Scope {
    const WHAT: &'static str = "scope";
    const WORDS: &'static [(&'static str, Scope)] =
        &[(Scope::Node.as_str(), Scope::Node), (Scope::Pool.as_str(), Scope::Pool)];
}

impl Keyword for Alpn {
    const WHAT: &'static str = "protocol";
    const WORDS: &'static [(&'static str, Alpn)] = &[
        (Alpn::Http3.id(), Alpn::Http3),
        (Alpn::Http2.id(), Alpn::Http2),
        (Alpn::Http1.id(), Alpn::Http1),
    ];
}

impl Keyword for ProxyVersion {
    const WHAT: &'static str = "version";
    const WORDS: &'static [(&'static str, ProxyVersion)] =
        &[("v1", ProxyVersion::V1), ("v2", ProxyVersion::V2)];
}

impl Keyword for StartTls {
    const WHAT: &'static str = "protocol";
    const WORDS: &'static [(&'static str, StartTls)] = &[
        ("smtp", StartTls::Smtp),
        ("imap", StartTls::Imap),
        ("pop3", StartTls::Pop3),
        ("ftp", StartTls::Ftp),
    ];
}

/// The words of `when_short`; the fallback pool is no word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortWord {
    All,
    LastKnown,
    None,
}

impl Keyword for ShortWord {
    const WHAT: &'static str = "rule";
    const WORDS: &'static [(&'static str, ShortWord)] =
        &[("all", ShortWord::All), ("last_known", ShortWord::LastKnown), ("none", ShortWord::None)];
}
