//! Up when the server greets with a MySQL handshake packet.
//!
//! ```text
//! 3 octets   length of what follows the sequence number, little-endian
//! 1 octet    sequence number, 0
//! 1 octet    10: the protocol's version, and a greeting
//!            255: an error instead, code (2 octets, little-endian) and message
//! ```
//!
//! An error in place of the greeting is a failure: clients get the same. "Too many connections"
//! alone may be asked to count as up. Error 1130 is up: the server is there and serves those whom
//! its grants name, and a name server that only probes is rightly none of them.
//! There is no login, so a server counts each probe as an interrupted handshake, and with name
//! resolution switched on it bars a machine after `max_connect_errors` of them. Such a server
//! needs `skip_name_resolve`; the failure then names error 1129.

use std::net::{IpAddr, SocketAddr};

use crate::checks::mysql::checked::MysqlProbe;
use crate::checks::probe::ProbeKind;
use crate::cluster::visible::excerpt;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::Subject;
use crate::health::probe::connection::Connector;
use crate::health::probe::conversation::{Connection, Conversation};
use crate::health::probe::converse::Converse;
use crate::health::probe::failure::Failure;
use crate::health::probe::simulated::SimulatedAnswers;

pub const GREETING: ProbeAnswer = ProbeAnswer::Text("MySQL greeting");
/// The server greets with "Too many connections", and the check counts that as up.
pub const TOO_MANY_IS_UP: ProbeAnswer = ProbeAnswer::Text("MySQL, but too many connections");
/// The server serves other hosts than this one.
pub const OTHER_HOSTS: ProbeAnswer =
    ProbeAnswer::Text("MySQL, does not serve this host (error 1130)");
const NOT_MYSQL: Failure = Failure::text("not a MySQL greeting");
/// Greetings are about 100 octets, errors at most 520; a longer first packet is something else.
const MAX_PACKET: usize = 1024;
const PROTOCOL: u8 = 10;
const ERROR: u8 = 0xff;
/// "Too many connections".
const FULL: u16 = 1040;
/// "Host … is not allowed to connect".
const NOT_OUR_HOST: u16 = 1130;
/// Octets before a packet.
const HEADER: usize = 4;
/// Characters of the server's message that are shown.
const MAX_MESSAGE: usize = 200;

#[derive(Debug)]
pub struct MysqlProber {
    connector: Connector,
    full_is_up: bool,
}

impl MysqlProber {
    pub fn new(address: IpAddr, probe: &MysqlProbe) -> MysqlProber {
        let connector = Connector::plain(SocketAddr::new(address, probe.port));
        MysqlProber { connector, full_is_up: probe.full_is_up }
    }
}

impl Converse for MysqlProber {
    fn connector(&self) -> &Connector {
        &self.connector
    }

    async fn converse(&self, stream: Connection) -> Result<ProbeAnswer, Failure> {
        let mut conversation = Conversation::new(self.connector.wrap(stream).await?);
        if !conversation.hear_all(HEADER).await? {
            return Err(Failure::Closed);
        }
        let header = conversation.heard.split_to(HEADER);
        let length = packet_length([header[0], header[1], header[2], header[3]])?;
        if !conversation.hear_all(length).await? {
            return Err(NOT_MYSQL);
        }
        let packet = conversation.heard.split_to(length);
        // All was read, so this ends the connection in order instead of resetting it.
        conversation.end().await;
        match greeting(&packet) {
            Err(Failure::Mysql { code: FULL, .. }) if self.full_is_up => Ok(TOO_MANY_IS_UP),
            Err(Failure::Mysql { code: NOT_OUR_HOST, .. }) => Ok(OTHER_HOSTS),
            verdict => verdict,
        }
    }
}

impl ProbeKind for MysqlProbe {
    type Prober = MysqlProber;

    fn prober(&self, subject: &Subject) -> Option<MysqlProber> {
        Some(MysqlProber::new(subject.address, self))
    }

    fn describe(&self, address: IpAddr) -> String {
        format!("MySQL greeting of {}", SocketAddr::new(address, self.port))
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        let message = "Too many connections".into();
        let failing = match self.full_is_up {
            true => Ok(TOO_MANY_IS_UP),
            false => Err(Failure::Mysql { code: FULL, message }),
        };
        SimulatedAnswers { well: GREETING, hung: None, failing, closed: Err(Failure::Refused) }
    }
}

fn packet_length([low, middle, high, sequence]: [u8; 4]) -> Result<usize, Failure> {
    let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
    if sequence == 0 && (1..=MAX_PACKET).contains(&length) { Ok(length) } else { Err(NOT_MYSQL) }
}

fn greeting(packet: &[u8]) -> Result<ProbeAnswer, Failure> {
    match packet {
        // The server's version, and the octet that ends it.
        [PROTOCOL, version @ ..] if version.contains(&0) => Ok(GREETING),
        [ERROR, low, high, message @ ..] => Err(Failure::Mysql {
            code: u16::from_le_bytes([*low, *high]),
            message: message_text(message),
        }),
        _ => Err(NOT_MYSQL),
    }
}

/// Some servers put `#` and five characters of SQL state in front of the text.
fn message_text(message: &[u8]) -> String {
    let text = match message {
        [b'#', rest @ ..] => rest.get(5..).unwrap_or_default(),
        text => text,
    };
    excerpt(&String::from_utf8_lossy(text), MAX_MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_version_ten_and_a_server_version() {
        assert_eq!(greeting(b"\x0a11.4.2-MariaDB\x00rest"), Ok(GREETING));
        assert_eq!(greeting(b"\x0a11.4.2"), Err(NOT_MYSQL));
        assert_eq!(greeting(b"\x09x\x00"), Err(NOT_MYSQL));
    }

    #[test]
    fn an_error_is_told_with_and_without_its_sql_state() {
        let told = |packet| greeting(packet).unwrap_err().to_string();
        let plain = "MySQL error 1040: Too many connections";
        assert_eq!(told(b"\xff\x10\x04Too many connections"), plain);
        assert_eq!(told(b"\xff\x10\x04#08004Too many connections"), plain);
        assert_eq!(told(b"\xff\x10\x04#0\n"), "MySQL error 1040: ");
    }

    #[test]
    fn other_protocols_are_told_apart_by_the_first_four_octets() {
        assert_eq!(packet_length([0x4a, 0, 0, 0]), Ok(74));
        for header in [*b"HTTP", *b"SSH-", [0, 0, 0, 0], [0x4a, 0, 0, 1], [1, 4, 0, 0]] {
            assert_eq!(packet_length(header), Err(NOT_MYSQL), "{header:?}");
        }
    }
}
