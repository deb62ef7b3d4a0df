//! What systemd is told (sd_notify): ready, alive, stopping. Without systemd nothing happens.

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;

/// How often life is looked for where no watchdog asks.
const LOOK: Duration = Duration::from_secs(1);

pub fn ready() {
    notify(NotifyState::Ready);
}

pub fn stopping() {
    notify(NotifyState::Stopping);
}

/// Returns when `is_alive` says no: then whoever supervises should start it again. Twice in each
/// watchdog interval systemd hears of it.
pub async fn keep_alive(is_alive: impl Fn() -> bool) -> io::Error {
    let interval = sd_notify::watchdog_enabled().map_or(LOOK, |limit| LOOK.min(limit / 2));
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        if !is_alive() {
            return io::Error::other("a thread that answers queries has ended");
        }
        notify(NotifyState::Watchdog);
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("telling the supervisor: {error}");
    }
}
