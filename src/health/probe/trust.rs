//! TLS of probes: whom they trust, and what a failed handshake means.
//!
//! Public trust is Mozilla's list as the crate `webpki-roots` has it, compiled in: it needs no file
//! of the machine, so it is the same on every name server and in a container without any. A cluster
//! with authorities of its own names them as `ca_file`; so may one that wants the system's list.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, OtherError, RootCertStore};
use rustls_pki_types::ServerName;

use crate::cluster::trust::{Authorities, Tls, Trust};
use crate::health::probe::failure::Failure;
use crate::health::probe::verifier::{Anyone, Known, Unverifiable};

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
    let provider = PROVIDER.clone();
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Anyone => Arc::new(Anyone),
        Trust::Public => Arc::new(Known::new(PUBLIC.clone(), Arc::new([]), provider)?),
        Trust::Authorities(Authorities { roots, certificates, .. }) => {
            Arc::new(Known::new(roots.clone(), certificates.clone(), provider)?)
        }
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = builder.with_no_client_auth();
    config.resumption = Resumption::disabled();
    Some(config)
}

/// The host name without a dot at its end.
pub fn server_name(tls: &Tls, address: IpAddr) -> Option<ServerName<'static>> {
    match &tls.name {
        Some(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()).ok(),
        None => Some(ServerName::IpAddress(address.into())),
    }
}

/// The failure that an error of the handshake means.
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
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            Failure::Certificate("the certificate is signed in a way that is not accepted here")
        }
        CertificateError::Other(OtherError(error)) => {
            let known = error.downcast_ref::<Unverifiable>().map(Unverifiable::reason);
            Failure::Certificate(known.unwrap_or(NOT_A_SERVER))
        }
        _ => Failure::Certificate(NOT_A_SERVER),
    }
}

const NOT_A_SERVER: &str = "the certificate is not one of a server that can be trusted";

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
