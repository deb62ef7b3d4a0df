//! Serves DNS over HTTPS (RFC 8484) over HTTP/2: GET and POST at one path, and nothing else.
//!
//! | request | status |
//! |---|---|
//! | another path | 404 |
//! | neither GET nor POST | 405 |
//! | POST of another content type than `application/dns-message` | 415 |
//! | POST of more octets than a DNS message can have | 413 |
//! | GET without `dns=`, or with something that is not base64url | 400 |
//! | no query in it: too short, or a response | 400 |
//! | a query, however malformed or refused | 200: its rcode says so (§4.2.1) |
//!
//! | bound, beside those of TCP | what happens there |
//! |---|---|
//! | [`MAX_STREAMS`] requests at a time | more wait (HTTP/2 says so to the client) |
//! | [`MAX_AT_WORK`] of them being read and answered | more wait in `h2` |
//! | `MAX_HEADERS` octets of header fields | that request is refused by `h2` |
//! | the idle limit for a request's body, the write limit for its reply | that request is reset |
//! | [`super::memory::MAX_HELD`] octets of all requests | the oldest is reset |
//! | [`MAX_RESETS`] requests whose reply was not taken | the connection ends |
//!
//! Only a complete query extends the connection's idle deadline. HTTP/1.1 is deliberately missing:
//! a client that cannot speak HTTP/2 fails in the handshake.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::dns::encrypted::conversation::{Conversation, MAX_MESSAGE};
use crate::dns::encrypted::memory::{Memory, Share};
use crate::dns::encrypted::records::freshness;
use crate::dns::encrypted::reply_records::ReplyRecords;
use crate::dns::encrypted::tls::{HANDSHAKE, handshake};
use crate::dns::stream::Session;
use crate::log_limit::LogLimit;

/// The protocol name in the TLS handshake (RFC 9113 §3.2).
pub const ALPN: &[u8] = b"h2";
/// Requests that a client may send on a connection before it has their replies.
pub const MAX_STREAMS: u32 = 32;
/// Requests of a connection that are read and answered at a time, each by a task. The others wait
/// in `h2`, where they need a third of the memory.
pub const MAX_AT_WORK: usize = 8;
/// Octets of the header fields of a request, among them the query of a GET.
const MAX_HEADERS: u32 = 16 * 1024;
/// Requests of a connection that may end before the client has taken the reply. Honest clients
/// reset some requests; a client that resets most of them wastes this server's work.
pub const MAX_RESETS: u32 = 128;
/// Octets that `h2` buffers of a reply before the client takes them.
const SEND_AHEAD: usize = 16 * 1024;
const DNS_MESSAGE: &str = "application/dns-message";

/// A request, and where its reply goes.
type Accepted = (Request<RecvStream>, SendResponse<Bytes>);

/// Serves one connection, from its TLS handshake to its end.
pub async fn converse(
    tls: TlsAcceptor,
    stream: TcpStream,
    session: Session,
    path: Arc<str>,
    memory: Memory,
) -> io::Result<()> {
    let stream = ReplyRecords::new(handshake(tls, stream).await?);
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESETS as usize)
        .max_header_list_size(MAX_HEADERS)
        .max_send_buffer_size(SEND_AHEAD);
    let connecting = timeout(HANDSHAKE, builder.handshake(stream));
    let mut connection =
        connecting.await.map_err(|_| io::ErrorKind::TimedOut)?.map_err(io::Error::other)?;
    let talk = Arc::new(Conversation::new(session.encrypted().without_keep_alive(), memory));
    accept(&mut connection, &talk, &path).await?;
    let closed = poll_fn(|context| connection.poll_closed(context));
    match timeout(talk.limits().write, closed).await {
        Ok(ended) => ended.map_err(io::Error::other),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Accepts requests, and serves each in a task, until the connection has to end.
async fn accept<S>(
    connection: &mut Connection<S, Bytes>,
    talk: &Arc<Conversation>,
    path: &Arc<str>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Dropped with the connection, the set aborts the requests that are still being read.
    let mut requests = JoinSet::new();
    let mut resets = 0;
    loop {
        let next = timeout_at(talk.deadline(), next(connection, &mut requests, &mut resets));
        match next.await {
            Ok(Some(Ok((request, respond)))) => {
                requests.spawn(serve(request, respond, Arc::clone(talk), Arc::clone(path)));
            }
            Ok(Some(Err(error))) => {
                if error.reason() == Some(Reason::ENHANCE_YOUR_CALM) {
                    say_ended();
                }
                return Err(io::Error::other(error));
            }
            Ok(None) => return Ok(()),
            // A query may have extended the deadline in the meantime.
            Err(_) if talk.deadline() > tokio::time::Instant::now() => {}
            Err(_) => {
                connection.graceful_shutdown();
                break;
            }
        }
        if resets > MAX_RESETS {
            say_ended();
            connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            break;
        }
    }
    Ok(())
}

/// Waits for the next request; `None` when the connection has ended. While [`MAX_AT_WORK`] requests
/// are at work, it accepts none, but the connection goes on reading and writing. Adds to `resets`
/// the requests that ended before their reply was taken.
async fn next<S>(
    connection: &mut Connection<S, Bytes>,
    requests: &mut JoinSet<bool>,
    resets: &mut u32,
) -> Option<Result<Accepted, h2::Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(|context| {
        while let Poll::Ready(Some(ended)) = requests.poll_join_next(context) {
            *resets += u32::from(!ended.is_ok_and(|replied| replied));
        }
        match requests.len() < MAX_AT_WORK {
            true => connection.poll_accept(context),
            false => connection.poll_closed(context).map(|closed| closed.err().map(Err)),
        }
    })
    .await
}

fn say_ended() {
    static ENDED: LogLimit = LogLimit::new();
    if let Some(count) = ENDED.due() {
        tracing::warn!(
            "clients over HTTPS ask and do not wait for the reply: their connections are ended \
             ({count} since the last such line)"
        );
    }
}

/// Serves one request. `false` if it was reset instead of replied to.
async fn serve(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    talk: Arc<Conversation>,
    path: Arc<str>,
) -> bool {
    let share = talk.share();
    let given_up = share.given_up();
    let exchanged = tokio::select! {
        exchanged = exchange(request, &mut respond, &talk, &path, share) => exchanged,
        () = given_up.cancelled() => Err(Reason::ENHANCE_YOUR_CALM),
    };
    if let Err(reason) = exchanged {
        respond.send_reset(reason);
    }
    exchanged.is_ok()
}

async fn exchange(
    request: Request<RecvStream>,
    respond: &mut SendResponse<Bytes>,
    talk: &Conversation,
    path: &str,
    share: Share,
) -> Result<(), Reason> {
    let query = timeout(talk.limits().idle, query(request, path, &share)).await;
    let answer = match query.map_err(|_| Reason::CANCEL)? {
        Ok(query) => talk.answer(&query).await.ok_or(StatusCode::BAD_REQUEST),
        Err(status) => Err(status),
    };
    let (message, _room) = match answer {
        Ok(answer) => answer,
        Err(status) => return refuse(status, respond).map_err(|error| reason(&error)),
    };
    let mut stream =
        respond.send_response(head(&message), false).map_err(|error| reason(&error))?;
    let gone = CancellationToken::new();
    let reply = share.reply(message, &gone);
    let taken = async {
        send(&mut stream, reply).await.map_err(|error| reason(&error))?;
        gone.cancelled().await;
        Ok(())
    };
    timeout(talk.limits().write, taken).await.map_err(|_| Reason::CANCEL)?
}

fn reason(error: &h2::Error) -> Reason {
    tracing::debug!("reply over HTTPS: {error}");
    error.reason().unwrap_or(Reason::CANCEL)
}

fn head(message: &[u8]) -> Response<()> {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(DNS_MESSAGE));
    headers.insert(CONTENT_LENGTH, message.len().into());
    if let Ok(age) = format!("max-age={}", freshness(message)).try_into() {
        headers.insert(CACHE_CONTROL, age);
    }
    response
}

fn refuse(status: StatusCode, respond: &mut SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    respond.send_response(response, true).map(drop)
}

/// Sends `reply` in pieces, each as long as the client's flow control allows.
async fn send(stream: &mut SendStream<Bytes>, mut reply: Bytes) -> Result<(), h2::Error> {
    while !reply.is_empty() {
        stream.reserve_capacity(reply.len());
        let capacity = poll_fn(|context| stream.poll_capacity(context)).await;
        let Some(capacity) = capacity.transpose()? else { return Ok(()) };
        let piece = reply.split_to(capacity.min(reply.len()));
        stream.send_data(piece, reply.is_empty())?;
    }
    Ok(())
}

/// The DNS message in the request, or the status that says why there is none.
type Queried = Result<Vec<u8>, StatusCode>;

async fn query(request: Request<RecvStream>, path: &str, share: &Share) -> Queried {
    if request.uri().path() != path {
        return Err(StatusCode::NOT_FOUND);
    }
    match *request.method() {
        Method::GET => decode(request.uri().query().unwrap_or_default()),
        Method::POST if is_dns_message(&request) => read(request.into_body(), share).await,
        Method::POST => Err(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        _ => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// Whether the content type is [`DNS_MESSAGE`], in any letter case and with any parameters.
fn is_dns_message(request: &Request<RecvStream>) -> bool {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let name = given.and_then(|value| value.split(';').next()).unwrap_or_default();
    name.trim().eq_ignore_ascii_case(DNS_MESSAGE)
}

/// Decodes the query in the parameter `dns`: base64url without padding (RFC 8484 §6). Padding,
/// which some clients send, is ignored.
fn decode(parameters: &str) -> Queried {
    let given = parameters.split('&').find_map(|parameter| parameter.strip_prefix("dns="));
    let text = given.ok_or(StatusCode::BAD_REQUEST)?.trim_end_matches('=');
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| StatusCode::BAD_REQUEST)
}

async fn read(mut body: RecvStream, share: &Share) -> Queried {
    let mut message = vec![];
    while let Some(chunk) = body.data().await {
        let chunk = chunk.map_err(|_| StatusCode::BAD_REQUEST)?;
        if message.len() + chunk.len() > MAX_MESSAGE {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        share.grow(chunk.len());
        message.extend_from_slice(&chunk);
        // Allows the client to send as many octets again.
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
