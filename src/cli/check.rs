//! `tiovivo check`: prints every fault, or the answers of each name.
//!
//! | | exit code |
//! |---|---|
//! | no error; warnings are counted in the last line | 0 |
//! | an error; with `--strict` also a warning | 2 |

use std::process::ExitCode;

use clap::Args;

use crate::cli::columns::columns;
use crate::cli::config_arg::ConfigArg;
use crate::cli::delegation::{self, RegistryArgs};
use crate::cli::{faults, output};
use crate::cluster::families;
use crate::cluster::pool::{Membership, Pool, PoolId};
use crate::cluster::selection::{PoolHealth, select};
use crate::cluster::standing::Standing;
use crate::config::{self, Config};
use crate::zone::both_forms::BothForms;
use crate::zone::name::Name;
use crate::zone::rdata::table::type_name;
use crate::zone::record::Severity;

/// More addresses than this are counted instead of listed.
const LISTED: usize = 4;

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    registry: RegistryArgs,
    /// Refuse what is only worth a warning
    #[arg(long, conflicts_with = "delegation")]
    strict: bool,
}

pub fn run(args: &CheckArgs) -> ExitCode {
    let path = match args.config.path() {
        Ok(path) => path,
        Err(code) => return code,
    };
    if args.registry.delegation {
        return delegation::check(&path, &args.registry);
    }
    match config::load::load(&path) {
        Ok(config::load::LoadedConfig { mut warnings, .. })
            if args.strict && !warnings.is_empty() =>
        {
            warnings.iter_mut().for_each(|fault| fault.severity = Severity::Error);
            faults::refuse(&warnings)
        }
        Ok(loaded) => {
            faults::warn(&loaded.warnings);
            let count = faults::number(loaded.warnings.len(), "warning");
            let count = count.map(|count| format!("; {count}")).unwrap_or_default();
            output::print(&format!("{}{count}\n", table(&loaded.config)), ExitCode::SUCCESS)
        }
        Err(faults) => faults::refuse(&faults),
    }
}

/// One row for each name and type, static names last. The last line has no line feed, as the caller
/// appends to it.
fn table(config: &Config) -> String {
    let mut rows = vec![["NAME", "TYPE", "ALL UP", "ONE DOWN", "ALL DOWN"].map(String::from)];
    for published in &config.published {
        let pool = &config.pools[published.pool.index()];
        for family in [AddressType::A, AddressType::Aaaa] {
            let answer = |down: DownMembers| answer(config, published.pool, family, down);
            let name = match &pool.membership {
                Membership::Everyone(_) => BothForms(&published.owner).to_string(),
                Membership::Only { .. } => {
                    format!("{} (restricted)", BothForms(&published.owner))
                }
            };
            rows.push([
                name,
                family.as_str().into(),
                answer(DownMembers::Nobody),
                answer(DownMembers::First),
                answer(DownMembers::Everybody),
            ]);
        }
    }
    let mut text = columns(&rows);
    let nodes = format!(
        "{} pools, {} nodes, {} zones; TTLs as configured",
        config.pools.len(),
        config.nodes.len(),
        config.zones.len()
    );
    text.push('\n');
    text.push_str(&statics(config));
    text.push('\n');
    text.push_str(&nodes);
    text
}

#[derive(Clone, Copy)]
enum AddressType {
    A,
    Aaaa,
}

impl AddressType {
    fn as_str(self) -> &'static str {
        match self {
            AddressType::A => "A",
            AddressType::Aaaa => "AAAA",
        }
    }
}

/// Which members of every pool are down.
#[derive(Clone, Copy)]
enum DownMembers {
    Nobody,
    First,
    Everybody,
}

fn answer(config: &Config, id: PoolId, family: AddressType, down: DownMembers) -> String {
    let health: Vec<PoolHealth> = config.pools.iter().map(|pool| health(pool, down)).collect();
    let selection = select(&config.pools, &health, id);
    let selection = selection.of(match family {
        AddressType::A => families::Family::V4,
        AddressType::Aaaa => families::Family::V6,
    });
    let source = &config.pools[selection.pool.index()].membership;
    let members = selection.members.iter().filter_map(|index| source.get(*index));
    let addresses: Vec<String> = members
        .filter_map(|member| match family {
            AddressType::A => member.addresses.v4().map(|address| address.to_string()),
            AddressType::Aaaa => member.addresses.v6().map(|address| address.to_string()),
        })
        .collect();
    let limit = config.pools[id.index()].max_answers;
    match addresses.len() {
        0 => "NODATA".into(),
        count if count > limit => format!("{limit} of {count} addresses"),
        count if count > LISTED => format!("{count} addresses"),
        _ => addresses.join(" "),
    }
}

fn health(pool: &Pool, down: DownMembers) -> PoolHealth {
    let count = pool.membership.len();
    let standing = |index: usize| match down {
        DownMembers::Nobody => Standing::Serving,
        DownMembers::First if index == 0 => Standing::Out,
        DownMembers::First => Standing::Serving,
        DownMembers::Everybody => Standing::Out,
    };
    PoolHealth::of((0..count).map(standing).collect())
}

/// The types of each static name.
fn statics(config: &Config) -> String {
    let mut rows = vec![["STATIC NAME", "TYPES"].map(String::from)];
    for zone in &config.zones {
        let mut names: Vec<(&Name, Vec<u16>)> = vec![];
        for record in &zone.records {
            match names.iter().position(|(name, _)| *name == zone.owner(record)) {
                Some(at) if names[at].1.contains(&record.rtype) => {}
                Some(at) => names[at].1.push(record.rtype),
                None if names.len() < LISTED_STATICS => {
                    names.push((zone.owner(record), vec![record.rtype]));
                }
                None => {}
            }
        }
        for (name, types) in &names {
            let types: Vec<String> = types.iter().map(|t| type_name(*t).to_string()).collect();
            rows.push([BothForms(name).to_string(), types.join(" ")]);
        }
        if names.len() == LISTED_STATICS {
            let records = zone.records.len();
            rows.push([
                format!("… of {}", BothForms(&zone.apex)),
                format!("{records} records in all"),
            ]);
        }
    }
    columns(&rows)
}

/// Most static names of a zone that `check` lists: a large zone does not fit a terminal.
const LISTED_STATICS: usize = 50;
