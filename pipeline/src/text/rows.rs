//! Pieces that stand on one baseline make a row.

use crate::page::Rect;

use super::{
    join::is_unspaced,
    piece::{PlacedLine, common_size},
};

/// How many rows a piece is compared with: those begun last, as pieces come from top to bottom.
const OPEN_ROWS: usize = 12;

/// Pieces on one baseline of one column, from left to right.
#[derive(Clone, Debug)]
pub(crate) struct TextRow<'a> {
    /// Its pieces; never empty.
    pub pieces: Vec<PlacedLine<'a>>,
    /// The box around them.
    pub rect: Rect,
    /// Height of the type of most of its characters, in pixels.
    pub size: f32,
    /// Whether most of its characters are known to be bold.
    pub bold: bool,
    /// Its text.
    pub text: String,
}

impl TextRow<'_> {
    /// The y of its middle.
    pub fn middle(&self) -> f32 {
        (self.rect.top + self.rect.bottom) / 2.0
    }

    /// Mean width of a character, in pixels.
    pub fn char_width(&self) -> f32 {
        let chars: usize = self
            .pieces
            .iter()
            .map(|piece| piece.text.chars().count())
            .sum();
        let width: f32 = self.pieces.iter().map(|piece| piece.rect.width()).sum();
        (width / chars.max(1) as f32).max(0.1)
    }

    /// Whether a model read it.
    pub fn read(&self) -> bool {
        self.pieces.iter().any(|piece| piece.read)
    }

    /// Whether the size of its type is only roughly known.
    pub fn rough(&self) -> bool {
        self.pieces.iter().any(|piece| piece.rough)
    }

    /// The widest gap between two neighbouring pieces, from its left to its right edge.
    pub fn widest_gap(&self) -> Option<(f32, f32)> {
        self.pieces
            .windows(2)
            .map(|pair| (pair[0].rect.right, pair[1].rect.left))
            .max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))
    }
}

/// Puts the pieces of one column into rows, from top to bottom.
pub(crate) fn rows<'a>(mut pieces: Vec<PlacedLine<'a>>) -> Vec<TextRow<'a>> {
    // Tall pieces first among those of like place, so that raised and lowered ones find their row.
    pieces.sort_by(|a, b| middle(&a.rect).total_cmp(&middle(&b.rect)));
    let mut groups: Vec<(Rect, Vec<PlacedLine>)> = Vec::new();
    for piece in pieces {
        let open = groups.len().saturating_sub(OPEN_ROWS);
        let home = (open..groups.len())
            .filter(|&i| belongs(&groups[i].0, &groups[i].1, &piece))
            .min_by(|&i, &j| {
                let off = |i: usize| (middle(&groups[i].0) - middle(&piece.rect)).abs();
                off(i).total_cmp(&off(j))
            });
        match home {
            Some(i) => {
                let (core, row) = &mut groups[i];
                if piece.rect.height() > core.height() * 0.8 {
                    *core = core.union(&piece.rect);
                }
                row.push(piece);
            }
            None => groups.push((piece.rect, vec![piece])),
        }
    }
    let mut rows: Vec<TextRow> = groups.into_iter().map(|(_, row)| into_row(row)).collect();
    rows.sort_by(|a, b| a.middle().total_cmp(&b.middle()));
    rows
}

fn middle(rect: &Rect) -> f32 {
    (rect.top + rect.bottom) / 2.0
}

/// Whether `piece` stands on the baseline of a row and beside what is already there.
fn belongs(core: &Rect, row: &[PlacedLine], piece: &PlacedLine) -> bool {
    let shared = core.bottom.min(piece.rect.bottom) - core.top.max(piece.rect.top);
    let lower = core.height().min(piece.rect.height()).max(1.0);
    let level = (middle(core) - middle(&piece.rect)).abs() < 0.45 * core.height().max(lower);
    if shared < 0.55 * lower || !level && shared < 0.8 * lower {
        return false;
    }
    row.iter().all(|other| {
        let both = other.rect.right.min(piece.rect.right) - other.rect.left.max(piece.rect.left);
        both <= 0.35 * other.rect.width().min(piece.rect.width()).max(1.0)
    })
}

/// A row of `pieces`, which must not be empty.
pub(crate) fn into_row(mut pieces: Vec<PlacedLine>) -> TextRow {
    pieces.sort_by(|a, b| a.rect.left.total_cmp(&b.rect.left));
    let rect = pieces
        .iter()
        .map(|piece| piece.rect)
        .reduce(|all, rect| all.union(&rect))
        .unwrap_or_default();
    let size = common_size(pieces.iter()).unwrap_or(1.0);
    let (mut bold, mut all) = (0, 0);
    for piece in &pieces {
        let chars = piece.text.chars().count();
        all += chars;
        bold += if piece.bold == Some(true) { chars } else { 0 };
    }
    let text = text_of(&pieces, size);
    TextRow {
        pieces,
        rect,
        size,
        bold: bold * 10 > all * 8,
        text,
    }
}

/// The text of pieces from left to right: a space between, but where they touch or their script has none.
pub(crate) fn text_of(pieces: &[PlacedLine], size: f32) -> String {
    let mut text = String::new();
    let mut end: Option<&PlacedLine> = None;
    for piece in pieces {
        if let Some(last) = end {
            let gap = piece.rect.left - last.rect.right;
            let ends = last.text.chars().next_back().is_some_and(is_unspaced);
            let starts = piece.text.chars().next().is_some_and(is_unspaced);
            // A document's own text is cut where its type changes: raised numbers, symbols.
            let touches = !piece.read && gap < 0.12 * size;
            if !(touches || ends && starts && gap < 0.6 * size) {
                text.push(' ');
            }
        }
        text.push_str(piece.text);
        end = Some(piece);
    }
    text
}
