//! The two ends of an exchange: the client that asks, and the reply that goes back to it.

use std::net::IpAddr;

/// The client of a query.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    pub address: IpAddr,
    pub transport: Transport,
    /// The idle limit of the connection in units of 100 ms, for the keepalive option (RFC 7828).
    /// `None` for UDP, HTTPS and QUIC, where the option is not used.
    pub idle: Option<u16>,
    /// Unix seconds, for cookies.
    pub now: u32,
}

/// How the query arrived. This decides the maximum length of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Datagram,
    /// A transport with its own framing and retransmission.
    Stream,
    /// A stream inside TLS or QUIC. Others see only the length, so the reply may be padded.
    Encrypted,
}

/// The result of answering a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The reply is the first `len` octets of the buffer.
    Send {
        len: usize,
        /// The type in the question; 0 when no question could be read.
        qtype: u16,
    },
    /// No reply is sent.
    Drop,
}
