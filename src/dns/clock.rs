//! The time as answers need it: Unix seconds, told rather than read.
//!
//! The answer path reads no clock. A task moves this one on once a second; a cookie's life is
//! counted in minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::clock::{Wall, wall};

const TICK: Duration = Duration::from_secs(1);

/// Shared by all who hold a copy.
#[derive(Debug, Clone)]
pub struct Clock(Arc<AtomicU32>);

impl Default for Clock {
    fn default() -> Clock {
        Clock(Arc::new(AtomicU32::new(now())))
    }
}

impl Clock {
    /// Modulo 2^32, as cookies count (RFC 9018 §4.3).
    #[inline]
    pub fn seconds(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Never returns.
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
