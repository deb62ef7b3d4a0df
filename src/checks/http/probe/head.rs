//! The head of an HTTP/1 answer: its status line and its headers.
//!
//! Bounded by octets, not by the number of headers. The form is taken as loosely as curl takes it:
//! lines may end with LF alone, the reason may be missing, a header may go on in the next line (RFC
//! 9112 §5.2). A line that is no header is refused, and so is an answer without a status line
//! (HTTP/0.9). Interim answers (1xx) are read past; 101 is an answer, as nothing was upgraded.

use crate::health::probe::conversation::Conversation;
use crate::health::probe::failure::Failure;

/// Octets of the head, with the interim answers before it.
pub const MAX_HEAD: usize = 64 * 1024;
const VERSION: &[u8] = b"HTTP/1.";

#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    /// The header lines.
    lines: Vec<u8>,
}

/// What follows the head stays in `heard`.
pub async fn read(conversation: &mut Conversation) -> Result<Head, Failure> {
    let mut used_up = 0;
    let mut scanned = Scan::default();
    loop {
        let heard = &conversation.heard;
        if let Some(end) = scanned.end(heard) {
            let head = conversation.heard.split_to(end);
            used_up += end;
            scanned = Scan::default();
            match parse(&head)? {
                Some(head) if is_interim(head.status) => {}
                Some(head) => return Ok(head),
                None => {}
            }
            continue;
        }
        if !may_begin(heard) {
            return Err(Failure::NotHttp);
        }
        if used_up + heard.len() >= MAX_HEAD {
            return Err(Failure::EndlessHeaders);
        }
        if !conversation.hear().await? {
            return Err(Failure::CutShort);
        }
    }
}

fn is_interim(status: u16) -> bool {
    (100..200).contains(&status) && status != 101
}

/// Whether this is the beginning of an answer or of an empty line, as far as it goes.
fn may_begin(heard: &[u8]) -> bool {
    let line = if heard == b"\r" { &[] } else { heard };
    let known = line.len().min(VERSION.len());
    line[..known] == VERSION[..known]
}

/// Looks for the empty line; each octet is looked at once.
#[derive(Debug, Default)]
struct Scan {
    line: usize,
    seen: usize,
}

impl Scan {
    /// Behind the empty line.
    fn end(&mut self, octets: &[u8]) -> Option<usize> {
        while let Some(length) = octets[self.seen..].iter().position(|&octet| octet == b'\n') {
            let end = self.seen + length;
            let is_empty = matches!(octets[self.line..end], [] | [b'\r']);
            (self.line, self.seen) = (end + 1, end + 1);
            if is_empty {
                return Some(end + 1);
            }
        }
        self.seen = octets.len();
        None
    }
}

/// `None` of an empty line that stands before the head.
fn parse(head: &[u8]) -> Result<Option<Head>, Failure> {
    if matches!(head, b"\n" | b"\r\n") {
        return Ok(None);
    }
    let end = head.iter().position(|&octet| octet == b'\n').ok_or(Failure::NotHttp)?;
    let status = status(&head[..end]).ok_or(Failure::NotHttp)?;
    let lines = &head[end + 1..];
    let head = Head { status, lines: lines[..lines.len() - empty_line(lines)].to_vec() };
    let is_head = head.fields().all(is_field);
    if is_head { Ok(Some(head)) } else { Err(Failure::NotHttp) }
}

fn empty_line(lines: &[u8]) -> usize {
    if lines.ends_with(b"\r\n") { 2 } else { 1 }
}

/// RFC 9112 §4, with the reason as optional as in practice.
fn status(line: &[u8]) -> Option<u16> {
    let [b'0' | b'1', b' ' | b'\t', hundreds @ b'1'..=b'9', tens, ones, rest @ ..] =
        line.strip_prefix(VERSION)?
    else {
        return None;
    };
    let is_end = rest.first().is_none_or(u8::is_ascii_whitespace);
    let digit = |octet: u8| octet.is_ascii_digit().then(|| u16::from(octet - b'0'));
    is_end.then_some(digit(*hundreds)? * 100 + digit(*tens)? * 10 + digit(*ones)?)
}

/// A name and a colon, and no NUL anywhere; or a line that goes on with the status line.
fn is_field(field: &[u8]) -> bool {
    let has_name = field.iter().position(|&octet| octet == b':').is_some_and(|at| at > 0);
    !field.contains(&0) && (has_name || field.starts_with(b" ") || field.starts_with(b"\t"))
}

impl Head {
    /// Each with its folded lines and its line ends.
    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.lines[..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let mut end = 0;
            loop {
                let line = rest[end..].iter().position(|&octet| octet == b'\n');
                end = line.map_or(rest.len(), |length| end + length + 1);
                if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                    break;
                }
            }
            let (field, behind) = rest.split_at(end);
            rest = behind;
            Some(field)
        })
    }

    /// The values of each header of this name, in order: trimmed, and a fold is a blank.
    pub fn values(&self, name: &str) -> impl Iterator<Item = Vec<u8>> {
        self.fields().filter_map(move |field| {
            let colon = field.iter().position(|&octet| octet == b':')?;
            let is_it = field[..colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes());
            let value = field[colon + 1..].trim_ascii();
            let unfold = |octet: &u8| if b"\r\n".contains(octet) { b' ' } else { *octet };
            is_it.then(|| value.iter().map(unfold).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn head(answer: &[u8]) -> Result<Head, Failure> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        tokio::io::AsyncWriteExt::write_all(&mut theirs, answer).await.unwrap();
        drop(theirs);
        read(&mut Conversation::new(Box::new(ours))).await
    }

    async fn status_of(answer: &[u8]) -> Result<u16, Failure> {
        head(answer).await.map(|head| head.status)
    }

    #[tokio::test]
    async fn what_curl_takes_for_an_answer_is_one() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.0 200 OK\r\n\r\n",
            b"HTTP/1.1 200\r\n\r\n",
            b"HTTP/1.1 200 \r\n\r\n",
            b"HTTP/1.1 200 OK\nServer: x\n\n",
            b"\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\tc\r\nY: d\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX-Latin: \xe9\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX Y : z\r\n\r\n",
        ] {
            assert_eq!(status_of(answer).await, Ok(200), "{}", answer.escape_ascii());
        }
    }

    #[tokio::test]
    async fn what_is_no_answer() {
        for answer in [
            &b"<html>"[..],
            b"220 mail ESMTP\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 20\r\n\r\n",
            b"HTTP/1.1 2000\r\n\r\n",
            b"HTTP/1.1 abc\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
        ] {
            assert_eq!(status_of(answer).await, Err(Failure::NotHttp), "{}", answer.escape_ascii());
        }
        assert_eq!(status_of(b"").await, Err(Failure::Closed));
        assert_eq!(status_of(b"HTTP/1.1 200 OK\r\nX: y\r\n").await, Err(Failure::CutShort));
    }

    #[tokio::test]
    async fn headers_are_bounded_by_octets_and_not_by_number() {
        let many = "X: y\r\n".repeat(10_000);
        let answer = format!("HTTP/1.1 200 OK\r\n{many}\r\n");
        assert_eq!(status_of(answer.as_bytes()).await, Ok(200));
        let more = format!("HTTP/1.1 200 OK\r\n{}\r\n", many.repeat(2));
        assert_eq!(status_of(more.as_bytes()).await, Err(Failure::EndlessHeaders));
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
        assert_eq!(status_of(interim.as_bytes()).await, Err(Failure::EndlessHeaders));
        let blank = "\r\n".repeat(MAX_HEAD);
        assert_eq!(status_of(blank.as_bytes()).await, Err(Failure::EndlessHeaders));
    }

    #[tokio::test]
    async fn a_header_is_found_whatever_its_case_and_folds() {
        let answer =
            b"HTTP/1.1 200 OK\r\nA: 1\r\nx-LOAD : a\r\n  b \r\nX-Load:\r\nX-Loads: c\r\n\r\n";
        let head = head(answer).await.unwrap();
        assert_eq!(head.values("X-Load").collect::<Vec<_>>(), [&b"a    b"[..], b""]);
        assert_eq!(head.values("A").count(), 1);
        assert_eq!(head.values("b").count(), 0);
    }
}
