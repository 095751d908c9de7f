//! Column sides: the text left and right of a white strip, and the test if the strip is a gutter between columns.

use super::{
    gutters::{ColumnCut, Gutter},
    layout_item::LayoutItem,
    placed_line::PlacedLine,
    tuning::reading_order as tuning,
};
use crate::statistics::{median, weighted_median, weighted_quantile};

/// Measures of a whole page that its parts are judged by.
pub(crate) struct PageGeometry {
    /// Height of its common type, in pixels.
    pub em: f32,
    /// Above this y may be a running header.
    header_limit: f32,
    /// Half-way down what is on it.
    center_y: f32,
    /// Below this y may be a running footer.
    footer_limit: f32,
}

impl PageGeometry {
    /// Those of the page with these items. `em` is the height of its common type.
    pub fn of(items: &[LayoutItem], em: f32) -> Self {
        let bounds = items
            .iter()
            .map(LayoutItem::rect)
            .reduce(|a, b| a.union(&b))
            .unwrap_or_default();
        let zone = tuning::EDGE_ZONE * bounds.height();
        Self {
            em,
            header_limit: bounds.top + zone,
            center_y: (bounds.top + bounds.bottom) / 2.0,
            footer_limit: bounds.bottom - zone,
        }
    }
}

/// The gutter of `cut`, shortened to the columns beside it; `None` if it separates cells of a table and not columns.
pub(crate) fn column_gutter(
    items: &[LayoutItem],
    cut: &ColumnCut,
    page: &PageGeometry,
) -> Option<Gutter> {
    let em = page.em;
    let both_sides = |gutter: Gutter| {
        let (left, right) = sides(items, &gutter, &cut.islands);
        Some((ColumnSide::new(&left, em)?, ColumnSide::new(&right, em)?))
    };
    let (left, right) = both_sides(cut.gutter)?;
    let gutter = trim(items, cut.gutter, page, left.prose && right.prose);
    let (left, right) = both_sides(gutter)?;
    let fewer = left.rows.len().min(right.rows.len());
    // A narrow strip is often chance: spaces of a few lines that lie under one another.
    let narrow = gutter.width() < tuning::NARROW_GUTTER_EM * em;
    let least = if narrow {
        tuning::MIN_ROWS_NARROW
    } else {
        tuning::MIN_ROWS
    };
    if fewer < least {
        return None;
    }
    let aligned = left.aligned_with(&right, em);
    let tall = fewer >= tuning::TALL_ROWS && left.wordy && right.wordy;
    let columns = match (left.prose, right.prose) {
        (true, true) => true,
        (true, false) => right.is_margin_of(&left, aligned),
        (false, true) => left.is_margin_of(&right, aligned),
        (false, false) => {
            aligned < tuning::MAX_TEXT_ALIGNMENT && fewer >= tuning::MIN_ROWS_UNALIGNED
                || tall && !(left.cells || right.cells)
        }
    };
    let columns = columns
        || left.wordy && right.wordy && are_address_blocks(items, &gutter, &cut.islands, page);
    columns.then_some(gutter)
}

/// Returns true if on either side of the gutter there are a few lines as addresses are set at the head of a letter or a
/// bill: flush left, close together, of several words. Labels and what they name are not: those are single words or end
/// in a colon.
fn are_address_blocks(
    items: &[LayoutItem],
    gutter: &Gutter,
    islands: &[usize],
    page: &PageGeometry,
) -> bool {
    let em = page.em;
    let is_block = |side: &[&LayoutItem]| {
        let lines: Vec<&PlacedLine> = side.iter().filter_map(|item| item.line()).collect();
        let flush = |a: &PlacedLine, b: &PlacedLine| {
            (a.rect.left - b.rect.left).abs() < tuning::ADDRESS_FLUSH_EM * em
        };
        let of_words = |line: &&&PlacedLine| {
            line.text.split_whitespace().nth(1).is_some() && !line.text.ends_with(':')
        };
        let mut centers: Vec<f32> = side.iter().map(|item| item.center_y()).collect();
        centers.sort_by(f32::total_cmp);
        tuning::ADDRESS_LINES.contains(&lines.len())
            && lines.len() == side.len()
            && lines.iter().all(|line| flush(line, lines[0]))
            && tuning::ADDRESS_WORDY.is_reached(lines.iter().filter(of_words).count(), lines.len())
            && centers
                .windows(2)
                .all(|pair| pair[1] - pair[0] > tuning::ADDRESS_MIN_PITCH_EM * em)
    };
    let (left, right) = sides(items, gutter, islands);
    gutter.width() > tuning::ADDRESS_GUTTER_EM * em
        && gutter.top < page.center_y
        && is_block(&left)
        && is_block(&right)
}

/// The items left and right of the gutter, islands left out.
fn sides<'i, 'a>(
    items: &'i [LayoutItem<'a>],
    gutter: &Gutter,
    islands: &[usize],
) -> (Vec<&'i LayoutItem<'a>>, Vec<&'i LayoutItem<'a>>) {
    items
        .iter()
        .enumerate()
        .filter(|(i, item)| gutter.spans(item.center_y()) && !islands.contains(i))
        .map(|(_, item)| item)
        .partition(|item| item.center_x() < gutter.center_x())
}

/// A stretch down the page without white between its rows.
#[derive(Clone, Copy)]
struct RowBand {
    top: f32,
    bottom: f32,
}

impl RowBand {
    fn height(&self) -> f32 {
        self.bottom - self.top
    }

    fn holds(&self, y: f32) -> bool {
        (self.top..=self.bottom).contains(&y)
    }
}

/// Leaves out one or two rows at either end of a gutter that are off from the columns: running headers and footers,
/// whose parts must not be read with the columns below or above them. Between columns of `prose` that is so only at the
/// page's edge: elsewhere such rows are the columns' own headings.
fn trim(items: &[LayoutItem], mut gutter: Gutter, page: &PageGeometry, prose: bool) -> Gutter {
    let bands = row_bands(items, &gutter, page, prose);
    let low = |band: &RowBand| band.height() < tuning::TRIM_MAX_HEIGHT_EM * page.em;
    let alone = |band: &RowBand| {
        let of_band = items.iter().filter(|item| band.holds(item.center_y()));
        of_band.count() == 1
    };
    if let [first, second, ..] = bands[..]
        && low(&first)
        && (!prose || first.bottom < page.header_limit)
    {
        gutter.top = (first.bottom + second.top) / 2.0;
    }
    // A single line far below both columns belongs to neither, wherever on the page it is.
    if let [_, .., before, last] = bands[..]
        && low(&last)
        && (!prose
            || last.top > page.footer_limit
            || alone(&last) && last.top - before.bottom > tuning::TRIM_LONE_WHITE_EM * page.em)
    {
        gutter.bottom = (last.top + before.bottom) / 2.0;
    }
    gutter
}

/// The rows beside a gutter, those with little white between them taken together, from top to bottom.
fn row_bands(
    items: &[LayoutItem],
    gutter: &Gutter,
    page: &PageGeometry,
    prose: bool,
) -> Vec<RowBand> {
    let least = if prose {
        tuning::TRIM_WHITE_PROSE_EM
    } else {
        tuning::TRIM_WHITE_EM
    } * page.em;
    let mut rows: Vec<RowBand> = items
        .iter()
        .filter(|item| gutter.spans(item.center_y()))
        .map(|item| RowBand {
            top: item.rect().top,
            bottom: item.rect().bottom,
        })
        .collect();
    rows.sort_by(|a, b| a.top.total_cmp(&b.top));
    let mut bands: Vec<RowBand> = Vec::new();
    for row in rows {
        match bands.last_mut() {
            Some(band) if row.top < band.bottom + least => {
                band.bottom = band.bottom.max(row.bottom);
            }
            _ => bands.push(row),
        }
    }
    bands
}

/// One side of a gutter.
struct ColumnSide {
    /// The centers of its rows, from top to bottom.
    rows: Vec<f32>,
    /// True if it is running text: lines about as long as one another, of words.
    prose: bool,
    /// True if most of it is letters.
    wordy: bool,
    /// True if it is mostly amounts and numbers.
    cells: bool,
    /// True if its rows follow one another closely.
    flows: bool,
    /// Height of its type, in pixels.
    size: f32,
}

impl ColumnSide {
    fn new(items: &[&LayoutItem], em: f32) -> Option<Self> {
        let mut rows: Vec<f32> = items.iter().map(|item| item.center_y()).collect();
        rows.sort_by(f32::total_cmp);
        rows.dedup_by(|next, row| *next - *row < tuning::SAME_ROW_EM * em);
        if rows.is_empty() {
            return None;
        }
        let lines = || items.iter().filter_map(|item| item.line());
        let (mut letters, mut digits, mut others) = (0, 0, 0);
        for c in lines().flat_map(|line| line.text.chars()) {
            match c {
                _ if c.is_alphabetic() => letters += 1,
                _ if c.is_numeric() => digits += 1,
                _ if c.is_whitespace() => {}
                _ => others += 1,
            }
        }
        // By width, so that scraps of formulas and cut lines do not count for much.
        let widths: Vec<(f32, f64)> = lines()
            .map(|line| (line.rect.width(), f64::from(line.rect.width())))
            .collect();
        let widest = weighted_quantile(widths.clone(), tuning::WIDEST_QUANTILE).unwrap_or(0.0);
        let usual = weighted_median(widths).unwrap_or(0.0);
        let all = (letters + digits + others).max(1);
        let wordy = tuning::WORDY.is_exceeded(letters, all);
        let size = median(lines().map(|line| line.size)).unwrap_or(em);
        let pitch = median(rows.windows(2).map(|pair| pair[1] - pair[0])).unwrap_or(f32::MAX);
        Some(Self {
            prose: rows.len() >= tuning::PROSE_MIN_ROWS
                && wordy
                && usual > tuning::PROSE_MIN_WIDTH_EM * em.min(size)
                && usual > tuning::PROSE_EVEN_WIDTH * widest,
            wordy,
            cells: tuning::NUMERIC.is_exceeded(digits, all),
            flows: rows.len() >= tuning::PROSE_MIN_ROWS && pitch < tuning::FLOW_MAX_PITCH * size,
            size,
            rows,
        })
    }

    /// Returns true if this side is notes or the like beside the running text `prose`: those are smaller or on lines of
    /// their own, while labels and amounts are level with what they belong to.
    fn is_margin_of(&self, prose: &Self, aligned: f32) -> bool {
        !self.cells
            && (aligned < tuning::MAX_NOTE_ALIGNMENT
                || self.flows && self.size < tuning::SMALLER_TYPE * prose.size)
    }

    /// The share of the rows of the side with fewer rows that have a row beside them, less what chance gives.
    fn aligned_with(&self, other: &Self, em: f32) -> f32 {
        let (few, many) = if self.rows.len() <= other.rows.len() {
            (&self.rows, &other.rows)
        } else {
            (&other.rows, &self.rows)
        };
        let near = tuning::LEVEL_EM * em;
        let beside = few.iter().filter(|&&y| {
            let at = many.partition_point(|&m| m < y - near);
            many.get(at).is_some_and(|&m| m <= y + near)
        });
        let share = beside.count() as f32 / few.len().max(1) as f32;
        let pitch = median(many.windows(2).map(|pair| pair[1] - pair[0])).unwrap_or(f32::MAX);
        // Rows at random heights are level with one of the other side as often as `near` covers of its pitch.
        let chance = (2.0 * near / pitch.max(near)).min(tuning::MAX_CHANCE);
        (share - chance) / (1.0 - chance)
    }
}
