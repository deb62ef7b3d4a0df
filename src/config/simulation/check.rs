//! Checks the raw types of a timeline against its cluster, and builds the [`Simulation`].

use std::time::Duration;

use crate::cluster::node::NodeName;
use crate::cluster::operator::Selector;
use crate::cluster::pool::Membership;
use crate::config::Config;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::{Scalar, quoted};
use crate::config::simulation::raw::{
    RawClients, RawDoes, RawEvent, RawKind, RawOrder, RawSimulation,
};
use crate::config::simulation::timeline::{
    CheckerLink, ClientKind, Clients, Does, Keeps, Simulation, TimelineEvent, What,
};
use crate::zone::name::Name;

/// Most events of a timeline.
pub const MAX_EVENTS: usize = 10_000;
/// Most requests of all clients together: their simulation takes some minutes.
pub const MAX_REQUESTS: u64 = 50_000_000;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(86_400);
const UNTIL: Duration = Duration::from_secs(120);
const SEED: u64 = 1;
const CLIENTS: u32 = 1000;
const REQUEST_EVERY: Duration = Duration::from_secs(1);
const LEAST_BETWEEN_REQUESTS: Duration = Duration::from_millis(10);
/// The default kinds of clients. Assumed, not measured: most resolvers keep to the TTL, some have a
/// floor, and browsers keep an address for a minute.
const KINDS: [ClientKind; 5] = [
    ClientKind { share: 60, keeps: Keeps::Ttl },
    ClientKind { share: 15, keeps: Keeps::Floor(Duration::from_secs(30)) },
    ClientKind { share: 10, keeps: Keeps::Floor(Duration::from_secs(60)) },
    ClientKind { share: 5, keeps: Keeps::Floor(Duration::from_secs(300)) },
    ClientKind { share: 10, keeps: Keeps::Pins(Duration::from_secs(60)) },
];

/// `None` when there is an error in `report`, or no `cluster`.
pub fn check(
    raw: &RawSimulation,
    cluster: Option<Config>,
    report: &mut Report<'_>,
) -> Option<Simulation> {
    let root = KeyPath::root();
    let until = raw.until.map_or(UNTIL, |until| until.0);
    if !(SHORTEST..=LONGEST).contains(&until) {
        report.error(&root.key("until"), "out of range", "write 1s to 1d");
    }
    let path = |index| root.key("events").index(index);
    let numbered = raw.events.iter().enumerate();
    let mut happenings: Vec<RawHappening> = numbered
        .filter_map(|(index, raw)| event(raw, until, cluster.as_ref(), &path(index), report))
        .collect();
    happenings.sort_by_key(|happening| happening.at);
    let events = events(&happenings, until);
    if events.len() > MAX_EVENTS {
        let help = format!("at most {MAX_EVENTS}: flap less often, or shorten `until`");
        report.error(&root.key("events"), format!("more than {MAX_EVENTS} events"), help);
    }
    let clients = clients(&raw.clients, cluster.as_ref(), &root.key("clients"), report);
    if let Some(clients) = &clients {
        let requests = u128::from(clients.count) * until.as_millis() / clients.every.as_millis();
        if requests > u128::from(MAX_REQUESTS) {
            let help = format!("at most {MAX_REQUESTS}: write fewer clients or a shorter `until`");
            report.error(&root.key("clients"), format!("{requests} requests"), help);
        }
    }
    let (config, clients) = (cluster?, clients?);
    (!report.has_errors()).then(|| Simulation {
        config,
        until,
        seed: raw.seed.map_or(SEED, |seed| seed.0.0.into()),
        asks_mother: raw.asks_mother.map(|asks| asks.0).unwrap_or_default(),
        events,
        clients,
    })
}

/// An event as written: a flapping node is a single event.
struct RawHappening {
    at: Duration,
    what: RawWhat,
}

enum RawWhat {
    Node(NodeName, RawDoes),
    Checker(CheckerLink),
    Operator(RawOrder),
}

impl RawHappening {
    fn is_of(&self, node: &NodeName) -> bool {
        matches!(&self.what, RawWhat::Node(other, _) if other == node)
    }
}

/// Replaces each flapping by events that refuse and recover in turn, until the next event of the
/// node. Stops soon after there are more than [`MAX_EVENTS`] events.
fn events(happenings: &[RawHappening], until: Duration) -> Vec<TimelineEvent> {
    let mut events = vec![];
    for (index, RawHappening { at, what }) in happenings.iter().enumerate() {
        match what {
            RawWhat::Checker(line) => {
                events.push(TimelineEvent { at: *at, what: What::Checker(*line) });
            }
            RawWhat::Operator(RawOrder { order, target }) => {
                let what = What::Operator { order: *order, target: target.clone() };
                events.push(TimelineEvent { at: *at, what });
            }
            RawWhat::Node(node, RawDoes::Once(does)) => {
                events.push(TimelineEvent {
                    at: *at,
                    what: What::Node { node: node.clone(), does: *does },
                });
            }
            RawWhat::Node(node, RawDoes::Flaps(time)) => {
                let mut later = happenings[index + 1..].iter();
                let end = later.find(|later| later.is_of(node)).map_or(until, |next| next.at);
                events.extend(flaps(node, *at, *time, end));
            }
        }
        if events.len() > MAX_EVENTS {
            break;
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

fn flaps(
    node: &NodeName,
    start: Duration,
    time: Duration,
    end: Duration,
) -> impl Iterator<Item = TimelineEvent> {
    let turns = (0u32..).map(move |turn| (start + time * turn, turn));
    turns.take_while(move |(at, _)| *at < end).take(MAX_EVENTS).map(move |(at, turn)| {
        let does = if turn.is_multiple_of(2) { Does::Refuses } else { Does::Recovers };
        TimelineEvent { at, what: What::Node { node: node.clone(), does } }
    })
}

fn event(
    raw: &RawEvent,
    until: Duration,
    cluster: Option<&Config>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<RawHappening> {
    let Some(Scalar(at)) = raw.at else {
        report.missing(path, "at", "write when, from the start: `at: 10s`");
        return None;
    };
    if at > until {
        let help = "write an earlier time, or a later `until`";
        report.error(&path.key("at"), "this is after the end", help);
    }
    let what = match (&raw.node, raw.does, raw.checker, &raw.operator) {
        (Some(node), Some(Scalar(does)), None, None) => {
            known_node(node, cluster, &path.key("node"), report);
            RawWhat::Node(NodeName::new(node), does)
        }
        (None, None, Some(Scalar(line)), None) => RawWhat::Checker(line),
        (None, None, None, Some(Scalar(order))) => {
            known_target(&order.target, cluster, &path.key("operator"), report);
            RawWhat::Operator(order.clone())
        }
        (Some(_), None, None, None) => {
            report.missing(path, "does", "write what becomes of it: `does: dies`");
            return None;
        }
        _ if ["node", "does", "checker", "operator"]
            .iter()
            .any(|key| report.is_faulty(&path.key(key))) =>
        {
            return None;
        }
        _ => {
            let help = "write `{ at: 10s, node: NAME, does: dies }`, \
                `{ at: 10s, checker: cut-off }` or `{ at: 10s, operator: drain NAME }`";
            report.error(path, "it does not say what happens", help);
            return None;
        }
    };
    Some(RawHappening { at, what })
}

fn known_node(node: &str, cluster: Option<&Config>, path: &KeyPath, report: &mut Report<'_>) {
    let Some(cluster) = cluster else { return };
    let names = || cluster.nodes.iter().map(|node| node.name.as_str());
    if !names().any(|name| name == node) {
        let meant = report.meant(node, names());
        let help = format!("{meant}write a name of `nodes`");
        report.error(path, format!("there is no node {}", quoted(node)), help);
    }
}

fn known_target(
    target: &Selector,
    cluster: Option<&Config>,
    path: &KeyPath,
    report: &mut Report<'_>,
) {
    let Some(cluster) = cluster else { return };
    if !cluster.nodes.iter().any(|node| target.selects(&node.name, node.role, Some(&node.tags))) {
        let help = "write a name of `nodes`, a tag or a role of some";
        report.error(path, format!("{target} means no node"), help);
    }
}

fn clients(
    raw: &RawClients,
    cluster: Option<&Config>,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Clients> {
    let kinds = match &raw.kinds {
        Some(kinds) => self::kinds(kinds, &path.key("kinds"), report),
        None => KINDS.to_vec(),
    };
    let every = raw.every.map_or(REQUEST_EVERY, |every| every.0);
    if every < LEAST_BETWEEN_REQUESTS {
        report.error(&path.key("every"), "too often", "write at least 10ms");
        return None;
    }
    let asks = asks(raw.asks.as_deref(), cluster?, &path.key("asks"), report)?;
    Some(Clients { asks, count: raw.count.map_or(CLIENTS, |count| count.0.0), every, kinds })
}

/// The name that clients ask for; by default the first name that everyone may ask for.
fn asks(
    written: Option<&str>,
    cluster: &Config,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Name> {
    let help = "write a name of a pool that everyone may ask";
    let is_open = |pool: usize| {
        let pool = cluster.pools.get(pool);
        pool.is_some_and(|pool| matches!(pool.membership, Membership::Everyone(_)))
    };
    let mut open = cluster.published.iter().filter(|published| is_open(published.pool.index()));
    let Some(written) = written else {
        let first = open.next();
        if first.is_none() {
            report.error(path, "the configuration has no pool that everyone may ask", help);
        }
        return first.map(|published| published.owner.clone());
    };
    let name = Name::parse(written).ok();
    let found = open.find(|published| name.as_ref() == Some(&published.owner));
    if found.is_none() {
        report.error(path, format!("{} is no such name", quoted(written)), help);
    }
    found.map(|published| published.owner.clone())
}

fn kinds(raw: &[RawKind], path: &KeyPath, report: &mut Report<'_>) -> Vec<ClientKind> {
    let mut kinds = vec![];
    for (index, kind) in raw.iter().enumerate() {
        let path = path.index(index);
        let keeps = match (kind.floor, kind.pins) {
            (None, None) => Keeps::Ttl,
            (Some(floor), None) => Keeps::Floor(floor.0),
            (None, Some(pins)) => Keeps::Pins(pins.0),
            (Some(_), Some(_)) => {
                report.error(&path, "both `floor` and `pins`", "write one of them, or none");
                continue;
            }
        };
        match kind.share {
            Some(share) => kinds.push(ClientKind { share: share.0.0, keeps }),
            None => report.missing(&path, "share", "write how many of them there are: 30%"),
        }
    }
    let sum: u32 = kinds.iter().map(|kind| u32::from(kind.share)).sum();
    if kinds.len() == raw.len() && sum != 100 && !report.is_faulty(path) {
        report.error(path, format!("the shares are {sum}% together"), "make them 100%");
    }
    kinds
}
