//! The rules that a registry has for a delegation, and the checks of them.
//!
//! | file | does |
//! |---|---|
//! | [`plan`] | configuration → the delegation that the registry should have |
//! | [`catalogue`] | the rules of the registries as rows, and the findings |
//! | [`static_rules`] | the rules about the configuration alone |
//! | [`networks`] | which addresses are public |
//! | [`survey`] | asks the name servers; the only file here with sockets |
//! | [`reply`] | octets → the reply of a name server |
//! | [`live_rules`] | the rules about the replies |
//! | [`zone_faults`] | faults that the zone reader found first, under their rule |
//!
//! The parent is deliberately not asked: before a delegation it knows nothing of the zone, and
//! afterwards it should have the records that `tiovivo delegation` prints.

pub mod catalogue;
pub mod live_rules;
pub mod networks;
pub mod plan;
pub mod reply;
pub mod static_rules;
pub mod survey;
pub mod zone_faults;
