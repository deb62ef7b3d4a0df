//! The status of a hook, as API and page show it.

use serde::Serialize;

use crate::clock::Moment;
use crate::cluster::hook::{Action, Hook};
use crate::control::explain::time::rfc3339;

/// The status of a hook.
#[derive(Debug, Clone, Serialize)]
pub struct HookStatus {
    pub name: String,
    /// `webhook` or `command`.
    pub kind: &'static str,
    /// Scheme and host, or the program, without anything secret.
    pub target: String,
    /// Events that wait.
    pub waiting: usize,
    /// Events that were delivered.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events that were dropped because the queue was full.
    pub dropped: u64,
    /// Events that were given up because the receiver refused them.
    pub refused: u64,
    /// The error of the latest attempt; `None` if it succeeded.
    pub last_error: Option<String>,
    /// The latest failure, even if attempts succeeded since.
    pub last_failure: Option<LastFailure>,
    /// Whether the hook delivers, in one sentence.
    pub why: String,
}

/// The latest failed attempt.
#[derive(Debug, Clone, Serialize)]
pub struct LastFailure {
    pub at: String,
    pub error: String,
}

/// A failed attempt.
#[derive(Debug, Clone)]
pub struct FailureRecord {
    pub at: Moment,
    pub error: String,
}

/// The failures of a hook, and whether they go on.
#[derive(Debug, Default)]
pub struct FailureStreak {
    /// The latest failure.
    pub latest: Option<FailureRecord>,
    /// Attempts that failed since the last success; 0 when the latest attempt succeeded.
    pub in_a_row: u32,
    /// Time of the next attempt; `None` unless the latest attempt failed and its event is tried
    /// again.
    pub next: Option<Moment>,
}

/// Counts since the start of the server, or of the hook.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventCounts {
    /// Events that were delivered.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events that were dropped because the queue was full.
    pub dropped: u64,
    /// Events that were given up because the receiver refused them.
    pub refused: u64,
}

impl HookStatus {
    pub fn of(
        hook: &Hook,
        waiting: usize,
        counts: EventCounts,
        failures: &FailureStreak,
        now: Moment,
    ) -> HookStatus {
        let EventCounts { delivered, failed, dropped, refused } = counts;
        let (kind, target) = match &hook.action {
            Action::Webhook { url, .. } => ("webhook", origin(url)),
            Action::Command(words) => ("command", words.first().cloned().unwrap_or_default()),
        };
        let latest = failures.latest.as_ref();
        let current = latest.filter(|_| failures.in_a_row > 0);
        HookStatus {
            name: hook.name.clone(),
            kind,
            target,
            waiting,
            delivered,
            failed,
            dropped,
            refused,
            last_error: current.map(|failure| failure.error.clone()),
            last_failure: latest.map(|failure| LastFailure {
                at: rfc3339(now.wall_of(failure.at)),
                error: failure.error.clone(),
            }),
            why: why(waiting, delivered, failures, now),
        }
    }
}

/// The URL without user, path and query.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}")
}

fn why(waiting: usize, delivered: u64, failures: &FailureStreak, now: Moment) -> String {
    let events = match waiting {
        0 => "no event waits".to_owned(),
        1 => "1 event waits".to_owned(),
        more => format!("{more} events wait"),
    };
    match (&failures.latest, failures.in_a_row) {
        (Some(failure), in_a_row @ 1..) => {
            let attempts = match in_a_row {
                1 => "the newest attempt failed".to_owned(),
                more => format!("the newest {more} attempts failed"),
            };
            let next = failures.next.filter(|_| waiting > 0);
            let next = next
                .map(|at| format!("; the next is at {}", now.wall_of(at).strftime("%H:%M:%S UTC")));
            format!("{attempts}: {}; {events}{}", failure.error, next.unwrap_or_default())
        }
        _ if waiting > 0 => format!("{events} for the receiver to take it"),
        _ if delivered == 0 => "there was no event yet".to_owned(),
        _ => "every event is delivered".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        assert_eq!(
            origin("https://u:p@ops.example.org:8443/T0/B1?k=v"),
            "https://ops.example.org:8443"
        );
        assert_eq!(origin("http://[2001:db8::1]"), "http://[2001:db8::1]");
        assert_eq!(origin("http://h?x@y"), "http://h");
    }

    #[test]
    fn one_sentence_says_how_it_stands() {
        let at: Moment = "2026-03-01T10:02:11Z".parse().unwrap();
        let mut failures = FailureStreak::default();
        assert_eq!(why(0, 0, &failures, at), "there was no event yet");
        assert_eq!(why(0, 3, &failures, at), "every event is delivered");
        assert_eq!(why(1, 3, &failures, at), "1 event waits for the receiver to take it");
        let latest = Some(FailureRecord { at, error: "connection refused".into() });
        failures = FailureStreak { latest, in_a_row: 2, next: Some(at) };
        assert_eq!(
            why(5, 3, &failures, at),
            "the newest 2 attempts failed: connection refused; 5 events wait; the next is at \
             10:02:11 UTC"
        );
        failures.in_a_row = 0;
        assert_eq!(why(0, 4, &failures, at), "every event is delivered");
    }
}
