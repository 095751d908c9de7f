//! Paragraphs: rows of one column taken together up to where a paragraph ends, or a short line ends on purpose.

use super::{
    baselines::{RowGap, TextRow},
    list_markers::ListMarker,
    region_evidence::parts_titles,
    tuning::paragraphs as tuning,
};
use crate::{
    dehyphenate::{HyphenatedWords, continues_word, join_line},
    script::is_unspaced,
    statistics::weighted_median,
    text_marks::{after_marks, is_display_formula},
};

/// Rows that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Paragraph<'a> {
    /// Its rows; never empty.
    pub rows: Vec<TextRow<'a>>,
    /// Its list marker, if it is an item of a list.
    pub marker: Option<ListMarker>,
    /// True if it is in the middle of its column, off both margins.
    pub centered: bool,
    /// White space above, in ems; large at the column's top.
    pub space_above: f32,
    /// White space below, in ems; large at the column's foot.
    pub space_below: f32,
}

impl Paragraph<'_> {
    /// Returns true if it is one formula on a line of its own.
    pub fn is_formula(&self) -> bool {
        self.rows.len() == 1 && is_formula(&self.rows[0])
    }

    /// Its text with lines joined, its list marker left out.
    pub fn text(&self, hyphenated: &HyphenatedWords) -> String {
        let mut text = String::new();
        for (i, row) in self.rows.iter().enumerate() {
            let marker = self.marker.as_ref().filter(|_| i == 0);
            let start = marker.map_or(0, |marker| marker.rest);
            join_line(&mut text, &row.text[start..], hyphenated);
        }
        text
    }
}

/// Measures of a column that its rows are judged by.
#[derive(Clone, Copy, Debug)]
struct ColumnMetrics {
    left: f32,
    right: f32,
    /// Usual distance from one line's center to the next, in pixels.
    pitch: f32,
    /// True if lines hardly ever go on from the one before, as on receipts and forms.
    linewise: bool,
    em: f32,
}

/// The rows of one column with their list markers.
#[derive(Clone, Copy)]
struct MarkedRows<'r, 'a> {
    rows: &'r [TextRow<'a>],
    markers: &'r [Option<ListMarker>],
}

/// Groups the rows of one column. `markers` has the list markers, already known to be such, by row.
pub(crate) fn paragraphs<'a>(
    rows: Vec<TextRow<'a>>,
    markers: Vec<Option<ListMarker>>,
    em: f32,
) -> Vec<Paragraph<'a>> {
    let Some(column) = ColumnMetrics::of(&rows, em) else {
        return Vec::new();
    };
    let marked = MarkedRows {
        rows: &rows,
        markers: &markers,
    };
    let starts: Vec<bool> = (0..rows.len())
        .scan(0, |first, i| {
            let starts = i == 0 || column.breaks(marked, *first, i);
            if starts {
                *first = i;
            }
            Some(starts)
        })
        .collect();
    let spaces: Vec<f32> = rows
        .windows(2)
        .map(|pair| (pair[1].rect.top - pair[0].rect.bottom) / em)
        .collect();
    let mut found: Vec<Paragraph> = Vec::new();
    for (i, (row, marker)) in rows.into_iter().zip(markers).enumerate() {
        let below = spaces.get(i).copied().unwrap_or(f32::MAX);
        match found.last_mut() {
            Some(last) if !starts[i] => {
                last.centered &= column.centers(&row);
                last.space_below = below;
                last.rows.push(row);
            }
            _ => found.push(Paragraph {
                centered: column.centers(&row),
                space_above: i.checked_sub(1).map_or(f32::MAX, |i| spaces[i]),
                space_below: below,
                rows: vec![row],
                marker,
            }),
        }
    }
    found
}

impl ColumnMetrics {
    fn of(rows: &[TextRow], em: f32) -> Option<Self> {
        let all = rows.iter().map(|row| row.rect).reduce(|a, b| a.union(&b))?;
        let usual = tuning::MIN_PITCH_EM * em..tuning::MAX_PITCH_EM * em;
        let pitches: Vec<(f32, f64)> = rows
            .windows(2)
            .map(|pair| pair[1].center_y() - pair[0].center_y())
            .filter(|pitch| usual.contains(pitch))
            .map(|pitch| (pitch, 1.0))
            .collect();
        Some(Self {
            left: shared_edge(rows.iter().map(|row| -row.rect.left), em).map_or(all.left, |x| -x),
            right: shared_edge(rows.iter().map(|row| row.rect.right), em).unwrap_or(all.right),
            pitch: lower_median(pitches).unwrap_or(tuning::DEFAULT_PITCH_EM * em),
            linewise: is_linewise(rows) || is_address(rows),
            em,
        })
    }

    /// Returns true if a paragraph that began at row `first` ends before row `i`. The surest signs come first.
    fn breaks(&self, marked: MarkedRows, first: usize, i: usize) -> bool {
        let MarkedRows { rows, markers } = marked;
        let (above, below) = (&rows[i - 1], &rows[i]);
        if above.witness.is_some() || below.witness.is_some() {
            return above.witness != below.witness;
        }
        if markers[i].is_some() || starts_with_box(&below.text) || self.is_columnar(above, below) {
            return true;
        }
        if is_formula(above)
            || is_formula(below)
            || type_changes(above, below)
            || parts_titles(above, below)
        {
            return true;
        }
        if self.is_title(above, below) {
            return false;
        }
        if self.gap_breaks(rows, first, i) || self.starts_apart(above, below) {
            return true;
        }
        if continues_word(&above.text, &below.text) {
            return false;
        }
        if self.linewise && !starts_lowercase(&below.text) && !above.text.ends_with(',') {
            return true;
        }
        self.ends_short(rows, first, i) || self.indent_breaks(marked, first, i)
    }

    /// Returns true if the step to row `i` is wider than inside the paragraph, or than is usual in the column.
    fn gap_breaks(&self, rows: &[TextRow], first: usize, i: usize) -> bool {
        let step = |i: usize| rows[i].center_y() - rows[i - 1].center_y();
        // Boxes that a model draws are higher or lower by some pixels from line to line.
        let slack = if rows[i].is_ocr() {
            tuning::GAP_SLACK_OCR
        } else {
            tuning::GAP_SLACK
        };
        if i - first >= 2 {
            let own = (rows[i - 1].center_y() - rows[first].center_y()) / (i - 1 - first) as f32;
            return step(i) > slack * own.max(tuning::MIN_PITCH_EM * self.em)
                || own > slack * step(i).max(tuning::MIN_PITCH_EM * self.em) && step(i) > 0.0;
        }
        let next = (i + 1 < rows.len()).then(|| step(i + 1));
        let usual = match next {
            // The paragraph that starts here is set wider or narrower than most of the column.
            Some(next)
                if next > tuning::NEXT_PITCH_MIN_EM * self.em
                    && next < tuning::NEXT_PITCH_MAX_EM * self.em =>
            {
                next.max(self.pitch)
            }
            _ => self.pitch,
        };
        step(i) > slack * usual
    }

    /// Returns true if there is a little more room before type a little larger, after a whole sentence: each alone says
    /// nothing, together they are enough.
    fn starts_apart(&self, above: &TextRow, below: &TextRow) -> bool {
        let step = below.center_y() - above.center_y();
        below.size > tuning::APART_SIZE * above.size
            && step > tuning::APART_PITCH * self.pitch
            && ends_sentence(&above.text)
    }

    /// Returns true if row `i - 1` ends although the first word of row `i` would still have fitted: whoever set the text
    /// would have put it there.
    fn ends_short(&self, rows: &[TextRow], first: usize, i: usize) -> bool {
        let (above, below) = (&rows[i - 1], &rows[i]);
        let near = |x: f32, y: f32| (x - y).abs() < tuning::FLUSH_EM * self.em;
        let before = (i - 1 > first).then(|| &rows[i - 2]);
        // Lines that end at one place are full lines, even if the column as a whole reaches further.
        let flush = near(above.rect.right, below.rect.right)
            && above.rect.width() > tuning::FLUSH_MIN_WIDTH_EM * self.em
            || before.is_some_and(|row| near(row.rect.right, above.rect.right));
        if flush {
            return false;
        }
        let mut room = self.right - above.rect.right;
        if self.centers(above) {
            room += above.rect.left - self.left;
        }
        let word = first_word_length(&below.text) as f32 * below.char_width();
        let width = self.right - self.left;
        let runs_on = starts_lowercase(&below.text) && !ends_sentence(&above.text);
        if runs_on && room < tuning::RUN_ON_ROOM * width {
            return false;
        }
        room > word + tuning::ROOM_EM * self.em
    }

    /// Returns true at a first line's indent, and at the end of a hanging one.
    fn indent_breaks(&self, marked: MarkedRows, first: usize, i: usize) -> bool {
        let MarkedRows { rows, markers } = marked;
        let (above, below) = (&rows[i - 1], &rows[i]);
        let shift = (below.rect.left - above.rect.left) / self.em;
        let single = i - first == 1;
        if shift > tuning::INDENT_EM {
            if markers[first].is_some() && single {
                return false;
            }
            // Further rows at the same depth: a hanging indent, not a first line.
            let hangs = rows.get(i + 1).is_some_and(|next| {
                (next.rect.left - below.rect.left).abs() < tuning::FLUSH_EM * self.em
                    && markers[i + 1].is_none()
            });
            return !(single && hangs)
                && (ends_sentence(&above.text) || !starts_lowercase(&below.text));
        }
        if shift < -tuning::INDENT_EM {
            let indented = below.rect.left > self.left + tuning::INDENT_EM * self.em;
            let done = ends_sentence(&above.text) && !starts_lowercase(&below.text);
            return !single || done && (indented || markers[first].is_some());
        }
        false
    }

    /// Returns true for rows whose parts are under one another far apart: each says something of its own.
    fn is_columnar(&self, above: &TextRow, below: &TextRow) -> bool {
        let wide_gap = |row: &TextRow| {
            row.widest_gap()
                .filter(|gap| gap.width() > tuning::COLUMNAR_GAP_EM * self.em)
        };
        if starts_lowercase(&below.text) && !ends_sentence(&above.text) {
            return false;
        }
        match (wide_gap(above), wide_gap(below)) {
            (Some(x), Some(y)) => {
                let shared = RowGap {
                    left: x.left.max(y.left),
                    right: x.right.min(y.right),
                };
                shared.width() > tuning::COLUMNAR_SHARED_EM * self.em
            }
            _ => false,
        }
    }

    /// Returns true for two rows of one title: large type, close together, centered or flush left.
    fn is_title(&self, above: &TextRow, below: &TextRow) -> bool {
        let large = above.size.min(below.size) > tuning::TITLE_SIZE_EM * self.em;
        let close = below.rect.top - above.rect.bottom < tuning::TITLE_SPACE * above.size;
        let off =
            (above.rect.left + above.rect.right - below.rect.left - below.rect.right).abs() / 2.0;
        let centered = off < tuning::TITLE_CENTER_EM * self.em;
        large && close && (centered || (above.rect.left - below.rect.left).abs() < self.em)
    }

    /// Returns true if the row is in the middle of the column, off both margins.
    fn centers(&self, row: &TextRow) -> bool {
        let (before, after) = (row.rect.left - self.left, self.right - row.rect.right);
        before > tuning::CENTERED_MARGIN_EM * self.em
            && after > tuning::CENTERED_MARGIN_EM * self.em
            && (before - after).abs()
                < (tuning::CENTERED_OFF * (before + after)).max(tuning::CENTERED_OFF_EM * self.em)
    }
}

/// Puts numbers between two lines, such as raised references, at the end of the line above.
pub(crate) fn merge_interlinear(rows: Vec<TextRow>, em: f32) -> Vec<TextRow> {
    let centers: Vec<f32> = rows.iter().map(TextRow::center_y).collect();
    let mut merged: Vec<TextRow> = Vec::with_capacity(rows.len());
    for (i, row) in rows.into_iter().enumerate() {
        let between = i > 0
            && centers.get(i + 1).is_some_and(|below| {
                let (above, here) = (centers[i - 1], centers[i]);
                (here - above).max(below - here) < tuning::INTERLINEAR_STEP_EM * em
                    && below - above < tuning::INTERLINEAR_PITCH_EM * em
            });
        let number = |c: char| c.is_ascii_digit() || matches!(c, ',' | '-' | '–' | ' ');
        let small =
            row.rect.width() < tuning::INTERLINEAR_WIDTH_EM * em && row.text.chars().all(number);
        match merged.last_mut() {
            Some(above) if between && small => {
                above.text.push(' ');
                above.text.push_str(&row.text);
                above.lines.extend(row.lines);
            }
            _ => merged.push(row),
        }
    }
    merged
}

/// The outermost edge that a fair share of the rows have, to within an em: a single line that sticks out says nothing
/// about the column's margin.
fn shared_edge(edges: impl Iterator<Item = f32>, em: f32) -> Option<f32> {
    let mut edges: Vec<f32> = edges.collect();
    edges.sort_by(|a, b| b.total_cmp(a));
    let enough = (edges.len() / tuning::EDGE_ONE_IN).max(tuning::EDGE_MIN_ROWS);
    edges
        .iter()
        .enumerate()
        .find(|&(i, &edge)| {
            edges
                .get(i + enough - 1)
                .is_some_and(|&x| edge - x < tuning::EDGE_EM * em)
        })
        .map(|(_, &edge)| edge)
}

/// The median of the lower half: gaps between paragraphs make the pitch larger, never smaller.
fn lower_median(values: Vec<(f32, f64)>) -> Option<f32> {
    let median = weighted_median(values.clone())?;
    let lower = values.into_iter().filter(|v| v.0 <= median).collect();
    weighted_median(lower)
}

/// Returns true if almost every line starts with a capital or a digit, in a script that has capitals.
fn is_linewise(rows: &[TextRow]) -> bool {
    let starts = |test: fn(char) -> bool| {
        let first = |row: &&TextRow| after_marks(&row.text).chars().next().is_some_and(test);
        rows.iter().filter(first).count()
    };
    let (fresh, lowercase) = (
        starts(|c| c.is_uppercase() || c.is_ascii_digit()),
        starts(char::is_lowercase),
    );
    fresh >= tuning::LINEWISE_MIN_ROWS && lowercase * tuning::LINEWISE_ONE_IN < fresh
}

/// Returns true if a few short lines make up the whole column, each with a capital or a figure at its start, as an
/// address has.
fn is_address(rows: &[TextRow]) -> bool {
    let fresh = |row: &TextRow| {
        let first = after_marks(&row.text).chars().next();
        first.is_some_and(|c| c.is_uppercase() || c.is_ascii_digit())
    };
    tuning::ADDRESS_LINES.contains(&rows.len())
        && rows
            .iter()
            .all(|row| fresh(row) && row.text.chars().count() <= tuning::ADDRESS_MAX_CHARACTERS)
        && rows.iter().all(|row| !ends_sentence(&row.text))
}

/// Returns true if the type of the next row is another one: larger, smaller, or no longer bold.
fn type_changes(above: &TextRow, below: &TextRow) -> bool {
    let enough = |row: &TextRow| row.text.chars().count() >= tuning::TYPE_MIN_CHARACTERS;
    let is_ocr = above.is_ocr() || below.is_ocr();
    let ratio = above.size.max(below.size) / above.size.min(below.size).max(tuning::MIN_SIZE_PX);
    let most = match is_ocr {
        true if above.has_rough_size() != below.has_rough_size() => tuning::SAME_TYPE_ROUGH,
        true => tuning::SAME_TYPE_OCR,
        false => tuning::SAME_TYPE,
    };
    // On a scan, a bold line may be one that only begins in bold type.
    let changes = ratio > most || above.bold != below.bold && !is_ocr;
    enough(above) && enough(below) && changes
}

/// Returns true for a row that is a formula on a line of its own.
fn is_formula(row: &TextRow) -> bool {
    row.lines.len() == 1 && is_display_formula(&row.text)
}

/// Returns true for a line that begins with a box to tick: each says something of its own.
fn starts_with_box(text: &str) -> bool {
    text.starts_with(['☐', '☑', '☒'])
}

fn starts_lowercase(text: &str) -> bool {
    after_marks(text)
        .chars()
        .next()
        .is_some_and(char::is_lowercase)
}

/// Returns true if `text` ends as a sentence does.
pub(crate) fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(['"', '”', '’', '\'', ')', ']', '»'])
        .ends_with(['.', '!', '?', ':', ';', '。', '！', '？', '：', '；', '…'])
}

/// Returns true if a sentence of `before` goes on in `after`, which stands on the next page or in the next column: it does
/// not end, and what follows begins small, or it breaks off at a comma, in a word or before what belongs to it.
pub(crate) fn sentence_goes_on(before: &str, after: &str) -> bool {
    /// Words that no sentence ends with.
    const OPEN: [&str; 22] = [
        "a", "an", "the", "of", "and", "or", "in", "to", "for", "with", "by", "on", "at", "from",
        "as", "that", "which", "is", "are", "und", "der", "die",
    ];
    if ends_sentence(before) {
        return false;
    }
    let first = after_marks(after).chars().next();
    let last = before
        .rsplit(char::is_whitespace)
        .next()
        .unwrap_or_default();
    let goes_on = first.is_some_and(|c| c.is_alphanumeric() || "([“\"".contains(c))
        && (before.ends_with(',') || OPEN.contains(&last));
    first.is_some_and(char::is_lowercase) || continues_word(before, after) || goes_on
}

/// Characters up to the first space; one for scripts that break anywhere.
fn first_word_length(text: &str) -> usize {
    let text = after_marks(text);
    match text.chars().next() {
        Some(c) if is_unspaced(c) => 1,
        _ => text.chars().take_while(|c| !c.is_whitespace()).count(),
    }
}
