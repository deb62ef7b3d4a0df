//! Who may be at the other end of a TLS handshake.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::cluster::validity;

/// Accepts every certificate, also one that cannot be read, and every signature: who accepts every
/// certificate learns nothing from a proof that the server has its key.
#[derive(Debug)]
pub struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    /// All that a server may have a key for; a server chooses the first one that it can use.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]
    }
}

/// Accepts certificates of authorities that are known, and each of `certificates` itself: whoever
/// names a server's own certificate as an authority trusts that server, whether or not the
/// certificate says of itself that it is an authority's.
#[derive(Debug)]
pub struct Known {
    authorities: Arc<WebPkiServerVerifier>,
    certificates: Arc<[CertificateDer<'static>]>,
}

/// Certificates that no authority could make acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum Unverifiable {
    VersionOne,
    ShortKey,
    /// One of an authority, presented as a server's own.
    Authority,
}

impl Unverifiable {
    pub fn reason(&self) -> &'static str {
        match self {
            Unverifiable::VersionOne => {
                "the certificate is of X.509 version 1, which has no names of servers"
            }
            Unverifiable::ShortKey => {
                "the key of the certificate is RSA of less than 2048 bits, which is not accepted"
            }
            Unverifiable::Authority => {
                "the certificate is one of an authority, and no ca_file here has it itself"
            }
        }
    }
}

impl Known {
    /// `None` never happens with at least one of `roots`.
    pub fn new(
        roots: Arc<RootCertStore>,
        certificates: Arc<[CertificateDer<'static>]>,
        provider: Arc<CryptoProvider>,
    ) -> Option<Known> {
        let authorities = WebPkiServerVerifier::builder_with_provider(roots, provider);
        Some(Known { authorities: authorities.build().ok()?, certificates })
    }
}

/// What is said in place of an error that does not name the true reason.
fn unverifiable(certificate: &CertificateDer<'_>, error: Error) -> Error {
    let Error::InvalidCertificate(fault) = &error else { return error };
    // The library has a name for it, and does not hand it out as a type.
    let is_authority = |cause: &OtherError| cause.to_string().contains("CaUsedAsEndEntity");
    let why = match fault {
        CertificateError::Other(_) | CertificateError::BadEncoding
            if validity::is_version_one(certificate) =>
        {
            Unverifiable::VersionOne
        }
        CertificateError::BadSignature if validity::has_short_rsa_key(certificate) => {
            Unverifiable::ShortKey
        }
        CertificateError::Other(cause) if is_authority(cause) => Unverifiable::Authority,
        _ => return error,
    };
    CertificateError::Other(OtherError(Arc::new(why))).into()
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by_authority =
            self.authorities.verify_server_cert(certificate, intermediates, name, ocsp, now);
        match by_authority {
            Err(_) if self.certificates.contains(certificate) => {
                let own = verify_own(certificate, name, now);
                own.map_err(|error| unverifiable(certificate, error))
            }
            result => result.map_err(|error| unverifiable(certificate, error)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.authorities.verify_tls12_signature(message, certificate, signed);
        verified.map_err(|error| unverifiable(certificate, error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.authorities.verify_tls13_signature(message, certificate, signed);
        verified.map_err(|error| unverifiable(certificate, error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// A certificate that is trusted by itself: what is left to verify is its time and its names.
fn verify_own(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    time: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let validity = validity::of(certificate).ok_or(CertificateError::BadEncoding)?;
    let seconds = |moment: jiff::Timestamp| u64::try_from(moment.as_second()).unwrap_or(0);
    let not_before = UnixTime::since_unix_epoch(Duration::from_secs(seconds(validity.starts)));
    if time < not_before {
        return Err(CertificateError::NotValidYetContext { time, not_before }.into());
    }
    if let Some(end) = validity.ends {
        let not_after = UnixTime::since_unix_epoch(Duration::from_secs(seconds(end)));
        if not_after < time {
            return Err(CertificateError::ExpiredContext { time, not_after }.into());
        }
    }
    verify_server_name(&parsed, name)?;
    Ok(ServerCertVerified::assertion())
}
