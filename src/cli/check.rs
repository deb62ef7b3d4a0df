//! `tiovivo check`: every fault at once, or what each name answers.
//!
//! | | exit code |
//! |---|---|
//! | no fault; warnings may be, and are counted in the last line | 0 |
//! | an error; with `--strict` also a warning | 2 |

use std::process::ExitCode;

use clap::Args;

use crate::cli::columns::columns;
use crate::cli::delegation::{self, RegistryArgs};
use crate::cli::{ConfigArg, faults, output};
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
    match config::load(&path) {
        Ok(config::Loaded { mut warnings, .. }) if args.strict && !warnings.is_empty() => {
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

/// One row for each name and type, static names last. Its last line has no end yet.
fn table(config: &Config) -> String {
    let mut rows = vec![["NAME", "TYPE", "ALL UP", "ONE DOWN", "ALL DOWN"].map(String::from)];
    for published in &config.published {
        let pool = &config.pools[published.pool.index()];
        for family in [Family::A, Family::Aaaa] {
            let answer = |down: Down| answer(config, published.pool, family, down);
            let name = match &pool.membership {
                Membership::Everyone(_) => BothForms(&published.owner).to_string(),
                Membership::Only { .. } => {
                    format!("{} (restricted)", BothForms(&published.owner))
                }
            };
            rows.push([
                name,
                family.as_str().into(),
                answer(Down::Nobody),
                answer(Down::First),
                answer(Down::Everybody),
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
enum Family {
    A,
    Aaaa,
}

impl Family {
    fn as_str(self) -> &'static str {
        match self {
            Family::A => "A",
            Family::Aaaa => "AAAA",
        }
    }
}

/// Which members of every pool are down.
#[derive(Clone, Copy)]
enum Down {
    Nobody,
    First,
    Everybody,
}

fn answer(config: &Config, id: PoolId, family: Family, down: Down) -> String {
    let health: Vec<PoolHealth> = config.pools.iter().map(|pool| health(pool, down)).collect();
    let selection = select(&config.pools, &health, id);
    let selection = selection.of(match family {
        Family::A => families::Family::V4,
        Family::Aaaa => families::Family::V6,
    });
    let source = &config.pools[selection.pool.index()].membership;
    let members = selection.members.iter().filter_map(|index| source.get(*index));
    let addresses: Vec<String> = members
        .filter_map(|member| match family {
            Family::A => member.addresses.v4().map(|address| address.to_string()),
            Family::Aaaa => member.addresses.v6().map(|address| address.to_string()),
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

fn health(pool: &Pool, down: Down) -> PoolHealth {
    let count = pool.membership.len();
    let standing = |index: usize| match down {
        Down::Nobody => Standing::Serving,
        Down::First if index == 0 => Standing::Out,
        Down::First => Standing::Serving,
        Down::Everybody => Standing::Out,
    };
    PoolHealth::of((0..count).map(standing).collect())
}

/// The other names: which types each has.
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

/// Static names of a zone that are listed; a large zone is not read from a terminal.
const LISTED_STATICS: usize = 50;
