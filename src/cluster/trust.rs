//! Which certificates a probe over TLS accepts.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

/// What a TLS handshake with a member must show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The name in the handshake (SNI) and in the certificate; `None` for the node's address.
    pub name: Option<String>,
    pub trust: Trust,
}

/// The certificates that a probe accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Any certificate, also an expired one and one for another name.
    Anyone,
    /// Certificates of the authorities on Mozilla's list.
    Public,
    /// Certificates of the authorities in a file of the operator.
    Authorities(Authorities),
}

/// The certificates of a `ca_file`. All targets of a check share them.
#[derive(Debug, Clone)]
pub struct Authorities {
    pub file: PathBuf,
    /// Never empty.
    pub roots: Arc<RootCertStore>,
    /// The same certificates as DER, because a server may present one of them itself.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Authorities) -> bool {
        self.file == other.file && self.certificates == other.certificates
    }
}

impl Eq for Authorities {}
