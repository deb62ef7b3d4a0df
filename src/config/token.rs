//! Reads files with a secret, such as the bearer token of the API, which only their owner may read.

use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::fault::Problem;
use crate::config::read;
use crate::regular_file;

/// Largest token file, or other file with a secret.
pub const MAX_TOKEN: u64 = 4096;

/// A bearer token of the API. Its text is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

impl BearerToken {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Reads a token, without the blanks around it. `None` when there is no such file: then requests
/// that need the token are refused.
pub fn read(path: &Path) -> Result<Option<BearerToken>, Problem> {
    let Some(text) = owners_text(path)? else { return Ok(None) };
    let token = text.trim();
    if token.is_empty() {
        return Err(Problem::new("is empty", "write a token into it, or remove the file"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let help = "write one word of ASCII letters, digits and signs";
        return Err(Problem::new("has blanks or other than ASCII in its token", help));
    }
    Ok(Some(BearerToken(token.to_owned())))
}

/// The text of a file that only its owner may read and write; `None` when there is no such file.
pub fn owners_text(path: &Path) -> Result<Option<String>, Problem> {
    let (file, metadata) = match regular_file::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(read::unreadable(&error)),
        Ok(opened) => opened,
    };
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        let message = format!("may be read or written by others (mode {:03o})", mode & 0o777);
        return Err(Problem::new(message, format!("run `chmod 600 {}`", path.display())));
    }
    read::text_of(&file, MAX_TOKEN).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn only_its_owner_may_read_the_token() {
        let (_dir, path) = file("s3cret\n", 0o600);
        assert_eq!(read(&path), Ok(Some(BearerToken("s3cret".into()))));
        for mode in [0o640, 0o604, 0o620, 0o602] {
            let (_dir, path) = file("s3cret\n", mode);
            assert!(
                read(&path).unwrap_err().help.unwrap().starts_with("run `chmod 600 "),
                "{mode:o}"
            );
        }
    }

    #[test]
    fn an_absent_token_is_none_and_an_empty_one_a_fault() {
        assert_eq!(read(Path::new("/nowhere/token")), Ok(None));
        assert_eq!(read(&file("\n", 0o600).1).unwrap_err().message, "is empty");
        assert!(read(&file("two words", 0o600).1).unwrap_err().message.starts_with("has blanks"));
    }

    #[test]
    fn a_token_is_not_printed() {
        assert_eq!(format!("{:?}", BearerToken("s3cret".into())), "Token");
    }
}
