//! Up when a Redis server, or one that speaks as it does, answers PING with PONG.
//!
//! | answer | verdict |
//! |---|---|
//! | `+PONG` | up |
//! | `-NOAUTH …`, `-NOPERM …` | up: it is there and refuses those without a password, as we are |
//! | another `-…`: LOADING, MASTERDOWN, BUSY, DENIED | failure, in the server's words |
//! | anything else, or a line without an end | not a Redis answer |
//!
//! There is no login, so no password in config.yaml.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::health::probe::failure::Failure;
use crate::health::probe::service::{ServiceFailure, words};
use crate::health::probe::{Ask, Said};

/// As clients send it: an array of one string.
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
/// Octets of the answer's one line.
const MAX_LINE: usize = 512;

#[derive(Debug)]
pub struct RedisProber(pub SocketAddr);

impl Ask for RedisProber {
    async fn ask(&self) -> Result<Said, Failure> {
        let mut stream = TcpStream::connect(self.0).await?;
        stream.write_all(PING).await?;
        let mut line = [0; MAX_LINE];
        let mut length = 0;
        while !line[..length].contains(&b'\n') {
            match stream.read(&mut line[length..]).await? {
                0 if length == 0 => return Err(Failure::Closed),
                0 => return Err(ServiceFailure::NotRedis.into()),
                more => length += more,
            }
        }
        verdict(&line[..length])
    }
}

fn verdict(said: &[u8]) -> Result<Said, Failure> {
    let line = said.split(|&octet| octet == b'\n').next().unwrap_or_default();
    match line.trim_ascii_end() {
        b"+PONG" => Ok(Said::Pong),
        [b'-', error @ ..] if error.starts_with(b"NOAUTH") || error.starts_with(b"NOPERM") => {
            Ok(Said::WantsPassword)
        }
        [b'-', error @ ..] => {
            Err(ServiceFailure::Redis(words(&String::from_utf8_lossy(error))).into())
        }
        _ => Err(ServiceFailure::NotRedis.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_ping() {
        assert_eq!(verdict(b"+PONG\r\n"), Ok(Said::Pong));
        let wants = b"-NOAUTH Authentication required.\r\n";
        assert_eq!(verdict(wants), Ok(Said::WantsPassword));
        let told = |said| verdict(said).unwrap_err().to_string();
        assert_eq!(told(b"-LOADING Redis is loading\r\n"), "Redis: LOADING Redis is loading");
        for other in [&b"PONG\r\n"[..], b"+PONGO\r\n", b"$4\r\nPONG\r\n", b"\n"] {
            assert_eq!(told(other), "not a Redis answer");
        }
    }
}
