//! `tiovivo delegation` and `tiovivo check --delegation`: arguments, exit codes and printing. The
//! rules themselves are in [`crate::delegation`].

pub mod print;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use crate::cli::config_arg::ConfigArg;
use crate::cli::exit::EXIT_CONFIG;
use crate::cli::output::failure;
use crate::cli::{faults, output};
use crate::config;
use crate::config::fault::Fault;
use crate::delegation::catalogue::{Findings, Level};
use crate::delegation::plan::{self, Delegation};
use crate::delegation::survey::{self, Survey};
use crate::delegation::{live_rules, static_rules, zone_faults};
use crate::zone::name::Name;
use crate::zone::store::TooLarge;

#[derive(Debug, Args)]
pub struct DelegationArgs {
    /// The zone
    apex: String,
    #[command(flatten)]
    config: ConfigArg,
}

/// `check --delegation` and its options.
#[derive(Debug, Args)]
pub struct RegistryArgs {
    /// Hold each zone against the rules of the registries
    #[arg(long)]
    pub delegation: bool,
    /// Ask every name server too, over UDP and TCP
    #[arg(long, requires = "delegation")]
    live: bool,
    /// Ask there instead of the address; repeatable
    #[arg(long, value_name = "ADDR=ADDR:PORT", requires = "live", value_parser = via)]
    via: Vec<(IpAddr, SocketAddr)>,
    /// Accept name servers with private addresses: a zone of one's own network
    #[arg(long, requires = "delegation")]
    allow_private: bool,
    /// Print what holds as well
    #[arg(long, short, requires = "delegation")]
    verbose: bool,
}

/// `tiovivo delegation APEX`.
pub fn run(args: &DelegationArgs) -> ExitCode {
    let config = match args.config.path() {
        Ok(path) => path,
        Err(code) => return code,
    };
    let planned = match load(&config) {
        Ok((planned, _)) => planned,
        Err(LoadFault::Config(found)) => return faults::refuse(&found),
        Err(LoadFault::TooLarge(error)) => return failure(error),
    };
    let apex = Name::parse(&args.apex).ok();
    match planned.iter().find(|planned| Some(&planned.apex) == apex.as_ref()) {
        Some(planned) => output::print(&print::registrar(planned, &config), ExitCode::SUCCESS),
        None => {
            let mut text = format!("tiovivo: {} is none of the zones; there are:\n", args.apex);
            for planned in &planned {
                text += &format!("  {}\n", planned.apex.to_string().trim_end_matches('.'));
            }
            output::tell(&text);
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

/// `tiovivo check --delegation`.
///
/// | | exit code |
/// |---|---|
/// | no errors; warnings and notices are allowed | 0 |
/// | errors | 1 |
/// | the configuration does not load | 2 |
pub fn check(path: &Path, args: &RegistryArgs) -> ExitCode {
    let mut findings = Findings::default();
    let mut planned = match load(path) {
        Ok((planned, warnings)) => {
            faults::warn(&warnings);
            planned
        }
        Err(LoadFault::Config(found)) => {
            let code = faults::refuse(&found);
            zone_faults::add(&found, &mut findings);
            if !findings.failed.is_empty() {
                let missing = Some("the other rules wait until the configuration loads");
                return output::print(&print::findings(&findings, false, missing), code);
            }
            return code;
        }
        Err(LoadFault::TooLarge(error)) => return failure(error),
    };
    if args.live {
        planned.iter_mut().for_each(survey::resolve);
    }
    // A typing error here would send the questions to a foreign machine.
    if let Some((stray, _)) = args.via.iter().find(|(from, _)| !has(&planned, *from)) {
        let text = format!("tiovivo: --via {stray}: no name server of the zones has this address");
        output::tell(&(text + "\n"));
        return ExitCode::from(EXIT_CONFIG);
    }
    let mut survey = Survey::new(args.via.iter().copied().collect());
    for planned in &planned {
        static_rules::check(planned, args.allow_private, &mut findings);
        if args.live {
            let replies = survey.query(planned);
            live_rules::check(planned, &replies, &mut findings);
        }
    }
    let missing = (!args.live).then_some("the name servers were not asked: add --live");
    let code = match findings.count(Level::Error) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    };
    output::print(&print::findings(&findings, args.verbose, missing), code)
}

fn has(planned: &[Delegation], address: IpAddr) -> bool {
    planned.iter().any(|planned| planned.addresses().any(|(_, at)| at == address))
}

enum LoadFault {
    Config(Vec<Fault>),
    TooLarge(TooLarge),
}

fn load(path: &Path) -> Result<(Vec<Delegation>, Vec<Fault>), LoadFault> {
    let loaded = config::load::load(path).map_err(LoadFault::Config)?;
    Ok((plan::delegations(&loaded.config).map_err(LoadFault::TooLarge)?, loaded.warnings))
}

fn via(text: &str) -> Result<(IpAddr, SocketAddr), String> {
    let parts = text.split_once('=').map(|(from, to)| (from.parse(), to.parse()));
    match parts {
        Some((Ok(from), Ok(to))) => Ok((from, to)),
        _ => Err("write ADDR=ADDR:PORT, such as 192.0.2.53=127.0.0.1:5301".into()),
    }
}
