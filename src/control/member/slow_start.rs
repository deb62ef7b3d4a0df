//! Slow start: a member that returns takes a rising share of the answers.
//!
//! The share begins with a tenth of the full share and grows to all of it in five steps. The steps
//! of all members happen at the same moments, so many members that return together cause no more
//! snapshots than one member: a pool has at most five within `slow_start`.
//!
//! | member | its share |
//! |---|---|
//! | was out and serves again, by its health, an override or the end of a hold | rising |
//! | serves since the start or the last reload, or is not probed yet | full |
//! | in a pool that is short | full: no member can be spared |
//! | in a pool with `order: failover` | full |

use std::time::Duration;

use crate::clock::Moment;
use crate::cluster::selection::Share;
use crate::cluster::standing::Standing;

/// Number of steps from the first share to the full share.
const STEPS: u32 = 5;
/// The first share, in percent.
const FIRST: u32 = 10;

/// The return of a member in one address family.
#[derive(Debug, Clone, Default)]
pub struct Comeback {
    /// Whether the member was out at the last step.
    is_out: bool,
    /// When the member returned, its share now, and when the share next grows; `None` at the full
    /// share.
    rising: Option<(Moment, Share, Moment)>,
}

impl Comeback {
    pub fn share(&self) -> Share {
        self.rising.map_or(Share::FULL, |(_, share, _)| share)
    }

    /// When the member returned; `None` at the full share.
    pub fn since(&self) -> Option<Moment> {
        self.rising.map(|(since, ..)| since)
    }

    /// Updates the share by the member's present standing. `over` is the time from the return to
    /// the full share, `None` without slow start. Returns when the share next grows; `None` if it
    /// does not.
    pub fn step(
        &mut self,
        over: Option<Duration>,
        standing: Standing,
        now: Moment,
    ) -> Option<Moment> {
        let was_out = std::mem::replace(&mut self.is_out, standing == Standing::Out);
        let since = match self.is_out {
            true => None,
            false if was_out => Some(now),
            false => self.since(),
        };
        self.rising = since.zip(over).and_then(|(since, over)| {
            let (share, next) = share(over, since, now);
            Some((since, share, next?))
        });
        self.rising.map(|(.., next)| next)
    }
}

/// The share of a member that serves again since `back`, and when it next grows.
fn share(over: Duration, back: Moment, now: Moment) -> (Share, Option<Moment>) {
    let step = i128::try_from((over / STEPS).as_nanos()).unwrap_or(i128::MAX).max(1);
    let (first, at) = (back.as_nanosecond().div_euclid(step), now.as_nanosecond().div_euclid(step));
    let done = u32::try_from(at - first).unwrap_or(if at < first { 0 } else { STEPS });
    if done >= STEPS {
        return (Share::FULL, None);
    }
    let percent = FIRST + (100 - FIRST) * done / STEPS;
    let next = at.saturating_add(1).saturating_mul(step);
    (Share::percent(percent as u8), Moment::from_nanosecond(next))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const OVER: Duration = Duration::from_secs(30);

    fn at(millis: i64) -> Moment {
        Moment::on_line(Timestamp::from_millisecond(millis).unwrap())
    }

    #[test]
    fn it_rises_in_five_steps_to_all_of_it() {
        let (mut now, mut shares) = (at(1_767_225_600_000), vec![]);
        let back = now;
        while let (share, Some(next)) = share(OVER, back, now) {
            shares.push(share.get());
            assert!(next > now);
            now = next;
        }
        assert_eq!(shares, [10, 28, 46, 64, 82]);
        assert_eq!(now, back + OVER);
        assert_eq!(share(OVER, back, now), (Share::FULL, None));
    }

    #[test]
    fn who_returns_later_steps_at_the_same_moments() {
        let next = |back, now| share(OVER, at(back), at(now)).1;
        assert_eq!(next(100, 100), Some(at(6000)));
        assert_eq!(next(5900, 5900), Some(at(6000)));
        assert_eq!(next(100, 6000), Some(at(12_000)));
    }

    #[test]
    fn a_clock_that_was_set_back_begins_anew() {
        assert_eq!(share(OVER, at(9000), at(3000)).0.get(), 10);
        assert_eq!(share(OVER, at(0), Moment::MAX).0, Share::FULL);
    }
}
