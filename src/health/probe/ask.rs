//! Asks a target once, and judges its answer within a time.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};

use crate::cluster::node::NodeName;
use crate::cluster::pool::PoolName;
use crate::health::heart::{Heart, late};
use crate::health::probe::answer::{Healthy, ProbeAnswer, Verdict};
use crate::health::probe::conversation::Connection;
use crate::health::probe::failure::Failure;

/// A target that can be asked. It need not limit its time: [`judge`] does.
pub trait Ask: Send + Sync + 'static {
    fn ask(&self) -> impl Future<Output = Result<ProbeAnswer, Failure>> + Send;

    /// Asks over a given connection; `None` for a kind of check without a stream. Tests use it to
    /// play a hostile node.
    fn ask_over(
        &self,
        _stream: Connection,
    ) -> impl Future<Output = Option<Result<ProbeAnswer, Failure>>> + Send {
        std::future::ready(None)
    }

    /// A permit to hold while the target is asked. The time of the answer begins only then; most
    /// kinds of check need no permit.
    fn turn(&self) -> impl Future<Output = Option<SemaphorePermit<'static>>> + Send {
        std::future::ready(None)
    }

    /// The failure when there was no answer `within` the time.
    fn silence(&self, within: Duration) -> Failure {
        Failure::NoAnswer { within }
    }

    /// When the certificate of the latest handshake ends.
    fn certificate(&self) -> Option<Timestamp> {
        None
    }
}

/// A probe that this process held up for more than this part of its time (a quarter) says nothing
/// about the node, unless the node answered all the same.
const HELD_UP: u32 = 4;

/// Asks once; silence is a failure. Time in which this process was held up is added once: an answer
/// that arrives by then is in time.
///
/// | the node | held up for less than a quarter of the time | for more |
/// |---|---|---|
/// | answers well | up | up |
/// | is refused, says what it should not | a failure | a failure |
/// | is silent, or [`Failure::goes_by_time`] | a failure | void: it counts as not sent |
pub async fn judge_beside(member: &impl Ask, within: Duration, heart: &Arc<Heart>) -> Verdict {
    let (flight, started) = (heart.fly(), Instant::now());
    let mut ask = pin!(member.ask());
    let mut end = started + within;
    let mut answer = timeout_at(end, ask.as_mut()).await;
    let mut held_up = flight.held_up().max(late(end));
    if answer.is_err() && !held_up.is_zero() {
        end = Instant::now() + held_up.min(within);
        answer = timeout_at(end, ask.as_mut()).await;
        held_up = flight.held_up().max(held_up + late(end));
    }
    match answer.unwrap_or_else(|_| Err(member.silence(within))) {
        Ok(said) => {
            let rtt = started.elapsed().saturating_sub(held_up);
            Ok(Healthy { said, rtt, certificate: member.certificate() })
        }
        Err(failure) => Err(unless_void(failure, held_up, within)),
    }
}

/// As [`judge_beside`], where only the timer of the probe itself notices hold-ups.
pub async fn judge(member: &impl Ask, within: Duration) -> Verdict {
    judge_beside(member, within, &Arc::default()).await
}

/// The failure, or [`Failure::Void`] when the hold-up of this process may have caused it.
pub fn unless_void(failure: Failure, held_up: Duration, within: Duration) -> Failure {
    match failure.goes_by_time() && held_up > within / HELD_UP {
        true => Failure::Void { held_up },
        false => failure,
    }
}

/// The address that is probed, with the names that a command is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub node: NodeName,
    pub pool: PoolName,
    pub address: IpAddr,
}
