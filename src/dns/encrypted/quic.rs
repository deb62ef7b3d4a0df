//! DNS over QUIC, carried by hickory-server: off by default, for few clients.
//!
//! | hickory 0.26 | so |
//! |---|---|
//! | accepts one handshake after another, 5 seconds each | a half-open one delays new clients |
//! | has no bound on connections, and answers each in turn | keep strangers away from it |
//! | ends a connection after 100 requests or the idle limit | clients open another |
//! | reads a query before we do | its FORMERR, or silence for an opcode that it does not know |
//! | logs queries at `info` and ends of connections at `warn` | the log takes its `error` only |
//!
//! A query whose id is not 0 breaks RFC 9250 §4.2.1 and gets no reply.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::serialize::binary::BinDecoder;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{MessageResponseBuilder, Queries};
use rustls::version::TLS13;
use tokio_util::sync::CancellationToken;

use crate::dns::encrypted::records::Typed;
use crate::dns::encrypted::tls::{Presented, config};
use crate::dns::stream::answer;
use crate::dns::udp::Shared;

pub const ALPN: &[u8] = b"doq";
const MAX_MESSAGE: usize = u16::MAX as usize;

/// Our answers, for hickory.
#[derive(Debug)]
pub struct Answers {
    shared: Shared,
}

/// Takes over the sockets; [`serve`] waits for the end.
pub fn server(
    sockets: Vec<UdpSocket>,
    presented: &Arc<Presented>,
    shared: &Shared,
    idle: Duration,
) -> io::Result<Server<Answers>> {
    let mut server = Server::new(Answers { shared: shared.clone() });
    let tls = Arc::new(config(presented, ALPN, &[&TLS13])?);
    for socket in sockets {
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        server
            .register_quic_listener_and_tls_config(socket, idle, Arc::clone(&tls))
            .map_err(io::Error::other)?;
    }
    Ok(server)
}

pub async fn serve(mut server: Server<Answers>, stop: CancellationToken) {
    let ended = tokio::select! {
        ended = server.block_until_done() => ended,
        () = stop.cancelled() => server.shutdown_gracefully().await,
    };
    if let Err(error) = ended {
        tracing::warn!("DNS over QUIC has ended: {error}");
    }
}

#[async_trait]
impl RequestHandler for Answers {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut handle: R,
    ) -> ResponseInfo {
        let Some(reply) = self.reply(request) else { return nothing(request) };
        let no_question = Queries::read(&mut BinDecoder::new(&[]), 0);
        let queries = match &no_question {
            Ok(none) if reply.questions == 0 => none,
            _ => &request.queries,
        };
        let response = MessageResponseBuilder::new(queries, None).build(
            reply.metadata,
            &reply.answers,
            &reply.authorities,
            [],
            &reply.additionals,
        );
        match handle.send_response(response).await {
            Ok(sent) => sent,
            Err(error) => {
                tracing::debug!("reply over QUIC: {error}");
                nothing(request)
            }
        }
    }
}

impl Answers {
    fn reply(&self, request: &Request) -> Option<Typed> {
        if request.metadata.id != 0 {
            return None;
        }
        let address = request.src().ip().to_canonical();
        let mut room = vec![0; MAX_MESSAGE];
        let len = answer(request.as_slice(), address, None, &self.shared, &mut room)?;
        match Typed::read(room.get(..len)?) {
            Ok(reply) => Some(reply),
            Err(error) => {
                tracing::error!("our own reply cannot be read: {error}");
                None
            }
        }
    }
}

/// What hickory wants to hear when nothing was sent; nobody looks at it.
fn nothing(request: &Request) -> ResponseInfo {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.response_code = ResponseCode::ServFail;
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}
