//! The events that a hook has not delivered yet: in order, bounded, the oldest dropped first.

use std::collections::VecDeque;

use crate::hooks::event::HookEvent;

/// Events that wait for a hook.
pub const MAX_WAITING: usize = 1024;
/// Octets of their JSON. With those in hand, the events of all hooks fit into a state file.
pub const MAX_OCTETS: usize = 384 * 1024;
/// Longest body that says how many are missing, with an NSID of 255 octets that are all escaped.
const TOLD: usize = 144 + 6 * 255;

#[derive(Debug, Default)]
pub struct Queue {
    /// Being delivered; it is not dropped.
    in_hand: Option<HookEvent>,
    waiting: VecDeque<HookEvent>,
    /// Of what is waiting.
    octets: usize,
}

impl Queue {
    /// As [`Queue::events`] said it.
    pub fn recalled(events: Vec<HookEvent>) -> Queue {
        let mut events = events.into_iter();
        let mut queue = Queue { in_hand: events.next(), ..Queue::default() };
        for event in events {
            queue.push(event);
        }
        queue
    }

    /// Before what waits, behind what is in hand. How many were dropped for it.
    pub fn put_first(&mut self, events: Vec<HookEvent>) -> u64 {
        let later = std::mem::take(&mut self.waiting);
        self.octets = 0;
        events.into_iter().chain(later).map(|event| self.push(event)).sum()
    }

    /// How many were dropped for it. In their place stands an event that says how many.
    pub fn push(&mut self, event: HookEvent) -> u64 {
        let octets = event.body().len();
        let (mut dropped, mut missing, mut newest) = (0, 0, None);
        while !self.has_room(octets, missing > 0) {
            let Some(old) = self.pop() else { break };
            missing += old.missing.max(1);
            dropped += u64::from(old.missing == 0);
            newest = Some((old.id, old.at, old.server));
        }
        if let Some((id, at, server)) = newest {
            let told = HookEvent::dropped(id, at, missing, server);
            self.octets += told.body().len();
            self.waiting.push_front(told);
        }
        self.octets += octets;
        self.waiting.push_back(event);
        dropped
    }

    /// For one of so many octets, and perhaps for what is told of the dropped ones.
    fn has_room(&self, octets: usize, with_told: bool) -> bool {
        let (more, told) = if with_told { (2, TOLD) } else { (1, 0) };
        self.waiting.len() + more <= MAX_WAITING && self.octets + octets + told <= MAX_OCTETS
    }

    fn pop(&mut self) -> Option<HookEvent> {
        let event = self.waiting.pop_front()?;
        self.octets -= event.body().len();
        Some(event)
    }

    /// The oldest, which stays in hand until [`Queue::done`].
    pub fn take(&mut self) -> Option<HookEvent> {
        if self.in_hand.is_none() {
            self.in_hand = self.pop();
        }
        self.in_hand.clone()
    }

    pub fn done(&mut self) {
        self.in_hand = None;
    }

    /// Oldest first, the one in hand included.
    pub fn events(&self) -> impl Iterator<Item = &HookEvent> {
        self.in_hand.iter().chain(&self.waiting)
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
    use jiff::Timestamp;

    use super::*;
    use crate::hooks::event::tests::{event, long_event};

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
        let told = HookEvent::dropped(11, Timestamp::UNIX_EPOCH, 11, Some("ns1".into()));
        assert_eq!(first, told);
        queue.done();
        for id in 12..=total {
            assert_eq!(queue.take(), Some(event(id)));
            queue.done();
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn long_events_are_bounded_by_their_octets() {
        let mut queue = Queue::default();
        let mut dropped = 0;
        for id in 0..1000 {
            dropped += queue.push(long_event(id, 1000));
            let octets: usize = queue.waiting.iter().map(|event| event.body().len()).sum();
            assert!(octets == queue.octets && octets <= MAX_OCTETS);
        }
        assert_eq!(queue.len() as u64 + dropped, 1001, "all are there or told");
        assert_eq!(queue.take().unwrap().missing, dropped);
        queue.done();
        assert_eq!(queue.take().unwrap().id, dropped);
    }

    #[test]
    fn older_ones_come_before_what_waits() {
        let mut queue = Queue::recalled((10..10 + MAX_WAITING as u64).map(event).collect());
        assert_eq!(queue.put_first(vec![event(1), event(2)]), 2);
        let ids: Vec<u64> = queue.events().map(|event| event.id).take(4).collect();
        assert_eq!(ids, [10, 2, 11, 12]);
        assert_eq!(queue.events().nth(1).unwrap().missing, 2);
        let octets: usize = queue.waiting.iter().map(|event| event.body().len()).sum();
        assert_eq!(queue.octets, octets);
    }

    #[test]
    fn one_that_is_longer_than_the_bound_comes_all_the_same() {
        let mut queue = Queue::default();
        assert_eq!(queue.push(long_event(1, 10)), 0);
        assert_eq!(queue.push(long_event(2, MAX_OCTETS)), 1);
        assert_eq!(queue.take().unwrap().missing, 1);
        queue.done();
        assert_eq!(queue.take().unwrap().id, 2);
        let server = Some("\u{1}".repeat(255).into());
        let longest = HookEvent::dropped(u64::MAX, Timestamp::MAX, u64::MAX, server);
        assert!(longest.body().len() <= TOLD);
    }
}
