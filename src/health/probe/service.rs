//! What is wrong with servers that are no web servers.

use crate::cluster::visible::excerpt;
use crate::rcode::Rcode;

/// Characters of a server's own words that are shown.
const MAX_WORDS: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceFailure {
    #[error("not a Redis answer")]
    NotRedis,
    /// Its own words, such as `LOADING Redis is loading the dataset in memory`.
    #[error("Redis: {0}")]
    Redis(String),
    #[error("not a DNS reply")]
    NotDns,
    #[error("none of many replies was to this query")]
    OtherReplies,
    #[error("{got}, expected {expected}")]
    Rcode { got: Rcode, expected: Rcode },
    /// Its own words in place of what was waited for.
    #[error("TLS was not offered: {0}")]
    NoStartTls(String),
    #[error("plain text behind the offer of TLS")]
    PlainBehindTls,
    #[error("not an HTTP/2 answer")]
    NotHttp2,
    #[error("not a gRPC answer")]
    NotGrpc,
    /// The status of the call itself.
    #[error("gRPC status {0}")]
    Grpc(String),
    #[error("the health service says {0}")]
    NotServing(&'static str),
}

/// What can be shown of what a server says.
pub fn words(said: &str) -> String {
    excerpt(said, MAX_WORDS)
}
