//! Says why a text is no domain name, and names invisible characters.

/// Why a text or a sequence of octets is no domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    #[error("a name is at most 255 octets long")]
    TooLong,
    #[error("a label is at most 63 octets long")]
    LabelTooLong,
    #[error("an empty label: two dots in a row, or a dot at the start")]
    EmptyLabel,
    #[error("a backslash is followed by three digits up to 255 or by one other character")]
    BadEscape,
    #[error("the name is cut off")]
    Truncated,
    #[error("its octets above 127 are no UTF-8")]
    NotUtf8,
    #[error("IDNA 2008 does not allow it (RFC 5892)")]
    NotIdna,
    #[error("{} is in it", invisible_name(*.0))]
    Invisible(char),
}

impl NameFault {
    /// What to write instead of a name that is not ASCII; `None` for faults of ASCII names.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            NameFault::NotUtf8 => Some("save the file as UTF-8, or write the name as xn--…"),
            NameFault::NotIdna => Some("write xn--…, if it is meant so"),
            NameFault::Invisible(_) => Some("remove it"),
            _ => None,
        }
    }
}

/// The name of an invisible character, or of one that changes the writing direction.
pub fn invisible(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{a0}' => "a no-break space",
        '\u{ad}' => "a soft hyphen",
        '\u{34f}' | '\u{61c}' | '\u{180e}' => "an invisible character",
        '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{205f}' => "a space of another width",
        '\u{200b}' => "a zero-width space",
        '\u{200c}' => "a zero-width non-joiner",
        '\u{200d}' => "a zero-width joiner",
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "a mark of writing direction"
        }
        '\u{2028}' | '\u{2029}' => "a line separator",
        '\u{202f}' => "a narrow no-break space",
        '\u{2060}' => "a word joiner",
        '\u{2061}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}' => "an invisible character",
        '\u{3000}' => "an ideographic space",
        '\u{feff}' => "a byte order mark",
        _ => return None,
    })
}

/// `a no-break space (U+00A0)`.
pub fn invisible_name(c: char) -> String {
    format!("{} (U+{:04X})", invisible(c).unwrap_or("the character"), u32::from(c))
}
