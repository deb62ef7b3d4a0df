//! TLS of probes: whom they trust, and what a failed handshake means.
//!
//! Public trust is Mozilla's list as the crate `webpki-roots` has it, compiled in: it needs no file
//! of the machine, so it is the same on every name server and in a container without any. A cluster
//! with authorities of its own names them as `ca_file`; so may one that wants the system's list.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::cluster::trust::{Tls, Trust};
use crate::health::probe::failure::Failure;

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

static PUBLIC: LazyLock<Arc<RootCertStore>> =
    LazyLock::new(|| Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()));

/// Nothing is kept between two handshakes: each one sees the whole certificate. `None` never
/// happens with a provider that has TLS 1.2 and 1.3.
pub fn client_config(trust: &Trust) -> Option<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .ok()?;
    let builder = match trust {
        Trust::Anyone => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(PROVIDER.clone())))
        }
        Trust::Public => builder.with_root_certificates(PUBLIC.clone()),
        Trust::Authorities(authorities) => {
            builder.with_root_certificates(authorities.roots.clone())
        }
    };
    let mut config = builder.with_no_client_auth();
    config.resumption = Resumption::disabled();
    Some(config)
}

/// Without the dot that may stand at the end of a host name.
pub fn server_name(tls: &Tls, address: IpAddr) -> Option<ServerName<'static>> {
    match &tls.name {
        Some(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()).ok(),
        None => Some(ServerName::IpAddress(address.into())),
    }
}

/// Accepts every certificate; that the server has its key is proven all the same.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What a failed handshake means.
pub fn failure(error: &Error) -> Failure {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::AlertReceived(alert) => refused(*alert),
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => Failure::NotTls,
        Error::PeerIncompatible(_) => Failure::NothingInCommon,
        _ => Failure::Handshake,
    }
}

fn certificate(error: &CertificateError) -> Failure {
    match error {
        CertificateError::ExpiredContext { time, not_after } => {
            let over = time.as_secs().saturating_sub(not_after.as_secs());
            Failure::Expired { days: whole_days(over) }
        }
        CertificateError::Expired => Failure::Certificate("the certificate has expired"),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Failure::Certificate("the certificate is not valid yet")
        }
        CertificateError::NotValidForNameContext { expected, .. } => {
            Failure::OtherName(expected.to_str().into_owned())
        }
        CertificateError::UnknownIssuer => {
            Failure::Certificate("the issuer of the certificate is not trusted")
        }
        CertificateError::BadSignature => {
            Failure::Certificate("the signature of the certificate is wrong")
        }
        CertificateError::BadEncoding => Failure::Certificate("the certificate cannot be read"),
        _ => Failure::Certificate("the certificate is not one of a server that can be trusted"),
    }
}

pub fn whole_days(seconds: u64) -> i64 {
    const DAY: Duration = Duration::from_secs(86_400);
    (seconds / DAY.as_secs()) as i64
}

fn refused(alert: AlertDescription) -> Failure {
    match alert {
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            Failure::NothingInCommon
        }
        AlertDescription::UnrecognisedName => Failure::Alert("no such name here".into()),
        AlertDescription::CertificateRequired => {
            Failure::Alert("it wants a certificate of ours".into())
        }
        alert => Failure::Alert(format!("alert {}", u8::from(alert))),
    }
}
