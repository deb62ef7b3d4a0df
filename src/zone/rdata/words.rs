//! Iterates over the words of one entry of a master file, from which RDATA is read. A word is a
//! range of the text: nothing is copied before its field is known.

use std::borrow::Cow;

use crate::zone::name_fault::invisible;

/// The position of a word in the text: offsets `start..end`, without the quotes of a quoted word,
/// and the line, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub start: u32,
    pub end: u32,
    pub line: u32,
    /// Offset of the line's first octet: the column is counted from it when it is needed.
    pub line_start: u32,
    pub quoted: bool,
}

/// A word as written, escapes included, without the quotes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    pub text: &'a [u8],
    pub quoted: bool,
}

/// The words that are still unread.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
    at: usize,
}

/// A fault of a word, or of a missing word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordFault {
    /// Index of the token; past the last one where a word is missing.
    pub at: usize,
    pub message: Cow<'static, str>,
    pub help: Option<Cow<'static, str>>,
}

impl<'a> Words<'a> {
    /// `at` is the index of the first unread token.
    pub fn new(text: &'a [u8], tokens: &'a [Token], at: usize) -> Words<'a> {
        Words { text, tokens, at }
    }

    /// Index of the next unread token.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next word, which stays unread.
    #[inline(always)]
    pub fn peek(&self) -> Option<Word<'a>> {
        let token = self.tokens.get(self.at)?;
        let text = self.text.get(token.start as usize..token.end as usize)?;
        Some(Word { text, quoted: token.quoted })
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// A fault at the word that was read last.
    pub fn fault(
        &self,
        message: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> WordFault {
        WordFault {
            at: self.at.saturating_sub(1),
            message: message.into(),
            help: Some(help.into()),
        }
    }

    /// The next word. Its absence is a fault with `wanted` in its text: a noun, perhaps followed by
    /// ` such as …` or `, …`.
    #[inline(always)]
    pub fn want(&mut self, wanted: &str) -> Result<Word<'a>, WordFault> {
        match self.next() {
            Some(word) => Ok(word),
            None => Err(self.missing(wanted)),
        }
    }

    #[cold]
    fn missing(&self, wanted: &str) -> WordFault {
        WordFault {
            at: self.at,
            message: format!("the line ends before {}", noun(wanted)).into(),
            help: Some(format!("write {wanted}").into()),
        }
    }

    /// As [`Words::want`], but a quoted word is a fault, too.
    #[inline(always)]
    pub fn want_plain(&mut self, wanted: &str) -> Result<&'a [u8], WordFault> {
        let word = self.want(wanted)?;
        if word.quoted {
            return Err(self.unlike(word, wanted));
        }
        Ok(word.text)
    }

    /// The fault that the word read last is not `wanted`.
    #[cold]
    pub fn unlike(&self, word: Word<'_>, wanted: &str) -> WordFault {
        let quote = if word.quoted { "\"" } else { "" };
        let text = shown(word.text);
        let message = format!("{quote}{text}{quote} is not {}", noun(wanted));
        self.fault(message, format!("write {wanted}"))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Word<'a>> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }
}

fn noun(wanted: &str) -> &str {
    let end = [" such as ", ", "].iter().filter_map(|example| wanted.find(example)).min();
    &wanted[..end.unwrap_or(wanted.len())]
}

/// Maximum number of characters of a word in a message.
const SHOWN: usize = 60;

/// A word for a message: at most 60 characters; control and invisible characters are replaced.
pub fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut short: String = text
        .chars()
        .take(SHOWN)
        .map(|c| match c.is_control() || invisible(c).is_some() {
            true => char::REPLACEMENT_CHARACTER,
            false => c,
        })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}
