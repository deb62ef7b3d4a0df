//! Reads files that the operator wrote: bounded in size, as UTF-8, with every refusal in words.
//!
//! Zone files are read as octets: the zone reader decides which octets are allowed.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::config::fault::Problem;
use crate::regular_file;

/// Largest config.yaml. Ten thousand nodes need about 1 MiB.
pub const MAX_CONFIG: u64 = 8 << 20;
/// Largest zone file, and largest file that it includes.
pub const MAX_ZONE_FILE: u64 = 256 << 20;
const SAVE_AS_UTF8: &str = "save it as UTF-8";
const MEND_OWNER: &str = "mend its owner or mode";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of a regular file of at most `max` octets. A byte order mark at its start, which some
/// editors write, is dropped.
pub fn text(path: &Path, max: u64) -> Result<String, Problem> {
    let (file, _) = regular_file::open(path).map_err(|error| unreadable(&error))?;
    text_of(&file, max)
}

/// As [`text`], but as octets, in any encoding that extends ASCII.
pub fn octets(path: &Path, max: u64) -> Result<Vec<u8>, Problem> {
    let (file, _) = regular_file::open(path).map_err(|error| unreadable(&error))?;
    octets_of(&file, max)
}

/// As [`text`], for a file that is open.
pub fn text_of(file: &File, max: u64) -> Result<String, Problem> {
    from_utf8(octets_of(file, max)?)
}

fn octets_of(file: &File, max: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = regular_file::read_up_to(file, max).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > max {
        let message = format!("is larger than {} MiB", max >> 20);
        return Err(Problem::new(message, "split it or make it shorter"));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Problem::new("is UTF-16", SAVE_AS_UTF8));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(bytes)
}

fn from_utf8(bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Problem::new(format!("is no UTF-8 in line {line}"), SAVE_AS_UTF8)
    })
}

/// Why a file cannot be opened or read.
pub fn unreadable(error: &io::Error) -> Problem {
    match error.kind() {
        ErrorKind::NotFound => Problem::new("there is no such file", "create it or mend the path"),
        ErrorKind::PermissionDenied => Problem::new("may not be read by this user", MEND_OWNER),
        ErrorKind::IsADirectory => Problem::new("is a folder", "name the file in it"),
        ErrorKind::InvalidInput => Problem::new("is no regular file", "write its content into one"),
        _ => Problem::new(format!("cannot be read: {error}"), MEND_OWNER),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn said<T>(result: Result<T, Problem>) -> Result<T, String> {
        result.map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_byte_order_mark_is_dropped_and_other_encodings_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let read = |octets_there: &[u8]| {
            fs::write(&file, octets_there).unwrap();
            (said(text(&file, 99)), said(octets(&file, 99)))
        };
        let utf16 = "is UTF-16; save it as UTF-8".to_owned();
        assert_eq!(read(b"\xef\xbb\xbfa: 1"), (Ok("a: 1".into()), Ok(b"a: 1".to_vec())));
        assert_eq!(read(b"\xff\xfea"), (Err(utf16.clone()), Err(utf16)));
        let latin1 = b"a: 1\nb: \xf1";
        let expected = "is no UTF-8 in line 2; save it as UTF-8".to_owned();
        assert_eq!(read(latin1), (Err(expected), Ok(latin1.to_vec())));
    }

    #[test]
    fn a_pipe_is_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(
            said(text(&pipe, 9)),
            Err("is no regular file; write its content into one".into())
        );
    }

    #[test]
    fn what_is_no_file_is_said_in_words() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(said(text(dir.path(), 9)), Err("is a folder; name the file in it".into()));
        let missing = said(text(&dir.path().join("none"), 9));
        assert_eq!(missing, Err("there is no such file; create it or mend the path".into()));
        fs::write(dir.path().join("big"), "0123456789").unwrap();
        assert!(text(&dir.path().join("big"), 9).unwrap_err().message.starts_with("is larger"));
        assert_eq!(text(&dir.path().join("big"), 10), Ok("0123456789".into()));
        assert!(
            text(Path::new("/dev/zero"), 9).unwrap_err().message.starts_with("is no regular file")
        );
    }
}
