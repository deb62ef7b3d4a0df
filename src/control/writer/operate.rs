//! The operator's orders on their way over the disk, of which the writer waits for nothing.

use crate::clock::Moment;
use crate::control::overrides::request::{Acknowledgement, OverrideRequest, Refusal};
use crate::control::overrides::writer::{OverrideFileResult, Reply};
use crate::control::status::build;
use crate::control::writer::{SET, Writer};

impl Writer {
    /// What is shown and kept has the time of the wall clock in it.
    pub(super) fn follow_wall_clock(&mut self, now: Moment) {
        let by = now.set() - std::mem::replace(&mut self.set, now.set());
        if by.abs() > SET {
            self.state.note_set_clock(by, now);
            self.is_stale = true;
            self.is_to_rewrite = !self.state.overrides.is_empty();
            // The same, by another clock.
            self.kept.send_modify(|_| {});
        }
        if self.is_to_rewrite
            && !self.override_writer.is_busy()
            && self.override_writer.unread().is_none()
        {
            self.is_rewriting = true;
            self.override_writer.rewrite(self.state.overrides.clone(), now);
        }
    }

    /// One order at a time: the next one builds upon what the disk has.
    pub(super) fn operate(&mut self, request: OverrideRequest, reply: Reply, now: Moment) {
        if self.override_writer.is_busy() {
            return self.override_writer.wait(request, reply);
        }
        let decided = match self.override_writer.unread() {
            Some(error) => Err(Refusal::NotPersisted(error.into())),
            None => self.state.decide(&request, now).map_err(Refusal::Faults),
        };
        match decided {
            Ok(overrides) => self.override_writer.write(overrides, reply, now),
            // Whoever asked may be gone.
            Err(refusal) => drop(reply.send(Err(refusal))),
        }
    }

    pub(super) fn recorded(&mut self, recorded: OverrideFileResult, now: Moment) {
        match recorded {
            OverrideFileResult::Written(written) => {
                // What was ordered before the clock was set may be written after it.
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

    /// Only now the order counts; and only when it does, whoever gave it is told so.
    fn acknowledge(&mut self, written: Result<(), String>, now: Moment) {
        let Some((overrides, reply)) = self.override_writer.end() else { return };
        let result = match written {
            Ok(()) => {
                // Of an order it is the newest; a release has none of its own.
                let newest = overrides.last().filter(|o| !self.state.overrides.contains(o));
                let newest = newest.cloned();
                self.set_overrides(overrides, now);
                let members = build::ordered(&self.state, newest.as_ref(), now);
                Ok(Acknowledgement { overrides: self.status.borrow().overrides.clone(), members })
            }
            Err(error) => {
                tracing::warn!("an operator's order is refused, as it cannot be kept: {error}");
                Err(Refusal::NotPersisted(error))
            }
        };
        // Whoever asked may be gone; the order stays.
        let _ = reply.send(result);
    }
}
