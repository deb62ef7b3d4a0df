//! Programs that we start, with all that they start.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

/// The process group of a child that leads one. It is killed with this value: at a timeout, and
/// when whoever waits for the child is dropped.
#[derive(Debug)]
pub struct Group(i32);

impl Group {
    /// `None` when the child has been waited for.
    pub fn of(child: &Child) -> Option<Group> {
        child.id().and_then(|id| i32::try_from(id).ok()).map(Group)
    }

    /// The leader has ended; whom it left behind may live.
    pub fn spare(self) {
        std::mem::forget(self);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It fails when nobody is left in the group, which is what is wanted.
        let _ = killpg(Pid::from_raw(self.0), Signal::SIGKILL);
    }
}
