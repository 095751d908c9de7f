//! Reading order: a page is cut along its gutters, the tall white strips between columns.
//!
//! In the spirit of the recursive XY cut (Nagy, Seth, Viswanathan 1992), but cut where a white strip is tallest
//! (Breuel 2002) instead of where a projection is empty: what stands above the strip is read first, then
//! its left side, its right side, then what stands below. A white strip through aligned short
//! cells is no gutter: those are read row by row.

use crate::page::Rect;

use super::{
    gutters::{Gutter, gutters},
    piece::{PlacedLine, median, weighted_median},
};

/// How often a page may be cut within a cut.
const DEEPEST: u32 = 10;

/// Most lines of an island in a gutter.
const MOST_ISLANDS: usize = 24;

/// Something that has its place in the reading order.
#[derive(Clone, Debug)]
pub(crate) enum Item<'a> {
    /// A line, or a part of one.
    Text(PlacedLine<'a>),
    /// A table found beforehand, by its index, and its box.
    Table(usize, Rect),
}

impl Item<'_> {
    /// Its box.
    pub fn rect(&self) -> Rect {
        match self {
            Self::Text(piece) => piece.rect,
            Self::Table(_, rect) => *rect,
        }
    }

    /// How far its box may lie beyond its ink to the left and right, in ems: boxes that a model finds
    /// are drawn with a margin.
    pub fn margin(&self) -> f32 {
        match self {
            Self::Text(piece) if piece.read => 0.25,
            _ => 0.1,
        }
    }

    fn middle(&self) -> (f32, f32) {
        let rect = self.rect();
        (
            (rect.left + rect.right) / 2.0,
            (rect.top + rect.bottom) / 2.0,
        )
    }
}

/// The part of a page's height, at the top and the bottom, where running heads and feet may stand.
const EDGE_ZONE: f32 = 0.12;

/// What holds for a whole page.
struct PageGeometry {
    /// Height of its common type.
    em: f32,
    /// Above this may be a running head.
    head: f32,
    /// Half-way down what stands on it.
    middle: f32,
    /// Below this may be a running foot.
    foot: f32,
}

/// Cuts a page's items into columns, in reading order. `em` is the height of the page's common type.
pub(crate) fn columns(items: Vec<Item>, em: f32) -> Vec<Vec<Item>> {
    let mut found = Vec::new();
    let bounds = items.iter().map(Item::rect).reduce(|a, b| a.union(&b));
    let bounds = bounds.unwrap_or_default();
    let zone = EDGE_ZONE * bounds.height();
    let page = PageGeometry {
        em,
        head: bounds.top + zone,
        middle: (bounds.top + bounds.bottom) / 2.0,
        foot: bounds.bottom - zone,
    };
    cut(items, &page, DEEPEST, &mut found);
    found
}

fn cut<'a>(items: Vec<Item<'a>>, page: &PageGeometry, depth: u32, found: &mut Vec<Vec<Item<'a>>>) {
    if items.is_empty() {
        return;
    }
    let cut_at = if depth > 0 && items.len() >= 4 {
        best_gutter(&items, page)
    } else {
        None
    };
    let Some((gutter, islands)) = cut_at else {
        found.push(items);
        return;
    };
    let (mut above, mut left, mut right, mut below) = (vec![], vec![], vec![], vec![]);
    let mut apart = Vec::new();
    for (i, item) in items.into_iter().enumerate() {
        let (x, y) = item.middle();
        match () {
            () if islands.contains(&i) => apart.push(item),
            () if y < gutter.top => above.push(item),
            () if y > gutter.bottom => below.push(item),
            () if x < gutter.middle() => left.push(item),
            () => right.push(item),
        }
    }
    for part in [above, left, right, apart, below] {
        cut(part, page, depth - 1, found);
    }
}

/// The tallest white strip that separates columns, and the items that stand in it.
fn best_gutter(items: &[Item], page: &PageGeometry) -> Option<(Gutter, Vec<usize>)> {
    let plain = gutters(items, page.em);
    let bridged = plain.iter().map(|gutter| bridge(items, *gutter, page.em));
    let mut all: Vec<(Gutter, Vec<usize>)> =
        bridged.filter(|(_, islands)| !islands.is_empty()).collect();
    all.extend(plain.iter().map(|gutter| (*gutter, Vec::new())));
    all.sort_by(|a, b| b.0.rank(page.em).total_cmp(&a.0.rank(page.em)));
    all.into_iter().find_map(|(gutter, islands)| {
        separates(items, gutter, &islands, page).map(|gutter| (gutter, islands))
    })
}

/// Lengthens a gutter downwards over islands: lines, such as a caption or a quotation, that stand in it with
/// text to their left and right, and white strip again below.
fn bridge(items: &[Item], mut gutter: Gutter, em: f32) -> (Gutter, Vec<usize>) {
    let mut islands = Vec::new();
    // Columns need not be as far apart below as they are above.
    let core = gutter.width() / 4.0;
    let mut crossing: Vec<usize> = (0..items.len())
        .filter(|&i| {
            let (rect, inset) = (items[i].rect(), items[i].margin() * em);
            items[i].middle().1 > gutter.bottom
                && rect.left + inset < gutter.middle() + core
                && rect.right - inset > gutter.middle() - core
        })
        .collect();
    crossing.sort_by(|&a, &b| items[a].rect().top.total_cmp(&items[b].rect().top));
    crossing.truncate(MOST_ISLANDS + 1);
    for (n, &i) in crossing.iter().enumerate() {
        if n == MOST_ISLANDS || !is_island(items, i) {
            break;
        }
        islands.push(i);
        let next = crossing.get(n + 1).map(|&next| items[next].rect().top);
        let rest = items
            .iter()
            .map(|item| item.rect().bottom)
            .fold(f32::MIN, f32::max);
        let (bottom, end) = (items[i].rect().bottom, next.unwrap_or(rest));
        if end - bottom > 3.0 * em {
            gutter.bottom = end;
            return (gutter, islands);
        }
    }
    (gutter, Vec::new())
}

/// Whether an item has others both to its left and to its right.
fn is_island(items: &[Item], i: usize) -> bool {
    let rect = items[i].rect();
    let beside = |other: &Rect| {
        let middle = (other.top + other.bottom) / 2.0;
        (rect.top - other.height()..rect.bottom + other.height()).contains(&middle)
    };
    let has = |side: &dyn Fn(&Rect) -> bool| {
        items
            .iter()
            .any(|item| beside(&item.rect()) && side(&item.rect()))
    };
    has(&|other| other.right < rect.left) && has(&|other| other.left > rect.right)
}

/// The gutter, cut to the columns beside it, where it separates columns and not cells.
fn separates(
    items: &[Item],
    gutter: Gutter,
    islands: &[usize],
    page: &PageGeometry,
) -> Option<Gutter> {
    let em = page.em;
    let beside = |gutter: &Gutter| {
        let (left, right) = sides(items, gutter, islands);
        Some((ColumnSide::new(&left, em)?, ColumnSide::new(&right, em)?))
    };
    let (left, right) = beside(&gutter)?;
    let gutter = trim(items, gutter, page, left.prose && right.prose);
    let (left, right) = beside(&gutter)?;
    let fewer = left.rows.len().min(right.rows.len());
    let narrow = gutter.width() < 1.2 * em;
    if fewer < if narrow { 4 } else { 2 } {
        return None;
    }
    let aligned = left.aligned_with(&right, em);
    let tall = fewer >= 16 && left.wordy && right.wordy;
    let columns = match (left.prose, right.prose) {
        (true, true) => true,
        // Notes beside the text are smaller or on lines of their own; labels and amounts are aligned.
        (true, false) => {
            !right.cells && (aligned < 0.7 || right.flows && right.size < 0.9 * left.size)
        }
        (false, true) => {
            !left.cells && (aligned < 0.7 || left.flows && left.size < 0.9 * right.size)
        }
        (false, false) => aligned < 0.3 && fewer >= 4 || tall && !(left.cells || right.cells),
    };
    let columns = columns || left.wordy && right.wordy && are_blocks(items, &gutter, islands, page);
    columns.then_some(gutter)
}

/// Whether a few lines stand on either side of the gutter as addresses do at the head of a letter or a bill: flush
/// left, close together, of several words. Labels and what they name are not: those are single words or end in a colon.
fn are_blocks(items: &[Item], gutter: &Gutter, islands: &[usize], page: &PageGeometry) -> bool {
    const LINES: std::ops::RangeInclusive<usize> = 3..=7;
    let em = page.em;
    let is_block = |side: &[&Item]| {
        let pieces: Vec<&PlacedLine> = side
            .iter()
            .filter_map(|item| match item {
                Item::Text(piece) => Some(piece),
                Item::Table(..) => None,
            })
            .collect();
        let flush = |a: &PlacedLine, b: &PlacedLine| (a.rect.left - b.rect.left).abs() < 0.8 * em;
        let of_words = |piece: &&&PlacedLine| {
            piece.text.split_whitespace().nth(1).is_some() && !piece.text.ends_with(':')
        };
        let mut middles: Vec<f32> = side.iter().map(|item| item.middle().1).collect();
        middles.sort_by(f32::total_cmp);
        LINES.contains(&pieces.len())
            && pieces.len() == side.len()
            && pieces.iter().all(|piece| flush(piece, pieces[0]))
            && pieces.iter().filter(of_words).count() * 3 >= pieces.len() * 2
            && middles.windows(2).all(|pair| pair[1] - pair[0] > 0.7 * em)
    };
    let (left, right) = sides(items, gutter, islands);
    gutter.width() > 3.0 * em && gutter.top < page.middle && is_block(&left) && is_block(&right)
}

fn sides<'i, 'a>(
    items: &'i [Item<'a>],
    gutter: &Gutter,
    islands: &[usize],
) -> (Vec<&'i Item<'a>>, Vec<&'i Item<'a>>) {
    items
        .iter()
        .enumerate()
        .filter(|(i, item)| {
            (gutter.top..=gutter.bottom).contains(&item.middle().1) && !islands.contains(i)
        })
        .map(|(_, item)| item)
        .partition(|item| item.middle().0 < gutter.middle())
}

/// Leaves out one or two rows at either end of a gutter that stand off from the columns: running heads and
/// feet, whose parts must not be read with the columns below or above them. Between columns of `prose` that
/// is so only at the page's edge: elsewhere such rows are the columns' own headings.
fn trim(items: &[Item], mut gutter: Gutter, page: &PageGeometry, prose: bool) -> Gutter {
    let least = if prose { 1.4 } else { 0.9 } * page.em;
    let mut spans: Vec<(f32, f32)> = items
        .iter()
        .filter(|item| (gutter.top..=gutter.bottom).contains(&item.middle().1))
        .map(|item| (item.rect().top, item.rect().bottom))
        .collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut bands: Vec<(f32, f32)> = Vec::new();
    for (top, bottom) in spans {
        match bands.last_mut() {
            Some(band) if top < band.1 + least => band.1 = band.1.max(bottom),
            _ => bands.push((top, bottom)),
        }
    }
    let low = |band: &(f32, f32)| band.1 - band.0 < 2.6 * page.em;
    let alone = |band: &(f32, f32)| {
        let of_band = items
            .iter()
            .filter(|item| (band.0..=band.1).contains(&item.middle().1));
        of_band.count() == 1
    };
    if let [first, second, ..] = bands[..]
        && low(&first)
        && (!prose || first.1 < page.head)
    {
        gutter.top = (first.1 + second.0) / 2.0;
    }
    if let [_, .., before, last] = bands[..]
        && low(&last)
        && (!prose || last.0 > page.foot || alone(&last) && last.0 - before.1 > 2.5 * page.em)
    {
        gutter.bottom = (last.0 + before.1) / 2.0;
    }
    gutter
}

/// What stands on one side of a gutter.
struct ColumnSide {
    /// The middles of its rows, from top to bottom.
    rows: Vec<f32>,
    /// Whether it is running text: lines about as long as one another, of words.
    prose: bool,
    /// Whether most of it is letters.
    wordy: bool,
    /// Whether it is mostly amounts and numbers.
    cells: bool,
    /// Whether its rows follow one another closely.
    flows: bool,
    /// Height of its type.
    size: f32,
}

impl ColumnSide {
    fn new(items: &[&Item], em: f32) -> Option<Self> {
        let mut rows: Vec<f32> = items.iter().map(|item| item.middle().1).collect();
        rows.sort_by(f32::total_cmp);
        rows.dedup_by(|next, row| *next - *row < 0.5 * em);
        let pieces = || {
            items.iter().filter_map(|item| match item {
                Item::Text(piece) => Some(piece),
                Item::Table(..) => None,
            })
        };
        let (mut letters, mut digits, mut others) = (0, 0, 0);
        for c in pieces().flat_map(|piece| piece.text.chars()) {
            match c {
                _ if c.is_alphabetic() => letters += 1,
                _ if c.is_numeric() => digits += 1,
                _ if c.is_whitespace() => {}
                _ => others += 1,
            }
        }
        // By width, so that scraps of formulas and cut lines do not count for much.
        let widths: Vec<(f32, f64)> = pieces()
            .map(|piece| (piece.rect.width(), f64::from(piece.rect.width())))
            .collect();
        let widest = quantile(widths.clone(), 0.9).unwrap_or(0.0);
        let usual = weighted_median(widths).unwrap_or(0.0);
        let all = (letters + digits + others).max(1);
        let wordy = letters * 10 > all * 6;
        let size = median(pieces().map(|piece| piece.size)).unwrap_or(em);
        let pitch = median(rows.windows(2).map(|pair| pair[1] - pair[0])).unwrap_or(f32::MAX);
        Some(Self {
            prose: rows.len() >= 3 && wordy && usual > 8.0 * em.min(size) && usual > 0.7 * widest,
            wordy,
            cells: digits * 10 > all * 4,
            flows: rows.len() >= 3 && pitch < 2.0 * size,
            size,
            rows: (!rows.is_empty()).then_some(rows)?,
        })
    }

    /// The share of the rows of the side with fewer rows that have a row beside them, less what chance gives.
    fn aligned_with(&self, other: &Self, em: f32) -> f32 {
        let (few, many) = if self.rows.len() <= other.rows.len() {
            (&self.rows, &other.rows)
        } else {
            (&other.rows, &self.rows)
        };
        let near = 0.25 * em;
        let beside = few.iter().filter(|&&y| {
            let at = many.partition_point(|&m| m < y - near);
            many.get(at).is_some_and(|&m| m <= y + near)
        });
        let share = beside.count() as f32 / few.len().max(1) as f32;
        let pitch = median(many.windows(2).map(|pair| pair[1] - pair[0])).unwrap_or(f32::MAX);
        let chance = (2.0 * near / pitch.max(near)).min(0.8);
        (share - chance) / (1.0 - chance)
    }
}

fn quantile(mut values: Vec<(f32, f64)>, share: f64) -> Option<f32> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let goal = values.iter().map(|v| v.1).sum::<f64>() * share;
    let mut passed = 0.0;
    values.into_iter().find_map(|(value, weight)| {
        passed += weight;
        (passed >= goal).then_some(value)
    })
}
