//! Logs on standard error: one line a change of standing, none a query.

use std::env;
use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// hickory-server tells of every query at `info`, and of clients that hang up at `warn`.
const DEFAULT: &str = "info,hickory_server=error,hickory_proto=warn,hickory_net=warn";
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
    let default = || default.parse().unwrap_or_default();
    match asked.map(str::parse) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(fault)) => (default(), Some(fault)),
        None => (default(), None),
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
        assert!(!tells(Some("warn,tiovivo::dns=debug"), "tiovivo::control", Level::INFO));
        assert!(tells(Some("warn,tiovivo::dns=debug"), "tiovivo::dns", Level::DEBUG));
    }

    #[test]
    fn a_filter_that_is_none_is_told_and_the_usual_one_counts() {
        let (filter, fault) = filter(Some("tiovivo=loud"), DEFAULT);
        assert!(fault.is_some() && filter.would_enable("tiovivo", &Level::INFO));
    }
}
