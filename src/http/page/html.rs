//! HTML that cannot be injected into.
//!
//! Markup is `&'static str`, so it is in this program's source; whatever is known only at run time
//! goes through [`Html::text`], which escapes it for element content and quoted attributes alike.

use std::fmt::{self, Display, Write};

use crate::cluster::visible::is_hidden;

#[derive(Debug, Default)]
pub struct Html(String);

impl Html {
    /// Markup of ours. Attribute values are always in double quotes.
    pub fn raw(&mut self, markup: &'static str) -> &mut Html {
        self.0.push_str(markup);
        self
    }

    /// Any value, as text.
    pub fn text(&mut self, value: impl Display) -> &mut Html {
        // A string takes everything; what fails is a `Display` of ours that fails by itself.
        let _ = write!(Escape(&mut self.0), "{value}");
        self
    }

    pub fn done(self) -> String {
        self.0
    }
}

struct Escape<'a>(&'a mut String);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // It would turn the line around, or not be seen.
                hidden if is_hidden(hidden) && hidden != '\n' => {
                    self.0.extend(hidden.escape_unicode());
                }
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let mut html = Html::default();
        html.raw("<b title=\"").text("\"'>").raw("\">").text(format_args!("<{}>", "&")).raw("</b>");
        let mut hidden = Html::default();
        hidden.text("\u{202e}pu\u{1b}");
        assert_eq!(hidden.done(), "\\u{202e}pu\\u{1b}");
        assert_eq!(html.done(), "<b title=\"&quot;&#39;&gt;\">&lt;&amp;&gt;</b>");
    }
}
