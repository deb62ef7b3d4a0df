//! Application error codes of DNS over QUIC (RFC 9250 §4.3).

use quinn::VarInt;

pub const NO_ERROR: VarInt = VarInt::from_u32(0);
pub const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
pub const REQUEST_CANCELLED: VarInt = VarInt::from_u32(3);
pub const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(4);
