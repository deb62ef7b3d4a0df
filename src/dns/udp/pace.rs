//! How many queries the next system call makes room for.
//!
//! Making room costs for each message that could come, so a worker follows the load. A call that
//! has room for one query does not tell whether more are waiting: after some of them the worker
//! looks, and the more often it looked in vain, the rarer.

/// Queries of a small batch, and of a large one.
pub const SOME: usize = 8;
pub const MANY: usize = 64;
/// Single queries before a look, when the last look found more than one and when none ever does.
const SOON: u32 = 4;
const RARELY: u32 = 32;
/// Batches of one in a row before single queries are taken again.
const LINGER: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    One,
    Some,
    Many,
}

#[derive(Debug)]
pub struct Pace {
    room: Room,
    /// Calls in a row that brought one query or none.
    lone: u32,
    /// So many of them until the next look.
    patience: u32,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { room: Room::One, lone: 0, patience: SOON }
    }
}

impl Pace {
    #[inline]
    pub fn room(&self) -> Room {
        self.room
    }

    /// The last call brought `received` queries.
    #[inline]
    pub fn follow(&mut self, received: usize) {
        if received > 1 {
            self.room = match (self.room, received) {
                (Room::Some, SOME..) => Room::Many,
                (Room::Many, ..=SOME) => Room::Some,
                (same, _) => same,
            };
            (self.lone, self.patience) = (0, SOON);
            return;
        }
        self.lone += 1;
        match self.room {
            Room::One if self.lone >= self.patience => {
                self.patience = (self.patience * 2).min(RARELY);
                (self.room, self.lone) = (Room::Some, 0);
            }
            Room::One => {}
            Room::Some | Room::Many if self.lone >= LINGER => {
                (self.room, self.lone) = (Room::One, 0);
            }
            Room::Some | Room::Many => self.room = Room::Some,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rooms of `calls` calls, while never more than one query waits.
    fn idle(pace: &mut Pace, calls: usize) -> Vec<Room> {
        let rooms = (0..calls).map(|_| {
            pace.follow(1);
            pace.room()
        });
        rooms.collect()
    }

    #[test]
    fn an_idle_server_takes_single_queries_and_looks_ever_more_rarely() {
        let mut pace = Pace::default();
        let looks = |rooms: &[Room]| rooms.iter().filter(|room| **room != Room::One).count();
        assert_eq!(looks(&idle(&mut pace, 30)), 4);
        assert!(looks(&idle(&mut pace, 340)) <= 22);
    }

    #[test]
    fn a_burst_after_silence_is_met_with_a_batch_before_long() {
        let mut pace = Pace::default();
        idle(&mut pace, 1000);
        let singles = (0..).take_while(|_| {
            let room = pace.room();
            pace.follow(if room == Room::One { 1 } else { SOME });
            room == Room::One
        });
        assert!(singles.count() <= RARELY as usize);
        assert_eq!(pace.room(), Room::Many);
    }

    #[test]
    fn large_batches_stay_while_they_are_used() {
        let mut pace = Pace { room: Room::Many, ..Pace::default() };
        pace.follow(40);
        assert_eq!(pace.room(), Room::Many);
        pace.follow(5);
        assert_eq!(pace.room(), Room::Some);
        pace.follow(1);
        assert_eq!(pace.room(), Room::Some, "one lone query is no silence");
        pace.follow(1);
        assert_eq!(pace.room(), Room::One);
    }
}
