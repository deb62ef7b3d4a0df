//! The queue of the events that a hook has not delivered yet: in order and bounded; the oldest
//! events are dropped first.

use std::collections::VecDeque;

use crate::hooks::event::HookEvent;

/// Most events that wait for a hook.
pub const MAX_WAITING: usize = 1024;
/// Most octets of the JSON of the events that wait for a hook, so that the events of all hooks fit
/// into one state file.
pub const MAX_OCTETS: usize = 384 * 1024;
/// Longest body of an event about dropped events, with an NSID of 255 octets that are all escaped.
const MAX_DROPPED_BODY: usize = 144 + 6 * 255;

/// The queue of one hook.
#[derive(Debug, Default)]
pub struct EventQueue {
    /// The event that is being delivered; it is not dropped.
    current: Option<HookEvent>,
    waiting: VecDeque<HookEvent>,
    /// The length of all bodies in `waiting`.
    octets: usize,
}

impl EventQueue {
    /// A queue with `events`, of which the first is the current one.
    pub fn from_events(events: Vec<HookEvent>) -> EventQueue {
        let mut events = events.into_iter();
        let mut queue = EventQueue { current: events.next(), ..EventQueue::default() };
        for event in events {
            queue.push(event);
        }
        queue
    }

    /// Puts `events` after the current event and before the waiting events. Returns how many events
    /// were dropped to make space.
    pub fn put_first(&mut self, events: Vec<HookEvent>) -> u64 {
        let later = std::mem::take(&mut self.waiting);
        self.octets = 0;
        events.into_iter().chain(later).map(|event| self.push(event)).sum()
    }

    /// Appends an event. Returns how many events were dropped to make space; an event with their
    /// number takes their place.
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
            let event = HookEvent::dropped(id, at, missing, server);
            self.octets += event.body().len();
            self.waiting.push_front(event);
        }
        self.octets += octets;
        self.waiting.push_back(event);
        dropped
    }

    /// Whether there is space for an event of `octets`, and with `with_dropped` also for an event
    /// about dropped events.
    fn has_room(&self, octets: usize, with_dropped: bool) -> bool {
        let (more, extra) = if with_dropped { (2, MAX_DROPPED_BODY) } else { (1, 0) };
        self.waiting.len() + more <= MAX_WAITING && self.octets + octets + extra <= MAX_OCTETS
    }

    fn pop(&mut self) -> Option<HookEvent> {
        let event = self.waiting.pop_front()?;
        self.octets -= event.body().len();
        Some(event)
    }

    /// The oldest event, which stays the current event until [`EventQueue::done`]; `None` if the
    /// queue is empty.
    pub fn take(&mut self) -> Option<HookEvent> {
        if self.current.is_none() {
            self.current = self.pop();
        }
        self.current.clone()
    }

    /// Removes the current event.
    pub fn done(&mut self) {
        self.current = None;
    }

    /// All events, also the current one, the oldest first.
    pub fn events(&self) -> impl Iterator<Item = &HookEvent> {
        self.current.iter().chain(&self.waiting)
    }

    pub fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.current.is_some())
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
        let mut queue = EventQueue::default();
        assert_eq!(queue.push(event(0)), 0);
        assert_eq!(queue.take(), Some(event(0)));
        let total = MAX_WAITING as u64 + 10;
        let dropped: u64 = (1..=total).map(|id| queue.push(event(id))).sum();
        assert_eq!((queue.len(), dropped), (MAX_WAITING + 1, 11));
        assert_eq!(queue.take(), Some(event(0)), "what is in hand stays");
        queue.done();
        let first = queue.take().unwrap();
        let dropped = HookEvent::dropped(11, Timestamp::UNIX_EPOCH, 11, Some("ns1".into()));
        assert_eq!(first, dropped);
        queue.done();
        for id in 12..=total {
            assert_eq!(queue.take(), Some(event(id)));
            queue.done();
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn long_events_are_bounded_by_their_octets() {
        let mut queue = EventQueue::default();
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
        let mut queue = EventQueue::from_events((10..10 + MAX_WAITING as u64).map(event).collect());
        assert_eq!(queue.put_first(vec![event(1), event(2)]), 2);
        let ids: Vec<u64> = queue.events().map(|event| event.id).take(4).collect();
        assert_eq!(ids, [10, 2, 11, 12]);
        assert_eq!(queue.events().nth(1).unwrap().missing, 2);
        let octets: usize = queue.waiting.iter().map(|event| event.body().len()).sum();
        assert_eq!(queue.octets, octets);
    }

    #[test]
    fn one_that_is_longer_than_the_bound_comes_all_the_same() {
        let mut queue = EventQueue::default();
        assert_eq!(queue.push(long_event(1, 10)), 0);
        assert_eq!(queue.push(long_event(2, MAX_OCTETS)), 1);
        assert_eq!(queue.take().unwrap().missing, 1);
        queue.done();
        assert_eq!(queue.take().unwrap().id, 2);
        let server = Some("\u{1}".repeat(255).into());
        let longest = HookEvent::dropped(u64::MAX, Timestamp::MAX, u64::MAX, server);
        assert!(longest.body().len() <= MAX_DROPPED_BODY);
    }
}
