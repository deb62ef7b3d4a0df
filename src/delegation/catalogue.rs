//! The rules of the registries, one row each, and the findings of a check.
//!
//! A rule has the name of the Zonemaster test case, which most registries run. It also says where
//! IANA ("Technical requirements for authoritative name servers") and DENIC (DENIC-23p,
//! "Nameserver predelegation check") have the same rule, and which RFC it comes from.
//!
//! Deliberately missing: the diversity of autonomous systems (CONNECTIVITY03), which cannot
//! be known without a routing table, and the rules of DNSSEC, as zones are not signed here.

use Level::{Error, Notice, Warning};

/// Most findings of one rule and one zone that are listed; the others are counted.
const MAX_LISTED: usize = 20;

/// How serious a finding is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A registry refuses the delegation, or resolvers do not find the zone.
    Error,
    /// A registry warns, or some resolvers have trouble.
    Warning,
    /// Worth knowing.
    Notice,
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The test case of Zonemaster.
    pub tag: &'static str,
    pub level: Level,
    /// The statement that is true when nothing is found.
    pub holds: &'static str,
    /// Other sources of the rule.
    pub also: &'static str,
}

const fn rule(tag: &'static str, level: Level, holds: &'static str, also: &'static str) -> Rule {
    Rule { tag, level, holds, also }
}

pub const NUMBER: Rule = rule(
    "DELEGATION01",
    Error,
    "two or more name servers",
    "IANA: minimum number of name servers; DENIC-23p 2.1.2; RFC 1034 §4.1",
);
pub const IPV4: Rule =
    rule("DELEGATION01", Error, "a name server has an IPv4 address", "DENIC-23p 2.1.2");
pub const DISTINCT: Rule = rule(
    "DELEGATION02",
    Error,
    "the name servers have different addresses",
    "IANA: minimum number of name servers; DENIC-23p 2.1.2",
);
pub const RESOLVED: Rule = rule(
    "NAMESERVER06",
    Error,
    "every name server has an address",
    "IANA: valid hostnames; DENIC-23p: missing glue record; RFC 1034 §4.2.1",
);
pub const NOT_OURS: Rule = rule(
    "NAMESERVER06",
    Notice,
    "the addresses of every name server are known here",
    "IANA: valid hostnames",
);
pub const NO_ALIAS: Rule = rule(
    "DELEGATION05",
    Error,
    "no name server is a CNAME",
    "IANA: valid hostnames; RFC 2181 §10.3",
);
pub const PUBLIC: Rule = rule(
    "ADDRESS01",
    Error,
    "the addresses of the name servers are public",
    "IANA: prohibited networks; RFC 6890",
);
pub const PREFIXES: Rule = rule(
    "CONNECTIVITY04",
    Warning,
    "the name servers are in different networks",
    "IANA: network diversity; DENIC-23p 2.1.2; RFC 2182 §3.1",
);
pub const HOST_NAMES: Rule = rule(
    "SYNTAX04",
    Error,
    "the names of the name servers are host names",
    "IANA: valid hostnames; RFC 1123 §2.1",
);
pub const MNAME_HOST: Rule =
    rule("SYNTAX07", Warning, "the MNAME of the SOA is a host name", "RFC 1123 §2.1");
pub const MNAME_LISTED: Rule =
    rule("ZONE01", Notice, "the MNAME of the SOA is one of the name servers", "RFC 1035 §3.3.13");
pub const MNAME_ALIAS: Rule =
    rule("ZONE07", Warning, "the MNAME of the SOA is no CNAME", "RFC 2181 §10.3");
pub const REFRESH: Rule =
    rule("ZONE02", Warning, "refresh from 14400 to 86400 seconds", "DENIC-23p: 3600 to 86400");
pub const RETRY_BELOW: Rule =
    rule("ZONE03", Warning, "retry is shorter than refresh", "RFC 1912 §2.2");
pub const RETRY: Rule =
    rule("ZONE04", Warning, "retry from 3600 to 28800 seconds", "DENIC-23p: 900 to 28800");
pub const EXPIRE: Rule = rule(
    "ZONE05",
    Warning,
    "expire from 604800 to 3600000 seconds, and longer than refresh",
    "DENIC-23p: 604800 to 3600000; RFC 1912 §2.2",
);
pub const MINIMUM: Rule = rule(
    "ZONE06",
    Warning,
    "minimum from 300 to 86400 seconds",
    "DENIC-23p: 180 to 86400; RFC 2308 §5",
);

pub const UDP: Rule = rule(
    "CONNECTIVITY01",
    Error,
    "every name server answers over UDP",
    "IANA: name server reachability; DENIC-23p 2.1.1",
);
pub const TCP: Rule = rule(
    "CONNECTIVITY02",
    Error,
    "every name server answers over TCP",
    "IANA: name server reachability; RFC 7766 §5",
);
pub const SAME_SOURCE: Rule = rule(
    "NAMESERVER04",
    Error,
    "answers come from the address that was asked",
    "IANA: same source address; RFC 2181 §4",
);
pub const AUTHORITATIVE: Rule = rule(
    "DELEGATION04",
    Error,
    "every name server is authoritative for the zone",
    "IANA: answer authoritatively; DENIC-23p 2.1.1; RFC 1034 §4.3.1",
);
pub const SERIAL: Rule = rule(
    "CONSISTENCY01",
    Error,
    "the same SOA serial everywhere",
    "IANA: consistency between authoritative name servers",
);
pub const RNAME: Rule = rule(
    "CONSISTENCY02",
    Error,
    "the same SOA RNAME everywhere",
    "IANA: consistency between authoritative name servers",
);
pub const TIMERS: Rule = rule(
    "CONSISTENCY03",
    Error,
    "the same SOA timers everywhere",
    "IANA: consistency between authoritative name servers",
);
pub const SAME_SERVERS: Rule = rule(
    "CONSISTENCY04",
    Error,
    "the same NS set everywhere, and as at the registrar",
    "IANA: consistency between delegation and zone; DENIC-23p: inconsistent set of NS",
);
pub const GLUE: Rule = rule(
    "CONSISTENCY05",
    Error,
    "glue and authoritative addresses are equal",
    "IANA: consistency between glue and authoritative data",
);
pub const MNAME: Rule = rule(
    "CONSISTENCY06",
    Error,
    "the same SOA MNAME everywhere",
    "IANA: consistency between authoritative name servers",
);
pub const NO_RECURSION: Rule = rule(
    "NAMESERVER01",
    Error,
    "no name server answers for foreign names",
    "IANA: no open recursive name service; RFC 5358",
);
pub const EDNS: Rule = rule("NAMESERVER02", Warning, "EDNS is answered with EDNS", "RFC 6891 §7");
pub const NO_TRANSFER: Rule =
    rule("NAMESERVER03", Warning, "the zone cannot be transferred by anybody", "RFC 5936 §5");
pub const NO_UPWARD: Rule =
    rule("NAMESERVER07", Warning, "foreign names are not referred upwards", "RFC 8499: lame");
pub const BADVERS: Rule =
    rule("NAMESERVER10", Warning, "an EDNS version to come gets BADVERS", "RFC 6891 §6.1.3");

/// One violation of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    /// The zone, or the place in a file that could not be loaded.
    pub zone: String,
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What is wrong and what to do.
pub type MessageAndHelp = (String, String);

/// The result of a check.
#[derive(Debug, Default)]
pub struct Findings {
    pub failed: Vec<Finding>,
    /// Rules that were checked and hold, with their zones.
    pub passed: Vec<(Rule, String)>,
}

impl Findings {
    /// Adds the result of one rule for one zone; without `violations` the rule has passed.
    pub fn add(
        &mut self,
        rule: Rule,
        zone: &str,
        violations: impl IntoIterator<Item = MessageAndHelp>,
    ) {
        let mut violations = violations.into_iter();
        let mut count = 0;
        for (message, help) in violations.by_ref().take(MAX_LISTED) {
            self.failed.push(Finding { rule, zone: zone.to_owned(), message, help });
            count += 1;
        }
        let more = violations.count();
        if more > 0 {
            let message = format!("and {more} more of the same");
            let help = "mend those first".into();
            self.failed.push(Finding { rule, zone: zone.to_owned(), message, help });
        }
        if count == 0 {
            self.passed.push((rule, zone.to_owned()));
        }
    }

    /// How many findings have this level.
    pub fn count(&self, level: Level) -> usize {
        self.failed.iter().filter(|finding| finding.rule.level == level).count()
    }
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Error => "error",
            Warning => "warning",
            Notice => "notice",
        }
    }
}
