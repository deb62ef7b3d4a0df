//! Formats numbers, events and kinds of clients for the table and the plot.

use std::fmt::Write as _;
use std::time::Duration;

use crate::config::simulation::timeline::{CheckerLink, Does, Keeps, What};

/// A time in seconds: `12.34 s`.
pub fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// The percentage that `part` is of `whole`; 0 when `whole` is 0.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// A round step, 1, 2 or 5 times a power of ten, of which at most `steps` fit into `most`.
pub fn step(most: f64, steps: f64) -> f64 {
    let least = (most / steps).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(least.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|round| round * power >= least * 0.999);
    round.unwrap_or(10.0) * power
}

/// An event in words.
pub fn event(what: &What) -> String {
    match what {
        What::Node { node, does } => {
            let mut text = format!("{node} ");
            // Writing to a String does not fail.
            let _ = match does {
                Does::Dies => write!(text, "dies"),
                Does::Refuses => write!(text, "refuses"),
                Does::Hangs => write!(text, "hangs"),
                Does::Fails => write!(text, "fails"),
                Does::Loses(share) => write!(text, "loses {share} %"),
                Does::Slows(time) => write!(text, "takes {} s more", time.as_secs_f64()),
                Does::Recovers => write!(text, "recovers"),
            };
            text
        }
        What::Operator { order: Some(order), target } => {
            format!("operator: {} {target}", order.as_str())
        }
        What::Operator { order: None, target } => format!("operator: release {target}"),
        What::Checker(CheckerLink::CutOff) => "the checker is cut off".into(),
        What::Checker(CheckerLink::Recovers) => "the checker is back".into(),
    }
}

/// A kind of clients in words.
pub fn kind(keeps: Keeps) -> String {
    match keeps {
        Keeps::Ttl => "keep an answer for its TTL".into(),
        Keeps::Floor(floor) => format!("keep it {} s at least", floor.as_secs_f64()),
        Keeps::Pins(time) => format!("pin one address for {} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        assert_eq!([step(120.0, 12.0), step(121.0, 12.0), step(100.0, 5.0)], [10.0, 20.0, 20.0]);
        assert_eq!([step(33.0, 4.0), step(0.7, 4.0)], [10.0, 0.2]);
    }
}
