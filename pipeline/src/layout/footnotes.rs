//! Footnotes: small type at the foot of a column that begins with a sign, which stands raised in the text above.

use std::collections::HashSet;

use super::{
    baselines::TextRow, body::BodyPart, paragraphs::Paragraph, tuning::footnotes as tuning,
};
use crate::{
    page::TextLine,
    text_marks::{self, MarkedType},
};

/// Signs of notes beside numbers and letters.
const SYMBOLS: [char; 7] = ['*', '∗', '†', '‡', '§', '¶', '⁎'];

/// A footnote.
#[derive(Clone, Debug)]
pub(crate) struct Footnote<'a> {
    /// Its sign, as printed.
    pub mark: String,
    /// Its text and its sign.
    pub paragraph: Paragraph<'a>,
}

/// The signs that stand raised in a page's text.
#[derive(Debug, Default)]
pub(crate) struct NoteSigns(HashSet<String>);

impl NoteSigns {
    /// The raised signs of a page's lines, but for those at the start of a line.
    pub(crate) fn of(lines: &[TextLine]) -> Self {
        let raised = lines.iter().flat_map(|line| raised(&line.text));
        Self(
            raised
                .filter(|(at, _)| *at > 0)
                .map(|(_, sign)| sign.to_owned())
                .collect(),
        )
    }
}

/// Makes footnotes of the last paragraphs of a column, whose parts begin at `start`; `em` is the size of the text.
pub(crate) fn take_footnotes(parts: &mut Vec<BodyPart>, start: usize, em: f32, signs: &NoteSigns) {
    let is_small = |part: &BodyPart| match part {
        BodyPart::Paragraph(paragraph) => paragraph.rows[0].size < tuning::SMALL_TYPE * em,
        _ => false,
    };
    let small = parts[start..]
        .iter()
        .rev()
        .take_while(|part| is_small(part));
    let first_small = parts.len() - small.count();
    let mut notes: Vec<Footnote> = Vec::new();
    let mut rest: Vec<BodyPart> = Vec::new();
    for part in parts.drain(first_small..) {
        let BodyPart::Paragraph(paragraph) = part else {
            rest.push(part);
            continue;
        };
        for paragraph in split_at_signs(paragraph, signs) {
            let mark = note_sign(&paragraph.rows[0].text).filter(|mark| signs.0.contains(*mark));
            match (mark.map(str::to_owned), notes.last_mut()) {
                (Some(mark), _) => notes.push(Footnote { mark, paragraph }),
                (None, Some(note)) => note.paragraph.rows.extend(paragraph.rows),
                (None, None) => rest.push(BodyPart::Paragraph(paragraph)),
            }
        }
    }
    parts.extend(rest);
    parts.extend(notes.into_iter().map(BodyPart::Footnote));
}

/// A paragraph cut before each row that begins with a sign.
fn split_at_signs<'a>(paragraph: Paragraph<'a>, signs: &NoteSigns) -> Vec<Paragraph<'a>> {
    let mut split: Vec<Paragraph> = Vec::new();
    let begins = |row: &TextRow| note_sign(&row.text).is_some_and(|mark| signs.0.contains(mark));
    let rows = paragraph.rows;
    for row in rows {
        match split.last_mut() {
            Some(last) if !begins(&row) => last.rows.push(row),
            _ => split.push(Paragraph {
                rows: vec![row],
                marker: None,
                ..paragraph
            }),
        }
    }
    split
}

/// The sign that a text begins with: raised, or a symbol.
fn note_sign(text: &str) -> Option<&str> {
    if let Some((0, sign)) = raised(text).next() {
        return Some(sign);
    }
    let first = text.chars().next().filter(|c| SYMBOLS.contains(c))?;
    Some(&text[..first.len_utf8()])
}

/// The text of a footnote without its sign.
pub(crate) fn without_sign(text: &str) -> &str {
    match raised(text).next() {
        Some((0, sign)) => {
            let after = MarkedType::Raised.begin().len_utf8() + sign.len();
            text[after..]
                .trim_start_matches(text_marks::END)
                .trim_start()
        }
        _ => text.trim_start_matches(SYMBOLS).trim_start(),
    }
}

/// The raised stretches of a text that may be signs of notes, and where they begin, in bytes.
fn raised(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let begin = MarkedType::Raised.begin();
    text.match_indices(begin).filter_map(move |(at, _)| {
        let rest = &text[at + begin.len_utf8()..];
        let end = rest.find(text_marks::is_mark).unwrap_or(rest.len());
        let sign = rest[..end].trim();
        is_sign(sign).then_some((at, sign))
    })
}

/// Returns true for a number of up to three figures, a letter, or symbols.
fn is_sign(sign: &str) -> bool {
    let count = sign.chars().count();
    let is_number = count <= tuning::NUMBER_FIGURES && sign.bytes().all(|b| b.is_ascii_digit());
    let is_letter = count == 1 && sign.chars().all(|c| c.is_ascii_lowercase());
    let is_symbol = count <= 2 && sign.chars().all(|c| SYMBOLS.contains(&c));
    count > 0 && (is_number || is_letter || is_symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_short_and_raised() {
        let (up, end) = (MarkedType::Raised.begin(), text_marks::END);
        let text = format!("{up}1{end} See the appendix.");
        assert_eq!(note_sign(&text), Some("1"));
        assert_eq!(without_sign(&text), "See the appendix.");
        assert_eq!(note_sign("† Deceased."), Some("†"));
        assert_eq!(without_sign("† Deceased."), "Deceased.");
        assert_eq!(note_sign("1 See the appendix."), None);
        let power = format!("x{up}n+1{end}");
        assert_eq!(raised(&power).count(), 0);
    }
}
