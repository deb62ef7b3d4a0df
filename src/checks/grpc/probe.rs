//! Up when the standard health service of gRPC says SERVING, over HTTP/2.
//!
//! `grpc.health.v1.Health/Check` takes a message whose field 1 is a name, and answers with one
//! whose field 1 is a small number; fields that a later version may add are read past. Those few
//! octets are written and read by hand:
//!
//! ```text
//! 1 octet    0: not compressed
//! 4 octets   length of the message
//! 0x0a n …   request: field 1, n octets of name. An empty name is no field at all
//! 0x08 v     answer: field 1, 1 is SERVING. No field is 0, UNKNOWN
//! ```
//!
//! The call's own status comes in trailers, or in the headers when there is no message. The
//! connection is driven within the probe, so it ends with it. A server may end the connection right
//! behind its answer, by GOAWAY or by closing: the answer counts.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::{HeaderMap, Method, Request, StatusCode};

use crate::checks::grpc::checked::GrpcProbe;
use crate::checks::probe::ProbeKind;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::Subject;
use crate::health::probe::connection::Connector;
use crate::health::probe::conversation::Connection;
use crate::health::probe::converse::Converse;
use crate::health::probe::failure::{Failure, words};
use crate::health::probe::simulated::SimulatedAnswers;

pub const SERVING: ProbeAnswer = ProbeAnswer::Text("SERVING");
const NOT_HTTP2: Failure = Failure::text("not an HTTP/2 answer");
const NOT_GRPC: Failure = Failure::text("not a gRPC answer");
const PATH: &str = "/grpc.health.v1.Health/Check";
const ALPN: &str = "h2";
const CONTENT: &str = "application/grpc";
/// Octets of all headers of an answer together.
const MAX_HEADERS: u32 = 8192;
/// Octets of the answer's body; a healthy one has 7, and more with fields that we do not know.
const MAX_BODY: usize = 4096;
/// Octets that the server may send before they are read.
const WINDOW: u32 = 65_535;
const FRAME: usize = 5;
/// By number, as the gRPC manual lists them.
const STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

#[derive(Debug)]
pub struct GrpcProber {
    connector: Connector,
    /// The name of the server in the request.
    authority: String,
    message: Bytes,
}

impl GrpcProber {
    pub fn new(address: IpAddr, probe: &GrpcProbe) -> GrpcProber {
        let socket = SocketAddr::new(address, probe.port);
        GrpcProber {
            connector: Connector::new(socket, probe.tls.as_ref(), &[ALPN]),
            authority: socket.to_string(),
            message: request(&probe.service).into(),
        }
    }

    async fn call(&self, send: SendRequest<Bytes>) -> Result<ProbeAnswer, Failure> {
        let mut send = send.ready().await.map_err(failure)?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{}{PATH}", self.authority))
            .header("content-type", CONTENT)
            .header("te", "trailers")
            .header("user-agent", concat!("tiovivo/", env!("CARGO_PKG_VERSION")))
            .body(())
            .map_err(|_| Failure::Unsendable)?;
        let (answer, mut body) = send.send_request(request, false).map_err(failure)?;
        body.send_data(self.message.clone(), true).map_err(failure)?;
        let (head, mut body) = answer.await.map_err(failure)?.into_parts();
        if head.status != StatusCode::OK {
            return Err(Failure::Status { got: head.status.as_u16(), expected: "200".into() });
        }
        let is_grpc = |kind: &http::HeaderValue| kind.as_bytes().starts_with(CONTENT.as_bytes());
        if !head.headers.get("content-type").is_some_and(is_grpc) {
            return Err(NOT_GRPC);
        }
        call_status(&head.headers)?;
        let mut message = vec![];
        while let Some(data) = body.data().await {
            let data = data.map_err(failure)?;
            if message.len() + data.len() > MAX_BODY {
                return Err(NOT_GRPC);
            }
            message.extend_from_slice(&data);
        }
        let trailers = body.trailers().await.map_err(failure)?;
        let trailers = trailers.ok_or(NOT_GRPC)?;
        call_status(&trailers)?;
        verdict(&message)
    }
}

impl Converse for GrpcProber {
    fn connector(&self) -> &Connector {
        &self.connector
    }

    async fn converse(&self, stream: Connection) -> Result<ProbeAnswer, Failure> {
        let mut settings = Builder::new();
        settings
            .enable_push(false)
            .max_header_list_size(MAX_HEADERS)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        let stream = self.connector.wrap(stream).await?;
        let (send, connection) = settings.handshake(stream).await.map_err(failure)?;
        let mut call = pin!(self.call(send));
        let ended = tokio::select! {
            biased;
            verdict = &mut call => return verdict,
            ended = connection => ended,
        };
        // The connection is gone; what came before its end is still there to be read.
        match (call.await, ended) {
            (Err(failed), ended) if failed == NOT_HTTP2 || failed == Failure::Closed => {
                Err(ended.err().map_or(Failure::Closed, failure))
            }
            (verdict, _) => verdict,
        }
    }
}

impl ProbeKind for GrpcProbe {
    type Prober = GrpcProber;

    fn prober(&self, subject: &Subject) -> Option<GrpcProber> {
        Some(GrpcProber::new(subject.address, self))
    }

    fn describe(&self, address: IpAddr) -> String {
        let of = if self.service.is_empty() { "" } else { " of " };
        let address = SocketAddr::new(address, self.port);
        format!("gRPC health{of}{} at {address}", self.service)
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        SimulatedAnswers {
            well: SERVING,
            hung: None,
            failing: Err(Failure::text("the health service says NOT_SERVING")),
            closed: Err(Failure::Refused),
        }
    }
}

fn failure(error: h2::Error) -> Failure {
    match error.is_io() {
        true => match error.into_io() {
            // The greeting of something else, cut off where it ended.
            Some(error) => Failure::from(error),
            None => NOT_HTTP2,
        },
        false => NOT_HTTP2,
    }
}

fn request(service: &str) -> Vec<u8> {
    let mut message = vec![];
    if !service.is_empty() {
        message.push(0x0a);
        varint(service.len(), &mut message);
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend((message.len() as u32).to_be_bytes());
    framed.extend(message);
    framed
}

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Whether the call succeeded, as far as these headers or trailers say.
fn call_status(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(status) = headers.get("grpc-status") else { return Ok(()) };
    let status = status.to_str().unwrap_or_default();
    if status == "0" {
        return Ok(());
    }
    let name = status.parse::<usize>().ok().and_then(|number| STATUSES.get(number));
    let message = headers.get("grpc-message").and_then(|message| message.to_str().ok());
    let message = message.filter(|message| !message.is_empty());
    let told = match (name, message) {
        (Some(name), Some(message)) => format!("{name}: {}", words(message.as_bytes())),
        (Some(name), None) => (*name).to_owned(),
        (None, _) => words(status.as_bytes()),
    };
    Err(Failure::Text(format!("gRPC status {told}").into()))
}

fn verdict(body: &[u8]) -> Result<ProbeAnswer, Failure> {
    let Some((&[0, a, b, c, d], message)) = body.split_first_chunk::<FRAME>() else {
        return Err(NOT_GRPC);
    };
    if u32::from_be_bytes([a, b, c, d]) as usize != message.len() {
        return Err(NOT_GRPC);
    }
    match status(message).ok_or(NOT_GRPC)? {
        0 => Err(Failure::text("the health service says UNKNOWN")),
        1 => Ok(SERVING),
        2 => Err(Failure::text("the health service says NOT_SERVING")),
        3 => Err(Failure::text("the health service says SERVICE_UNKNOWN")),
        _ => Err(Failure::text("the health service says a status that is not known here")),
    }
}

/// Field 1 of a Protocol Buffers message; the last one counts, and none is 0. Other fields are read
/// past. `None` of octets that are no message.
fn status(mut message: &[u8]) -> Option<u64> {
    const VARINT: u64 = 0;
    const EIGHT_OCTETS: u64 = 1;
    const WITH_LENGTH: u64 = 2;
    const FOUR_OCTETS: u64 = 5;
    let mut status = 0;
    while !message.is_empty() {
        let tag = read_varint(&mut message)?;
        let (field, kind) = (tag >> 3, tag & 7);
        let skipped = match kind {
            VARINT => {
                let value = read_varint(&mut message)?;
                if field == 1 {
                    status = value;
                }
                0
            }
            EIGHT_OCTETS => 8,
            WITH_LENGTH => usize::try_from(read_varint(&mut message)?).ok()?,
            FOUR_OCTETS => 4,
            _ => return None,
        };
        message = message.get(skipped..)?;
        if field == 0 || (field == 1 && kind != VARINT) {
            return None;
        }
    }
    Some(status)
}

fn read_varint(octets: &mut &[u8]) -> Option<u64> {
    const MAX_OCTETS: usize = 10;
    let length = octets.iter().take(MAX_OCTETS).position(|octet| octet & 0x80 == 0)? + 1;
    let (varint, rest) = octets.split_at(length);
    *octets = rest;
    Some(varint.iter().rev().fold(0, |value, octet| value << 7 | u64::from(octet & 0x7f)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_the_service() {
        assert_eq!(request(""), [0, 0, 0, 0, 0]);
        assert_eq!(request("web"), b"\0\0\0\0\x05\x0a\x03web");
        let long = request(&"x".repeat(200));
        assert_eq!(long[..8], [0, 0, 0, 0, 203, 0x0a, 0xc8, 1]);
    }

    #[test]
    fn answers_in_words() {
        assert_eq!(verdict(b"\0\0\0\0\x02\x08\x01"), Ok(SERVING));
        let told = |body: &[u8]| verdict(body).unwrap_err().to_string();
        assert_eq!(told(b"\0\0\0\0\x02\x08\x02"), "the health service says NOT_SERVING");
        assert_eq!(told(b"\0\0\0\0\0"), "the health service says UNKNOWN");
        assert_eq!(
            told(b"\0\0\0\0\x02\x08\x09"),
            "the health service says a status that is not known here"
        );
        for other in
            [&b""[..], b"\0\0\0\0\x03\x08\x01", b"\x01\0\0\0\x02\x08\x01", b"\0\0\0\0\x01x"]
        {
            assert_eq!(told(other), "not a gRPC answer", "{other:?}");
        }
    }

    #[test]
    fn fields_that_are_not_known_are_read_past() {
        for message in [
            &b"\x08\x01\x10\x05"[..],
            b"\x12\x03abc\x08\x01",
            b"\x1912345678\x08\x01\x251234",
            b"\x08\x02\x08\x01",
            b"\x08\x81\x00",
            b"\xf8\xff\xff\xff\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x08\x01",
        ] {
            assert_eq!(status(message), Some(1), "{}", message.escape_ascii());
        }
        for other in [
            &b"\x08"[..],
            b"\x0a\x01a",
            b"\x12\x04abc",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x13\x08\x01",
            b"\x00\x01",
            b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
        ] {
            assert_eq!(status(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn the_status_of_the_call_in_words() {
        let told = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|&(name, value)| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
            });
            call_status(&pairs.collect()).map_err(|failure| failure.to_string())
        };
        assert_eq!(told(&[]), Ok(()));
        assert_eq!(told(&[("grpc-status", "0")]), Ok(()));
        assert_eq!(
            told(&[("grpc-status", "5"), ("grpc-message", "unknown service")]),
            Err("gRPC status NOT_FOUND: unknown service".into())
        );
        assert_eq!(told(&[("grpc-status", "99")]), Err("gRPC status 99".into()));
    }
}
