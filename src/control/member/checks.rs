//! The checks of a member in one address family, and the one verdict that they give.
//!
//! With one check the verdict is that of the check. With several, each check counts on its own and
//! [`checks::state`] combines them. The rest of the program sees one verdict either way.

use std::time::Duration;

use crate::checks::checked::Probe;
use crate::clock::Moment;
use crate::cluster::checks::{self, Checks};
use crate::cluster::selection::Share;
use crate::cluster::standing::{Standing, State};
use crate::control::member::load::Load;
use crate::control::member::target::{PriorStanding, TargetState};
use crate::health::TargetId;
use crate::health::probe::answer::Verdict;

/// Void probes in a row from which on the status mentions them.
const SHOWN: u32 = 3;

/// The checks of one member in one address family, or in both together.
#[derive(Debug)]
pub struct MemberChecks {
    /// In the order of [`Checks::list`]; never empty.
    list: Vec<CheckState>,
    /// How many checks must pass.
    least: usize,
    /// The committed standing, which the answers use.
    standing: Standing,
    /// When the verdict last changed, or from when on it is assumed.
    pub since: Moment,
}

/// One check of a member.
#[derive(Debug)]
pub struct CheckState {
    /// The name of the check in `checks:` of config.yaml.
    pub name: String,
    pub target: TargetState,
    /// Whether its results come as reports; it is not probed.
    is_pushed: bool,
}

impl MemberChecks {
    /// `target` has one entry for each of `checks`; `prior` is the standing of an earlier run or
    /// configuration.
    pub fn new(
        checks: &Checks,
        target: Vec<TargetState>,
        prior: Option<PriorStanding>,
        now: Moment,
    ) -> MemberChecks {
        let named = checks.list().iter().zip(target);
        let list = named.map(|(of, target)| CheckState {
            name: of.name.clone(),
            target,
            is_pushed: matches!(of.check.probe, Probe::Push(_)),
        });
        let mut checked = MemberChecks {
            list: list.collect(),
            least: checks.least(),
            standing: Standing::Serving,
            since: prior.map_or(now, |prior| prior.since),
        };
        checked.standing = prior.map_or(checked.state().standing(), |prior| prior.standing);
        checked
    }

    pub fn list(&self) -> &[CheckState] {
        &self.list
    }

    pub fn into_list(self) -> Vec<CheckState> {
        self.list
    }

    pub fn targets(&self) -> impl Iterator<Item = TargetId> {
        self.list.iter().map(|check| check.target.id)
    }

    /// The targets that are probed. The first round waits for their results, not for reports.
    pub fn probed_targets(&self) -> impl Iterator<Item = TargetId> {
        let asked = self.list.iter().filter(|check| !check.is_pushed);
        asked.map(|check| check.target.id)
    }

    /// The event that gives a member its first result, as part of a sentence.
    pub fn awaited_result(&self) -> &'static str {
        if self.list.iter().all(|check| check.is_pushed) { "it reports" } else { "it is probed" }
    }

    /// Counts a result of the `index`th check. Returns whether the state or the load of that check
    /// changed.
    pub fn observe(&mut self, index: usize, verdict: &Verdict, now: Moment) -> bool {
        let before = self.state().standing();
        let Some(check) = self.list.get_mut(index) else { return false };
        let changed = check.target.observe(verdict, now);
        if self.state().standing() != before {
            self.since = now;
        }
        changed
    }

    /// Commits what the trackers say. Returns the new standing if it changed.
    pub fn commit(&mut self) -> Option<Standing> {
        for check in &mut self.list {
            check.target.commit();
        }
        let standing = self.state().standing();
        let changed = standing != self.standing;
        self.standing = standing;
        changed.then_some(standing)
    }

    /// Whether this machine had no route in this address family at the latest probe of a check.
    /// Then the verdict of the other family decides, if that has a route.
    pub fn is_blind(&self) -> bool {
        self.list.iter().any(|check| check.target.is_blind)
    }

    /// The state that the checks give together.
    pub fn state(&self) -> State {
        match &self.list[..] {
            [only] => only.target.state(),
            several => {
                let states: Vec<State> = several.iter().map(|c| c.target.state()).collect();
                checks::state(self.least, &states)
            }
        }
    }

    /// Whether the latest results alone, without thresholds, say that the member is out.
    pub fn fails(&self) -> bool {
        let standing = |check: &CheckState| match check.target.fails {
            true => Standing::Out,
            false => Standing::Serving,
        };
        checks::standing(self.least, self.list.iter().map(standing)) == Standing::Out
    }

    /// Marks the probed checks as awaiting a result.
    pub fn await_results(&mut self) {
        self.list.iter_mut().for_each(|check| check.target.is_awaited = !check.is_pushed);
    }

    /// Whether a check still awaits its result.
    pub fn is_awaited(&self) -> bool {
        self.list.iter().any(|check| check.target.is_awaited)
    }

    /// Time since the latest result of a check whose latest probes were all void; of several such
    /// checks the longest time. `None` without one.
    pub fn held_up(&self, now: Moment) -> Option<Duration> {
        let held = self.list.iter().filter(|check| check.target.voids_in_row >= SHOWN);
        let longest = held.map(|check| check.target.last_verdict.unwrap_or(check.target.since));
        longest.min().map(|last| last.until(now))
    }

    /// The committed standing, which the answers use.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The share by the load that the member reports; of several checks with a load, the smallest
    /// share.
    pub fn load(&self) -> Share {
        let loads = self.list.iter().filter_map(|check| check.target.load.as_ref());
        loads.map(Load::share).min().unwrap_or(Share::FULL)
    }

    /// The standing for a later run or configuration; `None` while the state is unknown and there
    /// is no prior standing.
    pub fn to_prior(&self) -> Option<PriorStanding> {
        let known = self.state() != State::Unknown { last: None };
        known.then_some(PriorStanding { standing: self.standing, since: self.since })
    }

    /// Why the standing changed: `connection refused (3/3)`; with several checks
    /// `2 of 3 checks pass, all must: tls: connection refused (3/3)`.
    pub fn cause(&self) -> String {
        if let [only] = &self.list[..] {
            return only.target.cause();
        }
        let fails = |check: &&CheckState| check.target.standing() == Standing::Out;
        let failing = self.list.iter().filter(fails);
        self.summary(failing.map(|check| format!("{}: {}", check.name, check.target.cause())))
    }

    /// The latest failure; of several checks, that of each check that is not up. `None` without a
    /// failure.
    pub fn failure(&self) -> Option<String> {
        if let [only] = &self.list[..] {
            return only.target.last_failure.as_ref().map(ToString::to_string);
        }
        let troubled: Vec<String> = self.troubled().collect();
        (!troubled.is_empty()).then(|| self.summary(troubled.into_iter()))
    }

    /// The latest healthy answer; of several checks, how many pass. `None` before the first healthy
    /// answer.
    pub fn answer(&self) -> Option<String> {
        if let [only] = &self.list[..] {
            return only.target.last_healthy.map(|healthy| healthy.to_string());
        }
        let seen = self.list.iter().any(|check| check.target.last_healthy.is_some());
        seen.then(|| self.summary(self.troubled()))
    }

    fn troubled(&self) -> impl Iterator<Item = String> {
        let is_troubled = |state: State| !matches!(state, State::Up | State::Unknown { .. });
        let troubled = self.list.iter().filter(move |check| is_troubled(check.target.state()));
        troubled.filter_map(|check| {
            let failure = check.target.last_failure.as_ref()?;
            Some(format!("{}: {failure}", check.name))
        })
    }

    fn summary(&self, failing: impl Iterator<Item = String>) -> String {
        let passes = |check: &&CheckState| check.target.state().standing() == Standing::Serving;
        let (passing, of) = (self.list.iter().filter(passes).count(), self.list.len());
        let failing: Vec<String> = failing.collect();
        if passing == of && !failing.is_empty() {
            // All checks still pass; some are falling.
            return failing.join("; ");
        }
        let must = match self.least {
            _ if passing == of => String::new(),
            least if least == of => ", all must".into(),
            1 => ", one must".into(),
            least => format!(", {least} must"),
        };
        let colon = if failing.is_empty() { "" } else { ": " };
        format!("{passing} of {of} checks pass{must}{colon}{}", failing.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::checks::tcp::checked::TcpProbe;
    use crate::cluster::check::{Check, CheckedFamily, Thresholds};
    use crate::cluster::checks::NamedCheck;
    use crate::health::probe::answer::{Healthy, ProbeAnswer};
    use crate::health::probe::failure::Failure;

    const OK: Verdict = Ok(Healthy {
        said: ProbeAnswer::Accepted,
        rtt: Duration::from_micros(1300),
        certificate: None,
    });
    const REFUSED: Verdict = Err(Failure::Refused);

    fn at(second: i64) -> Moment {
        Moment::on_line(Timestamp::from_second(second).unwrap())
    }

    fn checked(least: usize, falls: &[u32]) -> MemberChecks {
        let named = falls.iter().zip(["http", "tls", "mysql"]).map(|(&fall, name)| NamedCheck {
            name: name.into(),
            check: Check {
                probe: Probe::Tcp(TcpProbe { port: 80 }),
                address: None,
                family: CheckedFamily::default(),
                every: Duration::from_secs(5),
                timeout: Duration::from_secs(2),
                thresholds: Thresholds { fall, rise: 1, forgive: 9 },
            },
        });
        let checks = Checks::new(named.collect(), least).unwrap();
        let target = checks
            .list()
            .iter()
            .zip(1..)
            .map(|(of, id)| TargetState::new(TargetId(id), of.check.thresholds, None, at(0)));
        let mut checked = MemberChecks::new(&checks, target.collect(), None, at(0));
        for index in 0..falls.len() {
            checked.observe(index, &OK, at(1));
        }
        assert_eq!(checked.commit(), None);
        checked
    }

    #[test]
    fn each_check_has_its_own_thresholds_and_the_failing_one_is_named() {
        let mut checked = checked(3, &[3, 2, 1]);
        checked.observe(1, &REFUSED, at(2));
        assert_eq!(checked.state(), State::Falling { count: 1, of: 2 });
        assert_eq!(checked.failure().unwrap(), "tls: connection refused");
        checked.observe(1, &REFUSED, at(3));
        assert_eq!(checked.commit(), Some(Standing::Out));
        assert_eq!(checked.cause(), "2 of 3 checks pass, all must: tls: connection refused (2/2)");
        assert_eq!(checked.since, at(3));
        checked.observe(2, &REFUSED, at(4));
        assert_eq!((checked.commit(), checked.since), (None, at(3)));
        checked.observe(2, &OK, at(5));
        checked.observe(1, &OK, at(6));
        assert_eq!(checked.commit(), Some(Standing::Serving));
        assert_eq!((checked.cause().as_str(), checked.since), ("3 of 3 checks pass", at(6)));
    }

    #[test]
    fn with_any_the_last_one_decides() {
        let mut checked = checked(1, &[1, 2]);
        checked.observe(0, &REFUSED, at(2));
        assert_eq!((checked.commit(), checked.state()), (None, State::Up));
        assert_eq!(
            checked.answer().unwrap(),
            "1 of 2 checks pass, one must: http: connection refused"
        );
        checked.observe(1, &REFUSED, at(3));
        assert_eq!(checked.state(), State::Falling { count: 1, of: 2 });
        checked.observe(1, &REFUSED, at(4));
        assert_eq!(checked.commit(), Some(Standing::Out));
    }
}
