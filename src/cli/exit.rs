//! The exit codes of all commands.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | it could not be done, for example because an address is in use, or there is no answer |
//! | 1 | a delegation that a registry would refuse |
//! | 2 | the configuration or the arguments are at fault; nothing was started |
//! | 3 | an override is in force, and a member that it takes out is answered all the same |

/// The configuration or the arguments are at fault.
pub const EXIT_CONFIG: u8 = 2;

/// An override is in force, and a member that it takes out is answered all the same.
pub const EXIT_WITHOUT_EFFECT: u8 = 3;
