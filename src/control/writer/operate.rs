//! Handles overrides, which are in force only once they are on the disk. The writer does not wait
//! for the disk.

use jiff::SignedDuration;

use crate::clock::Moment;
use crate::control::overrides::request::{Acknowledgement, OverrideRequest, Refusal};
use crate::control::overrides::writer::{OverrideFileResult, OverrideReply};
use crate::control::status::build;
use crate::control::writer::task::WriterTask;

/// Somebody set the wall clock if, from one tick to the next, it moved against the monotonic clock
/// by more than this.
const CLOCK_SET: SignedDuration = SignedDuration::from_secs(2);

impl WriterTask {
    /// Finds out whether the wall clock was set. If so, the times that are shown and stored follow.
    pub(super) fn follow_wall_clock(&mut self, now: Moment) {
        let by = now.set() - std::mem::replace(&mut self.clock_offset, now.set());
        if by.abs() > CLOCK_SET {
            self.state.note_set_clock(by, now);
            self.is_stale = true;
            self.is_to_rewrite = !self.state.overrides.is_empty();
            // The same state again, with the times of the new wall clock.
            self.saves.send_modify(|_| {});
        }
        let writer = &mut self.override_writer;
        if self.is_to_rewrite && !writer.is_busy() && writer.read_error().is_none() {
            self.is_rewriting = true;
            writer.rewrite(self.state.overrides.clone(), now);
        }
    }

    /// Handles one request. While a write is under way the request waits, because it builds on the
    /// overrides that are written.
    pub(super) fn operate(&mut self, request: OverrideRequest, reply: OverrideReply, now: Moment) {
        if self.override_writer.is_busy() {
            return self.override_writer.wait(request, reply);
        }
        let decided = match self.override_writer.read_error() {
            Some(error) => Err(Refusal::NotPersisted(error.into())),
            None => self.state.decide(&request, now).map_err(Refusal::Faults),
        };
        match decided {
            Ok(overrides) => self.override_writer.write(overrides, reply, now),
            // The client may be gone.
            Err(refusal) => drop(reply.send(Err(refusal))),
        }
    }

    /// Puts the overrides that were read or written in force.
    pub(super) fn finish_override(&mut self, result: OverrideFileResult, now: Moment) {
        match result {
            OverrideFileResult::Written(written) => {
                // A write that began before the clock was set does not correct the times.
                let is_rewritten = std::mem::take(&mut self.is_rewriting) && written.is_ok();
                self.is_to_rewrite &= !is_rewritten;
                self.acknowledge(written, now);
            }
            OverrideFileResult::Read(Err(_)) => {}
            OverrideFileResult::Read(Ok(overrides)) => {
                tracing::info!("the file of the operator's orders can be read: they count");
                self.set_overrides(overrides, now);
                self.state.warn_of_unmatched_overrides();
            }
        }
    }

    /// Puts overrides that are on the disk in force, and then acknowledges the request.
    fn acknowledge(&mut self, written: Result<(), String>, now: Moment) {
        let Some((overrides, reply)) = self.override_writer.take_written() else { return };
        let result = match written {
            Ok(()) => {
                // The new override is the last one. After a release there is no new one.
                let newest = overrides.last().filter(|o| !self.state.overrides.contains(o));
                let newest = newest.cloned();
                self.set_overrides(overrides, now);
                let members = build::override_effects(&self.state, newest.as_ref(), now);
                Ok(Acknowledgement { overrides: self.status.borrow().overrides.clone(), members })
            }
            Err(error) => {
                tracing::warn!("an operator's order is refused, as it cannot be kept: {error}");
                Err(Refusal::NotPersisted(error))
            }
        };
        // The client may be gone; the override stays.
        let _ = reply.send(result);
    }
}
