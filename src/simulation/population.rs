//! The clients, behind resolvers and in browsers, each with its cached answer.
//!
//! A client sends a request in each interval, at a time of its own, to the first address of its
//! cached answer; when that is too old, it asks again first. A request that the first address does
//! not serve has *hit a dead node*. The client then tries the other addresses of the answer, unless
//! it has pinned the first one; when none serves, the request is *lost*.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::simulation::timeline::{ClientKind, Clients, Keeps};
use crate::simulation::ask::SimulatedAnswer;

/// The counts of one kind of clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub requests: u64,
    pub hits: u64,
    pub lost: u64,
}

#[derive(Debug)]
pub struct Population {
    kinds: Vec<ClientKind>,
    every: Duration,
    /// In the order of their times within the interval.
    clients: Vec<SimulatedClient>,
    /// Number of requests of all clients together.
    made: u64,
    pub of_kind: Vec<Tally>,
    /// Counts for each second.
    pub of_second: Vec<Tally>,
}

#[derive(Debug)]
struct SimulatedClient {
    kind: usize,
    /// Time from the start of each interval to the request.
    phase: Duration,
    kept: Vec<IpAddr>,
    until: Duration,
}

impl Population {
    /// Clients that have asked already, at different times; `first` gives the answer of each.
    pub fn new(
        clients: &Clients,
        luck: &mut fastrand::Rng,
        mut first: impl FnMut() -> SimulatedAnswer,
    ) -> Population {
        let mut population = vec![];
        for index in 0..clients.count {
            let kind = kind_of(&clients.kinds, index, clients.count);
            let answer = first();
            let age = luck.f64();
            population.push(SimulatedClient {
                kind,
                phase: clients.every.mul_f64(luck.f64()),
                until: keeps(clients.kinds[kind].keeps, answer.ttl()).mul_f64(age),
                kept: answer.addresses,
            });
        }
        population.sort_by_key(|client| client.phase);
        Population {
            of_kind: vec![Tally::default(); clients.kinds.len()],
            kinds: clients.kinds.clone(),
            every: clients.every,
            clients: population,
            made: 0,
            of_second: vec![],
        }
    }

    /// Makes all requests before `end`.
    pub fn play(
        &mut self,
        end: Duration,
        mut ask: impl FnMut() -> SimulatedAnswer,
        mut serves: impl FnMut(IpAddr) -> bool,
    ) {
        loop {
            let (round, index) = self.next();
            let client = &mut self.clients[index];
            let now = self.every * round + client.phase;
            if now >= end {
                return;
            }
            let keeps = self.kinds[client.kind].keeps;
            if now >= client.until {
                let answer = ask();
                client.until = now + self::keeps(keeps, answer.ttl());
                client.kept = answer.addresses;
            }
            let tries = match keeps {
                Keeps::Ttl | Keeps::Floor(_) => client.kept.len(),
                Keeps::Pins(_) => 1,
            };
            let mut tries = client.kept.iter().take(tries).map(|&address| serves(address));
            let hit = tries.next() != Some(true);
            let lost = hit && !tries.any(|served| served);
            let kind = client.kind;
            self.made += 1;
            self.count(kind, now, hit, lost);
        }
    }

    /// The interval and the client of the next request.
    fn next(&self) -> (u32, usize) {
        let count = self.clients.len() as u64;
        ((self.made / count) as u32, (self.made % count) as usize)
    }

    fn count(&mut self, kind: usize, now: Duration, hit: bool, lost: bool) {
        let second = now.as_secs() as usize;
        if self.of_second.len() <= second {
            self.of_second.resize(second + 1, Tally::default());
        }
        for tally in [&mut self.of_kind[kind], &mut self.of_second[second]] {
            tally.requests += 1;
            tally.hits += u64::from(hit);
            tally.lost += u64::from(lost);
        }
    }

    pub fn kinds(&self) -> impl Iterator<Item = (&ClientKind, &Tally)> {
        self.kinds.iter().zip(&self.of_kind)
    }

    pub fn all(&self) -> Tally {
        self.of_kind.iter().fold(Tally::default(), |sum, one| Tally {
            requests: sum.requests + one.requests,
            hits: sum.hits + one.hits,
            lost: sum.lost + one.lost,
        })
    }
}

/// Divides the clients exactly by their shares.
fn kind_of(kinds: &[ClientKind], index: u32, count: u32) -> usize {
    let percent = u64::from(index) * 100 / u64::from(count.max(1));
    let mut sum = 0;
    let ends = kinds.iter().map(|kind| {
        sum += u64::from(kind.share);
        sum
    });
    ends.take_while(|end| *end <= percent).count().min(kinds.len().saturating_sub(1))
}

fn keeps(keeps: Keeps, ttl: Duration) -> Duration {
    match keeps {
        Keeps::Ttl => ttl,
        Keeps::Floor(floor) => ttl.max(floor),
        Keeps::Pins(time) => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::name::Name;

    const SECOND: Duration = Duration::from_secs(1);

    fn clients(kinds: &[(u8, Keeps)]) -> Clients {
        let kinds = kinds.iter().map(|&(share, keeps)| ClientKind { share, keeps });
        let asks = Name::parse("n.example").unwrap();
        Clients { asks, count: 100, every: SECOND, kinds: kinds.collect() }
    }

    fn answer(addresses: &[&str]) -> SimulatedAnswer {
        let addresses = addresses.iter().map(|at| at.parse().unwrap()).collect();
        SimulatedAnswer { is_refused: false, ttl: 10, addresses }
    }

    /// The first address is dead from the start, and new answers do not have it.
    fn played(keeps: Keeps) -> (Tally, Vec<u64>) {
        let both = || answer(&["192.0.2.1", "192.0.2.2"]);
        let mut luck = fastrand::Rng::with_seed(1);
        let mut population = Population::new(&clients(&[(100, keeps)]), &mut luck, both);
        let dead: IpAddr = "192.0.2.1".parse().unwrap();
        population.play(30 * SECOND, || answer(&["192.0.2.2"]), |address| address != dead);
        let hits = population.of_second.iter().map(|tally| tally.hits).collect();
        (population.all(), hits)
    }

    #[test]
    fn a_dead_node_is_hit_until_the_answers_that_name_it_are_too_old() {
        let (all, hits) = played(Keeps::Ttl);
        assert_eq!((all.requests, all.lost), (3000, 0));
        assert!(hits[0] > 80 && hits[..9].iter().all(|n| *n > 0), "{hits:?}");
        assert!(hits[10..].iter().all(|n| *n == 0), "{hits:?}");
        let (_, hits) = played(Keeps::Floor(20 * SECOND));
        assert!(hits[15] > 0 && hits[20..].iter().all(|n| *n == 0), "{hits:?}");
    }

    #[test]
    fn who_has_pinned_an_address_tries_no_other() {
        let (all, _) = played(Keeps::Pins(20 * SECOND));
        assert!(all.hits > 0 && all.lost == all.hits, "{all:?}");
    }

    #[test]
    fn shares_are_exact() {
        let kinds = clients(&[(70, Keeps::Ttl), (30, Keeps::Pins(SECOND))]).kinds;
        let of_first = (0..1000).filter(|index| kind_of(&kinds, *index, 1000) == 0).count();
        assert_eq!(of_first, 700);
    }
}
