//! Logs on standard error: one line a change of standing, none a query.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// hickory-server tells of every query at `info`, and of clients that hang up at `warn`.
const DEFAULT: &str = "info,hickory_server=error,hickory_proto=warn,hickory_net=warn";

/// `TIOVIVO_LOG` overrides the default filter, in the form of tracing's `EnvFilter`. Under systemd
/// the journal has the time already.
pub fn init() {
    init_with(DEFAULT);
}

/// For a command whose own lines say what happens: only warnings.
pub fn init_quiet() {
    init_with("warn");
}

fn init_with(default: &str) {
    let filter = EnvFilter::try_from_env("TIOVIVO_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_target(false)
        .with_ansi(stderr().is_terminal());
    // A second call, in tests, changes nothing.
    let _ = match std::env::var_os("JOURNAL_STREAM") {
        Some(_) => log.without_time().try_init(),
        None => log.try_init(),
    };
}
