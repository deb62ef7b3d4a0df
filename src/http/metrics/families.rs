//! Writes metric families, their labels and the values of their samples.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// The labels of a sample: names and values.
pub type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Writes metric families. There is a method for each metric type; each call writes one family,
/// with its HELP, TYPE and UNIT.
pub struct MetricFamilies<'a>(pub DescriptorEncoder<'a>);

impl MetricFamilies<'_> {
    /// Writes a family of the type of its first sample; nothing without samples.
    pub fn family<'a, M: EncodeMetric>(
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

    /// Writes a family of counters.
    pub fn counter<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        let samples = samples.into_iter().map(|(labels, n)| (labels, ConstCounter::new(n)));
        self.family((name, help, None), samples)
    }

    /// Writes a family of gauges without a unit.
    pub fn gauge<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let samples = samples.into_iter().map(|(labels, value)| (labels, ConstGauge::new(value)));
        self.family((name, help, None), samples)
    }

    /// Writes a family of gauges in seconds.
    pub fn seconds<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let samples = samples.into_iter().map(|(labels, value)| (labels, ConstGauge::new(value)));
        self.family((name, help, Some(Unit::Seconds)), samples)
    }
}

/// A single sample without labels.
pub fn alone<'a>(value: f64) -> [(Labels<'a>, f64); 1] {
    [(vec![], value)]
}

/// 1 for true, 0 for false.
pub fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

pub fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Milliseconds as seconds, rounded to the microsecond: smaller digits are errors of the division.
pub fn seconds(milliseconds: f64) -> f64 {
    (milliseconds * 1000.0).round() / 1_000_000.0
}

/// A sample without labels with the seconds from 1970 to `time`.
pub fn unix<'a>(time: &str) -> Option<(Labels<'a>, f64)> {
    unix_seconds(time).map(|seconds| (vec![], seconds))
}

/// The seconds from 1970 to `time`, which is in RFC 3339; `None` if it cannot be read.
pub fn unix_seconds(time: &str) -> Option<f64> {
    let time: Timestamp = time.parse().ok()?;
    Some(time.as_millisecond() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_keeps_its_digits() {
        assert_eq!(seconds(0.84), 0.00084);
        assert_eq!(unix_seconds("1970-01-01T00:00:01.5Z"), Some(1.5));
        assert_eq!(unix_seconds("soon"), None);
    }
}
