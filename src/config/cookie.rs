//! Reads the secrets of DNS cookies from a file, or makes one for this process.

use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::config::fault::Problem;
use crate::config::token;

/// Octets of a secret (RFC 9018 §4).
const SECRET_LEN: usize = 16;
/// Most secrets of a file. A roll-over needs two.
pub const MAX_SECRETS: usize = 8;
const HELP: &str = "write 32 hexadecimal digits a line, as `openssl rand -hex 16` prints them";

/// A secret of DNS cookies. Its octets are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_LEN]);

impl Secret {
    pub fn get(&self) -> &[u8; SECRET_LEN] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The secret for the life of this process: cookies stay valid over a reload. `None` if the system
/// has no random numbers.
static OF_PROCESS: LazyLock<Option<Secret>> = LazyLock::new(|| {
    let mut secret = [0; SECRET_LEN];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut secret).ok().map(|()| Secret(secret))
});

/// The secret of this process. Empty if the system has no random numbers: then there are no
/// cookies.
pub fn of_process() -> Vec<Secret> {
    OF_PROCESS.iter().cloned().collect()
}

/// Reads the secrets of a file; `None` when there is no such file. The error is for a file that
/// others may read, or with anything but 1 to [`MAX_SECRETS`] secrets in it.
pub fn read(path: &Path) -> Result<Option<Vec<Secret>>, Problem> {
    let Some(text) = token::owners_text(path)? else { return Ok(None) };
    let mut secrets = vec![];
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() {
            continue;
        }
        // The line itself is not shown: it may be a secret with a slip in it.
        let secret = HEXLOWER_PERMISSIVE.decode(line.as_bytes()).ok();
        match secret.and_then(|secret| secret.try_into().ok()) {
            Some(secret) => secrets.push(Secret(secret)),
            None => return Err(Problem::new(format!("has no secret in line {number}"), HELP)),
        }
    }
    match secrets.len() {
        0 => Err(Problem::new("is empty", HELP)),
        1..=MAX_SECRETS => Ok(Some(secrets)),
        count => {
            let help = format!("keep at most {MAX_SECRETS}, the one in use first");
            Err(Problem::new(format!("has {count} secrets"), help))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn of(text: &str) -> Result<Vec<Secret>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cookies");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        read(&path).map(|secrets| secrets.unwrap()).map_err(|problem| problem.message)
    }

    #[test]
    fn a_secret_a_line_the_one_in_use_first() {
        let text = "e5e973e5a6b2a43f48e7dc849e37bfcf\n\nDD3BDF9344B678B185A6F5CB60FCA715\r\n";
        let secrets = of(text).unwrap();
        assert_eq!(secrets.len(), 2);
        assert_eq!((secrets[0].0[0], secrets[1].0[15]), (0xe5, 0x15));
        assert_eq!(format!("{secrets:?}"), "[Secret, Secret]");
    }

    #[test]
    fn a_line_that_is_no_secret_is_named_but_not_shown() {
        assert_eq!(of("\n"), Err("is empty".into()));
        assert_eq!(of("# comment"), Err("has no secret in line 1".into()));
        let short = "e5e973e5a6b2a43f48e7dc849e37bfcf\ne5e973e5\n";
        assert_eq!(of(short), Err("has no secret in line 2".into()));
        let many = "e5e973e5a6b2a43f48e7dc849e37bfcf\n".repeat(MAX_SECRETS + 1);
        assert_eq!(of(&many), Err("has 9 secrets".into()));
        assert_eq!(read(Path::new("/nowhere/cookies")), Ok(None));
    }

    #[test]
    fn the_secret_of_the_process_stays() {
        assert_eq!(of_process().len(), 1);
        assert_eq!(of_process(), of_process());
    }
}
