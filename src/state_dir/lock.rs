//! Locks the state folder, so that one server uses it at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::regular_file;

/// Name of the file that is locked. It holds the number of the process, for people to read.
pub const FILE: &str = "lock";

/// Octets of a process's number.
const MAX_PID: u64 = 20;

/// The lock of a folder. While it exists, no other process can lock the folder. The system unlocks
/// it when the process ends, however that happens.
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

/// Locks `folder`, and creates it when it is missing. The content of the lock file does not matter.
pub fn lock(folder: &Path) -> Result<Lock, LockFault> {
    let system = |source| LockFault::System { folder: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(system)?;
    let mut file = regular_file::open_or_create(&folder.join(FILE)).map_err(system)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(LockFault::InUse { folder: folder.to_owned(), pid: read_pid(&file) });
        }
        Err(TryLockError::Error(source)) => return Err(system(source)),
    }
    // A full disk is no reason to refuse the lock.
    let write = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
    let _ = write.and_then(|_| writeln!(file, "{}", std::process::id()));
    Ok(Lock { _file: file })
}

fn read_pid(file: &File) -> Option<String> {
    let content = regular_file::read_up_to(file, MAX_PID).ok()?;
    let pid = String::from_utf8(content).ok()?.trim().to_owned();
    (!pid.is_empty() && pid.bytes().all(|digit| digit.is_ascii_digit())).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_server_and_a_file_of_a_dead_one_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "123456789\n").unwrap();
        let first = lock(folder.path()).unwrap();
        let second = lock(folder.path()).unwrap_err().to_string();
        assert!(
            second.contains(&format!("process {}, which runs", std::process::id())),
            "{second}"
        );
        drop(first);
        lock(folder.path()).unwrap();
    }
}
