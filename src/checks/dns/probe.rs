//! Up when a name server's reply to one question has the expected rcode (RFC 1035 §4.1).
//!
//! Twelve octets of header and the question are written and read here: a probe needs no more of
//! DNS. A reply counts when identifier and question are those of the query; a server that does not
//! understand a query may leave the question out. What stands behind it is not looked at, so a
//! reply cut short (TC) is as good as a whole one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

use crate::checks::dns::checked::DnsProbe;
use crate::checks::probe::ProbeKind;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::{Ask, Subject};
use crate::health::probe::connection::Connector;
use crate::health::probe::conversation::{Connection, Conversation};
use crate::health::probe::failure::Failure;
use crate::health::probe::simulated::SimulatedAnswers;
use crate::rcode::Rcode;

const NOT_DNS: Failure = Failure::text("not a DNS reply");
const OTHER_REPLIES: Failure = Failure::text("none of many replies was to this query");
const HEADER: usize = 12;
/// Longest reply over UDP without EDNS; the kernel cuts off the rest.
const MAX_DATAGRAM: usize = 512;
/// Replies to other queries that are read past.
const MAX_OTHERS: usize = 16;

#[derive(Debug)]
pub struct DnsProber {
    socket: SocketAddr,
    probe: DnsProbe,
}

impl DnsProber {
    pub fn new(address: IpAddr, probe: &DnsProbe) -> DnsProber {
        DnsProber { socket: SocketAddr::new(address, probe.port), probe: probe.clone() }
    }

    async fn over_udp(&self, query: &[u8]) -> Result<Rcode, Failure> {
        let any: IpAddr = match self.socket {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        // From here on the kernel hands over what comes from this address only, and its refusals.
        socket.connect(self.socket).await?;
        socket.send(query).await?;
        let mut reply = [0; MAX_DATAGRAM];
        for _ in 0..=MAX_OTHERS {
            let length = socket.recv(&mut reply).await?;
            match read(&reply[..length], query) {
                Reply::Rcode(rcode) => return Ok(rcode),
                Reply::OfAnother => {}
                Reply::None => return Err(NOT_DNS),
            }
        }
        Err(OTHER_REPLIES)
    }

    /// RFC 1035 §4.2.2: two octets of length before each message.
    async fn over_tcp(&self, stream: Connection, query: &[u8]) -> Result<Rcode, Failure> {
        const LENGTH: usize = 2;
        let mut conversation = Conversation::new(stream);
        let length = (query.len() as u16).to_be_bytes();
        conversation.say(&[&length, query].concat()).await;
        if !conversation.hear_all(LENGTH).await? {
            return Err(NOT_DNS);
        }
        let length = conversation.heard.split_to(LENGTH);
        let length = usize::from(u16::from_be_bytes([length[0], length[1]])).min(query.len());
        if !conversation.hear_all(length).await? {
            return Err(NOT_DNS);
        }
        match read(&conversation.heard[..length], query) {
            Reply::Rcode(rcode) => Ok(rcode),
            Reply::OfAnother | Reply::None => Err(NOT_DNS),
        }
    }

    /// Asks over a given TCP connection.
    pub async fn converse(&self, stream: Connection) -> Result<ProbeAnswer, Failure> {
        let query = query(&self.probe, fastrand::u16(..));
        self.judge(self.over_tcp(stream, &query).await?)
    }

    fn judge(&self, got: Rcode) -> Result<ProbeAnswer, Failure> {
        let expected = self.probe.expect;
        match got == expected {
            true => Ok(ProbeAnswer::Rcode(got)),
            false => Err(unexpected(got, expected)),
        }
    }
}

impl Ask for DnsProber {
    async fn ask(&self) -> Result<ProbeAnswer, Failure> {
        if self.probe.tcp {
            return self.converse(Connector::plain(self.socket).connect().await?).await;
        }
        let query = query(&self.probe, fastrand::u16(..));
        self.judge(self.over_udp(&query).await?)
    }

    async fn ask_over(&self, stream: Connection) -> Option<Result<ProbeAnswer, Failure>> {
        Some(self.converse(stream).await)
    }
}

impl ProbeKind for DnsProbe {
    type Prober = DnsProber;

    fn prober(&self, subject: &Subject) -> Option<DnsProber> {
        Some(DnsProber::new(subject.address, self))
    }

    fn describe(&self, address: IpAddr) -> String {
        let over = if self.tcp { "TCP" } else { "UDP" };
        let server = SocketAddr::new(address, self.port);
        format!("DNS query {} over {over} to {server}", self.question.text)
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        let expected = self.expect;
        SimulatedAnswers {
            well: ProbeAnswer::Rcode(expected),
            hung: None,
            failing: Err(unexpected(Rcode::SERVFAIL, expected)),
            closed: Err(Failure::Refused),
        }
    }
}

fn unexpected(got: Rcode, expected: Rcode) -> Failure {
    Failure::Text(format!("{got}, expected {expected}").into())
}

fn query(probe: &DnsProbe, id: u16) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend([u8::from(probe.recursion), 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    query.extend_from_slice(&probe.question.wire);
    query
}

#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Rcode(Rcode),
    /// A reply, but not to this query: a late one, or a forged one.
    OfAnother,
    None,
}

fn read(reply: &[u8], query: &[u8]) -> Reply {
    let Some((header, rest)) = reply.split_at_checked(HEADER) else { return Reply::None };
    let (is_reply, opcode) = (header[2] & 0x80 != 0, header[2] & 0x78);
    if !is_reply || opcode != 0 {
        return Reply::None;
    }
    let rcode = Rcode::from_header(header[3]);
    let asked = &query[HEADER..];
    let same_question = match [header[4], header[5]] {
        [0, 0] => rcode != Rcode::NOERROR,
        [0, 1] => rest.get(..asked.len()).is_some_and(|got| got.eq_ignore_ascii_case(asked)),
        _ => false,
    };
    match header[..2] == query[..2] && same_question {
        true => Reply::Rcode(rcode),
        false => Reply::OfAnother,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::dns::checked::Question;

    fn asked() -> Vec<u8> {
        let question = Question { wire: b"\x01a\0\0\x01\0\x01"[..].into(), text: "a A".into() };
        let expect = Rcode::NOERROR;
        let probe = DnsProbe { port: 53, question, tcp: false, recursion: false, expect };
        query(&probe, 0x1234)
    }

    #[test]
    fn a_reply_is_to_its_query() {
        let query = asked();
        assert_eq!(read(&query, &query), Reply::None, "a query is no reply");
        let mut reply = query.clone();
        (reply[2], reply[3]) = (0x84, 3);
        assert_eq!(read(&reply, &query), Reply::Rcode(Rcode::NXDOMAIN));
        reply[HEADER + 1] = b'A';
        assert_eq!(read(&reply, &query), Reply::Rcode(Rcode::NXDOMAIN));
        reply[HEADER + 1] = b'b';
        assert_eq!(read(&reply, &query), Reply::OfAnother);
        reply[HEADER + 1] = b'a';
        reply[0] ^= 1;
        assert_eq!(read(&reply, &query), Reply::OfAnother);
        assert_eq!(read(&reply[..11], &query), Reply::None);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n", &query), Reply::None);
    }

    #[test]
    fn an_error_may_come_without_the_question() {
        let query = asked();
        let refused = [0x12, 0x34, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&refused, &query), Reply::Rcode(Rcode::REFUSED));
        let empty = [0x12, 0x34, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&empty, &query), Reply::OfAnother);
    }
}
