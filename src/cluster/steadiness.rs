//! Rules that keep the answers of a pool steady when its members are not.

use std::net::IpAddr;
use std::time::Duration;

use crate::checks::checked::Probe;

/// The rules of a pool; each is off when `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Steadiness {
    pub damping: Option<Damping>,
    /// Time from the return of a member to its full share: 1 s to 1 h.
    pub slow_start: Option<Duration>,
    /// Longest time for which the last set is kept when most members fail at once: 1 s to 1 h.
    pub common_cause: Option<Duration>,
}

/// Most reference targets (`server.controls`).
pub const MAX_CONTROLS: usize = 8;

/// A host outside the cluster that answers unless this machine is cut off; one of
/// `server.controls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceTarget {
    pub address: IpAddr,
    pub probe: Probe,
}

/// Flap damping: the `falls`th fall within `within` holds a member out for `hold`, even if it rises
/// before; each further fall holds it out for twice as long, up to `most`. Falls longer ago than
/// `within` do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damping {
    /// 2 to 20.
    pub falls: u32,
    /// 1 s to 1 day.
    pub within: Duration,
    /// The first hold, from the fall on: 1 s to `most`.
    pub hold: Duration,
    /// The longest hold: at most 1 day.
    pub most: Duration,
}

impl Damping {
    /// The values for keys that config.yaml leaves out.
    pub const DEFAULT: Damping = Damping {
        falls: 4,
        within: Duration::from_secs(3600),
        hold: Duration::from_secs(60),
        most: Duration::from_secs(1800),
    };

    /// The hold after the `count`th fall within the window; `None` for the first falls.
    pub fn hold(&self, count: u32) -> Option<Duration> {
        let doublings = count.checked_sub(self.falls)?;
        let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
        Some(self.hold.saturating_mul(factor).min(self.most))
    }

    /// From this number of falls on the hold no longer grows, so no more falls are stored.
    pub fn remembered(&self) -> u32 {
        let mut count = self.falls;
        while self.hold(count) < Some(self.most) {
            count += 1;
        }
        count
    }

    /// Most falls in any span as long as the window. The `i`th fall in the span is at least the
    /// `i`th within its own window, so the next one comes at least `hold(i)` later, and the holds
    /// between the first and the last fall must fit into the span.
    pub fn bound(&self) -> u32 {
        let (mut count, mut held) = (self.falls, Duration::ZERO);
        while let Some(hold) = self.hold(count)
            && held + hold < self.within
        {
            held += hold;
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hold_doubles_up_to_the_most() {
        let minutes: Vec<Option<u64>> =
            (3..=12).map(|n| Damping::DEFAULT.hold(n).map(|hold| hold.as_secs() / 60)).collect();
        let holds = [1, 2, 4, 8, 16, 30, 30, 30, 30].map(Some);
        assert_eq!(minutes, [&[None], &holds[..]].concat());
        assert_eq!(Damping::DEFAULT.hold(u32::MAX), Some(Damping::DEFAULT.most));
        assert_eq!(Damping::DEFAULT.remembered(), 9);
    }

    #[test]
    fn by_default_a_member_falls_nine_times_an_hour_at_most() {
        assert_eq!(Damping::DEFAULT.bound(), 9);
        let short = Damping { within: Duration::from_secs(60), ..Damping::DEFAULT };
        assert_eq!(short.bound(), 4);
    }
}
