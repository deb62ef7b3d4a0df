//! Encodes the replies of DNS over QUIC: hickory-server reads the query, and writes the reply from
//! typed records.
//!
//! The answer itself is the reply that [`crate::dns::respond`] made. If hickory cannot read the
//! query, that reply is sent unchanged.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hickory_server::net::NetError;
use hickory_server::net::runtime::{Time, TokioTime};
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::Record;
use hickory_server::proto::serialize::binary::{BinDecoder, BinEncoder};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{MessageResponse, MessageResponseBuilder, Queries};

use crate::dns::encrypted::conversation::MAX_MESSAGE;
use crate::dns::encrypted::records::ParsedReply;
use crate::dns::options::{PADDING, padding};

/// Returns `reply` as hickory writes it, or unchanged if hickory cannot.
pub async fn encode(query: Vec<u8>, client: SocketAddr, reply: Vec<u8>) -> Vec<u8> {
    let Ok(request) = Request::from_bytes(query, client, Protocol::Quic) else { return reply };
    let mut typed = match ParsedReply::read(&reply) {
        Ok(typed) => typed,
        Err(error) => {
            tracing::error!("our own reply cannot be read: {error}");
            return reply;
        }
    };
    let padded = typed.take_padding();
    let written = ReplyBuffer::default();
    ReplyHandler(typed).handle_request::<_, TokioTime>(&request, written.clone()).await;
    let Some(mut octets) = written.take() else { return reply };
    if let Some(rdata) = padded {
        pad(&mut octets, rdata);
    }
    octets
}

/// Pads a message whose last record is an OPT with `rdata` octets of RDATA.
fn pad(message: &mut Vec<u8>, rdata: usize) {
    let zeros = padding(message.len(), MAX_MESSAGE);
    let option = [&PADDING.to_be_bytes(), &(zeros.len() as u16).to_be_bytes(), zeros].concat();
    if message.len() + option.len() > MAX_MESSAGE {
        return;
    }
    let at = message.len().saturating_sub(rdata + 2);
    let Some(length) = message.get_mut(at..at + 2) else { return };
    length.copy_from_slice(&((rdata + option.len()) as u16).to_be_bytes());
    message.extend_from_slice(&option);
}

/// The reply to one request.
struct ReplyHandler(ParsedReply);

#[async_trait]
impl RequestHandler for ReplyHandler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut handle: R,
    ) -> ResponseInfo {
        let ReplyHandler(reply) = self;
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
                tracing::error!("our own reply cannot be written: {error}");
                nothing(request)
            }
        }
    }
}

/// The result that hickory expects when nothing was sent. Nobody reads it.
fn nothing(request: &Request) -> ResponseInfo {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.response_code = ResponseCode::ServFail;
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}

/// Receives the message that hickory writes.
#[derive(Debug, Clone, Default)]
struct ReplyBuffer(Arc<Mutex<Option<Vec<u8>>>>);

impl ReplyBuffer {
    fn take(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[async_trait]
impl ResponseHandler for ReplyBuffer {
    async fn send_response<'a>(
        &mut self,
        response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        let mut octets = vec![];
        let mut encoder = BinEncoder::new(&mut octets);
        encoder.set_max_size(u16::MAX);
        let info = response.destructive_emit(&mut encoder)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(octets);
        Ok(info)
    }
}
