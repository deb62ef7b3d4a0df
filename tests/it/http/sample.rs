//! A cluster on a bad day: every state, a short pool, a refused reload, names that want escaping.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tiovivo::control::status::{
    ChangeStatus, CheckStatus, ConfigStatus, LoadStatus, MemberStatus, NamedCheckStatus,
    OperatorStatus, OverrideStatus, PoolStatus, ReloadRefusal, Status, ZoneStatus,
};

/// What an unescaped page would run.
pub const HOSTILE: &str = "<script>alert('\"&')</script>";

pub fn status() -> Status {
    Status {
        version: "0.1.0",
        nsid: Some("ns1".into()),
        started: ago(3 * 86_400 + 7_300),
        ready: true,
        config: ConfigStatus {
            file: "/etc/tiovivo/config.yaml".into(),
            loaded: ago(11_520),
            refused: Some(ReloadRefusal {
                at: ago(95),
                faults: vec![
                    "config.yaml:17: pools.web.members: node `server-9` is not in nodes".into(),
                    "config.yaml:22: pools.web.check.timeout: 5s is not shorter than every: 5s"
                        .into(),
                ],
            }),
        },
        zones: vec![
            ZoneStatus {
                apex: "midominio.com".into(),
                unicode: None,
                serial: 2026010203,
                records: 27,
            },
            ZoneStatus {
                apex: "2.0.192.in-addr.arpa".into(),
                unicode: None,
                serial: 41,
                records: 9,
            },
        ],
        pools: [web(), mother(), media()].map(Arc::new).into(),
        overrides: vec![OverrideStatus {
            order: "drain",
            target: "server-5".into(),
            pool: Some("web".into()),
            reason: "kernel update".into(),
            author: "ana@ns1".into(),
            since: ago(600),
            until: Some(ago(-3_000)),
            nodes: vec!["server-5".into()],
        }],
        changes: changes(),
    }
}

/// The same cluster, every text of it hostile.
pub fn hostile() -> Status {
    let mut status = status();
    let evil = || HOSTILE.to_string();
    status.nsid = Some(evil());
    status.started = evil();
    status.config = ConfigStatus {
        file: evil(),
        loaded: evil(),
        refused: Some(ReloadRefusal { at: evil(), faults: vec![evil()] }),
    };
    status.zones.iter_mut().for_each(|zone| zone.apex = evil());
    for order in &mut status.overrides {
        order.target = evil();
        order.pool = Some(evil());
        order.reason = evil();
        order.author = evil();
        order.since = evil();
        order.until = Some(evil());
        order.nodes = vec![];
    }
    status.changes.iter_mut().for_each(|change| {
        *change = ChangeStatus { at: evil(), pool: evil(), node: evil(), what: evil() };
    });
    for pool in status.pools.iter_mut().map(Arc::make_mut) {
        pool.name = evil();
        pool.names = vec![evil()];
        pool.clients = Some(vec![evil()]);
        pool.when_short = evil();
        pool.answering = vec![evil()];
        pool.why = evil();
        pool.kept = Some(evil());
        for member in &mut pool.members {
            member.node = evil();
            member.addresses = vec![evil()];
            member.why = evil();
            member.held_until = Some(evil());
            let several = member.checks.iter_mut().map(|of| {
                of.name = evil();
                &mut of.check
            });
            for check in several.chain([&mut member.check]).chain(&mut member.deep) {
                check.probe = evil();
                check.progress = Some(evil());
                check.since = evil();
                check.last_probe = Some(evil());
                check.last_answer = Some(evil());
                check.last_error = Some(evil());
            }
        }
    }
    status
}

fn web() -> PoolStatus {
    let deep = |state, error: Option<&str>| {
        let check = check("GET http://www.midominio.com/health/deep", state, None, 9_000);
        Some(CheckStatus { last_error: error.map(Into::into), last_rtt_ms: Some(41.7), ..check })
    };
    let mut members = vec![
        member("server-2", "child", &["192.0.2.18"], "up", None),
        member("server-3", "child", &["192.0.2.19"], "falling", Some("2/3")),
        member("server-4", "child", &["192.0.2.20", "2001:db8::20"], "down", None),
        member("server-5", "child", &["192.0.2.21"], "rising", Some("1/2")),
        member("server-6", "child", &["192.0.2.22"], "unknown", None),
    ];
    members[0].deep = deep("up", None);
    members[0].check.load = Some(LoadStatus { said: Some(25), share: 26, ignored: 3 });
    members[1].weight = 2;
    members[1].share = 37;
    members[1].deep = deep("down", Some("503 instead of 200"));
    members[1].check.last_error = Some("no answer within 2 s".into());
    members[1].why = "serves; one more failure takes it out of the answers".into();
    members[2].check.last_error = Some("connection refused".into());
    members[2].check.last_rtt_ms = None;
    members[2].why = "out of the answers: connection refused (3/3)".into();
    members[3].check.last_error = Some("503 instead of 200".into());
    members[3].why = "out of the answers; one more success brings it back".into();
    members[3].falls = 5;
    members[3].held_until = Some(ago(-74));
    members[3].operator = Some(OperatorStatus {
        state: "drained",
        target: "server-5".into(),
        reason: "kernel update".into(),
        author: "ana@ns1".into(),
        since: ago(600),
        until: Some(ago(-3_000)),
        held_until: Some(ago(540)),
    });
    members[4].check.last_rtt_ms = None;
    members[4].check.probe = "all of http, tls".into();
    members[4].checks = vec![
        named("http", check("GET http://192.0.2.22:80/health", "up", None, 7_500)),
        named("tls", check("TLS handshake with 192.0.2.22:443", "unknown", None, 7_500)),
    ];
    members[4].why = "serves until the first probe says otherwise".into();
    PoolStatus {
        name: "web".into(),
        names: vec!["midominio.com".into(), "www.midominio.com".into()],
        unicode_names: BTreeMap::new(),
        clients: None,
        order: "rotate",
        ttl: 15,
        ttl_configured: 30,
        max_answers: 8,
        spread_by: Some("rack-*".into()),
        min_serving: 1,
        min_serving_families: None,
        when_short: "all".into(),
        serving: 3,
        short: false,
        in_charge: None,
        kept: Some(ago(12)),
        cut_off: true,
        answering: vec!["server-2".into(), "server-3".into(), "server-6".into()],
        answering_families: None,
        why: "3 of 5 members serve; the TTL is halved while server-3, server-4 and server-5 are \
              not settled"
            .into(),
        members,
    }
}

fn mother() -> PoolStatus {
    let mut members = vec![
        member("server-1", "mother", &["10.77.0.17"], "up", None),
        member("server-1.1", "standby", &["10.77.0.16"], "up", None),
    ];
    members[0].check.probe = "MySQL greeting of 10.77.0.17:3306".into();
    members[1].check.probe = "MySQL greeting of 10.77.0.16:3306".into();
    members[1].in_answers = false;
    members[1].why = "in reserve: server-1 stands before it".into();
    PoolStatus {
        name: "mother".into(),
        names: vec!["madre.midominio.com".into()],
        unicode_names: BTreeMap::new(),
        clients: Some(vec!["10.77.0.0/24".into(), "127.0.0.0/8".into()]),
        order: "failover",
        ttl: 5,
        ttl_configured: 5,
        max_answers: 8,
        spread_by: None,
        min_serving: 1,
        min_serving_families: None,
        when_short: "all".into(),
        serving: 2,
        short: false,
        in_charge: Some(vec!["server-1".into()]),
        kept: None,
        cut_off: false,
        answering: vec!["server-1".into()],
        answering_families: None,
        why: "server-1 is the first of the list that serves".into(),
        members,
    }
}

fn media() -> PoolStatus {
    let mut members = vec![member("server-7", "child", &["192.0.2.23"], "down", None)];
    members[0].why = "health takes it out, but too few serve and all are answered".into();
    members[0].in_answers = true;
    members[0].check.last_error = Some("no route to host".into());
    PoolStatus {
        name: "media".into(),
        names: vec!["media.midominio.com".into(), "a-rather-long-name.cdn.midominio.com".into()],
        unicode_names: BTreeMap::new(),
        clients: None,
        order: "weighted",
        ttl: 30,
        ttl_configured: 60,
        max_answers: 4,
        spread_by: None,
        min_serving: 1,
        min_serving_families: None,
        when_short: "all".into(),
        serving: 0,
        short: true,
        in_charge: None,
        kept: None,
        cut_off: false,
        answering: vec!["server-7".into()],
        answering_families: None,
        why: "0 of 1 members serve, 1 are wanted: all are answered (when_short: all)".into(),
        members,
    }
}

fn member(
    node: &str,
    role: &'static str,
    addresses: &[&str],
    state: &'static str,
    progress: Option<&str>,
) -> MemberStatus {
    let serves = matches!(state, "up" | "falling" | "unknown");
    let probe = format!("GET http://{}:80/health", addresses[0]);
    MemberStatus {
        node: node.into(),
        role,
        addresses: addresses.iter().map(|&address| address.into()).collect(),
        weight: 1,
        in_answers: serves,
        operator: None,
        why: "serves".into(),
        share: 100,
        falls: 0,
        held_until: None,
        check: check(&probe, state, progress, 7_500),
        checks: vec![],
        families: vec![],
        deep: None,
    }
}

fn check(probe: &str, state: &'static str, progress: Option<&str>, since: i64) -> CheckStatus {
    CheckStatus {
        kind: "http",
        probe: probe.into(),
        state,
        progress: progress.map(Into::into),
        since: ago(since),
        probes: 51_840,
        failures: 17,
        voids: 3,
        last_probe: Some(ago(2)),
        last_rtt_ms: Some(0.84),
        last_answer: (state == "up").then(|| "TLS, certificate expires in 12 days".into()),
        last_error: None,
        certificate_expires: (state == "up").then(|| "2030-01-01T00:00:00Z".into()),
        load: None,
    }
}

fn named(name: &str, check: CheckStatus) -> NamedCheckStatus {
    NamedCheckStatus { name: name.into(), check }
}

/// Oldest first, as the server tells them.
fn changes() -> Vec<ChangeStatus> {
    let change = |(at, pool, node, what): (i64, &str, &str, &str)| ChangeStatus {
        at: ago(at),
        pool: pool.into(),
        node: node.into(),
        what: what.into(),
    };
    let older =
        (0..9).map(|n| (90_000 - n * 4_000, "web", "server-5", "out of the answers of web"));
    let recent = [
        (9_000, "web", "server-4", "into the answers of web: 2 successes in a row"),
        (4_100, "web", "server-5", "out of the answers of web: 503 instead of 200 (3/3)"),
        (600, "web", "server-4", "out of the answers of web: connection refused (3/3)"),
        (61, "media", "server-7", "too few serve in media: all are answered"),
    ];
    older.chain(recent).map(change).collect()
}

fn ago(seconds: i64) -> String {
    let now = Timestamp::now();
    let then = now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(now);
    then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
