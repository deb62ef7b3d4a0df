//! Records a run: the answers at each change, and the states of every member.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::cluster::checks;
use crate::cluster::node::NodeName;
use crate::cluster::pool::{Membership, PoolId};
use crate::cluster::standing::State;
use crate::config::simulation::timeline::{Simulation, What};
use crate::control::state::ControlState;
use crate::control::status::{MemberStatus, PoolStatus, Status};
use crate::simulation::ask::{Asker, NameAnswers};
use crate::simulation::network::Condition;
use crate::simulation::population::Population;
use crate::snapshot::{PoolInput, Snapshot};
use crate::zone::name::Name;

/// The questions come from this client, so only pools for everyone answer.
pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
/// Most members with a changing state that are listed beside an answer.
const TOLD: usize = 3;

/// A whole run.
#[derive(Debug)]
pub struct Run {
    pub seed: u64,
    pub until: Duration,
    pub lines: Vec<DiaryLine>,
    /// One row for each member of each pool.
    pub rows: Vec<Row>,
    /// The name that the clients ask for.
    pub asks: Name,
    pub population: Population,
}

/// An entry of the record, with its time.
#[derive(Debug, PartialEq, Eq)]
pub struct DiaryLine {
    pub at: Duration,
    pub content: LineContent,
}

#[derive(Debug, PartialEq, Eq)]
pub enum LineContent {
    /// An event of the timeline.
    Event(What),
    /// A log line of the server.
    News(String),
    /// An answer that differs from the one before.
    Answer { names: Vec<Name>, answered: NameAnswers, why: String },
}

/// The states of a member, each with its beginning; two in a row differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band<T>(pub Vec<(Duration, T)>);

#[derive(Debug)]
pub struct Row {
    pub pool: String,
    pub node: NodeName,
    pub check: Band<Shade>,
    pub deep: Option<Band<Shade>>,
    pub in_answers: Band<bool>,
    /// Whether the node really serves.
    pub is_well: Band<bool>,
}

/// A [`State`] without its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shade {
    Unknown,
    Up,
    Falling,
    Down,
    Rising,
}

/// Collects a [`Run`].
#[derive(Debug)]
pub struct Diary {
    lines: Vec<DiaryLine>,
    rows: Vec<Row>,
    pools: Vec<PoolRecord>,
}

/// The last recorded state of a pool.
#[derive(Debug)]
struct PoolRecord {
    names: Vec<Name>,
    from: IpAddr,
    input: Option<PoolInput>,
    answered: Vec<NameAnswers>,
}

impl<T: PartialEq> Band<T> {
    fn push(&mut self, at: Duration, now: T) {
        if self.0.last().is_none_or(|(_, last)| *last != now) {
            self.0.push((at, now));
        }
    }
}

impl Shade {
    fn of(state: State) -> Shade {
        match state {
            State::Unknown { .. } => Shade::Unknown,
            State::Up => Shade::Up,
            State::Falling { .. } => Shade::Falling,
            State::Down => Shade::Down,
            State::Rising { .. } => Shade::Rising,
        }
    }
}

impl Diary {
    pub fn new(simulation: &Simulation) -> Diary {
        let pools = simulation.config.pools.iter().enumerate().map(|(index, pool)| {
            let published = simulation.config.published.iter();
            let own = published.filter(|published| published.pool.index() == index);
            let from = match &pool.membership {
                Membership::Everyone(_) => CLIENT,
                Membership::Only { clients, .. } => {
                    clients.iter().next().map_or(CLIENT, |network| network.addr())
                }
            };
            let names = own.map(|published| published.owner.clone()).collect();
            PoolRecord { names, from, input: None, answered: vec![] }
        });
        let rows = simulation.config.pools.iter().flat_map(|pool| {
            pool.membership.iter().map(|member| Row {
                pool: pool.name.to_string(),
                node: member.node.clone(),
                check: Band(vec![]),
                deep: pool.deep.as_ref().map(|_| Band(vec![])),
                in_answers: Band(vec![]),
                is_well: Band(vec![]),
            })
        });
        Diary { lines: vec![], rows: rows.collect(), pools: pools.collect() }
    }

    pub fn event(&mut self, at: Duration, what: &What) {
        self.lines.push(DiaryLine { at, content: LineContent::Event(what.clone()) });
    }

    pub fn news(&mut self, at: Duration, text: String) {
        self.lines.push(DiaryLine { at, content: LineContent::News(text) });
    }

    /// Records the state of every member.
    pub fn members(
        &mut self,
        at: Duration,
        state: &ControlState,
        condition: impl Fn(&NodeName) -> Condition,
    ) {
        let members = state.pools.iter().enumerate().flat_map(|(pool, of_pool)| {
            let selection = &state.answers()[pool].selection;
            let members = of_pool.members.iter().enumerate();
            members.map(move |(place, member)| (member, selection.has(PoolId(pool as u32), place)))
        });
        for (row, (member, in_answers)) in self.rows.iter_mut().zip(members) {
            let states: Vec<State> =
                member.verdicts().map(|(_, verdict)| verdict.check.state()).collect();
            // With two families, the member is up while one of them is.
            row.check.push(at, Shade::of(checks::state(1, &states)));
            if let (Some(band), Some(deep)) = (&mut row.deep, &member.deep) {
                band.push(at, Shade::of(deep.state()));
            }
            row.in_answers.push(at, in_answers);
            row.is_well.push(at, condition(&row.node).is_well());
        }
    }

    /// Records the answers of every pool whose answer may have changed.
    pub fn answers(
        &mut self,
        at: Duration,
        state: &ControlState,
        status: &Status,
        snapshot: &Snapshot,
        asker: &mut Asker,
    ) {
        for (index, pool) in self.pools.iter_mut().enumerate() {
            let input = &state.answers()[index];
            if pool.input.as_ref() == Some(input) {
                continue;
            }
            pool.input = Some(input.clone());
            let survey = |name| asker.survey(snapshot, name, pool.from);
            let now: Vec<NameAnswers> = pool.names.iter().map(survey).collect();
            if now != pool.answered {
                let why = why(&status.pools[index]);
                let content =
                    |(names, answered)| LineContent::Answer { names, answered, why: why.clone() };
                let grouped = grouped(&pool.names, &now).into_iter().map(content);
                self.lines.extend(grouped.map(|content| DiaryLine { at, content }));
                pool.answered = now;
            }
        }
    }

    pub fn end(self, simulation: &Simulation, population: Population, seed: u64) -> Run {
        Run {
            seed,
            until: simulation.until,
            lines: self.lines,
            rows: self.rows,
            asks: simulation.clients.asks.clone(),
            population,
        }
    }
}

/// Groups names with the same answer.
fn grouped(names: &[Name], answers: &[NameAnswers]) -> Vec<(Vec<Name>, NameAnswers)> {
    let mut groups: Vec<(Vec<Name>, NameAnswers)> = vec![];
    for (name, answered) in names.iter().zip(answers) {
        match groups.iter_mut().find(|(_, known)| known == answered) {
            Some((names, _)) => names.push(name.clone()),
            None => groups.push((vec![name.clone()], answered.clone())),
        }
    }
    groups
}

/// The page's sentences about the pool, and about its members that are not simply up.
fn why(pool: &PoolStatus) -> String {
    let is_told = |member: &&MemberStatus| {
        !["up", "unknown"].contains(&member.check.state) || member.operator.is_some()
    };
    let unsettled: Vec<&MemberStatus> = pool.members.iter().filter(is_told).collect();
    let shortage = format!("; answered all the same: {}", pool.why);
    let mut why = pool.why.clone();
    for member in unsettled.iter().take(TOLD) {
        // Each sentence once.
        let content = member.why.replace(&shortage, "");
        why.push_str(&format!("; {}: {content}", member.node));
    }
    match unsettled.len().saturating_sub(TOLD) {
        0 => why,
        more => format!("{why}; and {more} more"),
    }
}
