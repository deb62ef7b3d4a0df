//! TLS with certificates that few servers have, against `openssl s_server`.
//!
//! | certificate | `verify: false` | named by `ca_file` |
//! |---|---|---|
//! | of X.509 version 1 | up | refused: it has no names |
//! | with an RSA key of 1024 bits | up | refused: the key is too short |
//! | with a key on P-521 | up | refused: no kind of signature in common |
//! | its own authority, as `openssl req -x509` makes it | up | up |

use std::fs;
use std::path::Path;
use std::process::Command;

use tiovivo::checks::checked::Probe;
use tiovivo::checks::http::checked::HttpProbe;
use tiovivo::checks::tls::checked::TlsProbe;
use tiovivo::cluster::trust::{Tls, Trust};
use tiovivo::config::certificate;

use crate::server::{free_port, program};
use crate::services::{Service, verdict};

const NAME: &str = "www.midominio.com";

/// Within `folder`; the words are those of a shell.
fn openssl(folder: &Path, words: &str) {
    let mut command = Command::new(program("openssl"));
    let made = command.args(words.split_whitespace()).current_dir(folder).output();
    let made = made.expect("openssl runs");
    assert!(made.status.success(), "{words}: {}", String::from_utf8_lossy(&made.stderr));
}

/// `cert.pem` and `key.pem` in a folder, served over HTTPS, with the trust in them.
struct Served {
    _service: Service,
    _folder: tempfile::TempDir,
    port: u16,
    trust: Trust,
}

impl Served {
    /// A certificate of `openssl req -x509` with this kind of key.
    fn start(key: &str) -> Served {
        let folder = tempfile::tempdir().expect("a folder");
        let words = format!(
            "req -x509 -nodes -newkey {key} -keyout key.pem -out cert.pem -days 30 \
             -subj /CN={NAME} -addext subjectAltName=DNS:{NAME}"
        );
        openssl(folder.path(), &words);
        Served::over(folder)
    }

    fn version_one() -> Served {
        let folder = tempfile::tempdir().expect("a folder");
        openssl(
            folder.path(),
            &format!("req -new -nodes -newkey rsa:2048 -keyout key.pem -out csr -subj /CN={NAME}"),
        );
        openssl(folder.path(), "x509 -req -in csr -signkey key.pem -out cert.pem -days 30");
        Served::over(folder)
    }

    fn over(folder: tempfile::TempDir) -> Served {
        let port = free_port();
        let mut command = Command::new(program("openssl"));
        command.args(["s_server", "-quiet", "-www", "-cert", "cert.pem", "-key", "key.pem"]);
        command.args(["-cipher", "ALL:@SECLEVEL=0", "-accept", &format!("127.0.0.1:{port}")]);
        let service = Service::start(command.current_dir(folder.path()), port);
        let trust = Trust::Authorities(authorities(&folder.path().join("cert.pem")));
        Served { _service: service, _folder: folder, port, trust }
    }

    /// Of a handshake, and of a request over HTTPS.
    async fn said(&self, trust: &Trust) -> [String; 2] {
        let (port, tls) = (self.port, Tls { name: Some(NAME.into()), trust: trust.clone() });
        let handshake = Probe::Tls(TlsProbe {
            port,
            tls: tls.clone(),
            min_days: Some(7),
            start_tls: None,
            proxy: None,
        });
        let https = Probe::Http(HttpProbe {
            port,
            host: Some(NAME.into()),
            tls: Some(tls),
            ..HttpProbe::default()
        });
        let said = async |probe| match verdict(&probe).await {
            Ok(said) => said.to_string(),
            Err(reason) => reason,
        };
        [said(handshake).await, said(https).await]
    }
}

fn is_up([handshake, https]: &[String; 2]) {
    assert!(handshake.starts_with("TLS, certificate expires in "), "{handshake}");
    assert_eq!(https, "200");
}

fn authorities(file: &Path) -> tiovivo::cluster::trust::Authorities {
    // As an editor on Windows leaves it.
    let text = fs::read_to_string(file).expect("a certificate");
    fs::write(file, format!("\u{feff}{text}")).expect("a file");
    certificate::authorities(file).expect("authorities")
}

#[tokio::test]
async fn certificates_that_few_servers_have() {
    for (served, refused) in [
        (
            Served::version_one(),
            "the certificate is of X.509 version 1, which has no names of servers",
        ),
        (
            Served::start("rsa:1024"),
            "the key of the certificate is RSA of less than 2048 bits, which is not accepted",
        ),
        (
            Served::start("ec -pkeyopt ec_paramgen_curve:secp521r1"),
            "no TLS version, cipher or kind of signature in common",
        ),
    ] {
        is_up(&served.said(&Trust::Anyone).await);
        assert_eq!(served.said(&served.trust).await, [refused; 2]);
    }
}

#[tokio::test]
async fn a_certificate_that_is_its_own_authority() {
    let served = Served::start("rsa:2048");
    is_up(&served.said(&Trust::Anyone).await);
    is_up(&served.said(&served.trust).await);
    let untrusted = "the certificate is one of an authority, and no ca_file here has it itself";
    assert_eq!(served.said(&Trust::Public).await, [untrusted; 2]);
}
