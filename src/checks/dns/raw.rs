//! `dns:` of a check, as it is written.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::checks::dns::checked::{DnsProbe, Question};
use crate::checks::raw::RawCheckKind;
use crate::config::check::keys::port;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::keyword::Keyword;
use crate::config::raw::scalar::{Port, Scalar, Switch, quoted};
use crate::rcode::Rcode;
use crate::zone::name::Name;
use crate::zone::rdata::table;

const PORT: u16 = 53;
const CLASS_IN: u16 = 1;

/// Up when a query has the expected rcode.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `name`")]
#[schemars(rename = "dns_probe", extend("required" = ["name"]))]
pub struct RawDnsProbe {
    #[schemars(extend("default" = 53))]
    pub port: Option<Port>,
    /// Asked for.
    pub name: Option<String>,
    #[serde(rename = "type")]
    #[schemars(extend("default" = "SOA"))]
    pub rrtype: Option<String>,
    /// Over TCP instead of UDP.
    #[schemars(extend("default" = false))]
    pub tcp: Option<Scalar<Switch>>,
    /// Whether the query asks for recursion, as one to a resolver must.
    #[schemars(extend("default" = false))]
    pub recursion: Option<Scalar<Switch>>,
    #[schemars(extend("default" = "NOERROR"))]
    pub expect: Option<Scalar<Rcode>>,
}

impl Keyword for Rcode {
    const WHAT: &'static str = "rcode";
    const WORDS: &'static [(&'static str, Rcode)] = &[
        ("NOERROR", Rcode::NOERROR),
        ("FORMERR", Rcode::FORMERR),
        ("SERVFAIL", Rcode::SERVFAIL),
        ("NXDOMAIN", Rcode::NXDOMAIN),
        ("NOTIMP", Rcode::NOTIMP),
        ("REFUSED", Rcode::REFUSED),
        ("NOTAUTH", Rcode::NOTAUTH),
    ];
}

impl RawCheckKind for RawDnsProbe {
    fn check(&self, _: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        let question = question(self, path, report)?;
        Some(Probe::Dns(DnsProbe {
            port: port(self.port, PORT),
            question,
            tcp: self.tcp.is_some_and(|tcp| tcp.0.0),
            recursion: self.recursion.is_some_and(|recursion| recursion.0.0),
            expect: self.expect.map_or(Rcode::NOERROR, |rcode| rcode.0),
        }))
    }
}

fn question(raw: &RawDnsProbe, path: &KeyPath, report: &mut Report<'_>) -> Option<Question> {
    let written = raw.rrtype.as_deref().unwrap_or("SOA");
    let rrtype = table::type_number(&written.to_ascii_uppercase());
    if rrtype.is_none() {
        let message = format!("unknown type {}", quoted(written));
        report.error(&path.key("type"), message, "write one such as SOA, A or TYPE65");
    }
    let Some(name) = &raw.name else {
        report.missing(path, "name", "write a name that every member answers for");
        return None;
    };
    let Ok(wire) = Name::parse(name) else {
        let message = format!("{} is no name", quoted(name));
        report.error(&path.key("name"), message, "write one such as midominio.com");
        return None;
    };
    let mut octets = wire.as_wire().to_vec();
    octets.extend(rrtype?.to_be_bytes());
    octets.extend(CLASS_IN.to_be_bytes());
    Some(Question { wire: octets.into(), text: format!("{name} {written}") })
}
