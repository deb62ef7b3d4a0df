//! `deploy.application:`.

use std::path::{Component, Path, PathBuf};

use crate::cluster::deployment::{Application, ApplicationSource};
use crate::config::check::deploy::paths::{expanded, file, normal};
use crate::config::check::deploy::secrets;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::deploy::{RawApplication, RawApplicationSource, RawGit};
use crate::config::raw::scalar::{Scalar, Switch, quoted};
use crate::zone::name::Name;

/// Longest path of a module, URL path, reference or host, in octets.
const MAX_WORD: usize = 255;
/// Longest URL, in octets.
const MAX_URL: usize = 2048;
/// Most names of hosts.
const MAX_HOSTS: usize = 256;

/// `None` after a fault.
pub fn check(
    raw: &RawApplication,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Application> {
    let source = source(raw.source.as_ref(), folder, path, report);
    let requirements = requirements(raw, path, report);
    let python = raw.python.clone();
    if let Some(python) = python.as_deref().filter(|python| !is_python(python)) {
        let help = "write a command such as python3.13, or its whole path";
        let message = format!("{} is no Python interpreter", quoted(python));
        report.error(&path.key("python"), message, help);
    }
    let mut module_of = |written: &Option<String>, key, example| {
        let Some(module) = written.clone() else {
            report.missing(path, key, format!("write a Python module such as {example}"));
            return None;
        };
        check_module(&module, &path.key(key), example, report);
        Some(module)
    };
    let settings = module_of(&raw.settings, "settings", "project.settings");
    let wsgi = module_of(&raw.wsgi, "wsgi", "project.wsgi");
    if let Some(celery) = &raw.celery {
        check_module(celery, &path.key("celery"), "project", report);
    }
    let hosts = hosts(raw, path, report);
    let env_file = raw.env_file.as_deref().and_then(|written| {
        let path = path.key("env_file");
        let file = file(written, folder, &path, report)?;
        secrets::check_environment(&file, written, &path, report);
        Some(file)
    });
    let is_on = |written: Option<Scalar<Switch>>| written.is_none_or(|switch| switch.0.0);
    Some(Application {
        source: source?,
        requirements: requirements?,
        python,
        settings: settings?,
        wsgi: wsgi?,
        celery: raw.celery.clone(),
        migrate: is_on(raw.migrate),
        static_files: is_on(raw.static_files),
        media: is_on(raw.media),
        hosts: hosts?,
        env_file,
        warm: warm(raw, path, report),
    })
}

fn source(
    raw: Option<&RawApplicationSource>,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<ApplicationSource> {
    let Some(raw) = raw else {
        let help = "write the folder of the project, or { git: URL, ref: main }";
        report.missing(path, "source", help);
        return None;
    };
    let path = path.key("source");
    match raw {
        RawApplicationSource::Folder(written) => source_folder(written, folder, &path, report),
        RawApplicationSource::Git(raw) => git(raw, &path, report),
    }
}

/// A release is a copy of the whole folder: config.yaml and its secrets must not be in it.
fn source_folder(
    written: &str,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<ApplicationSource> {
    let help = "write a folder beside that of config.yaml, such as ../site, or below it";
    if written.is_empty() || written.contains('\0') {
        report.error(path, format!("{} is no folder", quoted(written)), help);
        return None;
    }
    let source = expanded(written, folder);
    let absolute = |path: &Path| std::path::absolute(path).map(|path| normal(&path));
    let (Ok(ours), Ok(its)) = (absolute(&folder.join("config.yaml")), absolute(&source)) else {
        report.error(path, format!("{} is no folder", quoted(written)), help);
        return None;
    };
    if ours.starts_with(&its) {
        let message = format!(
            "{} holds config.yaml itself: its secrets would become a part of each release",
            quoted(written)
        );
        report.error(path, message, help);
        return None;
    }
    Some(ApplicationSource::Folder(source))
}

fn git(raw: &RawGit, path: &KeyPath, report: &mut Report<'_>) -> Option<ApplicationSource> {
    let Some(url) = raw.git.clone() else {
        report.missing(path, "git", "write its URL: { git: \"https://…\", ref: main }");
        return None;
    };
    let faults = report.faults.len();
    match is_git_url(&url) {
        // Not shown: it holds a secret.
        true if has_password(&url) => {
            let help = "take it out; give ssh or git a key, or a credential helper";
            report.error(&path.key("git"), "the URL has a password in it", help);
        }
        true => {}
        false => {
            let help = "write https://…, ssh://…, git@host:path or file:///…";
            report.error(&path.key("git"), "no URL that git can clone from", help);
        }
    }
    let reference = raw.reference.clone().unwrap_or_else(|| "HEAD".to_owned());
    if !is_reference(&reference) {
        let help = "write a branch, a tag or a commit: main";
        let message = format!("{} is no name of a version", quoted(&reference));
        report.error(&path.key("ref"), message, help);
    }
    (report.faults.len() == faults).then_some(ApplicationSource::Git { url, reference })
}

/// Git runs programs for some other forms (`ext::`), and takes what begins with `-` for an option.
fn is_git_url(url: &str) -> bool {
    let is_plain = url.len() <= MAX_URL && url.bytes().all(|byte| byte.is_ascii_graphic());
    let after = |scheme: &str| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty());
    // An option of ssh in the place of a host is refused by git, too.
    let host = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    let by_ssh = || {
        let (user, rest) = url.split_once('@')?;
        let (name, path) = rest.split_once(':')?;
        let is_user = user.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-.".contains(&c));
        let is_host = name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-.".contains(&c));
        Some(is_user && is_host && host(user) && host(name) && !path.is_empty())
    };
    let with_host =
        ["https://", "ssh://"].into_iter().any(|scheme| url.strip_prefix(scheme).is_some_and(host));
    is_plain && (with_host || after("file:///") || by_ssh() == Some(true))
}

fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// As git-check-ref-format(1) has it, for what people write.
fn is_reference(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-+@".contains(&byte);
    let is_short = !text.is_empty() && text.len() <= MAX_WORD;
    is_short && text.bytes().all(allowed) && !text.starts_with(['-', '/']) && !text.contains("..")
}

fn requirements(raw: &RawApplication, path: &KeyPath, report: &mut Report<'_>) -> Option<PathBuf> {
    let written = raw.requirements.as_deref().unwrap_or("requirements.txt");
    let file = Path::new(written);
    let is_below = file.components().all(|part| matches!(part, Component::Normal(_)));
    if written.is_empty() || written.contains('\0') || !is_below {
        let help = "write a path below the source, without `..`: requirements.txt";
        let message = format!("{} is no file of the source", quoted(written));
        report.error(&path.key("requirements"), message, help);
        return None;
    }
    Some(file.to_owned())
}

fn is_python(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or_default();
    let version = name.strip_prefix("python3");
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    let is_word = text.len() <= MAX_WORD && text.bytes().all(allowed);
    let is_version = |rest: &str| {
        let minor = rest.strip_prefix('.');
        let digits = |minor: &str| !minor.is_empty() && minor.bytes().all(|c| c.is_ascii_digit());
        rest.is_empty() || minor.is_some_and(digits)
    };
    match text.starts_with('/') {
        true => is_word && !name.is_empty(),
        false => text == name && version.is_some_and(is_version),
    }
}

fn check_module(module: &str, path: &KeyPath, example: &str, report: &mut Report<'_>) {
    let is_name = |name: &str| {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if module.len() > MAX_WORD || !module.split('.').all(is_name) {
        let help = format!("write names with dots between them, as in `import`: {example}");
        report.error(path, format!("{} is no Python module", quoted(module)), help);
    }
}

fn hosts(raw: &RawApplication, path: &KeyPath, report: &mut Report<'_>) -> Option<Vec<String>> {
    let Some(hosts) = &raw.hosts else {
        let help = "write the names that the application answers for: hosts: [www.example.com]";
        report.missing(path, "hosts", help);
        return None;
    };
    let path = path.key("hosts");
    if hosts.is_empty() && !report.has_items(&path) {
        let help = "write the names that the application answers for: [www.example.com]";
        report.error(&path, "no host", help);
    } else if hosts.len() > MAX_HOSTS {
        report.error(&path, format!("{} hosts", hosts.len()), format!("write at most {MAX_HOSTS}"));
        return None;
    }
    for (index, host) in hosts.iter().enumerate() {
        let name = host.strip_prefix('.').unwrap_or(host);
        let is_name = Name::parse(name).is_ok_and(|name| !name.is_wildcard());
        let is_plain = name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c));
        if !is_name || !is_plain || name.len() > MAX_WORD {
            let help = "write a name such as www.example.com, or .example.com for all below it";
            report.error(&path.index(index), format!("{} is no host", quoted(host)), help);
        } else if hosts.iter().take(index).any(|earlier| earlier == host) {
            let message = format!("{} is in the list already", quoted(host));
            report.error(&path.index(index), message, "remove it");
        }
    }
    Some(hosts.clone())
}

fn warm(raw: &RawApplication, path: &KeyPath, report: &mut Report<'_>) -> String {
    let warm = raw.warm.clone().unwrap_or_else(|| "/".to_owned());
    let is_plain = warm.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !warm.starts_with('/') || !is_plain || warm.len() > MAX_WORD {
        let help = "write the path of a page, such as /, with other than ASCII as %…";
        report.error(&path.key("warm"), format!("{} is no path of a URL", quoted(&warm)), help);
    }
    warm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_urls_are_those_that_run_no_program() {
        for good in [
            "https://example.com/site.git",
            "ssh://git@example.com:2222/site.git",
            "git@example.com:site.git",
            "file:///srv/git/site.git",
        ] {
            assert!(is_git_url(good) && !has_password(good), "{good}");
        }
        for bad in [
            "",
            "../site",
            "http://example.com/site.git",
            "ext::sh -c id",
            "--upload-pack=id",
            "ssh://-oProxyCommand=id/x",
            "git@-oProxyCommand=id:x",
            "https://",
            "file://",
            "https://exam ple.com/",
        ] {
            assert!(!is_git_url(bad), "{bad}");
        }
        assert!(has_password("https://me:secret@example.com/site.git"));
    }

    #[test]
    fn references_and_interpreters_are_words() {
        for good in ["main", "v1.2", "feature/x", "0a1b2c", "HEAD", "1.x+2"] {
            assert!(is_reference(good), "{good}");
        }
        for bad in ["", "-x", "a b", "a..b", "/x", "a:b", "a^{}"] {
            assert!(!is_reference(bad), "{bad}");
        }
        for good in ["python3", "python3.13", "/usr/bin/python3.13", "/opt/pypy/bin/pypy3"] {
            assert!(is_python(good), "{good}");
        }
        for bad in ["", "python", "python2", "python3.", "python3.x", "bin/python3", "python3;id"] {
            assert!(!is_python(bad), "{bad}");
        }
    }
}
