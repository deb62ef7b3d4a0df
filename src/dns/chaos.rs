//! Answers questions of class CHAOS about the server itself (RFC 4892), and refuses other classes.
//!
//! | class | name | TXT answers with |
//! |---|---|---|
//! | CH | `version.bind`, `version.server` | `server.version` |
//! | CH | `hostname.bind`, `id.server` | `server.nsid` |
//! | CH | any other; or one of these, but nothing configured or another type | REFUSED |
//! | neither IN nor CH | | REFUSED |
//!
//! NSID (RFC 5001) carries the same name inside an answer. Behind a load balancer only NSID is
//! certain to name the server that answered.

use crate::dns::query::Query;
use crate::dns::records::Sections;
use crate::rcode::Rcode;
use crate::snapshot::identity::Identity;
use crate::zone::lower::LowerName;
use crate::zone::rtype;

const CLASS_CH: u16 = 3;
/// Octets of owner (a pointer to the question), type, class, TTL 0 (RFC 4892 §2), RDLENGTH and
/// the length of the one string.
const RECORD_HEAD: usize = 13;

/// Writes the answer to a question of a class other than IN. `None` when it does not fit.
#[cold]
pub fn answer(
    identity: &Identity,
    query: &Query<'_>,
    name: &LowerName,
    out: &mut [u8],
) -> Option<Sections> {
    let start = query.head.len();
    let refused = Sections { len: start, rcode: Rcode::REFUSED, ..Sections::default() };
    if query.qclass != CLASS_CH || query.qtype != rtype::TXT {
        return Some(refused);
    }
    let text: &[u8] = match name.as_slice() {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => {
            identity.version.as_deref().unwrap_or_default()
        }
        b"\x08hostname\x04bind\0" | b"\x02id\x06server\0" => &identity.nsid,
        _ => &[],
    };
    let Ok(length) = u8::try_from(text.len()) else { return Some(refused) };
    if length == 0 {
        return Some(refused);
    }
    let [high, low] = (u16::from(length) + 1).to_be_bytes();
    let head = [0xc0, 12, 0, 16, 0, CLASS_CH as u8, 0, 0, 0, 0, high, low, length];
    let len = start + RECORD_HEAD + text.len();
    let (before, room) = out.get_mut(start..len)?.split_at_mut_checked(RECORD_HEAD)?;
    before.copy_from_slice(&head);
    room.copy_from_slice(text);
    Some(Sections { len, answer: 1, authoritative: true, ..Sections::default() })
}
