//! What is written down while a timeline is played: answers as they change, and every member's way.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::cluster::checks;
use crate::cluster::node::NodeName;
use crate::cluster::pool::{Membership, PoolId};
use crate::cluster::standing::State;
use crate::config::simulation::{Simulation, What};
use crate::control::state::ControlState;
use crate::control::status::{MemberStatus, PoolStatus, Status};
use crate::simulation::ask::{Answered, Asker};
use crate::simulation::network::Condition;
use crate::simulation::population::Population;
use crate::snapshot::{PoolInput, Snapshot};
use crate::zone::name::Name;

/// Asks for the names of pools that everyone may ask.
pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
/// Of the members that are neither up nor settled, so many are told beside an answer.
const TOLD: usize = 3;

/// A whole run.
#[derive(Debug)]
pub struct Run {
    pub seed: u64,
    pub until: Duration,
    pub lines: Vec<Line>,
    /// Each member of each pool.
    pub rows: Vec<Row>,
    /// The name that the clients ask for.
    pub asks: Name,
    pub population: Population,
}

/// Something at a moment.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub at: Duration,
    pub said: Said,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// Of the timeline.
    Event(What),
    /// What the server logs.
    News(String),
    /// An answer that is another one than before.
    Answer { names: Vec<Name>, answered: Answered, why: String },
}

/// What a member was, from when on; never the same twice in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band<T>(pub Vec<(Duration, T)>);

#[derive(Debug)]
pub struct Row {
    pub pool: String,
    pub node: NodeName,
    pub check: Band<Shade>,
    pub deep: Option<Band<Shade>>,
    pub in_answers: Band<bool>,
    /// What the checks try to find out.
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
    lines: Vec<Line>,
    rows: Vec<Row>,
    pools: Vec<Pool>,
}

/// What was last seen of a pool.
#[derive(Debug)]
struct Pool {
    names: Vec<Name>,
    from: IpAddr,
    input: Option<PoolInput>,
    answered: Vec<Answered>,
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
            Pool { names, from, input: None, answered: vec![] }
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
        self.lines.push(Line { at, said: Said::Event(what.clone()) });
    }

    pub fn news(&mut self, at: Duration, text: String) {
        self.lines.push(Line { at, said: Said::News(text) });
    }

    /// What every member is.
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
            // Of two families it is up while one of them is.
            row.check.push(at, Shade::of(checks::state(1, &states)));
            if let (Some(band), Some(deep)) = (&mut row.deep, &member.deep) {
                band.push(at, Shade::of(deep.state()));
            }
            row.in_answers.push(at, in_answers);
            row.is_well.push(at, condition(&row.node).is_well());
        }
    }

    /// Asks for the names of every pool whose answer may have changed.
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
            let now: Vec<Answered> = pool.names.iter().map(survey).collect();
            if now != pool.answered {
                let why = why(&status.pools[index]);
                let said = |(names, answered)| Said::Answer { names, answered, why: why.clone() };
                let grouped = grouped(&pool.names, &now).into_iter().map(said);
                self.lines.extend(grouped.map(|said| Line { at, said }));
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

/// Names with the same answer together.
fn grouped(names: &[Name], answers: &[Answered]) -> Vec<(Vec<Name>, Answered)> {
    let mut groups: Vec<(Vec<Name>, Answered)> = vec![];
    for (name, answered) in names.iter().zip(answers) {
        match groups.iter_mut().find(|(_, known)| known == answered) {
            Some((names, _)) => names.push(name.clone()),
            None => groups.push((vec![name.clone()], answered.clone())),
        }
    }
    groups
}

/// What the page says of the pool, and of the members that are not simply up.
fn why(pool: &PoolStatus) -> String {
    let is_told = |member: &&MemberStatus| {
        !["up", "unknown"].contains(&member.check.state) || member.operator.is_some()
    };
    let unsettled: Vec<&MemberStatus> = pool.members.iter().filter(is_told).collect();
    let shortage = format!("; answered all the same: {}", pool.why);
    let mut why = pool.why.clone();
    for member in unsettled.iter().take(TOLD) {
        // Said once is enough.
        let said = member.why.replace(&shortage, "");
        why.push_str(&format!("; {}: {said}", member.node));
    }
    match unsettled.len().saturating_sub(TOLD) {
        0 => why,
        more => format!("{why}; and {more} more"),
    }
}
