//! The state of one member: one verdict for each address family, and the operator's override.
//!
//! | the member | verdicts | its answers |
//! |---|---|---|
//! | has addresses of one family | one | of that family follow it |
//! | has both, and a check is probed in each | one for each family | of a family follow its own |
//! | has both, no check is probed in each | one | of both families follow it |
//!
//! A member is out when it is out in all of its families.
//!
//! | file | |
//! |---|---|
//! | this one | the member, and the state of each family |
//! | [`checks`] | the verdict of one or several checks |
//! | [`target`] | one target: its tracker, and what its probes said |
//! | [`damping`], [`slow_start`], [`load`] | rules that hold a member back |

pub mod checks;
pub mod damping;
pub mod load;
pub mod slow_start;
pub mod target;

use crate::clock::Moment;
use crate::cluster::families::Family;
use crate::cluster::operator::{ActiveOverride, Withholding};
use crate::cluster::selection::Share;
use crate::cluster::standing::Standing;
use crate::control::health_file::SavedVerdict;
use crate::control::member::checks::MemberChecks;
use crate::control::member::damping::Falls;
use crate::control::member::slow_start::Comeback;
use crate::control::member::target::TargetState;
use crate::health::TargetId;
use crate::health::probe::answer::Verdict;

/// The state of one member.
#[derive(Debug)]
pub struct MemberState {
    /// Decides for both families; for IPv4 alone if there is a `verdict6`.
    verdict: FamilyState,
    /// Decides for IPv6; `None` if `verdict` decides for both.
    verdict6: Option<Box<FamilyState>>,
    /// The deep check: shown, decides nothing.
    pub deep: Option<TargetState>,
    /// The override that counts for the member; `None` when its health does.
    pub operator: Option<ActiveOverride>,
}

/// The state of a member in one address family, or in both together.
#[derive(Debug)]
pub struct FamilyState {
    pub check: MemberChecks,
    /// The falls that damping counts.
    pub falls: Falls,
    /// The slow start after a return.
    pub comeback: Comeback,
}

impl MemberState {
    /// `second` is the state in IPv6; `None` when `first` is that of both families.
    pub fn new(
        first: FamilyState,
        second: Option<FamilyState>,
        deep: Option<TargetState>,
        operator: Option<ActiveOverride>,
    ) -> MemberState {
        MemberState { verdict: first, verdict6: second.map(Box::new), deep, operator }
    }

    /// Takes the state apart into the arguments of [`MemberState::new`].
    pub fn into_parts(
        self,
    ) -> (FamilyState, Option<FamilyState>, Option<TargetState>, Option<ActiveOverride>) {
        (self.verdict, self.verdict6.map(|verdict| *verdict), self.deep, self.operator)
    }

    /// The part of each verdict that is stored for the next start; `None` for a verdict without a
    /// result, and for IPv6 if one verdict decides for both families.
    pub fn to_saved(&self) -> (Option<SavedVerdict>, Option<SavedVerdict>) {
        let of = |state: &FamilyState| {
            let prior = state.check.to_prior()?;
            let serving = prior.standing == Standing::Serving;
            Some(SavedVerdict { serving, since: prior.since, falls: state.falls.clone() })
        };
        (of(&self.verdict), self.verdict6.as_deref().and_then(of))
    }

    /// Each verdict with its family; the family is `None` when there is one verdict.
    pub fn verdicts(&self) -> impl Iterator<Item = (Option<Family>, &FamilyState)> {
        let (first, second) = self.families();
        let v6 = self.verdict6.as_deref();
        std::iter::once((first, &self.verdict)).chain(v6.map(|verdict| (second, verdict)))
    }

    /// Calls `change` with each verdict, its family and the override of the member.
    pub fn each_verdict(
        &mut self,
        mut change: impl FnMut(Option<Family>, &mut FamilyState, Option<&ActiveOverride>),
    ) {
        let ((first, second), active) = (self.families(), self.operator.as_ref());
        change(first, &mut self.verdict, active);
        if let Some(v6) = &mut self.verdict6 {
            change(second, v6, active);
        }
    }

    fn families(&self) -> (Option<Family>, Option<Family>) {
        match self.verdict6 {
            Some(_) => (Some(Family::V4), Some(Family::V6)),
            None => (None, None),
        }
    }

    pub fn has_two_verdicts(&self) -> bool {
        self.verdict6.is_some()
    }

    /// The verdict that decides the answers of the family. While this machine cannot reach a
    /// family, the other family's verdict decides for both.
    pub fn of(&self, family: Option<Family>) -> &FamilyState {
        self.own(self.decisive(family))
    }

    /// As [`MemberState::of`], together with the family of the returned verdict.
    pub fn of_mut(&mut self, family: Option<Family>) -> (Option<Family>, &mut FamilyState) {
        let family = self.decisive(family);
        match &mut self.verdict6 {
            Some(v6) if family == Some(Family::V6) => (family, v6),
            Some(_) => (family, &mut self.verdict),
            None => (None, &mut self.verdict),
        }
    }

    /// The families whose verdicts decide for IPv4 and for IPv6; `None` if there is one verdict.
    pub fn deciders(&self) -> [Option<Family>; 2] {
        Family::ALL.map(|family| self.decisive(Some(family)))
    }

    fn decisive(&self, family: Option<Family>) -> Option<Family> {
        let v6 = self.verdict6.as_deref()?;
        match (self.verdict.check.is_blind(), v6.check.is_blind()) {
            (false, true) => Some(Family::V4),
            (true, false) => Some(Family::V6),
            (false, false) | (true, true) => family.or(Some(Family::V4)),
        }
    }

    /// The family's own verdict, even when this machine cannot reach that family.
    pub fn own(&self, family: Option<Family>) -> &FamilyState {
        let v6 = self.verdict6.as_deref().filter(|_| family == Some(Family::V6));
        v6.unwrap_or(&self.verdict)
    }

    /// The standing in the answers of that family: by the override, then a hold, then health.
    pub fn standing(&self, family: Option<Family>) -> Standing {
        self.of(family).standing(self.operator.as_ref())
    }

    /// Whether it serves in a family by its health and its holds, without regard to the override.
    pub fn is_healthy(&self) -> bool {
        let serves = |family: &Family| self.of(Some(*family)).standing(None) == Standing::Serving;
        Family::ALL.iter().any(serves)
    }

    /// Whether damping holds the member out in a family.
    pub fn is_held(&self) -> bool {
        self.verdicts().any(|(_, verdict)| verdict.falls.held_until().is_some())
    }

    /// Whether it serves in a family, by the override or its health.
    pub fn serves(&self) -> bool {
        Family::ALL.iter().any(|family| self.standing(Some(*family)) == Standing::Serving)
    }

    /// How strongly the member's override keeps it out of a pool that is short.
    pub fn withheld(&self) -> Withholding {
        self.operator.as_ref().map(ActiveOverride::withheld).unwrap_or_default()
    }

    /// Whether its next probe cannot change an answer.
    pub fn is_stable(&self) -> bool {
        let is_stable = |family: &Family| {
            let of = self.of(Some(*family));
            of.falls.held_until().is_some() || of.check.state().is_stable()
        };
        self.operator.is_some() || Family::ALL.iter().all(is_stable)
    }

    /// Counts a result of the `index`th check. Returns whether a state changed, or another verdict
    /// decides now.
    pub fn observe(
        &mut self,
        (target, index): (TargetId, usize),
        verdict: &Verdict,
        now: Moment,
    ) -> bool {
        let mut changed = false;
        self.each_verdict(|_, state, _| {
            if state.check.list().get(index).is_some_and(|of| of.target.id == target) {
                let was_blind = state.check.is_blind();
                changed |= state.check.observe(index, verdict, now);
                changed |= state.check.is_blind() != was_blind;
            }
        });
        changed
    }

    /// The targets that are probed, not those that wait for reports.
    pub fn probed_targets(&self) -> impl Iterator<Item = TargetId> {
        self.verdicts().flat_map(|(_, state)| state.check.probed_targets())
    }

    /// The targets of its checks, that of the deep check last. A target that counts in both
    /// verdicts occurs twice.
    pub fn targets(&self) -> impl Iterator<Item = TargetId> {
        let checks = self.verdicts().flat_map(|(_, state)| state.check.targets());
        checks.chain(self.deep.as_ref().map(|deep| deep.id))
    }

    /// The targets of the first verdict: one for each check, that of the deep check last.
    pub fn first_targets(&self) -> impl Iterator<Item = TargetId> {
        let deep = self.deep.as_ref().map(|deep| deep.id);
        self.verdict.check.targets().chain(deep)
    }
}

impl FamilyState {
    pub fn new(check: MemberChecks) -> FamilyState {
        FamilyState { check, falls: Falls::default(), comeback: Comeback::default() }
    }

    /// The standing, with `operator` as the override of the member.
    pub fn standing(&self, operator: Option<&ActiveOverride>) -> Standing {
        match operator {
            Some(active) => active.standing(),
            None if self.falls.held_until().is_some() => Standing::Out,
            None => self.check.standing(),
        }
    }

    /// The share of its full part that the member takes in the answers.
    pub fn share(&self) -> Share {
        self.comeback.share().times(self.load())
    }

    /// The share by the load that the member reports.
    pub fn load(&self) -> Share {
        self.check.load()
    }
}
