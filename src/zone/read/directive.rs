//! Reads the directives `$ORIGIN` and `$INCLUDE` (RFC 1035 §5.1), `$TTL` (RFC 2308 §4).

use crate::zone::name::Name;
use crate::zone::rdata::codec::{period, unescape_into};
use crate::zone::rdata::values::name_fault;
use crate::zone::rdata::words::{WordFault, Words, shown};
use crate::zone::record::MAX_TTL;

/// A directive, as the reader follows it.
#[derive(Debug)]
pub enum Directive {
    Origin(Name),
    /// Seconds.
    Ttl(u32),
    /// The file as written, and its origin; `None` if it is the current origin.
    Include(String, Option<Name>),
}

/// Reads the directive in `words`.
pub fn read(words: &mut Words<'_>, origin: &Name) -> Result<Directive, WordFault> {
    let keyword = words.want_plain("a directive")?.to_ascii_uppercase();
    let directive = match keyword.as_slice() {
        b"$ORIGIN" => Directive::Origin(name(words, origin)?),
        b"$TTL" => Directive::Ttl(ttl(words)?),
        b"$INCLUDE" => {
            let file = include_file(words)?;
            let inside = if words.is_empty() { None } else { Some(name(words, origin)?) };
            Directive::Include(file, inside)
        }
        b"$GENERATE" => {
            let help = "write the records out, one a line";
            return Err(words.fault("$GENERATE is BIND's own and is not read here", help));
        }
        other => {
            let message = format!("{} is no directive", shown(other));
            let help = "write $ORIGIN, $TTL or $INCLUDE; a name that begins with $ is written \\$";
            return Err(words.fault(message, help));
        }
    };
    if let Some(word) = words.next() {
        let message = format!("{} is too much behind this directive", shown(word.text));
        return Err(words.fault(message, "put the next entry on a line of its own"));
    }
    Ok(directive)
}

fn name(words: &mut Words<'_>, origin: &Name) -> Result<Name, WordFault> {
    let text = words.want_plain("a name such as example.com.")?;
    if text == b"@" {
        return Ok(origin.clone());
    }
    Name::parse_relative(text, Some(origin)).map_err(|fault| name_fault(words, text, &fault))
}

fn ttl(words: &mut Words<'_>) -> Result<u32, WordFault> {
    let wanted = "a number of seconds, or a time such as 1h30m";
    let word = words.want(wanted)?;
    let value = if word.quoted { None } else { period(word.text) };
    let value = value.ok_or_else(|| words.unlike(word, wanted))?;
    if value > MAX_TTL {
        let help = "write at most 2147483647, and better at most 7d";
        return Err(words.fault("a TTL has at most 31 bits (RFC 2181 §8)", help));
    }
    Ok(value)
}

/// Accepts only files below the zone folder: a relative path without `..`.
fn include_file(words: &mut Words<'_>) -> Result<String, WordFault> {
    let word = words.want("a file in the zone folder")?;
    let mut path = Vec::new();
    let help = "write a path below the zone folder, such as hosts.zone or parts/hosts.zone";
    unescape_into(word.text, &mut path)
        .and_then(|()| String::from_utf8(path).ok())
        .filter(|path| !path.is_empty() && !path.starts_with('/') && !path.contains('\0'))
        .filter(|path| path.split('/').all(|part| part != ".."))
        .ok_or_else(|| words.fault("this file is not below the zone folder", help))
}
