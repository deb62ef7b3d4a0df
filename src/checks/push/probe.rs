//! Up when a report says so. No probe is sent; `health::reports` waits for the reports.

use std::net::IpAddr;

use crate::checks::probe::ProbeKind;
use crate::checks::push::checked::PushProbe;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::{Ask, Subject};
use crate::health::probe::failure::{Failure, duration};
use crate::health::probe::simulated::SimulatedAnswers;

/// A type without values: a push has no prober.
#[derive(Debug)]
pub enum NoProber {}

impl Ask for NoProber {
    async fn ask(&self) -> Result<ProbeAnswer, Failure> {
        match *self {}
    }
}

impl ProbeKind for PushProbe {
    type Prober = NoProber;

    fn prober(&self, _: &Subject) -> Option<NoProber> {
        None
    }

    fn describe(&self, _: IpAddr) -> String {
        format!("reports, one in {}", duration(self.expires))
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        SimulatedAnswers {
            well: ProbeAnswer::Reported { weight: None },
            hung: None,
            failing: Err(Failure::Reported("".into())),
            closed: Err(Failure::NoReport { within: self.expires }),
        }
    }
}
