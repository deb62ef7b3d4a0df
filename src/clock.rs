//! Reads the time: from a monotonic clock, and from the wall clock, which people can set.
//!
//! Every duration within a run is measured by [`Moment`]s, which lie on one line: the kernel's
//! monotonic clock, counted from the wall clock's time at the start. Setting the wall clock does
//! not move them. While the machine sleeps, the line does not advance.
//!
//! The wall clock is read only here, for the reasons that [`Wall`] lists. A test checks the source.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::time::Instant;

/// The reasons to read the wall clock. The list is closed: any other use is a mistake.
///
/// | use | effect of setting the clock |
/// |---|---|
/// | people read it | shown times follow the clock, also those of earlier events |
/// | a file of the state folder has the time of writing | it is rewritten within a second |
/// | a certificate is valid until a date | the result follows: only the date is agreed upon |
/// | a cookie has the time in it (RFC 9018) | clients get a new one; the old ones are refused |
/// | a webhook is signed with the time in it | receivers compare it with their own clock |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wall {
    Shown,
    Kept,
    Certificate,
    Cookie,
    Signature,
}

/// The time of the wall clock.
pub fn wall(_why: Wall) -> Timestamp {
    Timestamp::now()
}

/// The current moment, with the time of the wall clock.
pub fn now() -> Moment {
    static START: OnceLock<(Instant, Timestamp)> = OnceLock::new();
    let wall = Timestamp::now();
    let (start, line) = *START.get_or_init(|| (Instant::now(), wall));
    let now = Instant::now();
    let line = match now.checked_duration_since(start) {
        Some(passed) => line.checked_add(passed),
        // The time of another runtime was paused, and advanced by a test.
        None => line.checked_sub(start.duration_since(now)),
    };
    let line = line.unwrap_or(wall);
    Moment { line, set: wall.duration_since(line) }
}

/// A source of the time; tests have their own.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// A point on the line of this run. Comparisons use the line only. Moments of an earlier run lie
/// before the start of the line.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    line: Timestamp,
    /// The offset of the wall clock from the line at this moment.
    set: SignedDuration,
}

impl Moment {
    /// The start of 1970 on the line.
    pub const UNIX_EPOCH: Moment = Moment::on_line(Timestamp::UNIX_EPOCH);
    /// The last representable moment.
    pub const MAX: Moment = Moment::on_line(Timestamp::MAX);

    /// A moment with a wall clock equal to the line.
    pub const fn on_line(line: Timestamp) -> Moment {
        Moment { line, set: SignedDuration::ZERO }
    }

    /// The same point with another time of the wall clock.
    pub fn with_wall(self, wall: Timestamp) -> Moment {
        Moment { line: self.line, set: wall.duration_since(self.line) }
    }

    /// The time of the wall clock at this moment.
    pub fn wall(self) -> Timestamp {
        self.wall_of(self)
    }

    /// The time at `other` by the wall clock as it is set at this moment.
    pub fn wall_of(self, other: Moment) -> Timestamp {
        other.line.checked_add(self.set).unwrap_or(other.line)
    }

    /// The offset of the wall clock from the line.
    pub fn set(self) -> SignedDuration {
        self.set
    }

    /// The duration on the line since `earlier`; negative when that is later.
    pub fn duration_since(self, earlier: Moment) -> SignedDuration {
        self.line.duration_since(earlier.line)
    }

    /// The duration until `later`; zero when that is over.
    pub fn until(self, later: Moment) -> Duration {
        later.duration_since(self).try_into().unwrap_or_default()
    }

    /// The moment after `by`; `None` beyond the last representable time.
    pub fn checked_add(self, by: Duration) -> Option<Moment> {
        Some(Moment { line: self.line.checked_add(by).ok()?, ..self })
    }

    /// As [`Moment::checked_add`], or the last representable time.
    pub fn later(self, by: Duration) -> Moment {
        self.checked_add(by).unwrap_or(Moment::MAX)
    }

    /// Nanoseconds on the line, to divide it into steps.
    pub fn as_nanosecond(self) -> i128 {
        self.line.as_nanosecond()
    }

    /// The moment at this number of nanoseconds on the line; `None` if it is not representable.
    pub fn from_nanosecond(nanosecond: i128) -> Option<Moment> {
        Timestamp::from_nanosecond(nanosecond).ok().map(Moment::on_line)
    }
}

impl PartialEq for Moment {
    fn eq(&self, other: &Moment) -> bool {
        self.line == other.line
    }
}

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Moment) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Moment) -> Ordering {
        self.line.cmp(&other.line)
    }
}

impl From<Timestamp> for Moment {
    fn from(line: Timestamp) -> Moment {
        Moment::on_line(line)
    }
}

impl FromStr for Moment {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Moment, jiff::Error> {
        text.parse().map(Moment::on_line)
    }
}

impl Add<SignedDuration> for Moment {
    type Output = Moment;

    /// Saturates at the first and last representable time.
    fn add(self, by: SignedDuration) -> Moment {
        let end = if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
        Moment { line: self.line.checked_add(by).unwrap_or(end), ..self }
    }
}

impl Sub<SignedDuration> for Moment {
    type Output = Moment;

    fn sub(self, by: SignedDuration) -> Moment {
        self + -by
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, by: Duration) -> Moment {
        self.later(by)
    }
}

impl AddAssign<SignedDuration> for Moment {
    fn add_assign(&mut self, by: SignedDuration) {
        *self = *self + by;
    }
}

/// The time on the line.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.fmt(f)
    }
}

/// The time on the line. Writers of files convert moments to the wall clock first.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.line.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Moment, D::Error> {
        Timestamp::deserialize(from).map(Moment::on_line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_is_set_moves_what_is_shown_and_nothing_else() {
        let start: Moment = "2026-03-01T10:00:00Z".parse().unwrap();
        let end = start + Duration::from_secs(60);
        let now =
            (start + Duration::from_secs(30)).with_wall("2026-03-01T08:00:30Z".parse().unwrap());
        assert_eq!(now.until(end), Duration::from_secs(30));
        assert_eq!(now.wall_of(end).to_string(), "2026-03-01T08:01:00Z");
        assert_eq!(now.wall_of(start).to_string(), "2026-03-01T08:00:00Z");
        assert_eq!(now.set(), SignedDuration::from_hours(-2));
        assert!(start < now && now < end && now.until(start).is_zero());
    }

    #[test]
    fn time_ends_where_it_ends() {
        assert_eq!(Moment::MAX.checked_add(Duration::from_secs(1)), None);
        assert_eq!(Moment::UNIX_EPOCH + SignedDuration::MAX, Moment::MAX);
        assert!(Moment::UNIX_EPOCH - SignedDuration::MAX < Moment::UNIX_EPOCH);
    }

    #[tokio::test(start_paused = true)]
    async fn now_goes_on() {
        let before = now();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(now().duration_since(before), SignedDuration::from_secs(5));
    }
}
