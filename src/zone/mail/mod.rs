//! Checks the policies and keys that mail receivers read in TXT records: SPF, DMARC and DKIM.
//!
//! A policy that does not parse has no effect, and its author is not notified: receivers ignore it
//! or bounce mail. So each text that begins like a policy is parsed here by the grammar of its RFC.
//! A policy that is merely unusual is no fault; an obvious slip is one, even if the grammar allows
//! it (a `:` within an SPF domain, where a blank is missing).
//!
//! | file | checks by | at |
//! |---|---|---|
//! | [`spf`] | RFC 7208 §4.6, §12 | any name |
//! | [`dmarc`] | RFC 7489 §6.3, §6.4 | `_dmarc.…` |
//! | [`dkim`] | RFC 6376 §3.6.1 | `…._domainkey.…` |
//! | [`tags`] | `tag=value; tag=value`, the form of DMARC and DKIM | |

pub mod dkim;
pub mod dmarc;
pub mod spf;
pub mod tags;

/// What is wrong with a text, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFault {
    pub message: String,
    pub help: String,
}

/// Builds a fault from its message and its help.
pub fn fault(message: impl Into<String>, help: impl Into<String>) -> TextFault {
    TextFault { message: message.into(), help: help.into() }
}

/// Quotes a part of a text for a message: cut if it is long, and with control characters escaped,
/// so that a terminal does not obey them.
pub fn shown(part: &str) -> String {
    /// Characters of the longest part that is shown whole.
    const SHOWN: usize = 40;
    match part.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("`{}…`", part[..cut].escape_debug()),
        None => format!("`{}`", part.escape_debug()),
    }
}
