//! A small file of the state folder, replaced as a whole.
//!
//! Whoever reads sees the old content or the new, also after the power went: the new content is
//! written beside the file and brought to the disk before it takes the file's name.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

/// Longest file that is read: thousands of pools need less.
pub const MAX_LENGTH: u64 = 16 << 20;

/// How the names of files begin that are not finished yet.
const ASIDE: &str = ".tiovivo-";

/// `None` when there is no such file.
pub fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut content = Vec::new();
    opened.take(MAX_LENGTH + 1).read_to_end(&mut content)?;
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
    File::open(folder)?.sync_all()
}

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
