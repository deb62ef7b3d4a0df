//! Writes points in time and durations as people read them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::Moment;

/// RFC 3339 in UTC, to the millisecond.
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// `at` as [`rfc3339`] writes it, by the wall clock as it is set at `now`.
pub fn shown(at: Moment, now: Moment) -> String {
    rfc3339(now.wall_of(at))
}

/// `10:02:11 UTC`, by the wall clock as it is set at `now`; with the date unless it is today.
pub fn clock(at: Moment, now: Moment) -> String {
    let (at, now) = (now.wall_of(at), now.wall());
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    let form = if day(at) == day(now) { "%H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
    at.strftime(form).to_string()
}

/// A duration in whole hours or minutes, otherwise in seconds: `1 h`, `10 min`, `90 s`.
pub fn span(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{} s", duration.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_another_day_has_its_date() {
        let at: Moment = "2026-03-01T10:02:11.5Z".parse().unwrap();
        assert_eq!(clock(at, "2026-03-01T23:00:00Z".parse().unwrap()), "10:02:11 UTC");
        assert_eq!(clock(at, "2026-03-02T00:00:00Z".parse().unwrap()), "2026-03-01 10:02:11 UTC");
        assert_eq!(rfc3339(at.wall()), "2026-03-01T10:02:11.500Z");
    }
}
