//! Reads entries as records: the owner, TTL, class and type of each, and what a line inherits from
//! the lines before.
//!
//! | where the TTL comes from | when |
//! |---|---|
//! | the record | it has one |
//! | `$TTL` | one came before (RFC 2308 §4) |
//! | the last TTL that was written | there is no `$TTL` (RFC 1035 §5.1) |
//! | the SOA's minimum, with a warning | nothing came before |
//!
//! `$TTL` applies to all lines behind it, also in other files; `$ORIGIN` and the last owner apply
//! only within their file (RFC 1035 §5.1).

use std::sync::Arc;

use crate::zone::name::Name;
use crate::zone::name_fault::{invisible, invisible_name};
use crate::zone::rdata::codec::period;
use crate::zone::rdata::parse::parse;
use crate::zone::rdata::table::{numbered, type_name, type_number_of};
use crate::zone::rdata::values::name_fault;
use crate::zone::rdata::words::{Token, Word, WordFault, Words, shown};
use crate::zone::read::directive::{self, Directive};
use crate::zone::read::faults::{Faults, place_at, place_behind, place_of};
use crate::zone::read::lexer::{Entry, Lexer};
use crate::zone::record::{FilePosition, MAX_TTL, OwnerId, Owners, Record, Zone};
use crate::zone::rtype::is_meta;
use crate::zone::rtype::{A, SOA};

/// Deepest nesting of `$INCLUDE`.
pub const MAX_DEPTH: usize = 8;
/// Maximum number of files of one zone.
pub const MAX_FILES: usize = 100;
/// Maximum octets of text of one zone, over all its files.
pub const MAX_TEXT: usize = 256 << 20;
/// Maximum octets of RDATA of one zone. A short relative name can be long on the wire.
pub const MAX_ZONE_RDATA: usize = 1 << 30;

/// Gives the octets of the zone file or of an `$INCLUDE` by name, or says why it cannot.
pub type OpenFile<'a> = dyn FnMut(&str) -> Result<Arc<Vec<u8>>, String> + 'a;

/// Reads the files of one zone.
#[expect(missing_debug_implementations, reason = "holds the caller's closure")]
pub struct ZoneReader<'i> {
    zone: Zone,
    include: &'i mut OpenFile<'i>,
    faults: &'i mut Faults,
    text_read: usize,
    default_ttl: Option<u32>,
    last_ttl: Option<u32>,
    /// The type that was read last, as written, and its number: most lines repeat it.
    last_type: (Vec<u8>, u16),
    /// Set when a bound is exceeded: the rest is not read.
    full: bool,
}

/// The state of reading one file.
struct FileScope<'a> {
    file: u16,
    text: &'a [u8],
    origin: Name,
    /// The last owner as written, so that a repeated owner is not parsed again.
    owner_text: &'a [u8],
    owner: LastOwner,
    depth: usize,
}

/// The owner of a line that begins with a space.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastOwner {
    /// There was no line yet.
    None,
    /// A faulty owner, or one outside the zone: its lines are dropped.
    Nobody,
    Inside(OwnerId),
}

impl<'i> ZoneReader<'i> {
    pub fn new(
        apex: &Name,
        include: &'i mut OpenFile<'i>,
        faults: &'i mut Faults,
    ) -> ZoneReader<'i> {
        let (owners, records, rdata, files) = (Owners::default(), vec![], vec![], vec![]);
        ZoneReader {
            zone: Zone { apex: apex.clone(), owners, records, rdata, files },
            include,
            faults,
            text_read: 0,
            default_ttl: None,
            last_ttl: None,
            last_type: (b"A".to_vec(), A),
            full: false,
        }
    }

    /// Reads the file `name` and the files that it includes.
    pub fn main_file(&mut self, name: &str) {
        let apex = self.zone.apex.clone();
        if let Err(why) = self.file(name, apex, 0) {
            if self.zone.files.is_empty() {
                self.zone.files.push(name.into());
            }
            self.faults.error(FilePosition::START, why, "");
        }
    }

    /// The zone as read, with its records sorted by owner and type.
    pub fn finish(mut self) -> Zone {
        // The stable sort is fast on input that is nearly sorted, as it is here.
        self.zone.records.sort_by_key(|record| (record.owner, record.rtype));
        self.zone
    }

    /// Reads one file to its end; `Err` says why it could not begin.
    fn file(&mut self, name: &str, origin: Name, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("files include each other more than {MAX_DEPTH} deep"));
        }
        if self.zone.files.len() >= MAX_FILES {
            return Err(format!("a zone has at most {MAX_FILES} files"));
        }
        let text = (self.include)(name)?;
        self.text_read = self.text_read.saturating_add(text.len());
        if self.text_read > MAX_TEXT {
            return Err(format!("the files of a zone have at most {MAX_TEXT} octets together"));
        }
        let file = self.zone.files.len() as u16;
        self.zone.files.push(Arc::from(name));
        let text = text.as_slice();
        let mut scope =
            FileScope { file, text, origin, owner_text: b"", owner: LastOwner::None, depth };
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        while let Some(entry) = lexer.entry(&mut tokens) {
            if self.full {
                break;
            }
            match entry {
                Ok(entry) => self.entry(entry, &tokens, &mut scope),
                Err(fault) => {
                    let place = place_at(file, text, fault.line, fault.line_start, fault.at);
                    self.faults.error(place, fault.message, fault.help);
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: Entry, tokens: &[Token], scope: &mut FileScope<'_>) {
        let Some(first) = tokens.first() else { return };
        let text = scope.text;
        let keyword = !first.quoted && text.get(first.start as usize) == Some(&b'$');
        let read = if keyword && !entry.indented {
            self.directive(tokens, scope)
        } else {
            let rdata = self.zone.rdata.len();
            let read = self.record(entry, tokens, scope);
            if read.is_err() {
                self.zone.rdata.truncate(rdata);
            }
            read
        };
        let Err(fault) = read else { return };
        let fault = hidden_character(tokens, text).unwrap_or(fault);
        let place = match (tokens.get(fault.at), tokens.last()) {
            (Some(token), _) => place_of(scope.file, text, token),
            (None, Some(last)) => place_behind(scope.file, text, last),
            (None, None) => FilePosition::START,
        };
        self.faults.error(place, fault.message, fault.help.unwrap_or_default());
    }

    fn directive(&mut self, tokens: &[Token], scope: &mut FileScope<'_>) -> Result<(), WordFault> {
        let mut words = Words::new(scope.text, tokens, 0);
        match directive::read(&mut words, &scope.origin)? {
            Directive::Origin(origin) => {
                scope.origin = origin;
                scope.owner_text = b""; // the same word means another name from here on
            }
            Directive::Ttl(ttl) => self.default_ttl = Some(ttl),
            Directive::Include(file, origin) => {
                let origin = origin.unwrap_or_else(|| scope.origin.clone());
                self.file(&file, origin, scope.depth + 1).map_err(|why| WordFault {
                    at: 1,
                    message: format!("{file}: {why}").into(),
                    help: Some("name another file of the zone folder, or remove this line".into()),
                })?;
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        entry: Entry,
        tokens: &[Token],
        scope: &mut FileScope<'_>,
    ) -> Result<(), WordFault> {
        let mut words = Words::new(scope.text, tokens, 0);
        let place = tokens
            .first()
            .map_or(FilePosition::START, |token| place_of(scope.file, scope.text, token));
        if !entry.indented {
            self.owner(&mut words, scope, place)?;
            // A slice of the text, which outlives the words.
            let range = tokens.first().map_or(0..0, |t| t.start as usize..t.end as usize);
            scope.owner_text = scope.text.get(range).unwrap_or_default();
        }
        let (ttl, rtype) = self.ttl_and_type(&mut words)?;
        if scope.owner == LastOwner::None {
            words = Words::new(scope.text, tokens, 1);
            return Err(words.fault(
                "a line that begins with a space has the owner of the line before, and there is \
                 none",
                "write the owner, or @ for the origin",
            ));
        }
        let start = self.zone.rdata.len();
        parse(rtype, &mut words, &scope.origin, &mut self.zone.rdata)?;
        let end = self.zone.rdata.len();
        if end > MAX_ZONE_RDATA {
            self.full = true;
            return Err(words.fault("the zone is too large", "split it into several zones"));
        }
        if let Some(ttl) = ttl {
            self.last_ttl = Some(ttl);
        }
        let ttl = match ttl.or(self.default_ttl).or(self.last_ttl) {
            Some(ttl) => ttl,
            None => self.first_ttl(rtype, start, place)?,
        };
        let LastOwner::Inside(owner) = scope.owner else {
            self.zone.rdata.truncate(start);
            return Ok(());
        };
        let ttl = if ttl > MAX_TTL { self.long_ttl(place) } else { ttl };
        let (rdata, rdata_len) = (start as u32, (end - start) as u16);
        self.zone.records.push(Record { owner, ttl, rtype, rdata_len, rdata, place });
        Ok(())
    }

    fn owner(
        &mut self,
        words: &mut Words<'_>,
        scope: &mut FileScope<'_>,
        place: FilePosition,
    ) -> Result<(), WordFault> {
        let text = words.want_plain("an owner such as www")?;
        if text == scope.owner_text && scope.owner != LastOwner::None {
            return Ok(());
        }
        scope.owner = LastOwner::Nobody;
        scope.owner_text = b"";
        let owner = match text {
            b"@" => scope.origin.clone(),
            text => Name::parse_relative(text, Some(&scope.origin))
                .map_err(|fault| name_fault(words, text, &fault))?,
        };
        if owner.is_within(&self.zone.apex) {
            scope.owner = LastOwner::Inside(self.zone.owners.find_or_add(owner));
        } else {
            let message = format!("{owner} is outside the zone {} and is ignored", self.zone.apex);
            self.faults.warning(place, message, "move it to the zone that it belongs to");
        }
        Ok(())
    }

    /// TTL and class in either order, each at most once, then the type (RFC 1035 §5.1).
    fn ttl_and_type(&mut self, words: &mut Words<'_>) -> Result<(Option<u32>, u16), WordFault> {
        let mut ttl = None;
        let mut class = false;
        loop {
            let word = words.want("a record type such as A")?;
            if !word.quoted && word.text == self.last_type.0 {
                return Ok((ttl, self.last_type.1));
            }
            if word.quoted {
                return Err(words.unlike(word, "a TTL, a class or a record type"));
            }
            if word.text.first().is_some_and(u8::is_ascii_digit) && ttl.is_none() {
                let wanted = "a TTL such as 3600 or 1h30m";
                ttl = Some(period(word.text).ok_or_else(|| words.unlike(word, wanted))?);
            } else if let (Some(number), false) = (class_number(word.text), class) {
                if number != 1 {
                    let message = format!("class {} is not served", shown(word.text));
                    return Err(words.fault(message, "write IN, or leave the class out"));
                }
                class = true;
            } else {
                let rtype = rtype(words, word)?;
                self.last_type = (word.text.to_vec(), rtype);
                return Ok((ttl, rtype));
            }
        }
    }

    /// The TTL of a record before any TTL was written: the SOA's minimum, as in BIND.
    fn first_ttl(
        &mut self,
        rtype: u16,
        rdata: usize,
        place: FilePosition,
    ) -> Result<u32, WordFault> {
        let minimum = self.zone.rdata.get(rdata..).and_then(|rdata| rdata.last_chunk::<4>());
        if let (SOA, Some(minimum)) = (rtype, minimum) {
            let ttl = u32::from_be_bytes(*minimum).min(MAX_TTL);
            self.last_ttl = Some(ttl);
            let message = format!("no TTL was written yet; the SOA's minimum, {ttl}, is taken");
            self.faults.warning(place, message, "write $TTL 1h as the first line");
            return Ok(ttl);
        }
        Err(WordFault {
            at: 0,
            message: "no TTL here, and none before (RFC 2308 §4)".into(),
            help: Some("write $TTL 1h as the first line".into()),
        })
    }

    /// Warns of a TTL with the top bit set, which counts as zero (RFC 2181 §8).
    fn long_ttl(&mut self, place: FilePosition) -> u32 {
        let message = "a TTL above 2147483647 counts as 0 (RFC 2181 §8)";
        self.faults.warning(place, message, "write at most 2147483647, and better at most 7d");
        0
    }
}

/// Finds a character that looks like a space or is invisible: the cause of many faults.
#[cold]
fn hidden_character(tokens: &[Token], text: &[u8]) -> Option<WordFault> {
    let found = |(at, token): (usize, &Token)| {
        let word = text.get(token.start as usize..token.end as usize).filter(|_| !token.quoted)?;
        let hidden = match std::str::from_utf8(word) {
            Ok(word) => word.chars().find(|c| invisible(*c).is_some()).map(invisible_name)?,
            // ISO 8859 and Windows encodings have the no-break space here.
            Err(_) => word.contains(&0xa0).then(|| "a no-break space (octet A0)".to_owned())?,
        };
        Some((at, hidden))
    };
    let (at, hidden) = tokens.iter().enumerate().find_map(found)?;
    let help = "remove it; a plain space stands between two words";
    let message = format!("{hidden} is in this word").into();
    Some(WordFault { at, message, help: Some(help.into()) })
}

fn class_number(text: &[u8]) -> Option<u16> {
    if text == b"IN" {
        return Some(1);
    }
    let known: [(&[u8], u16); 6] =
        [(b"IN", 1), (b"CS", 2), (b"CH", 3), (b"CHAOS", 3), (b"HS", 4), (b"HESIOD", 4)];
    let found = known.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
    found.map(|(_, number)| *number).or_else(|| numbered(text, "CLASS"))
}

fn rtype(words: &Words<'_>, word: Word<'_>) -> Result<u16, WordFault> {
    match type_number_of(word.text) {
        Some(rtype) if is_meta(rtype) => {
            let message = format!("{} belongs to messages, not to zones", type_name(rtype));
            Err(words.fault(message, "remove this record"))
        }
        Some(rtype) => Ok(rtype),
        None => {
            let message = format!("{} is neither a TTL, a class nor a type", shown(word.text));
            let help = match word.text {
                [b'0'..=b'9' | b'-', ..] => "write one TTL such as 3600 or 1h30m, then the type",
                text if class_number(text).is_some() => "write the class once, then the type",
                _ => "write a type such as A or MX; a line without owner begins with a space",
            };
            Err(words.fault(message, help))
        }
    }
}
