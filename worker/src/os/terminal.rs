//! Escapes control characters in file names and texts before they reach a terminal, which some of them would steer.

use std::borrow::Cow;

/// The text on one line, control characters escaped.
pub(crate) fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() {
            true => safe.extend(letter.escape_default()),
            false => safe.push(letter),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_steers_the_terminal() {
        assert_eq!(escape_controls("s3://b/ж 書.pdf"), "s3://b/ж 書.pdf");
        assert_eq!(escape_controls("a\n\u{1b}[2Jb"), "a\\n\\u{1b}[2Jb");
    }
}
