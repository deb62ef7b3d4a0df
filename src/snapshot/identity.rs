//! Holds how this server identifies itself, and the secrets of its cookies.

use std::fmt;

/// What a server tells about itself. The default tells nothing and has no secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name of this server (RFC 5001, RFC 4892), at most 255 octets; empty for none.
    pub nsid: Box<[u8]>,
    /// The answer for `version.bind`, at most 255 octets. `None` refuses the question.
    pub version: Option<Box<[u8]>>,
    pub cookies: CookieSecrets,
}

/// Octets of a secret: the key of SipHash-2-4 (RFC 9018 §4).
pub const SECRET_LEN: usize = 16;

/// The secrets of server cookies. The first secret makes cookies and all of them verify, so that a
/// new secret can reach all name servers before it is used. Without secrets there are no cookies.
///
/// Never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CookieSecrets(Box<[[u8; SECRET_LEN]]>);

impl CookieSecrets {
    pub fn new(secrets: Vec<[u8; SECRET_LEN]>) -> CookieSecrets {
        CookieSecrets(secrets.into())
    }

    /// The secret that makes cookies; `None` when there are no cookies.
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
