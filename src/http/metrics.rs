//! `/metrics`: OpenMetrics text, written from the counters and the newest status at each scrape.
//!
//! Nothing is counted here, so nothing can be counted twice. Labels come from the configuration
//! and from closed lists, never from a query: a scrape has as many series as the cluster has
//! members, whatever clients ask.
//!
//! OpenMetrics is the only format; Prometheus reads it since 2.5, whatever it offered to accept.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::watch;

use crate::control::status::{CheckStatus, MemberStatus, PoolStatus, Status};
use crate::control::troubles::{TroubleSubject, Troubles};
use crate::counters::{Block, Counters, LOG_LINES_DROPPED, QTYPES, RCODES};
use crate::hooks::HooksHandle;
use crate::hooks::status::HookStatus;
use crate::http::dashboard::{Dashboard, HandlerState};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The operator's states of a member.
const OPERATOR_STATES: [&str; 5] = ["none", "draining", "drained", "forced up", "forced down"];
/// Every state that a check can be in.
const STATES: [&str; 5] = ["unknown", "up", "falling", "down", "rising"];

pub fn routes() -> Router<Arc<HandlerState>> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(state): State<Arc<HandlerState>>) -> Response {
    let mut body = String::new();
    match text::encode(&mut body, &state.registry) {
        Ok(()) => {
            ([(CONTENT_TYPE, OPEN_METRICS), (CACHE_CONTROL, "no-store")], body).into_response()
        }
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub fn registry(dashboard: &Dashboard) -> Registry {
    let Dashboard { status, counters, hooks, troubles, .. } = dashboard;
    let exposition = Exposition {
        status: status.clone(),
        counters: counters.clone(),
        hooks: hooks.clone(),
        troubles: troubles.clone(),
    };
    let mut registry = Registry::with_prefix("tiovivo");
    registry.register_collector(Box::new(exposition));
    registry
}

#[derive(Debug)]
struct Exposition {
    status: watch::Receiver<Arc<Status>>,
    counters: Arc<Counters>,
    hooks: HooksHandle,
    troubles: Troubles,
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let status = self.status.borrow().clone();
        let mut out = Families(encoder);
        server(&mut out, &status)?;
        troubles(&mut out, &self.troubles)?;
        answers(&mut out, &self.counters)?;
        connections(&mut out, &self.counters)?;
        pools(&mut out, &status.pools)?;
        members(&mut out, &status.pools)?;
        checks(&mut out, &status.pools)?;
        hooks(&mut out, &self.hooks.status())
    }
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// One method a metric type; each call writes one family, with its HELP, TYPE and UNIT.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    /// Without samples there is no family.
    fn family<'a, M: EncodeMetric>(
        &mut self,
        (name, help, unit): (&str, &str, Option<Unit>),
        samples: impl IntoIterator<Item = (Labels<'a>, M)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        let Some((_, first)) = samples.peek() else { return Ok(()) };
        let kind = first.metric_type();
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (labels, sample) in samples {
            sample.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counter<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        let samples = samples.into_iter().map(|(labels, n)| (labels, ConstCounter::new(n)));
        self.family((name, help, None), samples)
    }

    fn gauge<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let samples = samples.into_iter().map(|(labels, value)| (labels, ConstGauge::new(value)));
        self.family((name, help, None), samples)
    }

    fn seconds<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let samples = samples.into_iter().map(|(labels, value)| (labels, ConstGauge::new(value)));
        self.family((name, help, Some(Unit::Seconds)), samples)
    }
}

fn server(out: &mut Families<'_>, status: &Status) -> fmt::Result {
    let build = Info::new(vec![("version", status.version)]);
    out.family(("build", "The running version", None), [(vec![], build)])?;
    out.seconds("start_time", "When this server started, since 1970", unix(&status.started))?;
    out.gauge("ready", "1 once the first round of probes is over", alone(flag(status.ready)))?;
    let loaded = unix(&status.config.loaded);
    out.seconds("config_loaded_time", "When what is served was loaded, since 1970", loaded)?;
    let accepted = flag(status.config.refused.is_none());
    let help = "0 while the newest reload is refused and the one before serves on";
    out.gauge("config_last_reload_ok", help, alone(accepted))?;
    let help = "Log lines that were dropped because standard error took none";
    out.counter("log_lines_dropped", help, [(vec![], LOG_LINES_DROPPED.get())])?;
    let zones = |of: fn(&crate::control::status::ZoneStatus) -> f64| {
        status.zones.iter().map(move |zone| (vec![("zone", zone.apex.as_str())], of(zone)))
    };
    out.gauge("zone_serial", "SOA serial of the zone", zones(|zone| f64::from(zone.serial)))?;
    out.gauge("zone_records", "Records of the zone file", zones(|zone| zone.records as f64))
}

fn troubles(out: &mut Families<'_>, troubles: &Troubles) -> fmt::Result {
    let each = TroubleSubject::ALL
        .map(|subject| (vec![("subject", subject.as_str())], flag(troubles.has(subject))));
    out.gauge("trouble", "1 while something is wrong with a file of this server", each)
}

/// UDP workers are one transport: how many there are is no news to whoever reads the graph.
fn answers(out: &mut Families<'_>, counters: &Counters) -> fmt::Result {
    let each = |count: &dyn Fn(&Block) -> u64| {
        let udp = counters.udp.iter().map(count).fold(0, u64::wrapping_add);
        [("udp", udp), ("stream", count(&counters.stream))]
    };
    let plain = |of: fn(&Block) -> &AtomicU64| {
        each(&|block| read(of(block))).map(|(name, n)| (vec![("transport", name)], n))
    };
    out.counter("queries", "Queries received", plain(|block| &block.queries))?;
    let qtypes = QTYPES.iter().enumerate().flat_map(|(index, (_, qtype))| {
        each(&|block| block.qtypes.get(index).map_or(0, read))
            .map(|(name, n)| (vec![("transport", name), ("qtype", *qtype)], n))
    });
    out.counter("questions", "Questions asked, by query type", qtypes)?;
    let rcodes = RCODES.iter().enumerate().flat_map(|(index, rcode)| {
        each(&|block| block.rcodes.get(index).map_or(0, read))
            .map(|(name, n)| (vec![("transport", name), ("rcode", *rcode)], n))
    });
    out.counter("replies", "Replies sent, by response code", rcodes)?;
    let help = "Messages that got no reply: too short, responses, loops";
    out.counter("dropped_messages", help, plain(|block| &block.dropped))?;
    out.counter("truncated_replies", "Replies with TC=1", plain(|block| &block.truncated))?;
    let help = "Replies that the kernel would not take";
    out.counter("send_errors", help, plain(|block| &block.send_errors))?;
    let help = "Panics that a worker survived; each is a bug of this program";
    out.counter("panics", help, plain(|block| &block.panics))
}

fn connections(out: &mut Families<'_>, counters: &Counters) -> fmt::Result {
    let open = read(&counters.connections_open) as f64;
    out.gauge("connections_open", "DNS connections open now", alone(open))?;
    let accepted = (vec![], read(&counters.connections_accepted));
    out.counter("connections_accepted", "DNS connections accepted", [accepted])?;
    let evicted = (vec![], read(&counters.connections_evicted));
    out.counter("connections_evicted", "DNS connections closed to keep a bound", [evicted])
}

fn pools(out: &mut Families<'_>, pools: &[Arc<PoolStatus>]) -> fmt::Result {
    let each = |of: fn(&PoolStatus) -> f64| {
        pools.iter().map(move |pool| (vec![("pool", pool.name.as_str())], of(pool)))
    };
    out.gauge("pool_members", "Members of the pool", each(|pool| pool.members.len() as f64))?;
    let help = "Members that serve by their health";
    out.gauge("pool_serving_members", help, each(|pool| pool.serving as f64))?;
    let help = "Fewer serving members than this and the pool is short";
    out.gauge("pool_min_serving_members", help, each(|pool| pool.min_serving as f64))?;
    let help = "Nodes in the answers, those of a fallback pool included";
    out.gauge("pool_answering_nodes", help, each(|pool| pool.answering.len() as f64))?;
    let help = "1 while too few members serve and when_short decides";
    out.gauge("pool_short", help, each(|pool| flag(pool.short)))?;
    let help = "1 while the last set is kept because most members failed at once";
    out.gauge("pool_kept", help, each(|pool| flag(pool.kept.is_some())))?;
    let help = "1 while no control target answers this machine either";
    out.gauge("pool_cut_off", help, each(|pool| flag(pool.cut_off)))?;
    out.seconds("pool_ttl", "TTL of the answers now", each(|pool| f64::from(pool.ttl)))?;
    let help = "TTL as configured";
    out.seconds("pool_configured_ttl", help, each(|pool| f64::from(pool.ttl_configured)))
}

fn members(out: &mut Families<'_>, pools: &[Arc<PoolStatus>]) -> fmt::Result {
    let each = |of: fn(&MemberStatus) -> f64| {
        pools.iter().flat_map(move |pool| {
            pool.members.iter().map(move |member| (member_labels(pool, member), of(member)))
        })
    };
    let help = "1 while the member is in the answers of its pool";
    out.gauge("member_in_answers", help, each(|member| flag(member.in_answers)))?;
    let families = || {
        pools.iter().flat_map(|pool| {
            pool.members.iter().flat_map(move |member| {
                member.families.iter().map(move |of| {
                    let mut labels = member_labels(pool, member);
                    labels.push(("family", of.family));
                    (labels, of)
                })
            })
        })
    };
    let help = "1 while the member is in the answers of the address family";
    let in_answers = families().map(|(labels, of)| (labels, flag(of.in_answers)));
    out.gauge("member_family_in_answers", help, in_answers)?;
    let help = "1 while the member serves in the address family";
    let serving = families().map(|(labels, of)| (labels, flag(of.serving)));
    out.gauge("member_family_serving", help, serving)?;
    let help = "Part of its first places that the member takes: less than 1 by slow start or load";
    out.gauge("member_share", help, each(|member| f64::from(member.share) / 100.0))?;
    let help = "1 while the member stays out because it fell often, whatever its health says";
    out.gauge("member_held_out", help, each(|member| flag(member.held_until.is_some())))?;
    let help = "Falls of the member that its damping remembers";
    out.gauge("member_remembered_falls", help, each(|member| member.falls as f64))?;
    let states = pools.iter().flat_map(|pool| {
        pool.members.iter().flat_map(move |member| {
            let now = member.operator.as_ref().map_or("none", |order| order.state);
            OPERATOR_STATES.map(|state| {
                let mut labels = member_labels(pool, member);
                labels.push(("state", state));
                (labels, flag(now == state))
            })
        })
    });
    let help = "1 for what the operator has ordered of the member, 0 for the others";
    out.gauge("member_operator_state", help, states)?;
    out.gauge("member_weight", "Weight of the member", each(|member| f64::from(member.weight)))
}

/// `check="rotation"` decides who is answered, `check="deep"` is shown and alerted only. Of several
/// checks each has its name, and `rotation` is their verdict: that has a state, and no probes of
/// its own, so that a sum counts each probe once.
fn checks(out: &mut Families<'_>, pools: &[Arc<PoolStatus>]) -> fmt::Result {
    let members =
        || pools.iter().flat_map(|pool| pool.members.iter().map(move |member| (&**pool, member)));
    let verdicts: Vec<(Labels<'_>, &CheckStatus)> = members()
        .filter(|(_, member)| !member.checks.is_empty())
        .map(|of| (labelled(of, "rotation"), &of.1.check))
        .collect();
    let all: Vec<(Labels<'_>, &CheckStatus)> = members()
        .flat_map(|of| {
            let only = of.1.checks.is_empty().then_some(("rotation", &of.1.check));
            let several = of.1.checks.iter().map(|check| (check.name.as_str(), &check.check));
            let deep = of.1.deep.as_ref().map(|check| ("deep", check));
            let checks = only.into_iter().chain(several).chain(deep);
            checks.map(move |(name, check)| (labelled(of, name), check))
        })
        .collect();
    let each = || all.iter().map(|(labels, check)| (labels.clone(), *check));
    let stateful = || verdicts.iter().map(|(labels, check)| (labels.clone(), *check)).chain(each());
    let states = stateful().flat_map(|(labels, check)| {
        STATES.map(|state| {
            let mut labels = labels.clone();
            labels.push(("state", state));
            (labels, flag(check.state == state))
        })
    });
    out.gauge("check_state", "1 for the state that the check is in, 0 for the others", states)?;
    let since =
        stateful().filter_map(|(labels, check)| Some((labels, unix_seconds(&check.since)?)));
    let help = "When the member last became up or down, since 1970";
    out.seconds("check_since_time", help, since)?;
    out.counter("probes", "Probes with a result", each().map(|(l, check)| (l, check.probes)))?;
    let failures = each().map(|(labels, check)| (labels, check.failures));
    out.counter("probe_failures", "Probes that failed", failures)?;
    let voids = each().map(|(labels, check)| (labels, check.voids));
    let help = "Probes that say nothing, as this machine was held up";
    out.counter("probes_void", help, voids)?;
    let loads = || each().filter_map(|(labels, check)| Some((labels, check.load.as_ref()?)));
    let help = "Part of its first places that the member takes by what it says of its load";
    let shares = loads().map(|(labels, load)| (labels, f64::from(load.share) / 100.0));
    out.gauge("check_load_share", help, shares)?;
    let help = "Words on its load that were no whole number from 0 to 100";
    out.counter("check_load_ignored", help, loads().map(|(l, load)| (l, load.ignored)))?;
    let expires = each().filter_map(|(labels, check)| {
        Some((labels, unix_seconds(check.certificate_expires.as_ref()?)?))
    });
    let help = "When the certificate of the node expires, since 1970";
    out.seconds("check_certificate_expiry", help, expires)?;
    let trips = each().filter_map(|(labels, check)| Some((labels, seconds(check.last_rtt_ms?))));
    let help = "Of the newest probe that had a verdict from the node";
    out.seconds("probe_round_trip", help, trips)
}

fn hooks(out: &mut Families<'_>, hooks: &[HookStatus]) -> fmt::Result {
    let each = |of: fn(&HookStatus) -> u64| {
        hooks.iter().map(move |hook| (vec![("hook", hook.name.as_str())], of(hook)))
    };
    out.counter("hook_delivered", "Events that the hook took", each(|hook| hook.delivered))?;
    let help = "Attempts that failed; each is made again";
    out.counter("hook_failed", help, each(|hook| hook.failed))?;
    let help = "Events that were dropped, as the queue was full";
    out.counter("hook_dropped", help, each(|hook| hook.dropped))?;
    let help = "Events that were given up, as the hook refused them";
    out.counter("hook_refused", help, each(|hook| hook.refused))?;
    let waiting = each(|hook| hook.waiting as u64).map(|(labels, n)| (labels, n as f64));
    out.gauge("hook_waiting", "Events that are not delivered yet", waiting)
}

fn labelled<'a>(of: (&'a PoolStatus, &'a MemberStatus), check: &'a str) -> Labels<'a> {
    let mut labels = member_labels(of.0, of.1);
    labels.push(("check", check));
    labels
}

fn member_labels<'a>(pool: &'a PoolStatus, member: &'a MemberStatus) -> Labels<'a> {
    vec![("pool", &pool.name), ("node", &member.node), ("role", member.role)]
}

fn alone<'a>(value: f64) -> [(Labels<'a>, f64); 1] {
    [(vec![], value)]
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// To the microsecond; what lies below is noise of the division.
fn seconds(milliseconds: f64) -> f64 {
    (milliseconds * 1000.0).round() / 1_000_000.0
}

fn unix<'a>(time: &str) -> Option<(Labels<'a>, f64)> {
    unix_seconds(time).map(|seconds| (vec![], seconds))
}

fn unix_seconds(time: &str) -> Option<f64> {
    let time: Timestamp = time.parse().ok()?;
    Some(time.as_millisecond() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::standing::State;

    #[test]
    fn every_state_has_its_series() {
        let all = [
            State::Unknown { last: None },
            State::Up,
            State::Falling { count: 1, of: 3 },
            State::Down,
            State::Rising { count: 1, of: 2 },
        ];
        assert_eq!(all.map(State::as_str), STATES);
    }

    #[test]
    fn a_round_trip_keeps_its_digits() {
        assert_eq!(seconds(0.84), 0.00084);
        assert_eq!(unix_seconds("1970-01-01T00:00:01.5Z"), Some(1.5));
        assert_eq!(unix_seconds("soon"), None);
    }
}
