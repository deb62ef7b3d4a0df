//! Reads from config.yaml only what a command needs to reach the running server: its addresses and
//! token files. The file may have faults elsewhere, or be in the middle of an edit: the server runs
//! with the configuration that it loaded, and can still be reached.
//!
//! When the file is no YAML, its blocks `server` and `zones` are read one by one.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::config::check::server::{DASHBOARD, DNS_PORT};
use crate::config::fault::Source;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::{Switchable, Text};
use crate::config::read;
use crate::config::token::{self, BearerToken};
use crate::config::yaml_reader;
use crate::config::yaml_value::{Shape, YamlValue};
use crate::zone::name::Name;

/// The addresses and token files of the running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The first address of DNS.
    pub listen: SocketAddr,
    /// Address of API, page and metrics; `None` if they are off.
    pub dashboard: Option<SocketAddr>,
    pub token_file: Option<PathBuf>,
    pub report_token_file: Option<PathBuf>,
    /// The apex of the first zone; `None` if none can be read.
    pub zone: Option<Name>,
}

/// Reads the file at `path`. Keys that cannot be read have their default. The error says why the
/// file cannot be read.
pub fn read(path: &Path) -> Result<Reach, String> {
    let said = |problem| format!("{} {problem}", path.display());
    let text = read::text(path, read::MAX_CONFIG).map_err(said)?;
    Ok(reach(&text, path.parent().unwrap_or(Path::new(""))))
}

/// The token in a file; `None` when there is no such file. The error says why the file is refused
/// and what to do.
pub fn token(file: &Path) -> Result<Option<BearerToken>, String> {
    token::read(file).map_err(|problem| format!("{} {problem}", file.display()))
}

fn reach(text: &str, folder: &Path) -> Reach {
    let [server, zones] = match tree(text) {
        Some(whole) => {
            let whole = Rc::new(whole);
            [Some(whole.clone()), Some(whole)]
        }
        None => ["server", "zones"].map(|key| tree(&block(text, key)).map(Rc::new)),
    };
    let root = KeyPath::root();
    let find = |path: &KeyPath| text_at(server.as_deref(), path);
    let server = |key: &str| find(&root.key("server").key(key));
    let file = |key| server(key).filter(|file| !file.is_empty()).map(|file| folder.join(file));
    let listen = find(&root.key("server").key("listen").index(0));
    let dashboard = server("dashboard").and_then(|text| Switchable::parse(&text).ok());
    let apex = text_at(zones.as_deref(), &root.key("zones").index(0).key("apex"));
    Reach {
        listen: listen
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, DNS_PORT).into()),
        dashboard: dashboard.map_or(Some(DASHBOARD), |dashboard| dashboard.0),
        token_file: file("token_file"),
        report_token_file: file("report_token_file"),
        zone: apex.and_then(|apex| Name::parse(&apex).ok()),
    }
}

fn tree(text: &str) -> Option<YamlValue> {
    yaml_reader::read(&Source::new("", text), text).0
}

fn text_at(tree: Option<&YamlValue>, path: &KeyPath) -> Option<String> {
    match &tree?.find(path)?.value.shape {
        Shape::Text(text) => Some(text.clone()),
        Shape::List(_) | Shape::Map(_) => None,
    }
}

/// The lines from `key:` to the next top-level key.
fn block(text: &str, key: &str) -> String {
    let is_inside =
        |line: &&str| line.is_empty() || line.starts_with([' ', '#', '-', '\r', '}', ']']);
    let begins = |line: &&str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
    let mut lines = text.lines().skip_while(|line| !begins(line));
    let first = lines.next();
    first.into_iter().chain(lines.take_while(is_inside)).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "\
server:
  listen: [\"192.0.2.53:53\"]
  dashboard: 10.77.0.53:8053
  token_file: token
zones:
- apex: midominio.com
  file: zones/midominio.com.zone
pools:
  web: { members: [server-1], no such key: 1 }
";

    fn expected() -> Reach {
        Reach {
            listen: "192.0.2.53:53".parse().unwrap(),
            dashboard: "10.77.0.53:8053".parse().ok(),
            token_file: Some("etc/token".into()),
            report_token_file: None,
            zone: Name::parse("midominio.com").ok(),
        }
    }

    #[test]
    fn faults_elsewhere_do_not_matter() {
        let folder = Path::new("etc");
        assert_eq!(reach(WHOLE, folder), expected());
        for fault in ["\t- x: [\n", "  a: [1, 2\n", "}: {\n", "  x: \"\n", "---\na: 1\n"] {
            assert_eq!(reach(&format!("{WHOLE}{fault}"), folder), expected(), "{fault:?}");
        }
    }

    #[test]
    fn what_is_not_written_or_wrong_is_the_default() {
        let read = reach("server: { dashboard: 7, listen: [] }", Path::new(""));
        assert_eq!((read.dashboard, read.zone), (Some(DASHBOARD), None));
        assert_eq!(read.listen, "0.0.0.0:53".parse().unwrap());
        assert_eq!(reach("server: { dashboard: off }", Path::new("")).dashboard, None);
        assert_eq!(reach("", Path::new("")).token_file, None);
    }
}
