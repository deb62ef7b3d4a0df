//! What receivers of mail read in TXT records: SPF, DMARC and DKIM.
//!
//! A policy that does not parse has no effect, and its author is not notified: receivers ignore it
//! or bounce mail. So each text that begins like a policy is parsed here by the grammar of its RFC.
//! What the grammar allows is never a fault, however unusual.
//!
//! | file | reads | at |
//! |---|---|---|
//! | [`spf`] | RFC 7208 §4.6, §12 | any name |
//! | [`dmarc`] | RFC 7489 §6.3, §6.4 | `_dmarc.…` |
//! | [`dkim`] | RFC 6376 §3.6.1 | `…._domainkey.…` |
//! | [`tags`] | `tag=value; tag=value`, the form of the last two | |

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

pub fn fault(message: impl Into<String>, help: impl Into<String>) -> TextFault {
    TextFault { message: message.into(), help: help.into() }
}

/// A part of a text in a message: bounded, and nothing in it reaches the terminal as an order.
pub fn shown(part: &str) -> String {
    /// Longest part that is shown whole.
    const SHOWN: usize = 40;
    match part.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("`{}…`", part[..cut].escape_debug()),
        None => format!("`{}`", part.escape_debug()),
    }
}
