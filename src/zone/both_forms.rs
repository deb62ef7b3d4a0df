//! Displays domain names for people, in ASCII and in Unicode.

use std::fmt;

use crate::zone::idn::unicode;
use crate::zone::name::Name;

/// Displays a name in both forms: `xn--mnchen-3ya.example. (münchen.example.)`. A name without a
/// Unicode form is shown in ASCII alone.
#[derive(Debug, Clone, Copy)]
pub struct BothForms<'a>(pub &'a Name);

impl fmt::Display for BothForms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match unicode(&text) {
            Some(unicode) => f.pad(&format!("{text} ({unicode})")),
            None => f.pad(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_both_forms() {
        let both = |text: &str| BothForms(&Name::parse(text).unwrap()).to_string();
        assert_eq!(both("münchen.example"), "xn--mnchen-3ya.example. (münchen.example.)");
        assert_eq!(both("XN--MNCHEN-3YA.example"), "XN--MNCHEN-3YA.example. (münchen.example.)");
        // Names without A-labels, and with A-labels that this server would not make.
        for text in ["www.example.", "xn--a.example.", "xn--n3h.example.", "xn---.", "."] {
            assert_eq!(both(text), text);
        }
    }
}
