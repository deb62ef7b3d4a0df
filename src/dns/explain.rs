//! Says why there is no answer, by extended DNS errors (RFC 8914) for readers of a resolver's log.
//!
//! | rcode | because | code |
//! |---|---|---|
//! | REFUSED | the name is in none of our zones: a lame delegation | 20 Not Authoritative |
//! | REFUSED | the client may not ask for this pool | 18 Prohibited |
//! | REFUSED | AXFR and IXFR: nobody may ask for a transfer | 21 Not Supported |
//! | REFUSED, NOTIMP | a class, an opcode or a meta type that is not served | 21 Not Supported |
//!
//! NXDOMAIN and NODATA explain themselves. A pool that is short answers as its operator chose
//! (`when_short`). Such an answer is neither stale (3), because no TTL has expired, nor forged (4),
//! because the operator owns the name; the page and the metrics show it. Not Ready (14) is not
//! used: a server that has not probed yet answers.

use crate::dns::query::{CLASS_IN, Query};
use crate::rcode::Rcode;
use crate::snapshot::Snapshot;
use crate::zone::lookup::Outcome;
use crate::zone::lower::LowerName;
use crate::zone::rtype;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Prohibited,
    NotAuthoritative,
    NoTransfers,
    NotSupported,
}

impl Reason {
    /// INFO-CODE (RFC 8914 §5.2).
    pub fn code(self) -> u16 {
        match self {
            Reason::Prohibited => 18,
            Reason::NotAuthoritative => 20,
            Reason::NoTransfers | Reason::NotSupported => 21,
        }
    }

    /// EXTRA-TEXT.
    pub fn text(self) -> &'static str {
        match self {
            Reason::Prohibited => "not for this client",
            Reason::NoTransfers => "zone transfers are not offered",
            Reason::NotAuthoritative | Reason::NotSupported => "",
        }
    }
}

/// Why a reply has this rcode. `None` when the client did not send EDNS or the rcode says enough.
#[inline]
pub fn reason(
    snapshot: &Snapshot,
    query: &Query<'_>,
    name: &LowerName,
    rcode: Rcode,
) -> Option<Reason> {
    match rcode {
        Rcode::REFUSED | Rcode::NOTIMP if query.edns.is_some() => {
            Some(find_reason(snapshot, query, name, rcode))
        }
        _ => None,
    }
}

/// Repeats the look-up: cheaper than to carry a reason along with every answer.
#[cold]
fn find_reason(snapshot: &Snapshot, query: &Query<'_>, name: &LowerName, rcode: Rcode) -> Reason {
    if rcode == Rcode::NOTIMP || query.qclass != CLASS_IN {
        return Reason::NotSupported;
    }
    match snapshot.statics.zones.look_up(name.as_slice(), query.qtype) {
        Outcome::NotOurs => Reason::NotAuthoritative,
        Outcome::Data { .. }
        | Outcome::Slot { .. }
        | Outcome::Alias { .. }
        | Outcome::Redirect { .. }
        | Outcome::NoData { .. }
        | Outcome::NxDomain { .. }
        | Outcome::Referral { .. } => match query.qtype {
            rtype::AXFR | rtype::IXFR => Reason::NoTransfers,
            _ => Reason::Prohibited,
        },
    }
}
