//! Keeps the time for cookies: Unix seconds, in an atomic.
//!
//! The answer path reads no clock. A task sets this time once a second; the lifetime of a cookie is
//! counted in minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::clock::{Wall, wall};

const TICK: Duration = Duration::from_secs(1);

/// All clones share the time.
#[derive(Debug, Clone)]
pub struct CookieClock(Arc<AtomicU32>);

impl Default for CookieClock {
    fn default() -> CookieClock {
        CookieClock(Arc::new(AtomicU32::new(now())))
    }
}

impl CookieClock {
    /// Unix seconds modulo 2^32, as in cookies (RFC 9018 §4.3).
    #[inline]
    pub fn seconds(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the time once a second; never returns.
    pub async fn run(self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.0.store(now(), Ordering::Relaxed);
        }
    }
}

fn now() -> u32 {
    wall(Wall::Cookie).as_second() as u32
}
