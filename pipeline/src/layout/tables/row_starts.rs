//! Row starts: which lines of text in the columns of a table begin a row, and which go on in the cells above.
//!
//! Rows of a table need no rulings between them, nor white. What tells them apart then is how their cells break: text
//! that is wrapped breaks where the next word does not fit, goes on in lower case or after a hyphen, while the next row
//! begins in several columns at once, below cells that have ended.

use super::{is_amount, tuning::row_starts as tuning};

/// The text of one column on one baseline.
#[derive(Clone, Debug)]
pub(super) struct CellLine {
    /// Its text, without marks.
    pub text: String,
    /// Its width, in pixels.
    pub width: f32,
}

impl CellLine {
    /// The width of its first word and a space, in pixels.
    fn first_word(&self) -> f32 {
        let characters = self.text.chars().count().max(1) as f32;
        let word = self.text.split_whitespace().next().unwrap_or("");
        (word.chars().count() + 1) as f32 * self.width / characters
    }
}

/// A line of text across the columns of a table.
#[derive(Clone, Debug)]
pub(super) struct Baseline {
    /// Its upper edge, in pixels.
    pub top: f32,
    /// Its lower edge.
    pub bottom: f32,
    /// Its text in each column.
    pub cells: Vec<Option<CellLine>>,
}

impl Baseline {
    /// Returns true if its middle is nearer to that of the line above than any next line's is. Boxes of lines on an image
    /// are higher than their type, and those of rows that follow one another overlap.
    fn is_beside(&self, above: &Self) -> bool {
        let middle = |line: &Self| (line.top + line.bottom) / 2.0;
        let height = (self.bottom - self.top).min(above.bottom - above.top);
        middle(self) - middle(above) < tuning::BESIDE * height
    }
}

/// For each of the `baselines`, from top to bottom, true if it begins a row; the first one does.
pub(super) fn row_starts(baselines: &[Baseline], em: f32) -> Vec<bool> {
    let signs = row_signs(baselines, em).into_iter().enumerate();
    signs
        .map(|(i, mut sign)| {
            match sign.after_wide {
                Some(true) => sign.begins += tuning::WIDE_WHITE,
                Some(false) => sign.goes_on += tuning::WIDE_WHITE,
                None => {}
            }
            let is_start = if sign.begins == sign.goes_on {
                sign.begins == 0 && sign.is_full
            } else {
                sign.begins > sign.goes_on && !sign.is_loose
            };
            i == 0 || is_start && !sign.is_beside
        })
        .collect()
}

/// For each of the `baselines`, true if its text clearly goes on in the cells above.
pub(super) fn go_on(baselines: &[Baseline], em: f32) -> Vec<bool> {
    let signs = row_signs(baselines, em).into_iter();
    signs
        .map(|sign| sign.goes_on > sign.begins && sign.after_wide != Some(true))
        .collect()
}

/// The signs of one baseline.
#[derive(Clone, Copy, Debug, Default)]
struct RowSigns {
    /// Weight of those that it begins a row.
    begins: u32,
    /// Weight of those that it goes on in the cells above.
    goes_on: u32,
    /// True if the white above it is wider than in cells; `None` if that tells nothing.
    after_wide: Option<bool>,
    /// True if it has text in all columns.
    is_full: bool,
    /// True if it stands beside the lines above it, as those of cells in the middle of their row do.
    is_beside: bool,
    /// True if it is one line of text, not in the first column, without white above it.
    is_loose: bool,
}

fn row_signs(baselines: &[Baseline], em: f32) -> Vec<RowSigns> {
    let columns = baselines.first().map_or(0, |line| line.cells.len());
    let width = |column: usize| {
        let cells = baselines
            .iter()
            .filter_map(|line| line.cells[column].as_ref());
        cells.map(|cell| cell.width).fold(0.0, f32::max)
    };
    let widths: Vec<f32> = (0..columns).map(width).collect();
    let wide = wide_whites(baselines, em);
    // The baseline of the last text of each column.
    let mut last: Vec<Option<usize>> = vec![None; columns];
    let mut all = Vec::with_capacity(baselines.len());
    for (i, line) in baselines.iter().enumerate() {
        let mut signs = RowSigns {
            is_beside: i > 0 && line.is_beside(&baselines[i - 1]),
            ..RowSigns::default()
        };
        for (column, cell) in line.cells.iter().enumerate() {
            let Some(cell) = cell else { continue };
            let above = last[column].replace(i);
            let is_next = above.is_some_and(|above| above + 1 == i);
            let above = above.and_then(|above| baselines[above].cells[column].as_ref());
            let sign = above.map_or(BreakSign::Open, |above| {
                break_sign(above, cell, widths[column])
            });
            match sign {
                BreakSign::Begins(weight) => signs.begins += weight,
                BreakSign::GoesOn(weight) if is_next => signs.goes_on += weight,
                BreakSign::GoesOn(_) | BreakSign::Open => {}
            }
            if !is_next {
                signs.begins += tuning::WHITE_ABOVE;
            }
        }
        signs.after_wide = wide[i];
        let filled = line.cells.iter().flatten().count();
        let has_first = line.cells.first().is_some_and(Option::is_some);
        signs.is_full = filled == columns && filled >= 2;
        signs.is_loose = filled < 2 && !has_first && wide[i] != Some(true);
        all.push(signs);
    }
    all
}

/// The end of a cell, or not, at the break between two lines of a column, and how surely.
enum BreakSign {
    Begins(u32),
    GoesOn(u32),
    Open,
}

fn break_sign(above: &CellLine, below: &CellLine, column_width: f32) -> BreakSign {
    let (text, next) = (above.text.trim_end(), below.text.trim_start());
    let lower = next.starts_with(char::is_lowercase);
    if text.ends_with('-') && lower {
        return BreakSign::GoesOn(tuning::HYPHEN);
    }
    if text.ends_with([',', ';', '(', '[', '/', '&']) || has_open_bracket(text) {
        return BreakSign::GoesOn(tuning::UNFINISHED);
    }
    if is_amount(text) && is_amount(next) {
        return BreakSign::Begins(tuning::AMOUNTS);
    }
    match (is_forced_break(above, below, column_width), lower) {
        (true, true) => BreakSign::GoesOn(tuning::UNFINISHED),
        (false, false) => BreakSign::Begins(tuning::ENDED),
        _ => BreakSign::Open,
    }
}

/// Returns true if the first word of `below` does not fit after `above` in a column that is so wide, in pixels.
pub(super) fn is_forced_break(above: &CellLine, below: &CellLine, column_width: f32) -> bool {
    column_width - above.width < below.first_word()
}

/// Returns true if `below` clearly goes on where `above` ends, in a column that is so wide, in pixels.
pub(super) fn runs_on(above: &CellLine, below: &CellLine, column_width: f32) -> bool {
    matches!(break_sign(above, below, column_width), BreakSign::GoesOn(_))
}

fn has_open_bracket(text: &str) -> bool {
    let count = |brackets: [char; 2]| text.chars().filter(|c| brackets.contains(c)).count();
    count(['(', '[']) > count([')', ']'])
}

/// For each baseline, `Some(true)` if the white above it is wider than between the lines of one cell, `Some(false)` if
/// it is not although others are; `None` if the white is even everywhere, so that it tells nothing.
fn wide_whites(baselines: &[Baseline], em: f32) -> Vec<Option<bool>> {
    let mut bottom = f32::MIN;
    let whites: Vec<Option<f32>> = baselines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let white = (i > 0).then_some(line.top - bottom);
            bottom = bottom.max(line.bottom);
            white
        })
        .collect();
    let least = least_wide_white(baselines, em);
    let is_wide = |white: &f32| *white > least;
    let wide = whites
        .iter()
        .flatten()
        .filter(|white| is_wide(white))
        .count();
    let all = whites.iter().flatten().count();
    let tells = wide >= tuning::WIDE_WHITES && wide < all;
    whites
        .iter()
        .map(|white| white.as_ref().filter(|_| tells).map(is_wide))
        .collect()
}

/// The white between two lines of one column above which it parts rows, in pixels: more than the least that any column
/// has. Lines of different columns may be nearer: those of cells that are set in the middle of their row.
pub(super) fn least_wide_white(baselines: &[Baseline], em: f32) -> f32 {
    let columns = baselines.first().map_or(0, |line| line.cells.len());
    let least = |column: usize| {
        let of_column: Vec<&Baseline> = baselines
            .iter()
            .filter(|line| line.cells[column].is_some())
            .collect();
        let whites = of_column
            .windows(2)
            .map(|pair| pair[1].top - pair[0].bottom);
        whites.fold(f32::MAX, f32::min)
    };
    let in_cells = (0..columns).map(least).fold(f32::MAX, f32::min);
    in_cells.max(0.0) + tuning::WIDE_WHITE_EM * em
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns 100 pixels wide of letters 5 wide, in type of 10 with `white` above each line.
    fn starts(lines: &[(f32, &[&str])]) -> Vec<bool> {
        let mut y = 0.0;
        let baselines: Vec<Baseline> = lines
            .iter()
            .map(|(white, cells)| {
                let top = y + white;
                y = top + 10.0;
                let cell = |text: &&str| {
                    (!text.is_empty()).then(|| CellLine {
                        text: (*text).to_owned(),
                        width: 5.0 * text.chars().count() as f32,
                    })
                };
                Baseline {
                    top,
                    bottom: y,
                    cells: cells.iter().map(cell).collect(),
                }
            })
            .collect();
        row_starts(&baselines, 10.0)
    }

    #[test]
    fn white_between_rows_parts_them() {
        let found = starts(&[
            (0.0, &["Risk", "Cause"]),
            (8.0, &["Flooding of the pump", "Blocked culvert below"]),
            (2.0, &["House", "Lower Wending Road"]),
            (8.0, &["Loss of power", "Single feeder"]),
            (8.0, &["Fire", "Old wiring"]),
        ]);
        assert_eq!(found, [true, true, false, true, true]);
    }

    /// As the detector of lines draws them on an image.
    #[test]
    fn rows_whose_boxes_overlap_are_rows() {
        let found = starts(&[
            (0.0, &["Silicate (sol-gel)", "0.12(0.98)", "2.74(1.44)"]),
            (-3.3, &["Silicate (sol-gel)", "0.28", "~2.0"]),
            (-3.3, &["Carbon (burned)", "21(72)", "1.15(0.76)"]),
        ]);
        assert_eq!(found, [true, true, true]);
    }

    #[test]
    fn wrapped_text_without_white_between_rows_is_told_by_its_breaks() {
        let found = starts(&[
            (2.0, &["Rope", "Laid of three strands,", "12"]),
            (2.0, &["", "hemp or manila", ""]),
            (2.0, &["Shackle", "Galvanized, with a", "4"]),
            (2.0, &["", "screw pin", ""]),
            (2.0, &["Block of", "Ash", "9"]),
            (2.0, &["two sheaves and a", "", ""]),
            (2.0, &["becket", "", ""]),
        ]);
        assert_eq!(found, [true, false, true, false, true, false, false]);
    }

    #[test]
    fn cells_in_the_middle_of_their_row_do_not_begin_one() {
        let found = starts(&[
            (0.0, &["", "Plane the lower edge", ""]),
            (-4.0, &["Door", "", "145"]),
            (-4.0, &["", "and hang again", ""]),
            (8.0, &["", "Replace broken slates", ""]),
            (-4.0, &["Roof", "", "1,240"]),
            (-4.0, &["", "and renew the lead", ""]),
            (8.0, &["Gutters", "Clean", "60"]),
        ]);
        assert_eq!(found, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn figures_below_figures_are_rows() {
        let found = starts(&[
            (2.0, &["", "0.017", "0.113"]),
            (2.0, &["size of a", "0.046", "0.237"]),
            (2.0, &["cell", "", ""]),
            (2.0, &["pitch", "0.049", "0.248"]),
        ]);
        assert_eq!(found, [true, true, false, true]);
    }
}
