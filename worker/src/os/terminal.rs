//! Others' words on their way to a terminal, a log or a page: file names, messages, texts.

use std::fmt::{self, Display, Write as _};

use recto_pipeline::format_controls::is_format_control;

/// Shows a name or a text that a stranger may have chosen, on one line: control characters, which steer terminals, and
/// format controls, which reorder and hide text, are escaped. All such words are written through it.
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: Display> Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.width().is_some() {
            let mut shown = String::new();
            write!(ControlEscaper(&mut shown), "{}", self.0)?;
            return f.pad(&shown);
        }
        write!(ControlEscaper(f), "{}", self.0)
    }
}

/// Escapes what is written through it.
struct ControlEscaper<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for ControlEscaper<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_escaped = |c: char| {
            c.is_control() || is_format_control(c) || matches!(c, '\u{2028}' | '\u{2029}')
        };
        let mut rest = text;
        while let Some(at) = rest.find(is_escaped) {
            self.0.write_str(&rest[..at])?;
            let mut letters = rest[at..].chars();
            if let Some(letter) = letters.next() {
                write!(self.0, "{}", letter.escape_default())?;
            }
            rest = letters.as_str();
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_steers_the_terminal() {
        let shown = |text: &str| Shown(text).to_string();
        assert_eq!(shown("s3://b/ж 書.pdf"), "s3://b/ж 書.pdf");
        assert_eq!(shown("a\n\u{1b}[2Jb"), "a\\n\\u{1b}[2Jb");
        assert_eq!(
            shown("in\u{202e}fdp.exe\u{2066}"),
            "in\\u{202e}fdp.exe\\u{2066}"
        );
        assert_eq!(format!("{:<6}|", Shown("a\n")), "a\\n   |");
    }
}
