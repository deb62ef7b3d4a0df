//! Checks delegations by the rules of the registries.
//!
//! | file | does |
//! |---|---|
//! | [`plan`] | configuration → the delegation that the registry should have |
//! | [`catalogue`] | the rules of the registries as rows, and the findings |
//! | [`static_rules`] | checks the rules about the configuration alone |
//! | [`networks`] | which addresses are public |
//! | [`survey`] | asks the name servers; the only file here with sockets |
//! | [`reply`] | octets → the reply of a name server |
//! | [`live_rules`] | checks the rules about the replies |
//! | [`zone_faults`] | faults of the zone reader → findings |
//!
//! The parent is deliberately not asked: before a delegation it has no records of the zone, and
//! afterwards it should have the records that `tiovivo delegation` prints.

pub mod catalogue;
pub mod live_rules;
pub mod networks;
pub mod plan;
pub mod reply;
pub mod static_rules;
pub mod survey;
pub mod zone_faults;
