//! A small file of the state folder, replaced as a whole.
//!
//! Whoever reads sees the old content or the new, also after the power went: the new content is
//! written beside the file and brought to the disk before it takes the file's name.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::config::read;

/// Longest file that is read: thousands of pools need less.
pub const MAX_LENGTH: u64 = 16 << 20;

/// How the names of files begin that are not finished yet.
const ASIDE: &str = ".tiovivo-";

/// `None` when there is no such file.
pub fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let (opened, _) = match read::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let content = read::content(&opened, MAX_LENGTH)?;
    if content.len() as u64 > MAX_LENGTH {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 16 MiB"));
    }
    Ok(Some(content))
}

/// Makes the folder when it is missing.
pub fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut aside = Builder::new().prefix(ASIDE).tempfile_in(folder)?;
    aside.write_all(content)?;
    aside.as_file().sync_all()?;
    aside.persist(file)?;
    // The new name itself is on the disk only after this.
    read::open_folder(folder)?.sync_all()
}

/// Name of the file whose lock says that a server uses the folder.
pub const LOCK: &str = "lock";

/// For as long as it lives no other process has the folder. The system ends it with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why the folder cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockFault {
    #[error(
        "{} is the state folder of process {}, which runs; give each server a folder of its own, \
         by server.state, or stop that one first", folder.display(), pid.as_deref().unwrap_or("?")
    )]
    InUse { folder: PathBuf, pid: Option<String> },
    #[error("{} cannot be locked: {source}", folder.display())]
    System { folder: PathBuf, source: io::Error },
}

/// Makes the folder when it is missing. What an earlier process left in the file is no obstacle.
pub fn lock(folder: &Path) -> Result<Lock, LockFault> {
    let system = |source| LockFault::System { folder: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(system)?;
    let mut file = read::open_to_write(&folder.join(LOCK)).map_err(system)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = read::content(&file, MAX_PID).ok().and_then(|pid| {
                let pid = String::from_utf8(pid).ok()?.trim().to_owned();
                (!pid.is_empty() && pid.bytes().all(|digit| digit.is_ascii_digit())).then_some(pid)
            });
            return Err(LockFault::InUse { folder: folder.to_owned(), pid });
        }
        Err(TryLockError::Error(source)) => return Err(system(source)),
    }
    // The number is for people: a disk that takes no octet is no obstacle to a lock.
    let write = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
    let _ = write.and_then(|_| writeln!(file, "{}", std::process::id()));
    Ok(Lock { _file: file })
}

/// Octets of a process's number.
const MAX_PID: u64 = 20;

/// Removes what writes that never ended have left in the folder. At the start, before any write.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(ASIDE.as_bytes()) {
            // What cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Renames a file that cannot be used to `NAME.broken-MARK`, so that it can be looked at.
pub fn set_aside(file: &Path, mark: &str) -> io::Result<PathBuf> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".broken-{mark}"));
    let aside = PathBuf::from(name);
    fs::rename(file, &aside)?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/health.json");
        assert_eq!(read(&file).unwrap(), None);
        replace(&file, b"one").unwrap();
        replace(&file, b"two").unwrap();
        assert_eq!(read(&file).unwrap().unwrap(), b"two");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_has_one_server_and_what_a_dead_one_left_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOCK), "123456789\n").unwrap();
        let first = lock(folder.path()).unwrap();
        let second = lock(folder.path()).unwrap_err().to_string();
        assert!(
            second.contains(&format!("process {}, which runs", std::process::id())),
            "{second}"
        );
        drop(first);
        lock(folder.path()).unwrap();
    }

    #[test]
    fn what_a_broken_off_write_left_is_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("health.json");
        replace(&file, b"one").unwrap();
        fs::write(folder.path().join(".tiovivo-x1"), b"o").unwrap();
        sweep(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(read(&file).unwrap().unwrap(), b"one");
    }

    #[test]
    fn what_is_set_aside_keeps_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("health.json");
        replace(&file, b"{").unwrap();
        let aside = set_aside(&file, "20260101T100211Z").unwrap();
        assert_eq!(aside, folder.path().join("health.json.broken-20260101T100211Z"));
        assert_eq!(fs::read(aside).unwrap(), b"{");
        assert_eq!(read(&file).unwrap(), None);
    }
}
