//! Reads PEM files: the certificate and key of the encrypted transports, checked for rustls, and
//! the authorities that probes over TLS trust.
//!
//! | found | reported as |
//! |---|---|
//! | a file that cannot be read, or has no certificate or no key in it | fault |
//! | a key that does not belong to the chain's first certificate | fault |
//! | the first certificate expired, or not valid yet | warning: better than no answer |
//! | a key that everyone on the machine may read | warning |
//!
//! Two things are not checked, because only clients know them: whether they trust the issuer, and
//! which name they ask for.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::cluster::trust::Authorities;
use crate::cluster::validity::{self, Validity};
use crate::regular_file;

/// Most octets of a file.
const MAX_FILE: u64 = 1 << 20;
/// The byte order mark of UTF-8, which some editors write at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Most certificates of a chain.
const MAX_CHAIN: usize = 16;
/// Most certificates of authorities; Mozilla's list has about 140.
const MAX_AUTHORITIES: usize = 512;

/// A chain and its key. Equality compares the chains: the first certificate contains the public
/// key.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub certified: Arc<CertifiedKey>,
    /// The end of validity of the chain's first certificate; `None` for one without an end.
    pub expires: Option<Timestamp>,
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Certificate) -> bool {
        self.certified.cert == other.certified.cert
    }
}

impl Eq for Certificate {}

/// Why there is no usable certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFault {
    #[error("{}: {source}", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{}: more than {MAX_FILE} octets; that is no PEM file", file.display())]
    TooLarge { file: PathBuf },
    #[error("{}: not PEM: {source}", file.display())]
    NotPem { file: PathBuf, source: pem::Error },
    #[error("{}: no certificate in it; expected `-----BEGIN CERTIFICATE-----`", file.display())]
    NoCertificate { file: PathBuf },
    #[error("{}: more than {MAX_CHAIN} certificates; expected the server's own and its issuers",
        file.display())]
    LongChain { file: PathBuf },
    #[error("{}: more than {MAX_AUTHORITIES} certificates", file.display())]
    Many { file: PathBuf },
    #[error("{}: a certificate that cannot be read as an authority's", file.display())]
    BadAuthority { file: PathBuf },
    #[error(
        "{}: the first certificate cannot be read; the server's own comes first",
        file.display()
    )]
    BadCertificate { file: PathBuf },
    #[error(
        "{}: no private key in it; expected `-----BEGIN PRIVATE KEY-----`, without a passphrase",
        file.display()
    )]
    NoKey { file: PathBuf },
    #[error(
        "{}: no key that can be used; RSA, ECDSA P-256 or P-384 and Ed25519 can",
        file.display()
    )]
    BadKey { file: PathBuf },
    #[error(
        "{}: the key does not belong to the first certificate of {}; the server's own comes first",
        key.display(), chain.display()
    )]
    Mismatch { chain: PathBuf, key: PathBuf },
}

/// Reads a certificate and its key. Returns warnings too, or all faults. The validity is checked
/// against `now`.
pub fn read(
    chain: &Path,
    key: &Path,
    now: Timestamp,
) -> Result<(Certificate, Vec<String>), Vec<CertificateFault>> {
    let mut warnings = vec![];
    let (certificates, private) = match (read_chain(chain), read_key(key, &mut warnings)) {
        (Ok(certificates), Ok(private)) => (certificates, private),
        (certificates, private) => {
            return Err([certificates.err(), private.err()].into_iter().flatten().collect());
        }
    };
    let Some(validity) = certificates.first().and_then(|first| validity::of(first)) else {
        return Err(vec![CertificateFault::BadCertificate { file: chain.into() }]);
    };
    let Validity { starts, ends: expires } = validity;
    if let Some(expired) = expires.filter(|expires| *expires < now) {
        warnings.push(format!("{}: the certificate expired on {expired}", chain.display()));
    } else if now < starts {
        warnings.push(format!("{}: the certificate is not valid before {starts}", chain.display()));
    }
    let provider = rustls::crypto::ring::default_provider();
    let certified = CertifiedKey::from_der(certificates, private, &provider)
        .map_err(|error| vec![refusal(&error, chain, key)])?;
    Ok((Certificate { certified: Arc::new(certified), expires }, warnings))
}

fn refusal(error: &Error, chain: &Path, key: &Path) -> CertificateFault {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            CertificateFault::Mismatch { chain: chain.into(), key: key.into() }
        }
        Error::InvalidCertificate(_) => CertificateFault::BadCertificate { file: chain.into() },
        _ => CertificateFault::BadKey { file: key.into() },
    }
}

/// Reads the authorities that probes trust from a PEM file.
pub fn authorities(file: &Path) -> Result<Authorities, CertificateFault> {
    let certificates = certificates(file, MAX_AUTHORITIES)?;
    let bad = |_| CertificateFault::BadAuthority { file: file.into() };
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(bad)?;
    }
    Ok(Authorities { file: file.into(), roots: roots.into(), certificates: certificates.into() })
}

fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateFault> {
    certificates(file, MAX_CHAIN).map_err(|fault| match fault {
        CertificateFault::Many { file } => CertificateFault::LongChain { file },
        fault => fault,
    })
}

/// The certificates of a PEM file, at least one.
fn certificates(
    file: &Path,
    most: usize,
) -> Result<Vec<CertificateDer<'static>>, CertificateFault> {
    let (text, _) = open(file)?;
    let mut chain = vec![];
    for certificate in CertificateDer::pem_slice_iter(&text) {
        if chain.len() == most {
            return Err(CertificateFault::Many { file: file.into() });
        }
        let not_pem = |source| CertificateFault::NotPem { file: file.into(), source };
        chain.push(certificate.map_err(not_pem)?);
    }
    if chain.is_empty() {
        return Err(CertificateFault::NoCertificate { file: file.into() });
    }
    Ok(chain)
}

fn read_key(
    file: &Path,
    warnings: &mut Vec<String>,
) -> Result<PrivateKeyDer<'static>, CertificateFault> {
    let (text, mode) = open(file)?;
    if mode & 0o004 != 0 {
        let name = file.display();
        warnings.push(format!("{name}: everyone on this machine may read the key; chmod o-rwx it"));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => CertificateFault::NoKey { file: file.into() },
        source => CertificateFault::NotPem { file: file.into(), source },
    })
}

/// The content and the mode of the file.
fn open(file: &Path) -> Result<(Vec<u8>, u32), CertificateFault> {
    let read = || {
        let (opened, metadata) = regular_file::open(file)?;
        let mut text = regular_file::read_up_to(&opened, MAX_FILE)?;
        if text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        Ok((text, metadata.mode()))
    };
    match read() {
        Ok((text, _)) if text.len() as u64 > MAX_FILE => {
            Err(CertificateFault::TooLarge { file: file.into() })
        }
        Ok(found) => Ok(found),
        Err(source) => Err(CertificateFault::Unreadable { file: file.into(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;
    use tempfile::TempDir;

    struct Folder(TempDir);

    impl Folder {
        /// A certificate for the years `from..to` and its key, as `chain.pem` and `key.pem`.
        fn with(from: i32, to: i32) -> Folder {
            let folder = Folder(tempfile::tempdir().unwrap());
            let key = KeyPair::generate().unwrap();
            let mut parameters = CertificateParams::new(vec!["ns1.midominio.com".into()]).unwrap();
            parameters.not_before = date_time_ymd(from, 1, 1);
            parameters.not_after = date_time_ymd(to, 1, 1);
            folder.write("chain.pem", &parameters.self_signed(&key).unwrap().pem());
            folder.write("key.pem", &key.serialize_pem());
            folder
        }

        fn write(&self, name: &str, text: &str) {
            let file = self.0.path().join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        }

        /// Warnings, or faults without the folder.
        fn read(&self) -> Result<Vec<String>, Vec<String>> {
            let file = |name| self.0.path().join(name);
            let now = "2026-05-01T00:00:00Z".parse().unwrap();
            let tidy = |text: String| text.replace(&format!("{}/", self.0.path().display()), "");
            match read(&file("chain.pem"), &file("key.pem"), now) {
                Ok((_, warnings)) => Ok(warnings.into_iter().map(tidy).collect()),
                Err(faults) => Err(faults.iter().map(|fault| tidy(fault.to_string())).collect()),
            }
        }
    }

    #[test]
    fn a_chain_with_its_key_is_read_with_nothing_to_say() {
        assert_eq!(Folder::with(2020, 2030).read(), Ok(vec![]));
        assert_eq!(Folder::with(2020, 2070).read(), Ok(vec![]), "GeneralizedTime from 2050");
    }

    #[test]
    fn what_is_not_valid_today_is_a_warning() {
        let expired = "chain.pem: the certificate expired on 2021-01-01T00:00:00Z";
        assert_eq!(Folder::with(2020, 2021).read(), Ok(vec![expired.into()]));
        let early = "chain.pem: the certificate is not valid before 2029-01-01T00:00:00Z";
        assert_eq!(Folder::with(2029, 2030).read(), Ok(vec![early.into()]));
        let folder = Folder::with(2020, 2030);
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(folder.0.path().join("key.pem"), open).unwrap();
        assert_eq!(
            folder.read().unwrap(),
            ["key.pem: everyone on this machine may read the key; chmod o-rwx it"]
        );
    }

    #[test]
    fn a_certificate_without_an_end_has_nothing_to_say() {
        let folder = Folder(tempfile::tempdir().unwrap());
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec!["ns1.midominio.com".into()]).unwrap();
        // RFC 5280 §4.1.2.5.
        parameters.not_after = date_time_ymd(9999, 12, 31) + Duration::from_secs(86_399);
        let pem = parameters.self_signed(&key).unwrap().pem();
        folder.write("chain.pem", &pem);
        folder.write("key.pem", &key.serialize_pem());
        assert_eq!(folder.read(), Ok(vec![]));
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        assert!(der.windows(15).any(|window| window == b"99991231235959Z"));
        assert_eq!(validity::of(&der).unwrap().ends, None);
    }

    #[test]
    fn a_byte_order_mark_is_read_past() {
        let folder = Folder::with(2020, 2030);
        let chain = fs::read_to_string(folder.0.path().join("chain.pem")).unwrap();
        folder.write("chain.pem", &format!("\u{feff}{chain}"));
        assert_eq!(folder.read(), Ok(vec![]));
        let file = folder.0.path().join("chain.pem");
        assert_eq!(authorities(&file).unwrap().certificates.len(), 1);
    }

    #[test]
    fn every_file_that_is_wrong_is_told_at_once() {
        let folder = Folder(tempfile::tempdir().unwrap());
        let faults = folder.read().unwrap_err();
        assert_eq!(faults.len(), 2);
        assert!(faults[0].starts_with("chain.pem: No such file"), "{faults:?}");
        assert!(faults[1].starts_with("key.pem: No such file"), "{faults:?}");
        folder.write("chain.pem", "midominio.com");
        folder.write("key.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n");
        let faults = folder.read().unwrap_err();
        assert!(faults[0].starts_with("chain.pem: no certificate in it; expected"), "{faults:?}");
        assert!(faults[1].starts_with("key.pem: "), "{faults:?}");
    }

    #[test]
    fn a_key_must_belong_to_the_first_certificate() {
        let folder = Folder::with(2020, 2030);
        folder.write("key.pem", &KeyPair::generate().unwrap().serialize_pem());
        let fault = "key.pem: the key does not belong to the first certificate of chain.pem; \
                     the server's own comes first";
        assert_eq!(folder.read(), Err(vec![fault.into()]));
    }

    #[test]
    fn a_certificate_that_is_cut_off_is_a_fault_and_no_panic() {
        let folder = Folder::with(2020, 2030);
        let pem = fs::read(folder.0.path().join("chain.pem")).unwrap();
        let der = CertificateDer::from_pem_slice(&pem).unwrap();
        for end in 0..der.len() {
            assert_eq!(validity::of(&der[..end]).is_some(), end == der.len());
        }
        folder.write("chain.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let fault = "chain.pem: the first certificate cannot be read; the server's own comes first";
        assert_eq!(folder.read(), Err(vec![fault.into()]));
    }
}
