//! RFC 1035 data: master files, and the look-up that answers from them.

mod build;
mod index;
pub mod lookup;
pub mod name;
pub mod record;
pub mod rtype;
pub mod store;
