//! Run-in headings: bold words at the start of a paragraph, on the line on which its text begins, such as LaTeX's
//! `\paragraph` and the word `Abstract` of many journals.

use super::{
    baselines::{TextRow, row_of},
    body::BodyPart,
    headings::{BookmarkTitles, HeadingWitness, is_section_name},
    paragraphs::Paragraph,
    placed_line::PlacedLine,
    tuning::run_ins as tuning,
};
use crate::page::Rect;

/// Signs that may end the words of a run-in heading.
const END_SIGNS: [char; 5] = ['.', ':', '—', '–', '-'];

/// Words that begin captions and statements, whose numbers are set in bold type.
const LABELS: [&str; 16] = [
    "fig",
    "figure",
    "table",
    "algorithm",
    "listing",
    "theorem",
    "lemma",
    "proposition",
    "corollary",
    "definition",
    "remark",
    "example",
    "proof",
    "claim",
    "note",
    "warning",
];

/// Makes the run-in headings of paragraphs parts of their own.
pub(crate) fn split_run_ins<'a>(
    parts: Vec<BodyPart<'a>>,
    bookmarks: &BookmarkTitles,
) -> Vec<BodyPart<'a>> {
    let mut split = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            BodyPart::Paragraph(paragraph) => match run_in(&paragraph, bookmarks) {
                Some((heading, rest)) => {
                    split.push(BodyPart::Paragraph(heading));
                    split.push(BodyPart::Paragraph(rest));
                }
                None => split.push(BodyPart::Paragraph(paragraph)),
            },
            part => split.push(part),
        }
    }
    split
}

/// The run-in heading of a paragraph, and the rest of it.
fn run_in<'a>(
    paragraph: &Paragraph<'a>,
    bookmarks: &BookmarkTitles,
) -> Option<(Paragraph<'a>, Paragraph<'a>)> {
    let first = paragraph.rows.first()?;
    if paragraph.marker.is_some() || first.witness.is_some() {
        return None;
    }
    let lead = RowLead::of(first)?;
    let mut heading = row_of(lead.words.clone());
    let title = heading.text.trim_end_matches(END_SIGNS).trim_end();
    let witness = match bookmarks.witness(title) {
        Some(witness) => witness,
        None if paragraph.space_above > tuning::SET_OFF_EM && lead.is_heading(title, first) => {
            HeadingWitness::run_in()
        }
        None => return None,
    };
    heading.text = title.to_owned();
    heading.witness = Some(witness);
    let mut rows = paragraph.rows.clone();
    rows[0] = row_of(lead.rest);
    let heading = Paragraph {
        rows: vec![heading],
        space_below: 0.0,
        ..paragraph.clone()
    };
    let rest = Paragraph {
        rows,
        space_above: 0.0,
        ..paragraph.clone()
    };
    Some((heading, rest))
}

/// The bold words at the start of a row, and what follows them.
struct RowLead<'a> {
    words: Vec<PlacedLine<'a>>,
    rest: Vec<PlacedLine<'a>>,
    /// White space between them, in pixels.
    gap: f32,
}

impl<'a> RowLead<'a> {
    fn of(row: &TextRow<'a>) -> Option<Self> {
        let first = row.lines.first()?;
        if let Some(lead) = first.lead {
            let at = lead.bytes as usize;
            let (words, rest) = (first.text.get(..at)?, first.text.get(at..)?);
            let part = |text: &'a str, left: f32, right: f32| PlacedLine {
                text: text.trim(),
                rect: Rect {
                    left,
                    right,
                    ..first.rect
                },
                is_part: true,
                lead: None,
                ..*first
            };
            let mut style = first.style;
            style.bold = Some(true);
            let words = PlacedLine {
                style,
                ..part(words, first.rect.left, lead.right)
            };
            style.bold = Some(false);
            let rest = PlacedLine {
                style,
                ..part(rest, lead.next, first.rect.right)
            };
            let others = row.lines[1..].iter().copied();
            return Some(Self {
                words: vec![words],
                rest: std::iter::once(rest).chain(others).collect(),
                gap: lead.next - lead.right,
            });
        }
        let (second, is_bold) = (row.lines.get(1)?, first.style.bold == Some(true));
        let is_lead = is_bold && second.style.bold == Some(false);
        is_lead.then(|| Self {
            words: vec![*first],
            rest: row.lines[1..].to_vec(),
            gap: second.rect.left - first.rect.right,
        })
    }

    /// Returns true if the words are a heading, not a label or words that matter more than others.
    fn is_heading(&self, title: &str, row: &TextRow) -> bool {
        let words: Vec<&str> = title.split_whitespace().collect();
        let letters = title.chars().filter(|c| c.is_alphabetic()).count();
        let first = words
            .first()
            .map_or("", |word| word.trim_end_matches(END_SIGNS));
        if letters < tuning::MIN_LETTERS
            || words.len() > tuning::MAX_WORDS
            || LABELS.contains(&first.to_lowercase().as_str())
        {
            return false;
        }
        if is_section_name(title) {
            return true;
        }
        let sign = self
            .words
            .last()
            .and_then(|line| line.text.chars().next_back());
        let begins = |line: &PlacedLine| line.text.chars().next();
        let text_starts = self
            .rest
            .first()
            .and_then(begins)
            .is_some_and(char::is_uppercase);
        let title_starts = title.chars().next().is_some_and(char::is_uppercase);
        match sign {
            Some('.') => title_starts && text_starts && words.len() > 1,
            Some(sign) if END_SIGNS.contains(&sign) => false,
            _ => self.gap > tuning::WIDE_SPACE_EM * row.size && text_starts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{layout::paragraphs::Paragraph, page::TypeStyle};

    fn line(text: &str, left: f32, bold: bool) -> PlacedLine<'_> {
        PlacedLine {
            text,
            rect: Rect {
                left,
                top: 0.0,
                right: left + 6.0 * text.len() as f32,
                bottom: 12.0,
            },
            size: 12.0,
            style: TypeStyle::of_weight(bold),
            ..PlacedLine::default()
        }
    }

    fn split(lines: Vec<PlacedLine<'_>>) -> Option<(String, String)> {
        let paragraph = Paragraph {
            rows: vec![row_of(lines)],
            marker: None,
            centered: false,
            space_above: 1.0,
            space_below: 1.0,
        };
        let (heading, rest) = run_in(&paragraph, &BookmarkTitles::default())?;
        Some((heading.rows[0].text.clone(), rest.rows[0].text.clone()))
    }

    #[test]
    fn bold_words_before_a_wide_space_are_a_heading() {
        let words = line("Delayed", 0.0, true);
        let near = line("Values may be given later", words.rect.right + 3.0, false);
        let apart = line("Values may be given later", words.rect.right + 10.0, false);
        assert_eq!(split(vec![words, near]), None);
        let (heading, rest) = split(vec![words, apart]).unwrap();
        assert_eq!(
            (heading.as_str(), rest.as_str()),
            ("Delayed", "Values may be given later")
        );
    }

    #[test]
    fn labels_are_no_headings() {
        for label in ["Note:", "Figure 3.", "Theorem 2."] {
            let label = line(label, 0.0, true);
            let text = line("The text goes on", label.rect.right + 10.0, false);
            assert_eq!(split(vec![label, text]), None);
        }
        let words = line("Abstract—", 0.0, true);
        let text = line("We address floors", words.rect.right, false);
        assert!(split(vec![words, text]).is_some());
    }
}
