//! Ends a TLS record behind each HTTP/2 reply, for clients that read only one reply of a record.
//!
//! `h2` writes the frames of several replies at once, and they become one TLS record. dnsperf takes
//! only one reply out of a record: it loses the others of that record, and waits for them. So each
//! write ends where a frame ends a stream. Over TLS, each further record costs 22 octets and a
//! system call; BIND writes each reply by itself, too.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets before the payload of a frame (RFC 9113 §4.1): length (3), type, flags, stream (4).
const FRAME_HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;

/// Writes HTTP/2 frames to `stream`, the frames of one reply at a time.
#[derive(Debug)]
pub struct ReplyRecords<S> {
    stream: S,
    frames: Frames,
}

impl<S> ReplyRecords<S> {
    pub fn new(stream: S) -> ReplyRecords<S> {
        ReplyRecords { stream, frames: Frames::default() }
    }
}

/// The position of the next octet in the sequence of frames.
#[derive(Debug, Clone, Copy, Default)]
struct Frames {
    head: [u8; FRAME_HEAD],
    /// Octets of `head` that were followed so far.
    headed: usize,
    /// Octets of the frame's payload that are still to come.
    rest: usize,
}

impl Frames {
    /// Follows `octets` up to the end of a reply. Returns how many octets that are.
    fn follow(&mut self, octets: &[u8]) -> usize {
        let mut at = 0;
        while let Some(left) = octets.get(at..).filter(|left| !left.is_empty()) {
            if self.headed < FRAME_HEAD {
                let take = left.len().min(FRAME_HEAD - self.headed);
                self.head[self.headed..self.headed + take].copy_from_slice(&left[..take]);
                self.headed += take;
                at += take;
                if self.headed == FRAME_HEAD {
                    let [high, middle, low, ..] = self.head;
                    self.rest = u32::from_be_bytes([0, high, middle, low]) as usize;
                }
            } else {
                let take = left.len().min(self.rest);
                self.rest -= take;
                at += take;
            }
            if self.headed == FRAME_HEAD && self.rest == 0 {
                self.headed = 0;
                if self.ends_stream() {
                    break;
                }
            }
        }
        at
    }

    fn ends_stream(&self) -> bool {
        let [_, _, _, kind, flags, ..] = self.head;
        matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReplyRecords<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let end = { self.frames }.follow(octets);
        let first = octets.get(..end).unwrap_or(octets);
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, first))?;
        self.frames.follow(first.get(..written).unwrap_or(first));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReplyRecords<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let [_, high, middle, low] = (payload as u32).to_be_bytes();
        let mut frame = vec![high, middle, low, kind, flags, 0, 0, 0, 1];
        frame.resize(FRAME_HEAD + payload, b'x');
        frame
    }

    #[test]
    fn a_cut_is_behind_each_frame_that_ends_a_stream_wherever_the_octets_are_split() {
        let settings = frame(4, 1, 0);
        let first = [frame(HEADERS, 4, 40), frame(DATA, 0, 0), frame(DATA, END_STREAM, 300)];
        let second = [frame(HEADERS, 4 | END_STREAM, 20)];
        let all = [settings.clone(), first.concat(), second.concat(), frame(8, 0, 4)].concat();
        let first_end = settings.len() + first.concat().len();
        let expected = [first_end, first_end + second.concat().len(), all.len()];
        for piece in 1..all.len() {
            let (mut frames, mut cuts, mut at) = (Frames::default(), vec![], 0);
            while at < all.len() {
                let end = all.len().min(at + piece);
                at += frames.follow(&all[at..end]);
                if at < end || expected.contains(&at) {
                    cuts.push(at);
                }
            }
            assert_eq!(cuts, expected, "in pieces of {piece}");
        }
    }
}
