//! What keeps answers steady while members fall, return and fall again: events in, decisions out.

mod common;
mod flapping;
mod real;
mod returning;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tiovivo::clock::Moment;
use tiovivo::cluster::pool::Pool;
use tiovivo::control::health_file::SavedPool;
use tiovivo::control::state::ControlState;
use tiovivo::control::status::build;
use tiovivo::control::status::{MemberStatus, PoolStatus};
use tiovivo::health::probe::answer::{Healthy, ProbeAnswer, Verdict};
use tiovivo::health::probe::failure::Failure;
use tiovivo::health::{Observation, TargetId};

use crate::cluster::loaded;

const OK: Verdict = Ok(Healthy {
    said: ProbeAnswer::Status(200),
    rtt: Duration::from_micros(1300),
    certificate: None,
});
const REFUSED: Verdict = Err(Failure::Refused);

struct Run {
    state: ControlState,
    /// In the order of the members.
    targets: Vec<TargetId>,
    now: Moment,
}

impl Run {
    fn new(pool: Pool, kept: &[SavedPool]) -> Run {
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        let (state, plan) = ControlState::new(loaded(vec![pool]), kept, now);
        let targets = plan.start.iter().map(|target| target.id).collect();
        let mut run = Run { state, targets, now };
        for member in 0..run.targets.len() {
            run.see(member, &OK, 1);
        }
        run.state.take_changes();
        run
    }

    /// So many results, and time does not pass.
    fn see(&mut self, member: usize, verdict: &Verdict, count: u32) {
        for _ in 0..count {
            let observation =
                Observation { target: self.targets[member], verdict: verdict.clone() };
            self.state.observe(&observation, self.now);
            self.state.commit(self.now);
        }
    }

    fn flap(&mut self, member: usize) {
        self.see(member, &REFUSED, 3);
        self.see(member, &OK, 2);
    }

    fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.state.advance(self.now);
    }

    fn pool(&self) -> PoolStatus {
        Arc::unwrap_or_clone(build::status(&self.state, self.now).pools.swap_remove(0))
    }

    fn member(&self, index: usize) -> MemberStatus {
        self.pool().members.swap_remove(index)
    }

    /// What the hooks were told since the last call.
    fn told(&mut self) -> Vec<String> {
        let changes = self.state.take_changes().into_iter();
        changes.map(|t| format!("{} {}: {}", t.node.unwrap(), t.new.as_str(), t.cause)).collect()
    }
}
