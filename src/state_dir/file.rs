//! Reads a file of the state folder, and replaces it as a whole.
//!
//! The new content is written to another file and synced before it takes the file's name. So a
//! reader sees the old content or the new, also after a power failure.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::regular_file;

/// Maximum octets of a file that is read: thousands of pools need less.
pub const MAX_LENGTH: u64 = 16 << 20;

/// How the names of unfinished files begin.
const UNFINISHED: &str = ".tiovivo-";

/// The content of the file; `None` when it does not exist.
pub fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let (opened, _) = match regular_file::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let content = regular_file::read_up_to(&opened, MAX_LENGTH)?;
    if content.len() as u64 > MAX_LENGTH {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 16 MiB"));
    }
    Ok(Some(content))
}

/// Replaces the file by one with `content`. Creates the folder when it is missing.
pub fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut unfinished = Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    unfinished.write_all(content)?;
    unfinished.as_file().sync_all()?;
    unfinished.persist(file)?;
    // The new name itself is on the disk only after this.
    regular_file::open_folder(folder)?.sync_all()
}

/// Removes the files of writes that a crash ended. To be called before the first write.
pub fn remove_unfinished(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            // A file that cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Renames a file that cannot be used to `NAME.broken-MARK`, so that it can be looked at. Returns
/// its new path.
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
    fn unfinished_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("health.json");
        replace(&file, b"one").unwrap();
        fs::write(folder.path().join(".tiovivo-x1"), b"o").unwrap();
        remove_unfinished(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(read(&file).unwrap().unwrap(), b"one");
    }

    #[test]
    fn a_file_that_is_set_aside_keeps_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("health.json");
        replace(&file, b"{").unwrap();
        let aside = set_aside(&file, "20260101T100211Z").unwrap();
        assert_eq!(aside, folder.path().join("health.json.broken-20260101T100211Z"));
        assert_eq!(fs::read(aside).unwrap(), b"{");
        assert_eq!(read(&file).unwrap(), None);
    }
}
