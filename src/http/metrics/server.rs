//! Writes the metrics of the server itself: what it serves, what it answered, and its hooks.

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::info::Info;

use crate::control::status::{Status, ZoneStatus};
use crate::control::troubles::{TroubleSubject, Troubles};
use crate::counters::{Block, Counters, LOG_LINES_DROPPED, QTYPES, RCODES};
use crate::hooks::status::HookStatus;
use crate::http::metrics::families::{MetricFamilies, alone, flag, read, unix};

/// Writes the metrics of version, configuration, log and zones.
pub fn server(out: &mut MetricFamilies<'_>, status: &Status) -> fmt::Result {
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
    let zones = |of: fn(&ZoneStatus) -> f64| {
        status.zones.iter().map(move |zone| (vec![("zone", zone.apex.as_str())], of(zone)))
    };
    out.gauge("zone_serial", "SOA serial of the zone", zones(|zone| f64::from(zone.serial)))?;
    out.gauge("zone_records", "Records of the zone file", zones(|zone| zone.records as f64))
}

/// Writes for each subject whether there is a trouble with it.
pub fn troubles(out: &mut MetricFamilies<'_>, troubles: &Troubles) -> fmt::Result {
    let each = TroubleSubject::ALL
        .map(|subject| (vec![("subject", subject.as_str())], flag(troubles.has(subject))));
    out.gauge("trouble", "1 while something is wrong with a file of this server", each)
}

/// Writes the counts of queries and replies by transport. All UDP workers count as one transport.
pub fn answers(out: &mut MetricFamilies<'_>, counters: &Counters) -> fmt::Result {
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

/// Writes the metrics of DNS connections.
pub fn connections(out: &mut MetricFamilies<'_>, counters: &Counters) -> fmt::Result {
    let open = read(&counters.connections_open) as f64;
    out.gauge("connections_open", "DNS connections open now", alone(open))?;
    let accepted = (vec![], read(&counters.connections_accepted));
    out.counter("connections_accepted", "DNS connections accepted", [accepted])?;
    let evicted = (vec![], read(&counters.connections_evicted));
    out.counter("connections_evicted", "DNS connections closed to keep a bound", [evicted])
}

/// Writes the metrics of hooks.
pub fn hooks(out: &mut MetricFamilies<'_>, hooks: &[HookStatus]) -> fmt::Result {
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
