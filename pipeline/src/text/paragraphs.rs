//! Rows of one column to paragraphs: where one ends, and where a short line ends on purpose.

use super::{
    join::{HyphenatedWords, is_unspaced, join_line},
    marks::ListMarker,
    piece::weighted_median,
    rows::TextRow,
};

/// Rows that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Paragraph<'a> {
    /// Its rows; never empty.
    pub rows: Vec<TextRow<'a>>,
    /// Its list mark, where it is an item of a list.
    pub mark: Option<ListMarker>,
    /// Whether it stands in the middle of its column, off both margins.
    pub centred: bool,
    /// White space above, in ems; large at the column's top.
    pub space_above: f32,
    /// White space below, in ems; large at the column's foot.
    pub space_below: f32,
}

impl Paragraph<'_> {
    /// Its text with lines joined, its list mark left out.
    pub fn text(&self, seen: &HyphenatedWords) -> String {
        let mut text = String::new();
        for (i, row) in self.rows.iter().enumerate() {
            let mark = self.mark.as_ref().filter(|_| i == 0);
            join_line(
                &mut text,
                &row.text[mark.map_or(0, |mark| mark.rest)..],
                seen,
            );
        }
        text
    }
}

/// What is usual in a column.
#[derive(Clone, Copy, Debug)]
struct ColumnMetrics {
    left: f32,
    right: f32,
    /// Usual distance from one line's middle to the next.
    pitch: f32,
    /// Whether lines hardly ever go on from the one before, as on receipts and forms.
    linewise: bool,
    em: f32,
}

/// Groups the rows of one column. `marks` has the list marks, already known to be such, by row.
pub(crate) fn paragraphs<'a>(
    rows: Vec<TextRow<'a>>,
    marks: Vec<Option<ListMarker>>,
    em: f32,
) -> Vec<Paragraph<'a>> {
    let Some(column) = ColumnMetrics::of(&rows, em) else {
        return Vec::new();
    };
    let starts: Vec<bool> = (0..rows.len())
        .scan(0, |first, i| {
            let starts = i == 0 || column.breaks(&rows, &marks, *first, i);
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
    for (i, (row, mark)) in rows.into_iter().zip(marks).enumerate() {
        let below = spaces.get(i).copied().unwrap_or(f32::MAX);
        match found.last_mut() {
            Some(last) if !starts[i] => {
                last.centred &= column.centres(&row);
                last.space_below = below;
                last.rows.push(row);
            }
            _ => found.push(Paragraph {
                centred: column.centres(&row),
                space_above: i.checked_sub(1).map_or(f32::MAX, |i| spaces[i]),
                space_below: below,
                rows: vec![row],
                mark,
            }),
        }
    }
    found
}

impl ColumnMetrics {
    fn of(rows: &[TextRow], em: f32) -> Option<Self> {
        let all = rows.iter().map(|row| row.rect).reduce(|a, b| a.union(&b))?;
        let pitches: Vec<(f32, f64)> = rows
            .windows(2)
            .map(|pair| pair[1].middle() - pair[0].middle())
            .filter(|pitch| (0.5 * em..4.0 * em).contains(pitch))
            .map(|pitch| (pitch, 1.0))
            .collect();
        Some(Self {
            left: shared_edge(rows.iter().map(|row| -row.rect.left), em).map_or(all.left, |x| -x),
            right: shared_edge(rows.iter().map(|row| row.rect.right), em).unwrap_or(all.right),
            pitch: low_median(pitches).unwrap_or(1.3 * em),
            linewise: is_linewise(rows) || is_block(rows),
            em,
        })
    }

    /// Whether a paragraph that began at row `first` ends before row `i`.
    fn breaks(
        &self,
        rows: &[TextRow],
        marks: &[Option<ListMarker>],
        first: usize,
        i: usize,
    ) -> bool {
        let (a, b) = (&rows[i - 1], &rows[i]);
        if marks[i].is_some() || self.is_columnar(a, b) {
            return true;
        }
        if type_changes(a, b) {
            return true;
        }
        if self.is_title(a, b) {
            return false;
        }
        if self.gap_breaks(rows, first, i) || self.starts_apart(a, b) {
            return true;
        }
        if continues_word(&a.text, &b.text) {
            return false;
        }
        if self.linewise && !starts_small(&b.text) && !a.text.ends_with(',') {
            return true;
        }
        self.ends_short(rows, first, i) || self.indent_breaks(rows, marks, first, i)
    }

    /// A wider step than inside the paragraph, or than is usual in the column.
    fn gap_breaks(&self, rows: &[TextRow], first: usize, i: usize) -> bool {
        let step = |i: usize| rows[i].middle() - rows[i - 1].middle();
        let slack = if rows[i].read() { 1.4 } else { 1.25 };
        if i - first >= 2 {
            let own = (rows[i - 1].middle() - rows[first].middle()) / (i - 1 - first) as f32;
            return step(i) > slack * own.max(0.5 * self.em)
                || own > slack * step(i).max(0.5 * self.em) && step(i) > 0.0;
        }
        let next = (i + 1 < rows.len()).then(|| step(i + 1));
        let usual = match next {
            // The paragraph that starts here is set wider or narrower than most of the column.
            Some(next) if next > 0.7 * self.em && next < 2.5 * self.em => next.max(self.pitch),
            _ => self.pitch,
        };
        step(i) > slack * usual
    }

    /// A little more room before type a little larger, after a whole sentence: together they are enough.
    fn starts_apart(&self, a: &TextRow, b: &TextRow) -> bool {
        let step = b.middle() - a.middle();
        b.size > 1.2 * a.size && step > 1.2 * self.pitch && ends_sentence(&a.text)
    }

    /// Whether row `i - 1` ends where the first word of row `i` would still have fitted.
    fn ends_short(&self, rows: &[TextRow], first: usize, i: usize) -> bool {
        let (a, b) = (&rows[i - 1], &rows[i]);
        let near = |x: f32, y: f32| (x - y).abs() < 0.5 * self.em;
        let before = (i - 1 > first).then(|| &rows[i - 2]);
        let flush = near(a.rect.right, b.rect.right) && a.rect.width() > 12.0 * self.em
            || before.is_some_and(|row| near(row.rect.right, a.rect.right));
        if flush {
            return false;
        }
        let mut room = self.right - a.rect.right;
        if self.centres(a) {
            room += a.rect.left - self.left;
        }
        let word = first_word(&b.text) as f32 * b.char_width();
        let width = self.right - self.left;
        let runs_on = starts_small(&b.text) && !ends_sentence(&a.text);
        if runs_on && room < 0.45 * width {
            return false;
        }
        room > word + 1.2 * self.em
    }

    /// First-line indents, and the ends of hanging ones.
    fn indent_breaks(
        &self,
        rows: &[TextRow],
        marks: &[Option<ListMarker>],
        first: usize,
        i: usize,
    ) -> bool {
        let (a, b) = (&rows[i - 1], &rows[i]);
        let shift = (b.rect.left - a.rect.left) / self.em;
        let single = i - first == 1;
        if shift > 0.8 {
            if marks[first].is_some() && single {
                return false;
            }
            // Further rows at the same depth: a hanging indent, not a first line.
            let hangs = rows.get(i + 1).is_some_and(|c| {
                (c.rect.left - b.rect.left).abs() < 0.5 * self.em && marks[i + 1].is_none()
            });
            return !(single && hangs) && (ends_sentence(&a.text) || !starts_small(&b.text));
        }
        if shift < -0.8 {
            let indented = b.rect.left > self.left + 0.8 * self.em;
            let done = ends_sentence(&a.text) && !starts_small(&b.text);
            return !single || done && (indented || marks[first].is_some());
        }
        false
    }

    /// Rows whose parts stand under one another far apart: each says something of its own.
    fn is_columnar(&self, a: &TextRow, b: &TextRow) -> bool {
        let gap = |row: &TextRow| row.widest_gap().filter(|gap| gap.1 - gap.0 > 2.0 * self.em);
        if starts_small(&b.text) && !ends_sentence(&a.text) {
            return false;
        }
        match (gap(a), gap(b)) {
            (Some(x), Some(y)) => x.1.min(y.1) - x.0.max(y.0) > 0.8 * self.em,
            _ => false,
        }
    }

    /// Two rows of one title: large type, close together, in the middle or flush left.
    fn is_title(&self, a: &TextRow, b: &TextRow) -> bool {
        let large = a.size.min(b.size) > 1.35 * self.em;
        let close = b.rect.top - a.rect.bottom < 0.6 * a.size;
        let centred = {
            let off = (a.rect.left + a.rect.right - b.rect.left - b.rect.right).abs() / 2.0;
            off < 1.5 * self.em
        };
        large && close && (centred || (a.rect.left - b.rect.left).abs() < self.em)
    }

    fn centres(&self, row: &TextRow) -> bool {
        let (before, after) = (row.rect.left - self.left, self.right - row.rect.right);
        before > 2.0 * self.em
            && after > 2.0 * self.em
            && (before - after).abs() < (0.15 * (before + after)).max(1.2 * self.em)
    }
}

/// Puts numbers that stand between two lines, such as raised references, at the end of the line above.
pub(crate) fn merge_interlinear<'a>(rows: Vec<TextRow<'a>>, em: f32) -> Vec<TextRow<'a>> {
    let middles: Vec<f32> = rows.iter().map(TextRow::middle).collect();
    let mut merged: Vec<TextRow> = Vec::with_capacity(rows.len());
    for (i, row) in rows.into_iter().enumerate() {
        let between = i > 0
            && middles.get(i + 1).is_some_and(|below| {
                let (above, here) = (middles[i - 1], middles[i]);
                (here - above).max(below - here) < 0.9 * em && below - above < 1.6 * em
            });
        let number = |c: char| c.is_ascii_digit() || matches!(c, ',' | '-' | '–' | ' ');
        let small = row.rect.width() < 6.0 * em && row.text.chars().all(number);
        match merged.last_mut() {
            Some(above) if between && small => {
                above.text.push(' ');
                above.text.push_str(&row.text);
                above.pieces.extend(row.pieces);
            }
            _ => merged.push(row),
        }
    }
    merged
}

/// The outermost edge that a fair share of the rows have, to within an em.
fn shared_edge(edges: impl Iterator<Item = f32>, em: f32) -> Option<f32> {
    let mut edges: Vec<f32> = edges.collect();
    edges.sort_by(|a, b| b.total_cmp(a));
    let enough = (edges.len() / 12).max(2);
    edges
        .iter()
        .enumerate()
        .find(|&(i, &edge)| {
            edges
                .get(i + enough - 1)
                .is_some_and(|&x| edge - x < 0.9 * em)
        })
        .map(|(_, &edge)| edge)
}

fn low_median(values: Vec<(f32, f64)>) -> Option<f32> {
    let median = weighted_median(values.clone())?;
    let lower = values.into_iter().filter(|v| v.0 <= median).collect();
    weighted_median(lower)
}

/// Whether almost every line starts with a capital or a digit, in a script that has capitals.
fn is_linewise(rows: &[TextRow]) -> bool {
    let starts = |test: fn(char) -> bool| {
        let first = |row: &&TextRow| row.text.chars().next().is_some_and(test);
        rows.iter().filter(first).count()
    };
    let (fresh, small) = (
        starts(|c| c.is_uppercase() || c.is_ascii_digit()),
        starts(char::is_lowercase),
    );
    fresh >= 8 && small * 8 < fresh
}

/// Whether a few short lines make up the whole column, each with a capital or a figure at its start, as an address has.
fn is_block(rows: &[TextRow]) -> bool {
    const LINES: std::ops::RangeInclusive<usize> = 2..=7;
    const LONGEST: usize = 40;
    let fresh = |row: &TextRow| {
        let first = row.text.chars().next();
        first.is_some_and(|c| c.is_uppercase() || c.is_ascii_digit())
    };
    LINES.contains(&rows.len())
        && rows
            .iter()
            .all(|row| fresh(row) && row.text.chars().count() <= LONGEST)
        && rows.iter().all(|row| !ends_sentence(&row.text))
}

/// Whether the type of the next row is another one: larger, smaller, or no longer bold.
fn type_changes(a: &TextRow, b: &TextRow) -> bool {
    let enough = |row: &TextRow| row.text.chars().nth(2).is_some();
    let read = a.read() || b.read();
    let ratio = a.size.max(b.size) / a.size.min(b.size).max(0.1);
    // On a scan, a bold line may be one that only begins in bold type.
    let most = match read {
        true if a.rough() != b.rough() => 1.5,
        true => 1.38,
        false => 1.12,
    };
    let changes = ratio > most || a.bold != b.bold && !read;
    enough(a) && enough(b) && changes
}

/// Whether a word is cut by the line's end.
fn continues_word(a: &str, b: &str) -> bool {
    let mut last = a.chars().rev();
    let cut = matches!(last.next(), Some('-' | '\u{ad}' | '\u{2010}' | '\u{2011}'));
    let before = last.next();
    let capitals =
        before.is_some_and(char::is_uppercase) && b.chars().take(2).all(char::is_uppercase);
    cut && before.is_some_and(char::is_alphabetic) && (starts_small(b) || capitals)
}

fn starts_small(text: &str) -> bool {
    text.chars().next().is_some_and(char::is_lowercase)
}

/// Whether `text` ends as a sentence does.
pub(crate) fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(['"', '”', '’', '\'', ')', ']', '»'])
        .ends_with(['.', '!', '?', ':', ';', '。', '！', '？', '：', '；', '…'])
}

/// Characters up to the first space; one for scripts that break anywhere.
fn first_word(text: &str) -> usize {
    match text.chars().next() {
        Some(c) if is_unspaced(c) => 1,
        _ => text.chars().take_while(|c| !c.is_whitespace()).count(),
    }
}
