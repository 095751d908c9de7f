//! Characters of Unicode's category Cf that say how other text is to be shown, and can make it look like what it is not:
//! overrides and isolates of direction, byte order marks, tags, deprecated and invisible operators. (Unicode Technical
//! Report 36, sections 2.10 and 3; CVE-2021-42574.)
//!
//! Soft hyphens, joiners and zero-width spaces stay, which words of some scripts need, and so do signs that show, such as
//! Arabic number signs.

use std::borrow::Cow;

/// Returns true for a character that is left out of all text. The marks of direction among them stay where a text has
/// letters of a script from right to left.
pub fn is_format_control(c: char) -> bool {
    is_direction_mark(c)
        || matches!(c,
            '\u{180E}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E007F}')
}

/// Marks that change the direction of nothing but what has none of its own.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}')
}

/// Letters of scripts that run from right to left (the blocks that Unicode sets aside for them).
fn is_right_to_left(c: char) -> bool {
    matches!(c,
        '\u{0590}'..='\u{061B}' | '\u{061D}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
        | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

/// `text` without format controls.
pub(crate) fn without(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(is_format_control) {
        return Cow::Borrowed(text);
    }
    let right_to_left = text.contains(is_right_to_left);
    let stays = |c: &char| !is_format_control(*c) || right_to_left && is_direction_mark(*c);
    Cow::Owned(text.chars().filter(stays).collect())
}

/// Takes format controls out of `text`, and gives their number.
pub(crate) fn strip(text: &mut String) -> usize {
    match without(text) {
        Cow::Borrowed(_) => 0,
        Cow::Owned(clean) => {
            let count = text.chars().count() - clean.chars().count();
            *text = clean;
            count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_disguise_text_is_taken_out_and_counted() {
        let mut text = "\u{FEFF}in\u{202E}gpj\u{2066}x\u{2069}.exe\u{E0041}\u{200E}".to_owned();
        assert_eq!(strip(&mut text), 6);
        assert_eq!(text, "ingpjx.exe");
    }

    #[test]
    fn what_scripts_need_stays() {
        for text in [
            "שלום\u{200F}!",
            "می\u{200C}خواهم",
            "क्\u{200D}ष",
            "soft\u{AD}hyphen",
        ] {
            assert_eq!(strip(&mut text.to_owned()), 0, "{text:?}");
        }
        assert_eq!(without("שלום\u{202E}\u{200F}"), "שלום\u{200F}");
    }
}
