//! RFC 1035 data: master files, and the look-up that answers from them.

pub mod name;
pub mod record;
