//! Probes over TLS against servers with certificates of the test's own, good and bad.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tiovivo::checks::tls::checked::TlsProbe;
use tiovivo::cluster::trust::{Authorities, Tls, Trust};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

const NAME: &str = "www.midominio.com";

/// An authority, and the trust in it.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut parameters = CertificateParams::new(vec![]).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority(CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    pub fn trust(&self) -> Trust {
        trusted(self.0.der())
    }

    /// A server that presents a certificate for `name`, changed by `change`.
    pub fn acceptor(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        acceptor(certificate.der().clone(), &key)
    }
}

/// Trust in this certificate, whatever it is.
fn trusted(certificate: &CertificateDer<'static>) -> Trust {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let certificates = [certificate.clone()].into();
    Trust::Authorities(Authorities { file: "ca.pem".into(), roots: roots.into(), certificates })
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A server that answers each request within TLS with `answer`.
async fn serves(acceptor: TlsAcceptor, answer: &'static [u8]) -> u16 {
    server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream): Result<TlsStream<TcpStream>, _> = acceptor.accept(stream).await
            else {
                return;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n";

fn https(port: u16, trust: Trust, name: Option<&str>) -> Probe {
    let Probe::Http(probe) = http(port) else { unreachable!() };
    let tls = Some(Tls { name: name.map(str::to_owned), trust });
    Probe::Http(HttpProbe { tls, body: Some("ready".into()), ..probe })
}

#[tokio::test]
async fn a_good_certificate_is_trusted_by_name_and_by_address() {
    let authority = Authority::new("ours");
    let port = serves(authority.acceptor(NAME, |_| {}), OK).await;
    let probe = https(port, authority.trust(), Some(NAME));
    assert_eq!(verdict(&probe, LONG).await.unwrap().said, ProbeAnswer::Status(200));
    assert_eq!(describe(HOME, &probe), format!("GET https://127.0.0.1:{port}/health?deep=0"));
    let port = serves(authority.acceptor("127.0.0.1", |_| {}), OK).await;
    assert!(verdict(&https(port, authority.trust(), None), LONG).await.is_ok());
}

/// The bad ones, each with what is told of it.
fn bad(authority: &Authority) -> Vec<(TlsAcceptor, &'static str)> {
    let other = Authority::new("theirs");
    let forged = Authority::new("ours");
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec![NAME.into()]).unwrap().self_signed(&key).unwrap();
    let expired = |parameters: &mut CertificateParams| {
        parameters.not_before = date_time_ymd(2001, 1, 1);
        parameters.not_after = date_time_ymd(2001, 1, 2);
    };
    let future = |parameters: &mut CertificateParams| {
        parameters.not_before = date_time_ymd(3001, 1, 1);
        parameters.not_after = date_time_ymd(3001, 1, 2);
    };
    vec![
        (authority.acceptor(NAME, expired), " days ago"),
        (authority.acceptor(NAME, future), "the certificate is not valid yet"),
        (authority.acceptor("a.example", |_| {}), "the certificate is not for www.midominio.com"),
        (forged.acceptor(NAME, |_| {}), "the signature of the certificate is wrong"),
        (other.acceptor(NAME, |_| {}), "the issuer of the certificate is not trusted"),
        (acceptor(own.der().clone(), &key), "the issuer of the certificate is not trusted"),
    ]
}

#[tokio::test]
async fn a_bad_certificate_is_told_and_accepted_only_where_nothing_is_verified() {
    let authority = Authority::new("ours");
    for (acceptor, expected) in bad(&authority) {
        let port = serves(acceptor, OK).await;
        let told = reason(https(port, authority.trust(), Some(NAME)), LONG).await;
        assert!(told.ends_with(expected), "{told}, expected {expected}");
        let unverified = https(port, Trust::Anyone, Some(NAME));
        assert_eq!(
            verdict(&unverified, LONG).await.unwrap().said,
            ProbeAnswer::Status(200),
            "{expected}"
        );
    }
}

#[tokio::test]
async fn an_authority_of_the_cluster_is_none_of_the_public_ones() {
    let authority = Authority::new("ours");
    let port = serves(authority.acceptor(NAME, |_| {}), OK).await;
    let told = reason(https(port, Trust::Public, Some(NAME)), LONG).await;
    assert_eq!(told, "the issuer of the certificate is not trusted");
}

#[tokio::test]
async fn what_does_not_speak_tls_is_told_apart() {
    let https = |port| https(port, Trust::Anyone, Some(NAME));
    let told = reason(https(says(false, b"220 mail.midominio.com ESMTP\r\n").await), LONG).await;
    assert_eq!(told, "not a TLS answer");
    let told = reason(https(says(false, b"").await), LONG).await;
    assert!(["closed without an answer", "connection reset"].contains(&told.as_str()), "{told}");
    assert_eq!(reason(https(nobody().await), LONG).await, "connection refused");
    let port = server(|mut stream| async move {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    })
    .await;
    assert_eq!(reason(https(port), SHORT).await, "no answer within 200 ms");
}

#[tokio::test]
async fn a_handshake_that_trickles_has_until_the_timeout() {
    let port = server(|mut stream| async move {
        // A handshake record of 16 KiB, one octet at a time.
        for byte in [22, 3, 3, 0x40, 0].into_iter().chain(std::iter::repeat(2)) {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let told = reason(https(port, Trust::Anyone, Some(NAME)), SHORT).await;
    assert_eq!(told, "no answer within 200 ms");
}

fn tls(port: u16, trust: Trust, min_days: Option<u32>) -> Probe {
    let tls = Tls { name: Some(NAME.into()), trust };
    Probe::Tls(TlsProbe { port, tls, min_days, start_tls: None, proxy: None })
}

/// A certificate that ends in so many days and a half.
fn lasting(authority: &Authority, days: i64) -> TlsAcceptor {
    authority.acceptor(NAME, |parameters| {
        let now = std::time::SystemTime::now();
        let half = days * 86_400 + 43_200;
        let end = match u64::try_from(half) {
            Ok(after) => now + Duration::from_secs(after),
            Err(_) => now - Duration::from_secs(half.unsigned_abs()),
        };
        parameters.not_before = date_time_ymd(2001, 1, 1);
        parameters.not_after = end.into();
    })
}

#[tokio::test]
async fn a_handshake_shows_when_the_certificate_expires() {
    let authority = Authority::new("ours");
    let port = serves(lasting(&authority, 12), OK).await;
    let said = verdict(&tls(port, authority.trust(), Some(12)), LONG).await.unwrap().said;
    assert_eq!(said, ProbeAnswer::Certificate { days: Some(12) });
    let told = reason(tls(port, authority.trust(), Some(30)), LONG).await;
    assert_eq!(told, "the certificate expires in 12 days, expected at least 30");
    let port = serves(lasting(&authority, -3), OK).await;
    let told = reason(tls(port, authority.trust(), None), LONG).await;
    assert_eq!(told, "the certificate expired 2 days ago");
    let said = verdict(&tls(port, Trust::Anyone, None), LONG).await.unwrap().said;
    assert_eq!(said, ProbeAnswer::Certificate { days: Some(-3) });
    let described = describe(HOME, &tls(443, Trust::Public, None));
    assert_eq!(described, "TLS handshake with 127.0.0.1:443");
}

/// For the metric of its end; whatever is asked within TLS.
#[tokio::test]
async fn a_healthy_answer_says_when_the_certificate_ends() {
    let authority = Authority::new("ours");
    let acceptor = authority.acceptor(NAME, |parameters| {
        parameters.not_after = date_time_ymd(2999, 1, 1);
    });
    let port = serves(acceptor, OK).await;
    let ends = Some("2999-01-01T00:00:00Z".parse().unwrap());
    for probe in [https(port, authority.trust(), Some(NAME)), tls(port, authority.trust(), None)] {
        assert_eq!(verdict(&probe, LONG).await.unwrap().certificate, ends);
    }
    let plain = says(true, OK).await;
    assert_eq!(verdict(&http(plain), LONG).await.unwrap().certificate, None);
}

/// RFC 5280 §4.1.2.5.
#[tokio::test]
async fn a_certificate_without_an_end_is_good() {
    let authority = Authority::new("ours");
    let acceptor = authority.acceptor(NAME, |parameters| {
        parameters.not_after = date_time_ymd(9999, 12, 31) + Duration::from_secs(86_399);
    });
    let port = serves(acceptor, OK).await;
    for trust in [authority.trust(), Trust::Anyone] {
        let said = verdict(&tls(port, trust.clone(), Some(365)), LONG).await.unwrap().said;
        assert_eq!(said, ProbeAnswer::Certificate { days: None });
        assert_eq!(said.to_string(), "TLS, certificate without an end");
        assert!(verdict(&https(port, trust, Some(NAME)), LONG).await.is_ok());
    }
}

/// What `openssl req -x509` makes: a certificate that says of itself that it is an authority's.
fn own_authority(name: &str, change: impl FnOnce(&mut CertificateParams)) -> (TlsAcceptor, Trust) {
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut parameters);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    (acceptor(certificate.der().clone(), &key), trusted(certificate.der()))
}

#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_trusted_where_it_is_named() {
    let (acceptor, trust) = own_authority(NAME, |_| {});
    let port = serves(acceptor, OK).await;
    let said = verdict(&https(port, trust.clone(), Some(NAME)), LONG).await.unwrap().said;
    assert_eq!(said, ProbeAnswer::Status(200));
    let told = reason(https(port, trust, Some("other.midominio.com")), LONG).await;
    assert_eq!(told, "the certificate is not for other.midominio.com");
    let (_, another) = own_authority(NAME, |_| {});
    assert!(verdict(&https(port, another, Some(NAME)), LONG).await.is_err());
    let (acceptor, trust) = own_authority(NAME, |parameters| {
        parameters.not_before = date_time_ymd(2001, 1, 1);
        parameters.not_after = date_time_ymd(2001, 1, 2);
    });
    let told = reason(https(serves(acceptor, OK).await, trust, Some(NAME)), LONG).await;
    assert!(told.starts_with("the certificate expired "), "{told}");
    let (acceptor, trust) = own_authority(NAME, |parameters| {
        parameters.not_before = date_time_ymd(3001, 1, 1);
        parameters.not_after = date_time_ymd(3001, 1, 2);
    });
    let told = reason(https(serves(acceptor, OK).await, trust, Some(NAME)), LONG).await;
    assert_eq!(told, "the certificate is not valid yet");
}

#[tokio::test]
async fn a_handshake_with_a_bad_certificate_tells_the_same_as_https() {
    let authority = Authority::new("ours");
    for (acceptor, expected) in bad(&authority) {
        let port = serves(acceptor, OK).await;
        let told = reason(tls(port, authority.trust(), None), LONG).await;
        assert!(told.ends_with(expected), "{told}, expected {expected}");
        assert!(verdict(&tls(port, Trust::Anyone, None), LONG).await.is_ok(), "{expected}");
    }
}

#[tokio::test]
async fn a_handshake_with_liars() {
    let tls = |port| tls(port, Trust::Anyone, None);
    let told = reason(tls(says(false, b"HTTP/1.1 400 Bad Request\r\n\r\n").await), LONG).await;
    assert_eq!(told, "not a TLS answer");
    assert_eq!(reason(tls(nobody().await), LONG).await, "connection refused");
    // An alert in place of the handshake: 40 is handshake_failure, 80 internal_error.
    let port = says(false, b"\x15\x03\x03\x00\x02\x02\x28").await;
    assert_eq!(
        reason(tls(port), LONG).await,
        "no TLS version, cipher or kind of signature in common"
    );
    let port = says(false, b"\x15\x03\x03\x00\x02\x02\x50").await;
    assert_eq!(reason(tls(port), LONG).await, "the TLS handshake was refused: alert 80");
    let port = server(|mut stream| async move {
        // Handshake records of 16 KiB without an end.
        let record = [&[22, 3, 3, 0x40, 0][..], &[1; 0x4000]].concat();
        while stream.write_all(&record).await.is_ok() {}
    })
    .await;
    let told = reason(tls(port), LONG).await;
    assert!(["not a TLS answer", "the TLS handshake failed"].contains(&told.as_str()), "{told}");
}
