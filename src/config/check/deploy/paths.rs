//! Paths in `deploy:`, which need not be there on every machine.

use std::env;
use std::path::{Component, Path, PathBuf};

use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::quoted;

/// The path with `~/` replaced by the home folder of this user, so that it can be opened.
/// `None` after a fault.
pub fn file(
    written: &str,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<PathBuf> {
    if written.is_empty() || written.contains('\0') || written.ends_with('/') {
        let help = "write the path of a file, such as secrets/app.env";
        report.error(path, format!("{} is no path of a file", quoted(written)), help);
        return None;
    }
    Some(expanded(written, folder))
}

/// `written` below `folder`, or below the home of this user where it begins with `~/`.
pub fn expanded(written: &str, folder: &Path) -> PathBuf {
    let home = || env::var_os("HOME").filter(|home| !home.is_empty());
    let below_home = written.strip_prefix("~/").or((written == "~").then_some(""));
    match below_home.and_then(|rest| Some(Path::new(&home()?).join(rest))) {
        Some(path) => path,
        None => folder.join(written),
    }
}

/// `path` without `.` and `..`, by its text alone: it need not be there.
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
