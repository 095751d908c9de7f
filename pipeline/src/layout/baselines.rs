//! Baselines: placed lines on one baseline make a row of text.

use super::{
    headings::{HeadingWitness, tagged_heading},
    placed_line::{PlacedLine, common_size},
    tuning::baselines as tuning,
};
use crate::{
    page::{Rect, TypeStyle},
    script::is_unspaced,
};

/// Lines on one baseline of one column, from left to right.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextRow<'a> {
    /// Its lines; never empty.
    pub lines: Vec<PlacedLine<'a>>,
    /// The box around them.
    pub rect: Rect,
    /// Height of the type of most of its characters, in pixels.
    pub size: f32,
    /// True if most of its characters are known to be bold.
    pub bold: bool,
    /// True if most of them are known to be slanted.
    pub italic: bool,
    /// True if most of them are known to be of one width.
    pub fixed_pitch: bool,
    /// The document's own word that it is a heading.
    pub witness: Option<HeadingWitness>,
    /// Its text.
    pub text: String,
}

/// White space between two neighboring lines of a row, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RowGap {
    /// Right edge of the line before it.
    pub left: f32,
    /// Left edge of the line after it.
    pub right: f32,
}

impl RowGap {
    /// Its width.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }
}

impl TextRow<'_> {
    /// The y of its center.
    pub fn center_y(&self) -> f32 {
        center_y(&self.rect)
    }

    /// Mean width of a character, in pixels.
    pub fn char_width(&self) -> f32 {
        let chars: usize = self
            .lines
            .iter()
            .map(|line| line.text.chars().count())
            .sum();
        let width: f32 = self.lines.iter().map(|line| line.rect.width()).sum();
        (width / chars.max(1) as f32).max(tuning::MIN_CHARACTER_PX)
    }

    /// Returns true if a model read it.
    pub fn is_ocr(&self) -> bool {
        self.lines.iter().any(|line| line.is_ocr)
    }

    /// Returns true if the size of its type is only roughly known.
    pub fn has_rough_size(&self) -> bool {
        self.lines.iter().any(|line| line.rough_size)
    }

    /// The gaps between neighboring lines, from left to right.
    pub fn gaps(&self) -> impl Iterator<Item = RowGap> + '_ {
        self.lines.windows(2).map(|pair| RowGap {
            left: pair[0].rect.right,
            right: pair[1].rect.left,
        })
    }

    /// The widest gap between two neighboring lines.
    pub fn widest_gap(&self) -> Option<RowGap> {
        self.gaps().max_by(|a, b| a.width().total_cmp(&b.width()))
    }
}

/// Puts the lines of one column into rows, from top to bottom.
pub(crate) fn text_rows(mut lines: Vec<PlacedLine>) -> Vec<TextRow> {
    lines.sort_by(|a, b| center_y(&a.rect).total_cmp(&center_y(&b.rect)));
    // Rows in the making, each with the box of its tall lines.
    let mut open_rows: Vec<(Rect, Vec<PlacedLine>)> = Vec::new();
    for line in lines {
        let first = open_rows.len().saturating_sub(tuning::MAX_OPEN_ROWS);
        let home = (first..open_rows.len())
            .filter(|&i| belongs(&open_rows[i].0, &open_rows[i].1, &line))
            .min_by(|&i, &j| {
                let off = |i: usize| (center_y(&open_rows[i].0) - center_y(&line.rect)).abs();
                off(i).total_cmp(&off(j))
            });
        match home {
            Some(i) => {
                let (core, row) = &mut open_rows[i];
                // Raised and lowered numbers do not move the row's box: else it would reach into the next row.
                if line.rect.height() > core.height() * tuning::CORE_HEIGHT {
                    *core = core.union(&line.rect);
                }
                row.push(line);
            }
            None => open_rows.push((line.rect, vec![line])),
        }
    }
    let mut rows: Vec<TextRow> = open_rows.into_iter().map(|(_, row)| row_of(row)).collect();
    rows.sort_by(|a, b| a.center_y().total_cmp(&b.center_y()));
    rows
}

fn center_y(rect: &Rect) -> f32 {
    (rect.top + rect.bottom) / 2.0
}

/// Returns true if `line` is on the baseline of a row and beside what is already there.
fn belongs(core: &Rect, row: &[PlacedLine], line: &PlacedLine) -> bool {
    let shared = core.bottom.min(line.rect.bottom) - core.top.max(line.rect.top);
    let lower = core.height().min(line.rect.height()).max(1.0);
    let level =
        (center_y(core) - center_y(&line.rect)).abs() < tuning::LEVEL * core.height().max(lower);
    if shared < tuning::SHARED_HEIGHT * lower
        || !level && shared < tuning::SHARED_HEIGHT_UNLEVEL * lower
    {
        return false;
    }
    row.iter().all(|other| {
        let both = other.rect.right.min(line.rect.right) - other.rect.left.max(line.rect.left);
        both <= tuning::MAX_OVERLAP * other.rect.width().min(line.rect.width()).max(1.0)
    })
}

/// A row of `lines`, which must not be empty.
pub(crate) fn row_of(mut lines: Vec<PlacedLine>) -> TextRow {
    lines.sort_by(|a, b| a.rect.left.total_cmp(&b.rect.left));
    let rect = lines
        .iter()
        .map(|line| line.rect)
        .reduce(|all, rect| all.union(&rect))
        .unwrap_or_default();
    let size = common_size(lines.iter()).unwrap_or(1.0);
    let all: usize = lines.iter().map(|line| line.text.chars().count()).sum();
    let mostly = |is_so: fn(&TypeStyle) -> Option<bool>| {
        let of_lines = lines.iter().filter(|line| is_so(&line.style) == Some(true));
        let so = of_lines.map(|line| line.text.chars().count()).sum();
        tuning::MOSTLY.is_exceeded(so, all)
    };
    let bold = mostly(|style| style.bold);
    let italic = mostly(|style| style.italic);
    let fixed_pitch = mostly(|style| style.fixed_pitch);
    let text = row_text(&lines, size);
    let witness = tagged_heading(&lines);
    TextRow {
        lines,
        rect,
        size,
        bold,
        italic,
        fixed_pitch,
        witness,
        text,
    }
}

/// The text of lines from left to right: a space between, unless they touch or their script has none.
pub(crate) fn row_text(lines: &[PlacedLine], size: f32) -> String {
    let mut text = String::new();
    let mut before: Option<&PlacedLine> = None;
    for line in lines {
        if let Some(last) = before {
            let gap = line.rect.left - last.rect.right;
            let ends = last.text.chars().next_back().is_some_and(is_unspaced);
            let starts = line.text.chars().next().is_some_and(is_unspaced);
            // A document's own text is cut where its type changes: raised numbers, symbols.
            let touches = last.runs_on || !line.is_ocr && gap < tuning::TOUCHING_GAP * size;
            if !(touches || ends && starts && gap < tuning::UNSPACED_GAP * size) {
                text.push(' ');
            }
        }
        text.push_str(line.text);
        before = Some(line);
    }
    text
}
