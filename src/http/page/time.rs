//! Renders times as operators read them: how long ago, with the exact time as a tooltip.

use jiff::Timestamp;
use maud::{Markup, html};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A `<time>` element with "12 s ago". A time that cannot be read is shown as it is.
pub fn ago(time: &str, now: Timestamp) -> Markup {
    let age = time.parse::<Timestamp>();
    let age = age.map(|then| age_text(now.as_second().saturating_sub(then.as_second())));
    html! {
        time datetime=(time) title=(time) {
            @match age {
                Ok(age) => { (age) " ago" }
                Err(_) => { (time) }
            }
        }
    }
}

/// The time of day: `03:04:05` for `2026-01-02T03:04:05.678Z`. A shorter text stays as it is.
pub fn clock_time(time: &str) -> &str {
    time.get(11..19).unwrap_or(time)
}

/// An age in one or two units. It is never negative, even if the clock was set back.
fn age_text(seconds: i64) -> String {
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds.max(0) {
        s if s < 2 * MINUTE => format!("{s} s"),
        s if s < HOUR => format!("{} min", s / MINUTE),
        s if s < DAY => two(s / HOUR, "h", s % HOUR / MINUTE, "min"),
        s if s < 14 * DAY => two(s / DAY, "d", s % DAY / HOUR, "h"),
        s => format!("{} d", s / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_as_exact_as_it_matters() {
        let ages = [
            (-5, "0 s"),
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (3 * HOUR + 12 * MINUTE, "3 h 12 min"),
            (5 * DAY + 3 * HOUR, "5 d 3 h"),
            (20 * DAY + 3 * HOUR, "20 d"),
        ];
        for (seconds, wanted) in ages {
            assert_eq!(age_text(seconds), wanted);
        }
    }

    #[test]
    fn an_unreadable_time_is_shown_escaped() {
        let html = ago("<soon>", Timestamp::UNIX_EPOCH).into_string();
        assert!(html.ends_with("\">&lt;soon&gt;</time>"));
    }
}
