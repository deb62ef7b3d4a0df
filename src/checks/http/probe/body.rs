//! The body of an HTTP/1 answer, piece by piece (RFC 9112 §6).
//!
//! | headers | the body ends |
//! |---|---|
//! | `Transfer-Encoding: chunked` | with the chunk of size 0; trailers are not read |
//! | `Content-Length` | after so many octets |
//! | neither | with the connection |

use bytes::{Bytes, BytesMut};

use crate::checks::http::probe::head::Head;
use crate::health::probe::conversation::Conversation;
use crate::health::probe::failure::Failure;

/// Octets of one line between two chunks.
const MAX_LINE: usize = 1024;
/// Octets of head and body together, with all that frames them: room for chunks of one octet.
const MAX_TOTAL: usize = 1024 * 1024;
/// Digits of a chunk's size.
const MAX_DIGITS: usize = 16;

#[derive(Debug)]
pub struct Body {
    conversation: Conversation,
    rest: Rest,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// So many octets of content, then the end.
    Length(u64),
    UntilClosed,
    /// The line with a chunk's size.
    Size,
    /// So many octets of a chunk.
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
}

impl Body {
    /// The answer to a request that was not HEAD; its head has been read.
    pub fn new(head: &Head, conversation: Conversation) -> Result<Body, Failure> {
        Ok(Body { rest: rest(head)?, conversation })
    }

    /// The next piece of the content, never empty; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.rest {
                Rest::Length(0) => return Ok(None),
                Rest::Length(left) => {
                    let piece = self.piece(left).await?.ok_or(Failure::CutShort)?;
                    self.rest = Rest::Length(left - piece.len() as u64);
                    return Ok(Some(piece.freeze()));
                }
                Rest::UntilClosed => {
                    return Ok(self.piece(u64::MAX).await?.map(BytesMut::freeze));
                }
                Rest::Size => match chunk_size(&self.line().await?)? {
                    0 => self.rest = Rest::Length(0),
                    size => self.rest = Rest::Chunk(size),
                },
                Rest::Chunk(0) => self.rest = Rest::ChunkEnd,
                Rest::Chunk(left) => {
                    let piece = self.piece(left).await?.ok_or(Failure::CutShort)?;
                    self.rest = Rest::Chunk(left - piece.len() as u64);
                    return Ok(Some(piece.freeze()));
                }
                Rest::ChunkEnd => match self.line().await?.is_empty() {
                    true => self.rest = Rest::Size,
                    false => return Err(Failure::BadChunk),
                },
            }
        }
    }

    /// At most so many octets; `None` when the server ended.
    async fn piece(&mut self, most: u64) -> Result<Option<BytesMut>, Failure> {
        if self.conversation.heard.is_empty() && !self.hear().await? {
            return Ok(None);
        }
        let heard = &mut self.conversation.heard;
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(heard.len());
        Ok(Some(heard.split_to(length)))
    }

    /// The next line, without its line end.
    async fn line(&mut self) -> Result<BytesMut, Failure> {
        let mut seen = 0;
        loop {
            let heard = &mut self.conversation.heard;
            let end = heard[seen..].iter().position(|&octet| octet == b'\n');
            if let Some(end) = end.map(|end| seen + end).filter(|end| *end <= MAX_LINE) {
                let mut line = heard.split_to(end + 1);
                line.truncate(line.trim_ascii_end().len());
                return Ok(line);
            }
            seen = heard.len();
            if seen > MAX_LINE {
                return Err(Failure::BadChunk);
            }
            if !self.hear().await? {
                return Err(Failure::CutShort);
            }
        }
    }

    async fn hear(&mut self) -> Result<bool, Failure> {
        match self.conversation.total > MAX_TOTAL {
            true => Err(Failure::BadChunk),
            false => self.conversation.hear().await,
        }
    }
}

fn rest(head: &Head) -> Result<Rest, Failure> {
    if matches!(head.status, 101 | 204 | 304) {
        return Ok(Rest::Length(0));
    }
    if let Some(coding) = head.values("Transfer-Encoding").last() {
        let last = coding.rsplit(|&octet| octet == b',').next().unwrap_or_default();
        return Ok(match last.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            true => Rest::Size,
            false => Rest::UntilClosed,
        });
    }
    let mut lengths = head.values("Content-Length").map(|value| length(&value));
    let Some(first) = lengths.next() else { return Ok(Rest::UntilClosed) };
    // RFC 9110 §8.6: the same length more than once is one.
    match first.filter(|_| lengths.all(|length| length == first)) {
        Some(length) => Ok(Rest::Length(length)),
        None => Err(Failure::NotHttp),
    }
}

fn length(value: &[u8]) -> Option<u64> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| is_number)?.parse().ok()
}

/// Hexadecimal digits; what an extension says is not read.
fn chunk_size(line: &[u8]) -> Result<u64, Failure> {
    let digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
    let is_end = line.get(digits).is_none_or(|octet| b" \t;".contains(octet));
    let text = std::str::from_utf8(&line[..digits]).unwrap_or_default();
    let size = (is_end && digits <= MAX_DIGITS).then(|| u64::from_str_radix(text, 16).ok());
    size.flatten().ok_or(Failure::BadChunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::http::probe::head;
    use tokio::io::AsyncWriteExt;

    /// The content of an answer that comes in pieces of so many octets.
    async fn content(answer: &[u8], pieces: usize) -> Result<Vec<u8>, Failure> {
        let (ours, mut theirs) = tokio::io::duplex(pieces);
        let sent = async {
            let _ = theirs.write_all(answer).await;
            drop(theirs);
        };
        let read = async {
            let mut conversation = Conversation::new(Box::new(ours));
            let head = head::read(&mut conversation).await?;
            let mut body = Body::new(&head, conversation)?;
            let mut content = vec![];
            while let Some(piece) = body.next().await? {
                assert!(!piece.is_empty());
                content.extend_from_slice(&piece);
            }
            Ok(content)
        };
        tokio::join!(sent, read).1
    }

    async fn of(headers: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let answer = [format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(), body].concat();
        let whole = content(&answer, 1 << 20).await;
        for pieces in [1, 2, 3, 7] {
            assert_eq!(content(&answer, pieces).await, whole, "in pieces of {pieces}");
        }
        whole
    }

    #[tokio::test]
    async fn the_three_ways_in_which_a_body_ends() {
        assert_eq!(of("Content-Length: 3\r\n", b"abcdef").await, Ok(b"abc".into()));
        assert_eq!(of("", b"abcdef").await, Ok(b"abcdef".into()));
        let chunked = "Transfer-Encoding: gzip, Chunked\r\nContent-Length: 1\r\n";
        let body = b"3\r\nabc\r\n2;x=y\r\nde\r\n01 \nf\n0\r\nX: y\r\n\r\n";
        assert_eq!(of(chunked, body).await, Ok(b"abcdef".into()));
        assert_eq!(of("Content-Length: 2\r\ncontent-length: 2\r\n", b"ab").await, Ok(b"ab".into()));
    }

    #[tokio::test]
    async fn bodies_that_are_none() {
        assert_eq!(of("Content-Length: 3\r\n", b"ab").await, Err(Failure::CutShort));
        for length in ["x", "-1", "+1", "", "99999999999999999999", "1\r\nContent-Length: 2"] {
            let headers = format!("Content-Length: {length}\r\n");
            assert_eq!(of(&headers, b"ab").await, Err(Failure::NotHttp), "{length}");
        }
        let chunked = "Transfer-Encoding: chunked\r\n";
        for body in [&b"x\r\n"[..], b"\r\n", b"-1\r\n", b"11111111111111111\r\n", b"1\r\nabc\r\n"] {
            assert_eq!(of(chunked, body).await, Err(Failure::BadChunk), "{}", body.escape_ascii());
        }
        for body in [&b""[..], b"3\r\nab", b"3\r\nabc", b"3\r\nabc\r\n"] {
            assert_eq!(of(chunked, body).await, Err(Failure::CutShort), "{}", body.escape_ascii());
        }
        let endless = format!("1;{}\r\na\r\n", "x".repeat(MAX_LINE));
        assert_eq!(of(chunked, endless.as_bytes()).await, Err(Failure::BadChunk));
    }

    #[tokio::test]
    async fn what_frames_a_body_is_bounded_too() {
        let chunk = format!("1;{}\r\na\r\n", "x".repeat(900));
        let answer =
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(2000));
        assert_eq!(content(answer.as_bytes(), 1 << 16).await, Err(Failure::BadChunk));
    }
}
