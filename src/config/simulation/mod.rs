//! A timeline for `tiovivo simulate`: a cluster, what happens to it, and who asks meanwhile.
//!
//! Read as config.yaml is, by the same stages, so that every fault has its line. The configuration
//! is another file, or written right here under `config:`.

pub mod check;
pub mod raw;

use std::path::Path;
use std::time::Duration;

use crate::cluster::node::NodeName;
use crate::cluster::operator::{OverrideKind, Selector};
use crate::config::check::report::Report;
use crate::config::fault::{Fault, Source};
use crate::config::simulation::raw::RawSimulation;
use crate::config::written::{Entry, KeyPath, Shape, Written};
use crate::config::{self, Config, Loaded, environment, positions, read, told};
use crate::zone::name::Name;

/// Everything that one timeline says, checked.
#[derive(Debug)]
pub struct Simulation {
    pub config: Config,
    /// 1 s to 1 day.
    pub until: Duration,
    /// What `--seed` replaces.
    pub seed: u64,
    pub asks_mother: AsksMother,
    /// In the order of their time. A node that flaps refuses and recovers by turns.
    pub events: Vec<Event>,
    pub clients: Clients,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// From the start.
    pub at: Duration,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Node {
        node: NodeName,
        does: Does,
    },
    /// The machine that probes.
    Checker(Line),
    /// An order; `None` releases.
    Operator {
        order: Option<OverrideKind>,
        target: Selector,
    },
}

/// What becomes of a node, for probes and clients alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Nothing comes back: no power, no network.
    Dies,
    /// Its ports are closed.
    Refuses,
    /// Connections are accepted, and that is all.
    Hangs,
    /// It answers that it cannot: HTTP 500, a MySQL error.
    Fails,
    /// So many of a hundred connections get no answer; 1 to 99.
    Loses(u8),
    /// It takes so long for every answer.
    Slows(Duration),
    Recovers,
}

/// The network around the machine that probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    CutOff,
    Recovers,
}

/// Which checks of a child need the mother to answer them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AsksMother {
    /// As it should be: the rotation does not depend on her.
    #[default]
    Deep,
    /// To see what becomes of a rotation whose check asks her.
    All,
    None,
}

/// Who asks for a name, and then sends requests to the first address of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// A name that is answered from a pool.
    pub asks: Name,
    /// 1 to 100,000.
    pub count: u32,
    /// From one request of a client to its next.
    pub every: Duration,
    /// Their shares are 100 together.
    pub kinds: Vec<Kind>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Of a hundred clients.
    pub share: u8,
    pub keeps: Keeps,
}

/// How long a client goes on using an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// As long as the answer says.
    Ttl,
    /// At least so long, whatever the answer says.
    Floor(Duration),
    /// So long, and its first address only: a browser with a connection.
    Pins(Duration),
}

/// Reads and checks a timeline and all that it names; `Ok` with the warnings of its configuration.
pub fn load(path: &Path) -> Result<(Simulation, Vec<Fault>), Vec<Fault>> {
    let file = path.display().to_string();
    let text = read::text(path, read::MAX_CONFIG)
        .map_err(|problem| vec![Fault::of_file(&file, problem)])?;
    parse(path, &text)
}

/// As [`load`], of a timeline at `path` that says `text`.
pub fn parse(path: &Path, text: &str) -> Result<(Simulation, Vec<Fault>), Vec<Fault>> {
    let file = path.display().to_string();
    let source = Source::new(&file, text);
    let (tree, mut faults) = positions::read(&source, text);
    let Some(mut tree) = tree else { return Err(told(&file, faults, 0)) };
    let inline = take_inline(&mut tree);
    let (raw, shape) = config::raw::stage::read::<RawSimulation>(&source, &mut tree);
    faults.extend(shape);
    let folder = path.parent().unwrap_or(Path::new(""));
    let named = raw.as_ref().and_then(|raw| raw.config.as_deref());
    let is_missing = inline.is_none() && named.is_none();
    let cluster = match (inline, named) {
        (Some(tree), _) => config::checked(path, &source, tree, vec![]).map(Some),
        (None, Some(named)) => config::load(&folder.join(named)).map(Some),
        (None, None) => Ok(None),
    };
    let cluster = cluster.unwrap_or_else(|of_config| {
        faults.extend(of_config);
        None
    });
    let Some(raw) = raw else { return Err(told(&file, faults, 0)) };
    let mut report = Report::new(&source, &tree, faults);
    if is_missing {
        let help = "write the path of a config.yaml, relative to this file";
        report.missing(&KeyPath::root(), "config", help);
    }
    let (cluster, warnings) = match cluster {
        Some(Loaded { config, warnings }) => (Some(config), warnings),
        None => (None, vec![]),
    };
    match check::check(&raw, cluster, &mut report) {
        Some(simulation) => Ok((simulation, warnings)),
        None => {
            let (mut faults, more) = (report.faults, report.more);
            environment::hide(&mut faults, &tree);
            Err(told(&file, faults, more))
        }
    }
}

/// A configuration that is written in the timeline itself; its key stays, hidden.
fn take_inline(tree: &mut Written) -> Option<Written> {
    let Shape::Map(map) = &mut tree.shape else { return None };
    let is_config = |entry: &&mut Entry| entry.key == "config";
    let value = &mut map.entries.iter_mut().find(is_config)?.value;
    let Shape::Map(_) = value.shape else { return None };
    let shape = Shape::Text(String::new());
    let hidden = Written { span: value.span, shape, pruned: true, variable: None };
    Some(std::mem::replace(value, hidden))
}
