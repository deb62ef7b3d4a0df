//! The Redis check: a target is up when it answers PING with PONG, as Redis and Valkey do.
//!
//! | answer | verdict |
//! |---|---|
//! | `+PONG` | up |
//! | `-NOAUTH …`, `-NOPERM …` | up: it is there and refuses those without a password, as we are |
//! | another `-…`: LOADING, MASTERDOWN, BUSY, DENIED | failure, in the server's words |
//! | anything else, or a line without an end | not a Redis answer |
//!
//! There is no login, so no password in config.yaml.

use std::net::{IpAddr, SocketAddr};

use crate::checks::probe::ProbeKind;
use crate::checks::redis::checked::RedisProbe;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::Subject;
use crate::health::probe::connection::Connector;
use crate::health::probe::conversation::{Connection, Conversation};
use crate::health::probe::converse::Converse;
use crate::health::probe::failure::{Failure, words};
use crate::health::probe::simulated::SimulatedAnswers;

pub const PONG: ProbeAnswer = ProbeAnswer::Text("PONG");
/// The server answers, but it requires a password: that counts as up.
pub const WANTS_PASSWORD: ProbeAnswer = ProbeAnswer::Text("Redis, wants a password");
const NOT_REDIS: Failure = Failure::text("not a Redis answer");
/// PING in the form of clients: an array of one string.
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
/// Octets of the answer's one line.
const MAX_LINE: usize = 512;

#[derive(Debug)]
pub struct RedisProber {
    connector: Connector,
}

impl RedisProber {
    pub fn new(address: IpAddr, probe: &RedisProbe) -> RedisProber {
        let socket = SocketAddr::new(address, probe.port);
        RedisProber { connector: Connector::new(socket, probe.tls.as_ref(), &[]) }
    }
}

impl Converse for RedisProber {
    fn connector(&self) -> &Connector {
        &self.connector
    }

    async fn converse(&self, stream: Connection) -> Result<ProbeAnswer, Failure> {
        let mut conversation = Conversation::new(self.connector.wrap(stream).await?);
        conversation.say(PING).await;
        while !conversation.heard.contains(&b'\n') {
            if conversation.heard.len() >= MAX_LINE || !conversation.hear().await? {
                return Err(NOT_REDIS);
            }
        }
        verdict(&conversation.heard)
    }
}

impl ProbeKind for RedisProbe {
    type Prober = RedisProber;

    fn prober(&self, subject: &Subject) -> Option<RedisProber> {
        Some(RedisProber::new(subject.address, self))
    }

    fn describe(&self, address: IpAddr) -> String {
        format!("Redis PING to {}", SocketAddr::new(address, self.port))
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        SimulatedAnswers {
            well: PONG,
            hung: None,
            failing: Err(Failure::text("Redis: LOADING")),
            closed: Err(Failure::Refused),
        }
    }
}

fn verdict(said: &[u8]) -> Result<ProbeAnswer, Failure> {
    let line = said.split(|&octet| octet == b'\n').next().unwrap_or_default();
    match line.trim_ascii_end() {
        b"+PONG" => Ok(PONG),
        [b'-', error @ ..] if error.starts_with(b"NOAUTH") || error.starts_with(b"NOPERM") => {
            Ok(WANTS_PASSWORD)
        }
        [b'-', error @ ..] => Err(Failure::Text(format!("Redis: {}", words(error)).into())),
        _ => Err(NOT_REDIS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_ping() {
        assert_eq!(verdict(b"+PONG\r\n"), Ok(PONG));
        let wants = b"-NOAUTH Authentication required.\r\n";
        assert_eq!(verdict(wants), Ok(WANTS_PASSWORD));
        let told = |said| verdict(said).unwrap_err().to_string();
        assert_eq!(told(b"-LOADING Redis is loading\r\n"), "Redis: LOADING Redis is loading");
        for other in [&b"PONG\r\n"[..], b"+PONGO\r\n", b"$4\r\nPONG\r\n", b"\n"] {
            assert_eq!(told(other), "not a Redis answer");
        }
    }
}
