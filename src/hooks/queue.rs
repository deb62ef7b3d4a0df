//! The events that a hook has not delivered yet: in order, bounded, the oldest dropped first.

use std::collections::VecDeque;

use crate::hooks::event::{Event, What};

/// Events that wait for a hook.
pub const MAX_WAITING: usize = 1024;

#[derive(Debug, Default)]
pub struct Queue {
    /// Being delivered; it is not dropped.
    in_hand: Option<Event>,
    waiting: VecDeque<Event>,
}

impl Queue {
    /// How many were dropped for it. In their place stands an event that says how many.
    pub fn push(&mut self, event: Event) -> u64 {
        let mut dropped = 0;
        if self.waiting.len() >= MAX_WAITING {
            // Two make room: one for the event, and one for what is told of them.
            let mut missing = 0;
            let mut newest = None;
            for _ in 0..2 {
                let Some(old) = self.waiting.pop_front() else { break };
                match old.what {
                    What::Turn(_) => {
                        missing += 1;
                        dropped += 1;
                    }
                    What::Dropped(count) => missing += count,
                }
                newest = Some((old.id, old.at));
            }
            if let Some((id, at)) = newest {
                self.waiting.push_front(Event { id, at, what: What::Dropped(missing) });
            }
        }
        self.waiting.push_back(event);
        dropped
    }

    /// The oldest, which stays in hand until [`Queue::done`].
    pub fn take(&mut self) -> Option<Event> {
        if self.in_hand.is_none() {
            self.in_hand = self.waiting.pop_front();
        }
        self.in_hand.clone()
    }

    pub fn done(&mut self) {
        self.in_hand = None;
    }

    pub fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.in_hand.is_some())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::hook::Scope;
    use crate::control::turns::Turn;
    use jiff::Timestamp;

    fn event(id: u64) -> Event {
        let at = Timestamp::UNIX_EPOCH;
        let turn = Turn {
            at,
            scope: Scope::Node,
            pool: "web".into(),
            node: Some("server-2".into()),
            old: "serving",
            new: "out",
            cause: "connection refused (3/3)".into(),
        };
        Event { id, at, what: What::Turn(Box::new(turn)) }
    }

    #[test]
    fn what_was_dropped_is_told_in_its_place_and_the_rest_comes_in_order() {
        let mut queue = Queue::default();
        assert_eq!(queue.push(event(0)), 0);
        assert_eq!(queue.take(), Some(event(0)));
        let total = MAX_WAITING as u64 + 10;
        let dropped: u64 = (1..=total).map(|id| queue.push(event(id))).sum();
        assert_eq!((queue.len(), dropped), (MAX_WAITING + 1, 11));
        assert_eq!(queue.take(), Some(event(0)), "what is in hand stays");
        queue.done();
        let first = queue.take().unwrap();
        assert_eq!((first.id, first.what), (11, What::Dropped(11)));
        queue.done();
        for id in 12..=total {
            assert_eq!(queue.take(), Some(event(id)));
            queue.done();
        }
        assert!(queue.is_empty());
    }
}
