//! A page's lines once all are read: those with text, and those that were not read.

use super::{
    fallback::LineReading,
    ink::LineInk,
    recognize::RecognizedText,
    script_prior::is_latin,
    tuning::unread::{
        GAPS_LENGTH, GAPS_SHARE, LINE_SHARE, LONG, LONG_LINES_SHARE, NOTHING_SHARE, PAGE_LENGTH,
        PAGE_SHARE, PROSE, SURE_CHARACTERS, SURE_CONFIDENCE, UNREAD_LENGTH, WORD,
    },
};
use crate::page::{LineReader, Quad, TextLine, UnreadInk, UnreadLine};

/// A line that the recognizer has gone over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RecognizedLine {
    pub(super) text: RecognizedText,
    pub(super) quad: Quad,
    /// The second reader, if the text is its.
    pub(super) read_by: Option<LineReader>,
}

/// The lines of a page.
#[derive(Debug, Default, PartialEq)]
pub(super) struct PageLines {
    /// Those with text.
    pub(super) lines: Vec<TextLine>,
    /// The ink that was not read, if that is so much that somebody has to know.
    pub(super) unread: Option<UnreadInk>,
}

impl RecognizedLine {
    /// Takes a second reader's text in place of what the recognizer read, and all its ink as read.
    pub(super) fn take_reading(&mut self, reading: LineReading, reader: &str, language: &str) {
        self.text.text = reading.text;
        self.text.latin = None;
        self.text.confidence = reading.confidence;
        self.text.ink.unread = 0.0;
        self.read_by = Some(LineReader {
            name: reader.to_owned(),
            language: language.to_owned(),
        });
    }

    /// Returns true if the line is one that makes its page unread in part: it was not read, or it lacks letters.
    pub(super) fn tells_script(&self) -> bool {
        self.is_unread() || self.has_gaps()
    }

    /// Returns true if letters are missing all over a long line.
    fn has_gaps(&self) -> bool {
        self.text.ink.unread_share() >= GAPS_SHARE && self.text.ink.length >= PROSE
    }

    /// Returns true if most of the line was not read.
    fn is_unread(&self) -> bool {
        self.text.ink.unread_share() >= LINE_SHARE
    }

    /// Returns true if what was read of the line is text all the same: a label before a signature,
    /// a number among words of another script. What else is read of an unread line are look-alikes
    /// in the wrong script.
    fn is_sure(&self) -> bool {
        let characters = self.text.text.chars().filter(|c| c.is_alphanumeric());
        self.text.confidence >= SURE_CONFIDENCE && characters.count() >= SURE_CHARACTERS
    }

    fn height(&self) -> f32 {
        let [a, _, _, d] = self.quad.0;
        (d.x - a.x).hypot(d.y - a.y)
    }

    /// The line as text, if it reads at least as surely as `text_score` and is not empty.
    fn into_text(self, text_score: f32) -> Option<TextLine> {
        let size = self.height();
        // A second reader has a measure of its own.
        let is_kept = self.read_by.is_some() || self.text.confidence >= text_score;
        let text = self.text;
        (!text.text.is_empty() && is_kept).then_some(TextLine {
            text: text.text,
            quad: self.quad,
            confidence: Some(text.confidence),
            size,
            style: Default::default(),
            tag: None,
            lead: None,
            read_by: self.read_by,
            formulas: Vec::new(),
            region: None,
        })
    }
}

/// Parts a page's lines into those with text, of at least the confidence `text_score`, and those
/// that were not read. A page on which hardly any ink is unread has no unread lines: there is a
/// logo, a stamp or a stroke on it.
pub(super) fn page_lines(mut all: Vec<RecognizedLine>, text_score: f32) -> PageLines {
    let is_second_read = all.iter().any(|line| line.read_by.is_some());
    if is_latin(all.iter().map(|line| line.text.text.as_str())) {
        for line in &mut all {
            if let Some(latin) = line.text.latin.take() {
                line.text.text = latin;
            }
        }
    }
    let whole = PageInk::of(&all);
    // Beside lines that only a second reader could read, a line that neither read is most likely more of the same.
    let is_left = |line: &RecognizedLine| line.is_unread() && line.text.ink.length >= WORD;
    let is_unread = whole.is_unread() || (is_second_read && all.iter().any(is_left));
    if !is_unread {
        let lines = all
            .into_iter()
            .filter_map(|line| line.into_text(text_score));
        return PageLines {
            lines: lines.collect(),
            unread: None,
        };
    }
    let mut page = PageLines::default();
    let mut ink = UnreadInk {
        share: whole.all.unread_share(),
        lines: Vec::new(),
    };
    for line in all {
        if line.is_unread() {
            ink.lines.push(UnreadLine {
                quad: line.quad,
                text: line.text.text.clone(),
                share: line.text.ink.unread_share(),
            });
        }
        if !line.is_unread() || line.is_sure() {
            page.lines.extend(line.into_text(text_score));
        }
    }
    page.unread = Some(ink);
    page
}

/// Returns true if so much of a page was not read that somebody has to know.
pub(super) fn is_unread_in_part(all: &[RecognizedLine]) -> bool {
    PageInk::of(all).is_unread()
}

/// The ink of a page's lines, summed up.
#[derive(Debug, Default)]
struct PageInk {
    /// The ink of all lines, in pixels of the page.
    all: LineInk,
    /// The ink of the long lines, in pixels of the page.
    long: LineInk,
    /// The ink of the long lines, in line heights.
    long_length: f32,
    /// Ink that was not read, in line heights.
    unread: f32,
    /// Ink of unread lines, in line heights.
    unread_lines: f32,
    /// Ink of long lines that lack letters, in line heights.
    gaps: f32,
}

impl PageInk {
    fn of(lines: &[RecognizedLine]) -> Self {
        let mut page = Self::default();
        for line in lines {
            let LineInk { length, unread } = line.text.ink;
            let (share, height) = (line.text.ink.unread_share(), line.height());
            page.all.add(length * height, unread * height);
            page.unread += unread;
            if length >= LONG {
                page.long.add(length * height, unread * height);
                page.long_length += length;
            }
            let least = if share >= NOTHING_SHARE { WORD } else { LONG };
            if line.is_unread() && length >= least {
                page.unread_lines += length;
            }
            if line.has_gaps() {
                page.gaps += length;
            }
        }
        page
    }

    /// Returns true if so much of the page was not read that somebody has to know.
    fn is_unread(&self) -> bool {
        (self.all.unread_share() >= PAGE_SHARE && self.unread >= PAGE_LENGTH)
            || (self.long.unread_share() >= LONG_LINES_SHARE && self.long_length >= PROSE)
            || self.unread_lines >= UNREAD_LENGTH
            || self.gaps >= GAPS_LENGTH
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Rect;

    fn line(text: &str, confidence: f32, unread: f32) -> RecognizedLine {
        let bounds = Rect {
            right: 400.0,
            bottom: 20.0,
            ..Rect::default()
        };
        RecognizedLine {
            text: RecognizedText {
                text: text.to_owned(),
                latin: None,
                confidence,
                classes: text.len(),
                ink: LineInk {
                    length: 15.0,
                    unread: 15.0 * unread,
                },
            },
            quad: bounds.into(),
            read_by: None,
        }
    }

    fn texts(page: &PageLines) -> Vec<&str> {
        page.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn a_page_that_was_read_has_no_unread_ink() {
        let page = page_lines(vec![line("all read", 0.99, 0.01), line("", 0.0, 0.0)], 0.5);
        assert_eq!(texts(&page), ["all read"]);
        assert_eq!(page.unread, None);
    }

    #[test]
    fn lookalikes_of_an_unread_line_are_no_text() {
        let all = vec![
            line("Annex to the contract", 0.99, 0.0),
            line(". , .", 0.99, 0.95),
            line("T oroo ae", 0.6, 0.7),
            line("Signed:", 0.99, 0.6),
        ];
        let page = page_lines(all, 0.5);
        assert_eq!(texts(&page), ["Annex to the contract", "Signed:"]);
        let unread = page.unread.expect("more than half");
        assert_eq!(unread.lines.len(), 3);
        assert!((unread.share - 0.5625).abs() < 1e-3, "{}", unread.share);
    }

    #[test]
    fn a_dash_that_reads_as_an_ideograph_is_a_dash_on_a_page_of_latin_text() {
        let dash = |rest: &str| {
            let mut formula = line("a 一 b", 0.99, 0.0);
            formula.text.latin = Some("a - b".to_owned());
            page_lines(vec![formula, line(rest, 0.99, 0.0)], 0.5)
        };
        assert_eq!(
            texts(&dash("where a and b are the shares of each"))[0],
            "a - b"
        );
        assert_eq!(
            texts(&dash("人人生而自由在尊严和权利上一律平等"))[0],
            "a 一 b"
        );
    }

    #[test]
    fn one_unread_line_marks_a_long_page() {
        let mut all = vec![line("read", 0.99, 0.0); 60];
        all.push(line("", 0.0, 1.0));
        assert_eq!(page_lines(all, 0.5).unread.map(|u| u.lines.len()), Some(1));
    }

    #[test]
    fn labels_of_a_figure_and_boxes_to_tick_do_not_mark_a_page() {
        let mut all = vec![line("read", 0.99, 0.02); 20];
        for _ in 0..20 {
            let mut label = line("SAF", 0.92, 0.52);
            label.text.ink.length = 1.4;
            label.text.ink.unread = 0.7;
            all.push(label);
        }
        let page = page_lines(all, 0.5);
        assert_eq!((page.lines.len(), page.unread), (40, None));
    }

    #[test]
    fn one_formula_of_some_length_does_not_tell_for_a_page() {
        let mut formula = line("E = m c² − 4", 0.9, 0.07);
        formula.text.ink.length = 4.3;
        formula.text.ink.unread = 0.3;
        let mut item = line("* item two", 0.96, 0.0);
        item.text.ink.length = 2.2;
        assert_eq!(page_lines(vec![formula, item], 0.5).unread, None);
    }

    #[test]
    fn gaps_all_over_a_page_mark_it_and_its_text_stays() {
        let page = page_lines(vec![line("Tt c mi ngưi", 0.98, 0.09); 3], 0.5);
        assert_eq!(page.lines.len(), 3);
        assert!(page.unread.is_some_and(|unread| unread.lines.is_empty()));
    }
}
