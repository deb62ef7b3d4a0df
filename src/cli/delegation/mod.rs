//! The registrar's side: `tiovivo delegation` and `tiovivo check --delegation`.
//!
//! | file | does |
//! |---|---|
//! | [`plan`] | configuration → what the registry is to know |
//! | [`mod@print`] | what to enter at the registrar; the table of findings |
//! | [`catalogue`] | the rules of the registries as rows, and the report |
//! | [`rules`] | what the configuration alone shows |
//! | [`networks`] | which addresses are public |
//! | [`live`] | asks the name servers; the only one here with sockets |
//! | [`said`] | bytes → what a name server said |
//! | [`judge`] | the rules about what they said |
//! | [`refused`] | faults that the zone reader found first, under their rule |
//!
//! The parent is deliberately not asked: before a delegation it has nothing to say, and what it
//! must say afterwards is what `tiovivo delegation` prints.

pub mod catalogue;
pub mod judge;
pub mod live;
pub mod networks;
pub mod plan;
pub mod print;
pub mod refused;
pub mod rules;
pub mod said;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use crate::cli::delegation::catalogue::{Report, Severity};
use crate::cli::delegation::plan::Delegation;
use crate::cli::{ConfigArg, EXIT_CONFIG, failure, faults, output};
use crate::config;
use crate::zone::name::Name;

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
        Err(Refused::Config(found)) => return faults::refuse(&found),
        Err(Refused::Other(error)) => return failure(error),
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
/// | no errors; warnings and notices may be | 0 |
/// | errors | 1 |
/// | the configuration does not load | 2 |
pub fn check(path: &Path, args: &RegistryArgs) -> ExitCode {
    let mut report = Report::default();
    let mut planned = match load(path) {
        Ok((planned, warnings)) => {
            faults::warn(&warnings);
            planned
        }
        Err(Refused::Config(found)) => {
            let code = faults::refuse(&found);
            refused::tell(&found, &mut report);
            if !report.findings.is_empty() {
                let missing = Some("the other rules wait until the configuration loads");
                return output::print(&print::report(&report, false, missing), code);
            }
            return code;
        }
        Err(Refused::Other(error)) => return failure(error),
    };
    if args.live {
        planned.iter_mut().for_each(live::resolve);
    }
    // A slip here would ask somebody else's machine.
    if let Some((stray, _)) = args.via.iter().find(|(from, _)| !has(&planned, *from)) {
        let text = format!("tiovivo: --via {stray}: no name server of the zones has this address");
        output::tell(&(text + "\n"));
        return ExitCode::from(EXIT_CONFIG);
    }
    let mut asker = live::Asker::new(args.via.iter().copied().collect());
    for planned in &planned {
        rules::check(planned, args.allow_private, &mut report);
        if args.live {
            let seen = asker.look(planned);
            judge::check(planned, &seen, &mut report);
        }
    }
    let missing = (!args.live).then_some("the name servers were not asked: add --live");
    let code = match report.count(Severity::Error) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    };
    output::print(&print::report(&report, args.verbose, missing), code)
}

fn has(planned: &[Delegation], address: IpAddr) -> bool {
    planned.iter().any(|planned| planned.addresses().any(|(_, at)| at == address))
}

enum Refused {
    Config(Vec<config::fault::Fault>),
    Other(crate::zone::store::TooLarge),
}

fn load(path: &Path) -> Result<(Vec<Delegation>, Vec<config::fault::Fault>), Refused> {
    let loaded = config::load(path).map_err(Refused::Config)?;
    Ok((plan::delegations(&loaded.config).map_err(Refused::Other)?, loaded.warnings))
}

fn via(text: &str) -> Result<(IpAddr, SocketAddr), String> {
    let parts = text.split_once('=').map(|(from, to)| (from.parse(), to.parse()));
    match parts {
        Some((Ok(from), Ok(to))) => Ok((from, to)),
        _ => Err("write ADDR=ADDR:PORT, such as 192.0.2.53=127.0.0.1:5301".into()),
    }
}
