//! Turns the YAML tree into raw types, and reports every fault of their shape.
//!
//! Serde stops at its first fault. So the faulty value is pruned and serde reads the tree again,
//! until it finds no more faults, or [`MAX_FAULTS`] are found. Each round is linear in the size of
//! the file, which is bounded; a file without a fault takes one round.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::config::fault::{Fault, Source};
use crate::config::key_path::{KeyPath, Step};
use crate::config::serde_error::{self, ShapeFault};
use crate::config::yaml_value::YamlValue;

/// Most faults of shape that are collected.
pub const MAX_FAULTS: usize = 100;

/// Reads `T` from the tree, and returns the faults. `None` if faults remain that cannot be pruned:
/// then the file cannot be checked further.
pub fn read<T: DeserializeOwned>(
    source: &Source<'_>,
    tree: &mut YamlValue,
) -> (Option<T>, Vec<Fault>) {
    let mut faults = vec![];
    while faults.len() < MAX_FAULTS {
        let error = match serde_path_to_error::deserialize::<_, T>(tree.to_value()) {
            Ok(raw) => return (Some(raw), faults),
            Err(error) => error,
        };
        let path = key_path(error.path());
        faults.push(fault(source, tree, &path, &error.inner().to_string()));
        if path.is_root() || !tree.prune(&path) {
            break;
        }
    }
    (None, faults)
}

fn fault(source: &Source<'_>, tree: &YamlValue, path: &KeyPath, error: &str) -> Fault {
    let ShapeFault { problem, of_key } = serde_error::decode(error, path);
    let found = tree.nearest(path);
    let span = match found.key_span {
        Some(key_span) if of_key => key_span,
        _ => found.span(),
    };
    let mut fault = source.fault(span, problem.message);
    fault.help = problem.help;
    fault.key_path = (!path.is_root()).then(|| tree.as_written(path).to_string());
    fault
}

fn key_path(path: &serde_path_to_error::Path) -> KeyPath {
    let mut key_path = KeyPath::root();
    for segment in path {
        let step = match segment {
            Segment::Map { key } => Step::Key(key.clone()),
            Segment::Seq { index } => Step::Index(*index),
            Segment::Enum { .. } | Segment::Unknown => break,
        };
        key_path = key_path.then(step);
    }
    key_path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::raw::RawConfig;
    use crate::config::yaml_reader;

    fn faults(text: &str) -> Vec<String> {
        let source = Source::new("f", text);
        let (tree, faults) = yaml_reader::read(&source, text);
        assert_eq!(faults, []);
        let (_, faults) = read::<RawConfig>(&source, &mut tree.unwrap());
        faults.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn every_fault_of_shape_is_told_with_its_place() {
        let text = "
server: { listen: 53, worker: 2 }
pools:
  web: { ttl: 0, members: { rol: child }, when_short: some, check: { every: 5 } }
  api: { members: [a, [b], c, {d: e}], clients: [10.0.0.1/8, x], ttl: 30s }
nodes: { n: { role: chid, address: 1.2.3, weight: 101 } }
zonas: []
";
        assert_eq!(
            faults(text),
            [
                "f:2:19: server.listen: the text \"53\" does not belong here; \
                 write a list, for example `[one, two]`",
                "f:2:23: server.worker: there is no key `worker` here; did you mean `workers`? \
                 known here: listen, dashboard, state, token_file, report_token_file, workers, \
                 pin, nsid, version, cookie_secret_file, tls, https, quic, certificate, controls",
                "f:4:15: pools.web.ttl: `0` is out of range; \
                 write a whole number from 1 to 86400",
                "f:4:29: pools.web.members.rol: there is no key `rol` here; did you mean `role`? \
                 known here: role, tag",
                "f:4:55: pools.web.when_short: unknown rule `some`; \
                 write all, last_known or none, or { pool: NAME }",
                "f:4:77: pools.web.check.every: `5` has no unit; write `5s` for seconds",
                "f:5:23: pools.api.members[1]: a list does not belong here; write a string",
                "f:5:31: pools.api.members[3]: a mapping does not belong here; write a string",
                "f:5:50: pools.api.clients[0]: `10.0.0.1/8` has bits behind its prefix; \
                 write `10.0.0.0/8`",
                "f:5:62: pools.api.clients[1]: `x` is no network; \
                 write one: 10.0.0.0/24 or \"fd00::/64\"",
                "f:5:71: pools.api.ttl: `30s` is no whole number; \
                 write a whole number from 1 to 86400",
                "f:6:21: nodes.n.role: unknown role `chid`; did you mean `child`? \
                 write mother, standby, child, worker or dns",
                "f:6:36: nodes.n.address: `1.2.3` is no IPv4 address; \
                 write four numbers up to 255: 192.0.2.1",
                "f:6:51: nodes.n.weight: `101` is out of range; \
                 write a whole number from 0 to 100",
                "f:7:1: zonas: there is no key `zonas` here; did you mean `zones`? \
                 known here: server, zones, pools, nodes, hooks, deploy",
            ]
        );
    }

    #[test]
    fn what_is_no_mapping_at_all_ends() {
        assert_eq!(faults("[a]").len(), 1);
        let many: String = (0..200).map(|n| format!("k{n}: 1\n")).collect();
        assert_eq!(faults(&many).len(), MAX_FAULTS);
    }
}
