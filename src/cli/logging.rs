//! Logs on standard error: one line a change of standing, none a query.

use std::env;
use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

const DEFAULT: &str = "info";
/// Crates that tell of each client that breaks a rule. Lines of our own do, one a minute with a
/// count (`log_limit`), so these are heard of when they are named, or all is from `debug` on.
const QUIET: &str = "h2=error,hickory_net=error,hickory_proto=error,hickory_server=error,\
    hyper=error,quinn=error,quinn_proto=error,quinn_udp=error,rustls=error";
const VARIABLE: &str = "TIOVIVO_LOG";

/// `TIOVIVO_LOG` overrides the default filter: a level, or levels of targets. Under systemd the
/// journal has the time already.
pub fn init() {
    init_with(DEFAULT);
}

/// For a command whose own lines say what happens: only warnings.
pub fn init_quiet() {
    init_with("warn");
}

fn init_with(default: &str) {
    let (filter, fault) = filter(env::var(VARIABLE).ok().as_deref(), default);
    let lines =
        fmt::layer().with_writer(stderr).with_target(false).with_ansi(stderr().is_terminal());
    let lines = match env::var_os("JOURNAL_STREAM") {
        Some(_) => lines.without_time().boxed(),
        None => lines.boxed(),
    };
    // A second call, in tests, changes nothing.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    if let Some(fault) = fault {
        tracing::warn!(
            "{VARIABLE} is not heeded: {fault}; write a level such as debug, or levels of targets \
             such as info,tiovivo::control=debug"
        );
    }
}

/// The filter that counts, and what is wrong with the one that was asked for.
fn filter(asked: Option<&str>, default: &str) -> (Targets, Option<ParseError>) {
    let quietly = |asked: &str| format!("{QUIET},{asked}").parse::<Targets>();
    match asked.map(|asked| (asked, asked.parse::<Targets>())) {
        Some((_, Ok(filter))) if filter.default_level() > Some(LevelFilter::INFO) => (filter, None),
        Some((asked, Ok(filter))) => (quietly(asked).unwrap_or(filter), None),
        Some((_, Err(fault))) => (quietly(default).unwrap_or_default(), Some(fault)),
        None => (quietly(default).unwrap_or_default(), None),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn tells(asked: Option<&str>, target: &str, level: Level) -> bool {
        filter(asked, DEFAULT).0.would_enable(target, &level)
    }

    #[test]
    fn queries_are_not_told_of_unless_somebody_asks() {
        assert!(tells(None, "tiovivo::control", Level::INFO));
        assert!(!tells(None, "hickory_server", Level::INFO));
        assert!(tells(Some("debug"), "hickory_server", Level::DEBUG));
        for asked in [None, Some("info"), Some("warn,tiovivo::dns=debug")] {
            assert!(!tells(asked, "h2", Level::WARN));
            assert!(!tells(asked, "rustls", Level::WARN));
            assert!(tells(asked, "tiovivo::dns", Level::WARN));
        }
        assert!(tells(Some("info,h2=debug"), "h2", Level::DEBUG));
        assert!(!tells(Some("warn,tiovivo::dns=debug"), "tiovivo::control", Level::INFO));
        assert!(tells(Some("warn,tiovivo::dns=debug"), "tiovivo::dns", Level::DEBUG));
    }

    #[test]
    fn a_filter_that_is_none_is_told_and_the_usual_one_counts() {
        let (filter, fault) = filter(Some("tiovivo=loud"), DEFAULT);
        assert!(fault.is_some() && filter.would_enable("tiovivo", &Level::INFO));
    }
}
