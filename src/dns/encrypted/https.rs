//! DNS over HTTPS (RFC 8484) over HTTP/2: GET and POST at one path, nothing else is there.
//!
//! | request | status |
//! |---|---|
//! | another path | 404 |
//! | neither GET nor POST | 405 |
//! | POST of another content type than `application/dns-message` | 415 |
//! | POST of more than a message can have | 413 |
//! | GET without `dns=`, or with something that is not base64url | 400 |
//! | no query in it: too short, or a response | 400 |
//! | a query, however malformed or refused | 200: its rcode says so (§4.2.1) |
//!
//! Bounds beside those of TCP: `MAX_STREAMS` requests at a time, `MAX_HEADERS` octets of header
//! fields, the idle limit for a request's body. HTTP/1.1 is deliberately missing: a client that
//! cannot speak HTTP/2 fails in the handshake.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::dns::encrypted::records::freshness;
use crate::dns::encrypted::tls::{HANDSHAKE, handshake};
use crate::dns::stream::Session;

pub const ALPN: &[u8] = b"h2";
/// Requests of a connection at a time.
const MAX_STREAMS: u32 = 32;
/// Octets of the header fields of a request; a GET has its query in there.
const MAX_HEADERS: u32 = 16 * 1024;
/// The longest message (RFC 8484 §6).
const MAX_MESSAGE: usize = u16::MAX as usize;
const DNS_MESSAGE: &str = "application/dns-message";

/// One connection.
pub async fn converse(
    tls: TlsAcceptor,
    stream: TcpStream,
    session: Session,
    path: Arc<str>,
) -> io::Result<()> {
    let stream = handshake(tls, stream).await?;
    let mut builder = Builder::new();
    builder.max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEADERS);
    let connecting = timeout(HANDSHAKE, builder.handshake(stream));
    let mut connection =
        connecting.await.map_err(|_| io::ErrorKind::TimedOut)?.map_err(io::Error::other)?;
    let session = Arc::new(session.without_keep_alive());
    // Dropping it with the connection ends what is still being read.
    let mut requests = JoinSet::new();
    loop {
        match timeout_at(session.deadline(), connection.accept()).await {
            Ok(Some(Ok((request, respond)))) => {
                session.active();
                requests.spawn(serve(request, respond, Arc::clone(&session), Arc::clone(&path)));
                while requests.try_join_next().is_some() {}
            }
            Ok(Some(Err(error))) => return Err(io::Error::other(error)),
            Ok(None) => return Ok(()),
            Err(_) => break,
        }
    }
    connection.graceful_shutdown();
    let closed = poll_fn(|context| connection.poll_closed(context));
    match timeout(session.limits().write, closed).await {
        Ok(ended) => ended.map_err(io::Error::other),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn serve(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    session: Arc<Session>,
    path: Arc<str>,
) {
    let Ok(reply) = timeout(session.limits().idle, reply(request, &session, &path)).await else {
        respond.send_reset(Reason::CANCEL);
        return;
    };
    if let Err(error) = send(reply, &mut respond) {
        tracing::debug!("reply over HTTPS: {error}");
    }
}

/// What [`reply`] found: the message, or the status that says why there is none.
type Replied = Result<Vec<u8>, StatusCode>;

fn send(reply: Replied, respond: &mut SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    match reply {
        Ok(message) => {
            let age = format!("max-age={}", freshness(&message));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(DNS_MESSAGE));
            headers.insert(CONTENT_LENGTH, message.len().into());
            if let Ok(age) = age.try_into() {
                headers.insert(CACHE_CONTROL, age);
            }
            respond.send_response(response, false)?.send_data(message.into(), true)
        }
        Err(status) => {
            *response.status_mut() = status;
            if status == StatusCode::METHOD_NOT_ALLOWED {
                let methods = http::HeaderValue::from_static("GET, POST");
                response.headers_mut().insert(ALLOW, methods);
            }
            respond.send_response(response, true).map(drop)
        }
    }
}

async fn reply(request: Request<RecvStream>, session: &Session, path: &str) -> Replied {
    let query = query(request, path).await?;
    let mut room = vec![0; MAX_MESSAGE];
    let len = session.answer(&query, &mut room).ok_or(StatusCode::BAD_REQUEST)?;
    room.truncate(len);
    room.shrink_to_fit();
    Ok(room)
}

/// The DNS message in the request.
async fn query(request: Request<RecvStream>, path: &str) -> Replied {
    if request.uri().path() != path {
        return Err(StatusCode::NOT_FOUND);
    }
    match *request.method() {
        Method::GET => decode(request.uri().query().unwrap_or_default()),
        Method::POST if is_dns_message(&request) => read(request.into_body()).await,
        Method::POST => Err(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        _ => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// Media types have no letter case and may have parameters, though this one has none.
fn is_dns_message(request: &Request<RecvStream>) -> bool {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let name = given.and_then(|value| value.split(';').next()).unwrap_or_default();
    name.trim().eq_ignore_ascii_case(DNS_MESSAGE)
}

/// RFC 8484 §6: base64url without padding, which some send all the same.
fn decode(parameters: &str) -> Replied {
    let given = parameters.split('&').find_map(|parameter| parameter.strip_prefix("dns="));
    let text = given.ok_or(StatusCode::BAD_REQUEST)?.trim_end_matches('=');
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| StatusCode::BAD_REQUEST)
}

async fn read(mut body: RecvStream) -> Replied {
    let mut message = vec![];
    while let Some(chunk) = body.data().await {
        let chunk = chunk.map_err(|_| StatusCode::BAD_REQUEST)?;
        if message.len() + chunk.len() > MAX_MESSAGE {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        message.extend_from_slice(&chunk);
        // The client may send as much again.
        body.flow_control().release_capacity(chunk.len()).map_err(|_| StatusCode::BAD_REQUEST)?;
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_get_carries_its_query_in_base64url_with_or_without_padding() {
        assert_eq!(decode("dns=AAABAA"), Ok(vec![0, 0, 1, 0]));
        assert_eq!(decode("dns=AAABAA=="), Ok(vec![0, 0, 1, 0]));
        assert_eq!(decode("ct=x&dns=-_8"), Ok(vec![0xfb, 0xff]));
        for wrong in ["", "dns", "DNS=AAABAA", "dns=+/8", "dns=A", "dns=AAABAA%3D"] {
            assert_eq!(decode(wrong), Err(StatusCode::BAD_REQUEST), "{wrong}");
        }
    }
}
