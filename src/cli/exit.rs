//! The exit codes of all commands.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | it could not be done: an address in use, no answer, a signal from a child |
//! | 1 | a delegation that a registry would refuse |
//! | 2 | the configuration or the arguments are at fault; nothing was started |
//! | 3 | an order is in force, and a member that it takes out is answered all the same |

/// The configuration or the arguments are at fault.
pub const EXIT_CONFIG: u8 = 2;

/// An override is in force without the effect that it is for.
pub const EXIT_WITHOUT_EFFECT: u8 = 3;
