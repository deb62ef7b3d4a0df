//! Reads the zone files of `zones:`, and turns their faults into faults of the configuration.
//!
//! A zone file may be anywhere, but may include only files of its own folder and below. So a zone
//! file from a stranger cannot read other files of this machine.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::config::check::report::Report;
use crate::config::fault::{Fault, Span, Spot};
use crate::config::key_path::KeyPath;
use crate::config::raw::RawZone;
use crate::config::raw::scalar::quoted;
use crate::config::read;
use crate::zone::name::Name;
use crate::zone::read as zone_read;
use crate::zone::record::{FilePosition, Severity, Zone, ZoneFault};
use crate::zone::rtype;

/// The zones, as far as they are valid.
#[derive(Debug)]
pub struct LoadedZones {
    /// The apexes of all zones, also of those whose file is faulty.
    pub apexes: Vec<Name>,
    pub loaded: Vec<LoadedZone>,
    /// Whether `apexes` has every apex.
    pub is_complete: bool,
}

/// A zone, and the texts of its files for faults that are found later.
#[derive(Debug)]
pub struct LoadedZone {
    pub zone: Zone,
    pub paths: Vec<PathBuf>,
    pub texts: Texts,
}

/// The texts that were read, by the name of the file in the zone.
#[derive(Debug, Default)]
pub struct Texts {
    files: HashMap<String, (PathBuf, Arc<Vec<u8>>)>,
}

/// Reads the zones. Paths of zone files are relative to `folder`. Faults are added to `report`.
pub fn read(raw: &[RawZone], folder: &Path, report: &mut Report<'_>) -> LoadedZones {
    let path = KeyPath::root().key("zones");
    let is_complete = !report.is_faulty(&path);
    let mut zones = LoadedZones { apexes: vec![], loaded: vec![], is_complete };
    if raw.is_empty() && is_complete && report.find(&path).is_none_or(|f| f.value.is_empty()) {
        let help = "write at least one: zones: [{ apex: example.com, file: example.com.zone }]";
        report.error(&path, "there are no zones", help);
    }
    let mut seen: HashMap<Name, KeyPath> = HashMap::new();
    for (index, raw) in raw.iter().enumerate() {
        let path = path.index(index);
        let apex = apex(raw, &path, report);
        let mut is_first = true;
        zones.is_complete &= apex.is_some();
        if let Some(apex) = &apex {
            zones.apexes.push(apex.clone());
            let path = path.key("apex");
            if let Some(first) = seen.insert(apex.clone(), path.clone()) {
                let message = format!("`{apex}` is a zone already");
                report.clash(&path, message, "remove one of the two", (&first, "the first one"));
                is_first = false;
            }
        }
        let file = file(raw, folder, &path, report);
        if let (Some(apex), Some((file, text)), true) = (apex, file, is_first) {
            zones.loaded.extend(load(&apex, file, text, &mut report.faults));
        }
    }
    check_delegations(&zones, &seen, report);
    zones
}

/// Warns when a zone lies below another zone of the configuration that has no NS records for it.
fn check_delegations(
    zones: &LoadedZones,
    places: &HashMap<Name, KeyPath>,
    report: &mut Report<'_>,
) {
    let loaded: HashMap<&Name, &Zone> =
        zones.loaded.iter().map(|loaded| (&loaded.zone.apex, &loaded.zone)).collect();
    for apex in &zones.apexes {
        let mut above = apex.parent();
        while let Some(name) = above.take_if(|name| !places.contains_key(name)) {
            above = name.parent();
        }
        let Some(zone) = above.as_ref().and_then(|above| loaded.get(above)) else { continue };
        if let (false, Some(path)) = (zone.has(apex, rtype::NS), places.get(apex)) {
            let message = format!("the zone {} does not delegate {apex}", zone.apex);
            let help = format!("write there, as in the zone itself: {apex} IN NS …");
            report.warning(path, message, help);
        }
    }
}

fn apex(raw: &RawZone, path: &KeyPath, report: &mut Report<'_>) -> Option<Name> {
    let Some(text) = &raw.apex else {
        report.missing(path, "apex", "write the name of the domain");
        return None;
    };
    let help = "write a name such as example.com";
    let (fault, help) = match Name::parse(text) {
        Ok(name) if name.is_wildcard() => (format!("{} is a wildcard", quoted(text)), help),
        Ok(name) => return Some(name),
        Err(fault) => {
            let help = fault.help().unwrap_or(help);
            (format!("{} is no domain name: {fault}", quoted(text)), help)
        }
    };
    report.error(&path.key("apex"), fault, help);
    None
}

fn file(
    raw: &RawZone,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<(PathBuf, Vec<u8>)> {
    let Some(written) = &raw.file else {
        report.missing(path, "file", "write the path of the zone file");
        return None;
    };
    let file = folder.join(written);
    match read::octets(&file, read::MAX_ZONE_FILE) {
        Ok(text) => Some((file, text)),
        Err(problem) => {
            let message = format!("{}: {}", quoted(written), problem.message);
            report.error(&path.key("file"), message, problem.help.unwrap_or_default());
            None
        }
    }
}

fn load(apex: &Name, file: PathBuf, text: Vec<u8>, faults: &mut Vec<Fault>) -> Option<LoadedZone> {
    let folder = file.parent().map(Path::to_owned).unwrap_or_default();
    let main = file.display().to_string();
    let mut texts = Texts::default();
    // Faults show their line, so the text is kept; it is shared, not copied.
    let text = Arc::new(text);
    texts.files.insert(main.clone(), (file, Arc::clone(&text)));
    // The reader asks for the main file first, and then for included files.
    let mut first = Some(text);
    let read = zone_read::read(apex, &main, &mut |name: &str| match first.take() {
        Some(text) => Ok(text),
        None => {
            let (path, text) = included(&folder, name)?;
            let text = Arc::new(text);
            texts.files.insert(name.to_owned(), (path, Arc::clone(&text)));
            Ok(text)
        }
    });
    let (zone, zone_faults) = match read {
        Ok((zone, warnings)) => (Some(zone), warnings),
        Err(zone_faults) => (None, zone_faults),
    };
    faults.extend(zone_faults.into_iter().map(|fault| texts.fault_of(fault)));
    let paths = texts.files.values().map(|(path, _)| path.clone()).collect();
    zone.map(|zone| LoadedZone { zone, paths, texts })
}

/// The text of an included file. Its name must be relative and, with symbolic links resolved, lead
/// to a file below `folder`.
fn included(folder: &Path, name: &str) -> Result<(PathBuf, Vec<u8>), String> {
    let is_below = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !is_below {
        return Err("write a path below the zone file's folder, without `..`".into());
    }
    let path = folder.join(name);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if let (Ok(folder), Ok(target)) = (folder.canonicalize(), path.canonicalize())
        && !target.starts_with(&folder)
    {
        return Err("the link leads out of the zone file's folder; copy the file into it".into());
    }
    let text = read::octets(&path, read::MAX_ZONE_FILE).map_err(|problem| problem.to_string())?;
    Ok((path, text))
}

impl LoadedZone {
    /// A fault at a place in the zone's files.
    pub fn fault(&self, place: FilePosition, message: String, help: String) -> Fault {
        let file = self.zone.files.get(usize::from(place.file)).cloned();
        self.texts.fault_of(ZoneFault {
            file: file.unwrap_or_else(|| "".into()),
            line: place.line,
            column: place.column,
            message,
            help: Some(help),
            severity: Severity::Error,
            code: None,
        })
    }

    /// The place in words: `zones/midominio.com.zone:12`.
    pub fn say(&self, place: FilePosition) -> String {
        format!("{}:{}", self.file_of(place), place.line)
    }

    /// The path of the file of a place.
    pub fn file_of(&self, place: FilePosition) -> String {
        let file = self.zone.files.get(usize::from(place.file));
        file.map(|file| self.texts.path(file)).unwrap_or_default()
    }
}

impl Texts {
    fn path(&self, file: &str) -> String {
        self.files.get(file).map_or(file.to_owned(), |(path, _)| path.display().to_string())
    }

    fn fault_of(&self, zone_fault: ZoneFault) -> Fault {
        let text = self.files.get(zone_fault.file.as_ref()).map_or(&[][..], |(_, text)| text);
        let line =
            text.split(|byte| *byte == b'\n').nth((zone_fault.line as usize).saturating_sub(1));
        // An octet that is not part of UTF-8 is shown as U+FFFD.
        let line = String::from_utf8_lossy(line.unwrap_or_default());
        let line = line.trim_end_matches('\r');
        let rest = line.chars().skip((zone_fault.column as usize).saturating_sub(1));
        let length = rest.take_while(|c| !c.is_whitespace() && *c != ';').count().max(1) as u32;
        let span = Span { line: zone_fault.line, column: zone_fault.column, length };
        let mut fault = Fault::error(
            &self.path(&zone_fault.file),
            Some(Spot::new(line, span)),
            zone_fault.message,
        );
        fault.severity = zone_fault.severity;
        fault.help = zone_fault.help;
        fault.code = zone_fault.code;
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_include_stays_in_the_folder_of_its_zone() {
        let dir = tempfile::tempdir().unwrap();
        let zones = dir.path().join("zones");
        std::fs::create_dir_all(zones.join("sub")).unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        std::fs::write(zones.join("sub/mail"), "mail").unwrap();
        std::os::unix::fs::symlink("../secret", zones.join("out")).unwrap();
        std::os::unix::fs::symlink("sub/mail", zones.join("within")).unwrap();

        let text = |name: &str| included(&zones, name).map(|(_, text)| text);
        assert_eq!(text("sub/mail"), Ok(b"mail".to_vec()));
        assert_eq!(text("within"), Ok(b"mail".to_vec()));
        for name in ["/etc/passwd", "../secret", "sub/../../secret", "out", "", "none"] {
            assert!(text(name).is_err(), "{name}");
        }
    }
}
