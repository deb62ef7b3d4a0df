//! What this server says of itself when it is asked, beside the zones.

use std::fmt;

/// All of it. The default says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name of this server (RFC 5001, RFC 4892), at most 255 octets; empty for none.
    pub nsid: Box<[u8]>,
    /// What `version.bind` is answered with, at most 255 octets; `None` refuses.
    pub version: Option<Box<[u8]>>,
    pub cookies: CookieSecrets,
}

/// Octets of a secret: the key of SipHash-2-4 (RFC 9018 §4).
pub const SECRET_LEN: usize = 16;

/// The secrets of server cookies. The first makes cookies, every one of them verifies, so that a
/// new secret can be brought to all name servers before it is used. None at all: no cookies.
///
/// Never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CookieSecrets(Box<[[u8; SECRET_LEN]]>);

impl CookieSecrets {
    pub fn new(secrets: Vec<[u8; SECRET_LEN]>) -> CookieSecrets {
        CookieSecrets(secrets.into())
    }

    /// The one that makes cookies.
    pub fn first(&self) -> Option<&[u8; SECRET_LEN]> {
        self.0.first()
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8; SECRET_LEN]> {
        self.0.iter()
    }
}

impl fmt::Debug for CookieSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} CookieSecrets", self.0.len())
    }
}
