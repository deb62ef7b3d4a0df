//! `icmp:` of a check, as it is written, and whether this process may ping.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::checked::Probe;
use crate::checks::icmp::checked::IcmpProbe;
use crate::checks::raw::RawCheckKind;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::{Scalar, Whole};
use crate::config::read;

const SIZE: usize = 56;
/// First and last group that may, of both families; `1 0` is nobody, root neither.
const RANGE: &str = "/proc/sys/net/ipv4/ping_group_range";
const PROCESS: &str = "/proc/self/status";
/// Octets of either that are read.
const MAX_LENGTH: u64 = 64 << 10;

/// Up when the node answers a ping. It says that the machine is there, not that it serves.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the key `size`, or `{}`")]
#[schemars(rename = "icmp")]
pub struct RawIcmp {
    /// Octets of data.
    #[schemars(extend("default" = 56))]
    pub size: Option<Scalar<Whole<16, 1400>>>,
}

impl RawCheckKind for RawIcmp {
    fn check(&self, _: &Path, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
        Some(probe(self, path, report))
    }
}

fn probe(raw: &RawIcmp, path: &KeyPath, report: &mut Report<'_>) -> Probe {
    let read = |file: &str| read::text(Path::new(file), MAX_LENGTH).ok();
    if let (Some(range), Some(process)) = (read(RANGE), read(PROCESS))
        && !may_ping(&range, &process)
    {
        let help = "run `sysctl net.ipv4.ping_group_range=\"0 2147483647\"`, \
                    and write it into /etc/sysctl.d";
        report.warning(path, "this user may not ping from this machine", help);
    }
    Probe::Icmp(IcmpProbe { size: raw.size.map_or(SIZE, |size| size.0.0 as usize) })
}

/// Whether a group of the process, as its status in /proc lists them, is in the range.
fn may_ping(range: &str, process: &str) -> bool {
    let mut ends = range.split_whitespace().filter_map(|end| end.parse::<u32>().ok());
    let (Some(first), Some(last)) = (ends.next(), ends.next()) else { return true };
    let lines = process.lines().filter_map(|line| line.split_once(':'));
    let groups = lines.filter(|(key, _)| ["Gid", "Groups"].contains(key));
    let mut groups = groups.flat_map(|(_, list)| list.split_whitespace());
    groups.any(|group| group.parse().is_ok_and(|group| (first..=last).contains(&group)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_group_of_the_process_will_do() {
        let process =
            "Name:\ttiovivo\nUid:\t5\t5\t5\t5\nGid:\t100\t100\t100\t100\nGroups:\t7 900\n";
        for (range, may) in [
            ("0\t2147483647\n", true),
            ("1\t0\n", false),
            ("100 100", true),
            ("900 901", true),
            ("0 6", false),
            ("5 5", false),
            ("", true),
        ] {
            assert_eq!(may_ping(range, process), may, "{range:?}");
        }
        assert!(!may_ping("1 0", "Gid:\t0\t0\t0\t0\nGroups:\t0\n"), "root");
    }
}
