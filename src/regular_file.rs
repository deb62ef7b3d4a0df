//! Opens files; no other module does. It opens regular files and folders, and nothing else.
//!
//! Opening a pipe waits for its writer, and reading a device may never end. So the type is checked
//! before and after the opening, and the opening itself never waits.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Octets of one system call. While the kernel copies, no other thread runs on the core: 20 MB at
/// once kept a thread that answers queries waiting for 5 ms.
const CHUNK: u64 = 256 << 10;

/// The message about a folder in place of a file.
pub const IS_FOLDER: &str = "is a folder; name the file in it";
/// The message about a pipe, device or socket in place of a file.
pub const NOT_REGULAR: &str = "is no regular file; write its content into one";

/// Opens a regular file for reading. A folder or another kind of file is an error.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    require_regular(fs::metadata(path)?)?;
    // A pipe may have replaced the file since the check: it is opened without waiting, not read.
    let file = OpenOptions::new().read(true).custom_flags(flags()).open(path)?;
    let metadata = require_regular(file.metadata()?)?;
    Ok((file, metadata))
}

/// Opens a regular file for reading, writing and locking; creates it when it is missing.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        found => {
            require_regular(found?)?;
        }
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).custom_flags(flags());
    let file = options.open(path)?;
    require_regular(file.metadata()?)?;
    Ok(file)
}

/// Opens a folder, to sync the names in it to the disk.
pub fn open_folder(path: &Path) -> io::Result<File> {
    let flags = flags() | OFlags::DIRECTORY.bits() as i32;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Reads at most `max` octets, and one more when the file is longer.
pub fn read_up_to(file: &File, max: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = Vec::with_capacity(length.min(max) as usize + 1);
    while bytes.len() as u64 <= max {
        let rest = (max + 1 - bytes.len() as u64).min(CHUNK);
        if file.take(rest).read_to_end(&mut bytes)? == 0 {
            break;
        }
    }
    Ok(bytes)
}

/// The flags of every opening: it neither waits for the other end of a pipe, nor makes a terminal
/// the controlling terminal of the process.
fn flags() -> i32 {
    (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32
}

fn require_regular(metadata: Metadata) -> io::Result<Metadata> {
    if metadata.is_file() {
        return Ok(metadata);
    }
    Err(match metadata.is_dir() {
        true => io::Error::new(ErrorKind::IsADirectory, IS_FOLDER),
        false => io::Error::new(ErrorKind::InvalidInput, NOT_REGULAR),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_neither_opened_nor_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(open(&pipe).unwrap_err().to_string(), NOT_REGULAR);
        assert!(open_or_create(&pipe).is_err());
        // Also when a pipe replaces the file between the check and the opening.
        let opened = OpenOptions::new().read(true).custom_flags(flags()).open(&pipe).unwrap();
        assert!(require_regular(opened.metadata().unwrap()).is_err());
    }
}
