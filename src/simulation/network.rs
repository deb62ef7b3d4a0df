//! The simulated network: the results of probes and requests at a moment.
//!
//! | the node | HTTP | TCP | MySQL | a client |
//! |---|---|---|---|---|
//! | is well | expected status | accepted | greeting | is served |
//! | dies | no answer | no answer | no answer | is not |
//! | refuses | refused | refused | refused | is not |
//! | hangs | no answer | accepted | no answer | is not |
//! | fails | 500 | accepted | error 1040 | is not |
//! | loses 30% | of 100, 30 get no answer | the same | the same | 30 of 100 are not |
//! | slows 3s | the same, 3 s later | the same | the same | is served |
//!
//! The other kinds of check have `simulated_answers` in their `probe.rs`. A push takes the place of
//! a probe once in each `expires`.
//!
//! A checker that is cut off gets no answer from any node; clients are not affected.

use std::collections::HashMap;
use std::time::Duration;

use crate::checks::checked::Probe;
use crate::checks::probe::simulated_answers;
use crate::cluster::check::Check;
use crate::cluster::node::NodeName;
use crate::config::simulation::timeline::{CheckerLink, Does, What};
use crate::health::probe::answer::{Healthy, ProbeAnswer, Verdict};
use crate::health::probe::failure::Failure;
use crate::health::probe::simulated::SimulatedAnswers;

/// The time of a healthy answer: 1 ms to 3 ms.
const RTT: Duration = Duration::from_millis(1);
const RTT_SPREAD: Duration = Duration::from_millis(2);
const SERVER_ERROR: u16 = 500;

/// The effect of the events so far.
#[derive(Debug, Default)]
pub struct Network {
    /// The latest event of each node.
    nodes: HashMap<NodeName, Does>,
    is_cut_off: bool,
}

/// The condition of a node at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    Well,
    Dead,
    Closed,
    Hung,
    Failing,
    Lossy(u8),
    Slow(Duration),
}

impl Network {
    pub fn happen(&mut self, what: &What) {
        match what {
            What::Node { node, does } => {
                self.nodes.insert(node.clone(), *does);
            }
            What::Checker(line) => self.is_cut_off = *line == CheckerLink::CutOff,
            What::Operator { .. } => {}
        }
    }

    pub fn condition(&self, node: &NodeName) -> Condition {
        match self.nodes.get(node) {
            None | Some(Does::Recovers) => Condition::Well,
            Some(Does::Dies) => Condition::Dead,
            Some(Does::Refuses) => Condition::Closed,
            Some(Does::Hangs) => Condition::Hung,
            Some(Does::Fails) => Condition::Failing,
            Some(Does::Loses(share)) => Condition::Lossy(*share),
            Some(Does::Slows(time)) => Condition::Slow(*time),
        }
    }

    /// The result of a probe of `node` that begins now, and when it comes. `mother` is the
    /// condition of the mother when the check depends on her.
    pub fn probe(
        &self,
        node: Condition,
        mother: Option<Condition>,
        check: &Check,
        luck: &mut fastrand::Rng,
    ) -> (Verdict, Duration) {
        let took = RTT + RTT_SPREAD.mul_f64(luck.f64());
        let meets = if self.is_cut_off { Condition::Dead } else { node };
        let (answer, took) = match ask(meets, &check.probe, took, luck) {
            (Ok(said), took) => match mother.map(|mother| behind(mother, took, luck)) {
                None => (Ok(said), took),
                Some((Ok(()), took)) => (Ok(said), took),
                Some((Err(silence), took)) => (Err(silence), took),
            },
            failed => failed,
        };
        if let Probe::Push(push) = &check.probe {
            let silence = || Failure::NoReport { within: push.expires };
            let verdict = answer.map(Healthy::reported);
            return (verdict.map_err(|failure| failure.unwrap_or_else(silence)), took);
        }
        match answer {
            Ok(said) if took < check.timeout => {
                (Ok(Healthy { said, rtt: took, certificate: None }), took)
            }
            Err(Some(failure)) if took < check.timeout => (Err(failure), took),
            _ => (Err(Failure::NoAnswer { within: check.timeout }), check.timeout),
        }
    }
}

impl Condition {
    pub fn serves(self, luck: &mut fastrand::Rng) -> bool {
        match self {
            Condition::Well | Condition::Slow(_) => true,
            Condition::Dead | Condition::Closed | Condition::Hung | Condition::Failing => false,
            Condition::Lossy(share) => luck.u8(0..100) >= share,
        }
    }

    /// Whether requests are served in this condition.
    pub fn is_well(self) -> bool {
        matches!(self, Condition::Well | Condition::Slow(_))
    }
}

/// The failure of an answer; `None` for no answer.
type Answer<T> = Result<T, Option<Failure>>;

fn ask(
    node: Condition,
    probe: &Probe,
    took: Duration,
    luck: &mut fastrand::Rng,
) -> (Answer<ProbeAnswer>, Duration) {
    let SimulatedAnswers { well, hung, failing, closed } = simulated_answers(probe);
    let answer = match node {
        Condition::Well => Ok(well),
        Condition::Slow(more) => return (Ok(well), took + more),
        Condition::Dead => Err(None),
        Condition::Closed => closed.map_err(Some),
        Condition::Lossy(_) if node.serves(luck) => Ok(well),
        Condition::Lossy(_) => Err(None),
        Condition::Hung => hung.ok_or(None),
        Condition::Failing => failing.map_err(Some),
    };
    (answer, took)
}

/// The condition of a healthy node whose check depends on the mother: it waits for her, or fails.
fn behind(mother: Condition, took: Duration, luck: &mut fastrand::Rng) -> (Answer<()>, Duration) {
    let refused = || Failure::Status { got: SERVER_ERROR, expected: "200".into() };
    match mother {
        Condition::Slow(more) => (Ok(()), took + more),
        Condition::Closed | Condition::Failing => (Err(Some(refused())), took),
        Condition::Dead | Condition::Hung => (Err(None), took),
        Condition::Well | Condition::Lossy(_) => {
            (if mother.serves(luck) { Ok(()) } else { Err(None) }, took)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::mysql::checked::MysqlProbe;
    use crate::checks::push::checked::PushProbe;
    use crate::checks::tcp::checked::TcpProbe;
    use crate::cluster::check::{CheckedFamily, Thresholds};

    fn check(probe: Probe) -> Check {
        Check {
            probe,
            address: None,
            family: CheckedFamily::default(),
            every: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            thresholds: Thresholds { fall: 3, rise: 2, forgive: 10 },
        }
    }

    fn probed(network: &Network, node: Condition, mother: Option<Condition>) -> Verdict {
        let mut luck = fastrand::Rng::with_seed(7);
        network
            .probe(
                node,
                mother,
                &check(Probe::Mysql(MysqlProbe { port: 3306, full_is_up: false })),
                &mut luck,
            )
            .0
    }

    const SILENCE: Verdict = Err(Failure::NoAnswer { within: Duration::from_secs(2) });

    #[test]
    fn each_way_to_be_unwell_has_its_verdict() {
        let network = Network::default();
        assert!(probed(&network, Condition::Well, None).is_ok());
        assert_eq!(probed(&network, Condition::Dead, None), SILENCE);
        assert_eq!(probed(&network, Condition::Closed, None), Err(Failure::Refused));
        assert_eq!(probed(&network, Condition::Slow(Duration::from_secs(3)), None), SILENCE);
        let mut luck = fastrand::Rng::with_seed(7);
        let tcp = check(Probe::Tcp(TcpProbe { port: 80 }));
        assert!(network.probe(Condition::Hung, None, &tcp, &mut luck).0.is_ok());
        assert_eq!(probed(&network, Condition::Hung, None), SILENCE);
    }

    #[test]
    fn a_node_that_asks_its_mother_is_as_well_as_she_is() {
        let network = Network::default();
        assert!(probed(&network, Condition::Well, Some(Condition::Well)).is_ok());
        assert_eq!(probed(&network, Condition::Well, Some(Condition::Dead)), SILENCE);
        let closed = probed(&network, Condition::Well, Some(Condition::Closed));
        assert_eq!(closed.unwrap_err().to_string(), "HTTP 500, expected 200");
    }

    #[test]
    fn a_push_that_does_not_come_is_missed() {
        let (mut network, mut luck) = (Network::default(), fastrand::Rng::with_seed(7));
        let expires = Duration::from_secs(60);
        let push = check(Probe::Push(PushProbe { expires, load: false }));
        let mut heard = |network: &Network, node| network.probe(node, None, &push, &mut luck).0;
        assert_eq!(heard(&network, Condition::Well).unwrap().to_string(), "reported healthy");
        let missed = Failure::NoReport { within: expires };
        for node in [Condition::Dead, Condition::Hung, Condition::Closed] {
            assert_eq!(heard(&network, node), Err(missed.clone()));
        }
        let failing = heard(&network, Condition::Failing).unwrap_err();
        assert_eq!(failing.to_string(), "reported unhealthy");
        network.happen(&What::Checker(CheckerLink::CutOff));
        assert_eq!(heard(&network, Condition::Well), Err(missed));
    }

    #[test]
    fn a_checker_that_is_cut_off_hears_nobody() {
        let mut network = Network::default();
        network.happen(&What::Checker(CheckerLink::CutOff));
        assert_eq!(probed(&network, Condition::Well, None), SILENCE);
        network.happen(&What::Checker(CheckerLink::Recovers));
        assert!(probed(&network, Condition::Well, None).is_ok());
    }
}
