//! Files as text: bounded in size, UTF-8, and every refusal in words.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest config.yaml. Ten thousand nodes need about 1 MiB.
pub const MAX_CONFIG: u64 = 8 << 20;
/// Largest zone file, and largest file that it includes.
pub const MAX_ZONE_FILE: u64 = 256 << 20;
/// Octets of one system call. While the kernel copies, nobody else has the core: 20 MB at once kept
/// a thread that answers waiting for 5 ms.
const PIECE: u64 = 256 << 10;

/// The text of a regular file of at most `max` octets. A byte order mark at its start is dropped:
/// some editors write one, and it changes nothing that the file says.
pub fn text(path: &Path, max: u64) -> Result<String, String> {
    // Before opening: to open a pipe waits for its writer, and a device might never end.
    let metadata = std::fs::metadata(path).map_err(|error| opening(&error))?;
    if metadata.is_dir() {
        return Err("is a folder; name the file in it".into());
    }
    if !metadata.is_file() {
        return Err("is no regular file; write its content into one".into());
    }
    let file = File::open(path).map_err(|error| opening(&error))?;
    let mut bytes = Vec::with_capacity(metadata.len().min(max) as usize + 1);
    while bytes.len() as u64 <= max {
        let read = (&file).take(PIECE).read_to_end(&mut bytes);
        if read.map_err(|error| opening(&error))? == 0 {
            break;
        }
    }
    if bytes.len() as u64 > max {
        return Err(format!("is larger than {} MiB; split it or make it shorter", max >> 20));
    }
    from_utf8(bytes)
}

fn from_utf8(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("is UTF-16; save it as UTF-8".into());
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("is no UTF-8 in line {line}; save it as UTF-8")
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn opening(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file; create it or mend the path".into(),
        std::io::ErrorKind::PermissionDenied => {
            "may not be read by this user; mend its owner or mode".into()
        }
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_dropped_and_other_encodings_are_named() {
        assert_eq!(from_utf8(b"\xef\xbb\xbfa: 1".to_vec()), Ok("a: 1".into()));
        assert_eq!(from_utf8(b"\xff\xfea".to_vec()), Err("is UTF-16; save it as UTF-8".into()));
        let latin1 = b"a: 1\nb: \xf1".to_vec();
        assert_eq!(from_utf8(latin1), Err("is no UTF-8 in line 2; save it as UTF-8".into()));
    }

    #[test]
    fn what_is_no_file_is_said_in_words() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(text(dir.path(), 9), Err("is a folder; name the file in it".into()));
        let missing = text(&dir.path().join("none"), 9);
        assert_eq!(missing, Err("there is no such file; create it or mend the path".into()));
        std::fs::write(dir.path().join("big"), "0123456789").unwrap();
        assert!(text(&dir.path().join("big"), 9).unwrap_err().starts_with("is larger"));
        assert_eq!(text(&dir.path().join("big"), 10), Ok("0123456789".into()));
        assert!(text(Path::new("/dev/zero"), 9).unwrap_err().starts_with("is no regular file"));
    }
}
