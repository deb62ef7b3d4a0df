//! Files with secrets: only their owner may read them, and no fault shows what is in them.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::quoted;
use crate::regular_file;

/// Longest file of an environment, in octets.
const MAX_ENVIRONMENT: u64 = 64 << 10;
/// Most faulty lines of one file that are reported.
const MAX_FAULTS: usize = 10;

/// Others may not read or write the file. The open file when it is there and may be read.
pub fn check_mode(
    file: &Path,
    written: &str,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<File> {
    let (open, metadata) = regular_file::open(file).ok()?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message =
            format!("{} may be read or written by others (mode {mode:03o})", quoted(written));
        report.error(path, message, format!("run `chmod 600 {}`", file.display()));
    }
    Some(open)
}

/// As [`check_mode`]; and each line is empty, a comment or `KEY=value`, each key once.
pub fn check_environment(file: &Path, written: &str, path: &KeyPath, report: &mut Report<'_>) {
    let Some(open) = check_mode(file, written, path, report) else { return };
    let text = match regular_file::read_up_to(&open, MAX_ENVIRONMENT).map(String::from_utf8) {
        Ok(Ok(text)) if text.len() as u64 <= MAX_ENVIRONMENT => text,
        Ok(Ok(_)) => {
            let message = format!("{} has more than {MAX_ENVIRONMENT} octets", quoted(written));
            return report.error(path, message, "shorten it");
        }
        Ok(Err(_)) => {
            let message = format!("{} is no UTF-8", quoted(written));
            return report.error(path, message, "save it as UTF-8");
        }
        Err(error) => {
            let message = format!("{} cannot be read: {error}", quoted(written));
            return report.error(path, message, "mend the file");
        }
    };
    let mut keys = HashSet::new();
    let faults = text.lines().enumerate().filter_map(|(index, line)| {
        let (message, help) = fault(line, &mut keys)?;
        Some((format!("{} line {} {message}", quoted(written), index + 1), help))
    });
    for (message, help) in faults.take(MAX_FAULTS) {
        report.error(path, message, help);
    }
}

/// What is wrong with a line, without what is written there.
fn fault<'a>(line: &'a str, keys: &mut HashSet<&'a str>) -> Option<(&'static str, &'static str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let Some((key, value)) = line.split_once('=') else {
        return Some(("is not KEY=value", "write one key, `=` and its value a line"));
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if key.is_empty() || !key.bytes().all(allowed) || key.as_bytes()[0].is_ascii_digit() {
        let help = "write letters, digits and `_` before `=`, without blanks and `export`";
        return Some(("has no name of a variable before `=`", help));
    }
    if value.contains(char::is_control) {
        return Some(("has a control character in its value", "write text"));
    }
    (!keys.insert(key)).then_some(("has a key that an earlier line has", "remove one of the two"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_an_environment_are_key_and_value() {
        let mut keys = HashSet::new();
        for good in ["", "# no=", "A=", "SECRET_KEY=a=b c \"d\"", "  B=1  ", "_x9=\u{f1}"] {
            assert_eq!(fault(good, &mut keys), None, "{good}");
        }
        for bad in ["A", "export C=1", "9=1", "=1", "C =1", "A=2", "D=\u{7}"] {
            assert!(fault(bad, &mut keys).is_some(), "{bad}");
        }
    }
}
