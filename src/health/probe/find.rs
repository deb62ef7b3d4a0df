//! Looks for a text in what comes in, piece by piece, and no further than [`MAX_READ`].

use std::sync::Arc;

use crate::health::probe::failure::Failure;

/// Octets of an answer that are looked at; nothing behind them is waited for.
pub const MAX_READ: usize = 64 * 1024;

#[derive(Debug)]
pub struct Find<'a> {
    text: &'a Arc<str>,
    /// The end of what was seen: the text may begin in it.
    tail: Vec<u8>,
    seen: usize,
}

impl<'a> Find<'a> {
    /// `text` is not empty.
    pub fn new(text: &'a Arc<str>) -> Find<'a> {
        Find { text, tail: vec![], seen: 0 }
    }

    /// `Some` once it is known.
    pub fn take(&mut self, piece: &[u8]) -> Option<Result<(), Failure>> {
        let piece = &piece[..piece.len().min(MAX_READ - self.seen)];
        self.seen += piece.len();
        self.tail.extend_from_slice(piece);
        let text = self.text.as_bytes();
        if self.tail.windows(text.len()).any(|window| window == text) {
            return Some(Ok(()));
        }
        if self.seen == MAX_READ {
            return Some(Err(self.lacks(false)));
        }
        let keep = self.tail.len().min(text.len().saturating_sub(1));
        self.tail.drain(..self.tail.len() - keep);
        None
    }

    /// The answer has ended without it.
    pub fn ended(&self) -> Failure {
        self.lacks(true)
    }

    pub fn has_begun(&self) -> bool {
        self.seen > 0
    }

    fn lacks(&self, all: bool) -> Failure {
        Failure::Lacks { text: self.text.clone(), all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, pieces: &[&[u8]]) -> Option<Result<(), Failure>> {
        let text = text.into();
        let mut find = Find::new(&text);
        pieces.iter().find_map(|piece| find.take(piece))
    }

    #[test]
    fn a_text_may_be_cut_anywhere() {
        let whole = b"status: ready\n";
        for first in 0..whole.len() {
            for second in first..whole.len() {
                let pieces = [&whole[..first], &whole[first..second], &whole[second..]];
                assert_eq!(found("ready", &pieces), Some(Ok(())), "{first} {second}");
            }
        }
        assert_eq!(found("ready", &[b"read", b"Y read", b"ines"]), None);
    }

    #[test]
    fn what_begins_behind_the_bound_is_not_seen() {
        let filler = vec![b'x'; MAX_READ - 5];
        assert_eq!(found("ready", &[&filler, b"ready"]), Some(Ok(())));
        let told = found("ready", &[&filler, b"xready"]).unwrap().unwrap_err();
        assert_eq!(told.to_string(), "no `ready` in its first 64 KiB");
    }
}
