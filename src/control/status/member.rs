//! Builds the status of one member.

use crate::checks::probe::describe;
use crate::clock::Moment;
use crate::cluster::check::Check;
use crate::cluster::checks::{self, Checks};
use crate::cluster::families::Family;
use crate::cluster::pool::{MemberView, Pool, PoolId};
use crate::cluster::selection::Selection;
use crate::cluster::standing::{Standing, State};
use crate::control::explain;
use crate::control::explain::time::shown;
use crate::control::member::checks::MemberChecks;
use crate::control::member::load::Load;
use crate::control::member::target::TargetState;
use crate::control::member::{FamilyState, MemberState};
use crate::control::outage::evidence;
use crate::control::status::overrides::operator_status;
use crate::control::status::{
    CheckStatus, FamilyStatus, LoadStatus, MemberStatus, NamedCheckStatus,
};

/// The pool of a member, as far as the member's status depends on it.
#[derive(Debug)]
pub struct MemberContext<'a> {
    pub pool: &'a Pool,
    pub id: PoolId,
    pub selection: &'a Selection,
    /// Why the pool is short; `None` while it is not.
    pub shortage: Option<&'a str>,
    /// Whether the pool keeps its last set.
    pub keeps: bool,
    pub now: Moment,
}

impl MemberContext<'_> {
    /// The status of the member at `place` in the pool.
    pub fn member(
        &self,
        place: usize,
        member: &MemberView<'_>,
        health: &MemberState,
    ) -> MemberStatus {
        let (v4, v6) = (member.addresses.v4(), member.addresses.v6());
        let addresses = v4.map(|a| a.to_string()).into_iter().chain(v6.map(|a| a.to_string()));
        let in_answers = self.selection.has(self.id, place);
        let families = match health.has_two_verdicts() {
            true => Family::ALL.map(|family| self.family(place, member, health, family)).into(),
            false => vec![],
        };
        let first = health.own(None);
        let (check, checks) = match &families[..] {
            [v4, v6] => together(health, v4, v6),
            _ => (
                rotation(member, self.pool.checks_of(member), None, &first.check, self.now),
                each(member, self.pool.checks_of(member), None, &first.check, self.now),
            ),
        };
        let held = health.verdicts().map(|(_, verdict)| verdict.falls.held_until());
        let held: Option<Vec<Moment>> = held.collect();
        let deep = self.pool.deep_of(member).zip(health.deep.as_ref());
        MemberStatus {
            node: member.node.to_string(),
            role: member.role.as_str(),
            addresses: addresses.collect(),
            weight: member.weight,
            in_answers,
            operator: health.operator.as_ref().map(|active| operator_status(active, self.now)),
            why: match (&health.operator, &families[..]) {
                (None, [v4, v6]) => explain::transition::of_both(&v4.why, &v6.why),
                _ => self.why(health, first, in_answers),
            },
            share: health.verdicts().map(|(_, of)| of.share().get()).max().unwrap_or_default(),
            falls: health.verdicts().map(|(_, of)| self.falls(of)).max().unwrap_or_default(),
            held_until: held.and_then(|held| held.into_iter().min()).map(|at| shown(at, self.now)),
            check,
            checks,
            families,
            deep: deep.map(|(check, target)| check_status(member, check, None, target, self.now)),
        }
    }

    fn family(
        &self,
        place: usize,
        member: &MemberView<'_>,
        health: &MemberState,
        family: Family,
    ) -> FamilyStatus {
        let (own, in_answers) =
            (health.own(Some(family)), self.selection.has_in(family, self.id, place));
        let blind = own.check.failure().filter(|_| own.check.is_blind());
        FamilyStatus {
            family: family.key(),
            address: member.addresses.probed(Some(family)).to_string(),
            serving: health.standing(Some(family)) == Standing::Serving,
            in_answers,
            why: match blind {
                Some(failure) => format!("{failure}: {} decides", family.other().as_str()),
                None => self.why(health, own, in_answers),
            },
            share: own.share().get(),
            falls: self.falls(own),
            held_until: own.falls.held_until().map(|at| shown(at, self.now)),
            check: rotation(
                member,
                self.pool.checks_of(member),
                Some(family),
                &own.check,
                self.now,
            ),
            checks: each(member, self.pool.checks_of(member), Some(family), &own.check, self.now),
        }
    }

    fn why(&self, health: &MemberState, verdict: &FamilyState, in_answers: bool) -> String {
        let (active, shortage, now) = (health.operator.as_ref(), self.shortage, self.now);
        match active {
            Some(active) => explain::overrides::member(active, in_answers, shortage, now),
            None if self.keeps && evidence::is_kept_in(verdict, None) => {
                evidence::kept_member(&verdict.check)
            }
            None => explain::member::why(self.pool, verdict, in_answers, shortage, now),
        }
    }

    fn falls(&self, verdict: &FamilyState) -> usize {
        let rule = self.pool.steadiness.damping;
        rule.map(|rule| verdict.falls.count(&rule, self.now)).unwrap_or_default()
    }
}

/// The check that decides, or the verdict of several.
fn rotation(
    member: &MemberView<'_>,
    checks: &Checks,
    family: Option<Family>,
    checked: &MemberChecks,
    now: Moment,
) -> CheckStatus {
    let all = checked.list();
    if let ([of], [only]) = (checks.list(), all) {
        return check_status(member, &of.check, family, &only.target, now);
    }
    let names: Vec<&str> = all.iter().map(|check| check.name.as_str()).collect();
    let need = match (checks.least(), all.len()) {
        (least, of) if least == of => "all of".to_owned(),
        (1, _) => "any of".to_owned(),
        (least, of) => format!("{least} of {of}:"),
    };
    let target = || all.iter().map(|check| &check.target);
    CheckStatus {
        kind: "several",
        probe: format!("{need} {}", names.join(", ")),
        state: checked.state().as_str(),
        progress: progress(checked.state()),
        since: shown(checked.since, now),
        probes: target().map(|target| target.probes).sum(),
        failures: target().map(|target| target.failures).sum(),
        voids: target().map(|target| target.voids).sum(),
        last_probe: target().filter_map(|target| target.last_probe).max().map(|at| shown(at, now)),
        last_rtt_ms: None,
        last_answer: checked.answer(),
        last_error: checked.failure(),
        certificate_expires: None,
        load: None,
    }
}

/// Each of several checks; empty when there is one.
fn each(
    member: &MemberView<'_>,
    checks: &Checks,
    family: Option<Family>,
    checked: &MemberChecks,
    now: Moment,
) -> Vec<NamedCheckStatus> {
    if !checks.are_several() {
        return vec![];
    }
    let checks = checks.list().iter().zip(checked.list());
    let status = checks.map(|(of, check)| NamedCheckStatus {
        name: check.name.clone(),
        check: check_status(member, &of.check, family, &check.target, now),
    });
    status.collect()
}

/// The check that decides, and each of several checks, over both families.
fn together(
    health: &MemberState,
    v4: &FamilyStatus,
    v6: &FamilyStatus,
) -> (CheckStatus, Vec<NamedCheckStatus>) {
    let of = |family| &health.own(Some(family)).check;
    let (of4, of6) = (of(Family::V4), of(Family::V6));
    let mut check = both([of4.state(), of6.state()], &v4.check, &v6.check);
    let mut checks = vec![];
    for (index, (v4, v6)) in v4.checks.iter().zip(&v6.checks).enumerate() {
        let (Some(of4), Some(of6)) = (of4.list().get(index), of6.list().get(index)) else { break };
        let (of4, of6) = (&of4.target, &of6.target);
        let check = match of4.id == of6.id {
            true => v4.check.clone(),
            false => both([of4.state(), of6.state()], &v4.check, &v6.check),
        };
        checks.push(NamedCheckStatus { name: v4.name.clone(), check });
    }
    if !checks.is_empty() {
        // `both` counted a check with one target for both families twice.
        check.probes = checks.iter().map(|of| of.check.probes).sum();
        check.failures = checks.iter().map(|of| of.check.failures).sum();
        check.voids = checks.iter().map(|of| of.check.voids).sum();
    }
    (check, checks)
}

/// A check in both families: it passes while it passes in one of them.
fn both(states: [State; 2], v4: &CheckStatus, v6: &CheckStatus) -> CheckStatus {
    let state = checks::state(1, &states);
    let of_state = states.iter().zip([v4, v6]);
    let since = of_state.filter(|(of, _)| of.standing() == state.standing());
    let since = since.map(|(_, status)| status.since.as_str());
    let since = match state.standing() {
        Standing::Serving => since.min(),
        Standing::Out => since.max(),
    };
    let words = |v4: &Option<String>, v6: &Option<String>| match (v4, v6) {
        (Some(v4), Some(v6)) => Some(explain::transition::of_both(v4, v6)),
        (Some(v4), None) => Some(format!("{}: {v4}", Family::V4.as_str())),
        (None, Some(v6)) => Some(format!("{}: {v6}", Family::V6.as_str())),
        (None, None) => None,
    };
    CheckStatus {
        kind: v4.kind,
        probe: match v4.probe == v6.probe {
            true => v4.probe.clone(),
            false => format!("{}; {}", v4.probe, v6.probe),
        },
        state: state.as_str(),
        progress: progress(state),
        since: since.unwrap_or(&v4.since).to_owned(),
        probes: v4.probes + v6.probes,
        failures: v4.failures + v6.failures,
        voids: v4.voids + v6.voids,
        last_probe: v4.last_probe.clone().max(v6.last_probe.clone()),
        last_rtt_ms: v4.last_rtt_ms.or(v6.last_rtt_ms),
        last_answer: words(&v4.last_answer, &v6.last_answer),
        last_error: words(&v4.last_error, &v6.last_error),
        // The certificate that expires first.
        certificate_expires: [&v4.certificate_expires, &v6.certificate_expires]
            .into_iter()
            .flatten()
            .min()
            .cloned(),
        load: v4.load.clone().or_else(|| v6.load.clone()),
    }
}

fn load_status(load: &Load) -> LoadStatus {
    LoadStatus { said: load.reported, share: load.share().get(), ignored: load.ignored }
}

fn progress(state: State) -> Option<String> {
    match state {
        State::Falling { count, of } | State::Rising { count, of } => Some(format!("{count}/{of}")),
        State::Unknown { .. } | State::Up | State::Down => None,
    }
}

fn check_status(
    member: &MemberView<'_>,
    check: &Check,
    family: Option<Family>,
    target: &TargetState,
    now: Moment,
) -> CheckStatus {
    let state = target.state();
    CheckStatus {
        kind: check.probe.kind(),
        probe: describe(member.probed(check, family), &check.probe),
        state: state.as_str(),
        progress: progress(state),
        since: shown(target.since, now),
        probes: target.probes,
        failures: target.failures,
        voids: target.voids,
        last_probe: target.last_probe.map(|at| shown(at, now)),
        last_rtt_ms: target
            .last_healthy
            .and_then(|healthy| healthy.took())
            .map(|took| took.as_secs_f64() * 1000.0),
        last_answer: target.last_healthy.as_ref().map(|healthy| healthy.said.to_string()),
        last_error: target.last_failure.as_ref().map(ToString::to_string),
        certificate_expires: target
            .last_healthy
            .and_then(|healthy| healthy.certificate)
            .map(|expires| expires.to_string()),
        load: target.load.as_ref().map(load_status),
    }
}
