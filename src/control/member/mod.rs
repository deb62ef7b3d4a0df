//! A member as the one writer knows it: its verdicts, and what the operator says.
//!
//! | the member | verdicts | the answers |
//! |---|---|---|
//! | has addresses of one family | one | of that family follow it |
//! | has both, and a check is probed in each | one for each family | of a family follow its own |
//! | has both, no check is probed in each | one | of both families follow it |
//!
//! It is out when it is out in all of its families.

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
use crate::health::probe::Verdict;

#[derive(Debug)]
pub struct MemberState {
    /// Decides the rotation, or the part of IPv4 in it.
    verdict: FamilyState,
    /// Decides the part of IPv6, where that is another verdict.
    verdict6: Option<Box<FamilyState>>,
    /// Is shown.
    pub deep: Option<TargetState>,
    /// The order of the operator that counts for it.
    pub operator: Option<ActiveOverride>,
}

/// A member in one address family, or in both together.
#[derive(Debug)]
pub struct FamilyState {
    pub check: MemberChecks,
    pub falls: Falls,
    pub comeback: Comeback,
}

impl MemberState {
    /// `second` is the verdict of IPv6, where `first` is not that of both families.
    pub fn new(
        first: FamilyState,
        second: Option<FamilyState>,
        deep: Option<TargetState>,
        operator: Option<ActiveOverride>,
    ) -> MemberState {
        MemberState { verdict: first, verdict6: second.map(Box::new), deep, operator }
    }

    /// What it was made of.
    pub fn into_parts(
        self,
    ) -> (FamilyState, Option<FamilyState>, Option<TargetState>, Option<ActiveOverride>) {
        (self.verdict, self.verdict6.map(|verdict| *verdict), self.deep, self.operator)
    }

    /// What a restart is to remember of each verdict.
    pub fn memories(&self) -> (Option<SavedVerdict>, Option<SavedVerdict>) {
        let of = |state: &FamilyState| {
            let memory = state.check.memory()?;
            let serving = memory.standing == Standing::Serving;
            Some(SavedVerdict { serving, since: memory.since, falls: state.falls.clone() })
        };
        (of(&self.verdict), self.verdict6.as_deref().and_then(of))
    }

    /// Each verdict, and of which family it is where there are two.
    pub fn verdicts(&self) -> impl Iterator<Item = (Option<Family>, &FamilyState)> {
        let (first, second) = self.families();
        let v6 = self.verdict6.as_deref();
        std::iter::once((first, &self.verdict)).chain(v6.map(|verdict| (second, verdict)))
    }

    /// Changes each verdict, beside its family and the order of the operator.
    pub fn each_verdict(
        &mut self,
        mut change: impl FnMut(Option<Family>, &mut FamilyState, Option<&ActiveOverride>),
    ) {
        let ((first, second), order) = (self.families(), self.operator.as_ref());
        change(first, &mut self.verdict, order);
        if let Some(v6) = &mut self.verdict6 {
            change(second, v6, order);
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

    /// What decides about the answers of that family. Of a family that this machine cannot reach
    /// there is no verdict: that of the other one counts for both.
    pub fn of(&self, family: Option<Family>) -> &FamilyState {
        self.own(self.decisive(family))
    }

    /// The same, and which family's it is.
    pub fn of_mut(&mut self, family: Option<Family>) -> (Option<Family>, &mut FamilyState) {
        let family = self.decisive(family);
        match &mut self.verdict6 {
            Some(v6) if family == Some(Family::V6) => (family, v6),
            Some(_) => (family, &mut self.verdict),
            None => (None, &mut self.verdict),
        }
    }

    /// Whose verdict decides in each family.
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

    /// The verdict of that family, whether or not this machine can reach it.
    pub fn own(&self, family: Option<Family>) -> &FamilyState {
        let v6 = self.verdict6.as_deref().filter(|_| family == Some(Family::V6));
        v6.unwrap_or(&self.verdict)
    }

    /// What counts for the answers of that family: the operator's word, then a hold, then health.
    pub fn standing(&self, family: Option<Family>) -> Standing {
        self.of(family).standing(self.operator.as_ref())
    }

    /// Whether it serves in a family by its health, whatever the operator says.
    pub fn is_healthy(&self) -> bool {
        let serves = |family: &Family| self.of(Some(*family)).standing(None) == Standing::Serving;
        Family::ALL.iter().any(serves)
    }

    pub fn is_held(&self) -> bool {
        self.verdicts().any(|(_, verdict)| verdict.falls.held_until().is_some())
    }

    /// Whether it serves in a family.
    pub fn serves(&self) -> bool {
        Family::ALL.iter().any(|family| self.standing(Some(*family)) == Standing::Serving)
    }

    pub fn withheld(&self) -> Withholding {
        self.operator.as_ref().map(ActiveOverride::withheld).unwrap_or_default()
    }

    /// Whether its next probe changes nothing.
    pub fn is_stable(&self) -> bool {
        let is_stable = |family: &Family| {
            let of = self.of(Some(*family));
            of.falls.held_until().is_some() || of.check.state().is_stable()
        };
        self.operator.is_some() || Family::ALL.iter().all(is_stable)
    }

    /// Counts a result of the `index`th check. Whether a state changed, or which verdict counts.
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

    /// Of the checks that are probed, for the first round.
    pub fn asked(&self) -> impl Iterator<Item = TargetId> {
        self.verdicts().flat_map(|(_, state)| state.check.asked())
    }

    /// Of its checks, the deep one last. Those that count in both verdicts come once for each.
    pub fn targets(&self) -> impl Iterator<Item = TargetId> {
        let checks = self.verdicts().flat_map(|(_, state)| state.check.targets());
        checks.chain(self.deep.as_ref().map(|deep| deep.id))
    }

    /// Those that say something of the whole node; one for each check, the deep one last.
    pub fn first_targets(&self) -> impl Iterator<Item = TargetId> {
        let deep = self.deep.as_ref().map(|deep| deep.id);
        self.verdict.check.targets().chain(deep)
    }
}

impl FamilyState {
    pub fn new(check: MemberChecks) -> FamilyState {
        FamilyState { check, falls: Falls::default(), comeback: Comeback::default() }
    }

    /// With the order of the operator that counts for the member.
    pub fn standing(&self, operator: Option<&ActiveOverride>) -> Standing {
        match operator {
            Some(order) => order.standing(),
            None if self.falls.held_until().is_some() => Standing::Out,
            None => self.check.standing(),
        }
    }

    /// The part of its first places that it takes.
    pub fn share(&self) -> Share {
        self.comeback.share().times(self.load())
    }

    /// The part of its first places that it takes by what it says of its load.
    pub fn load(&self) -> Share {
        self.check.load()
    }
}
