//! Reading order: a page is cut along its gutters, the tall white strips between columns.
//!
//! In the spirit of the recursive XY cut (Nagy, Seth, Viswanathan 1992), but cut where a white strip is tallest
//! (Breuel 2002) instead of where a projection is empty: what is above the strip is read first, then its left side,
//! its right side, then what is below. A white strip through aligned short cells is no gutter: those are read row by
//! row; tables of wrapped cells are taken out before.

use super::{
    column_sides::{PageGeometry, column_gutter},
    gutters::{ColumnCut, Gutter, gutters},
    layout_item::LayoutItem,
    tables::wrapped::take_wrapped_tables,
    tuning::reading_order as tuning,
};
use crate::{dehyphenate::HyphenatedWords, page::Rect};

/// Cuts a page's items into columns, in reading order. `em` is the height of the page's common type.
pub(crate) fn columns<'a>(
    items: Vec<LayoutItem<'a>>,
    em: f32,
    hyphenated: &HyphenatedWords,
) -> Vec<Vec<LayoutItem<'a>>> {
    let mut page = CutPage {
        geometry: PageGeometry::of(&items, em),
        hyphenated,
        found: Vec::new(),
    };
    page.cut(items, tuning::MAX_CUT_DEPTH);
    page.found
}

/// A page on its way to columns.
struct CutPage<'h, 'a> {
    geometry: PageGeometry,
    hyphenated: &'h HyphenatedWords,
    found: Vec<Vec<LayoutItem<'a>>>,
}

impl<'a> CutPage<'_, 'a> {
    fn cut(&mut self, mut items: Vec<LayoutItem<'a>>, depth: u32) {
        if items.is_empty() {
            return;
        }
        let tables = take_wrapped_tables(&mut items, self.geometry.em, self.hyphenated);
        items.extend(
            tables
                .into_iter()
                .map(|table| LayoutItem::Table(Box::new(table))),
        );
        let cut = if depth > 0 && items.len() >= tuning::MIN_CUT_ITEMS {
            best_cut(&items, &self.geometry)
        } else {
            None
        };
        let Some(ColumnCut { gutter, islands }) = cut else {
            self.found.push(items);
            return;
        };
        let (mut above, mut left, mut right, mut below) = (vec![], vec![], vec![], vec![]);
        let mut between = Vec::new();
        for (i, item) in items.into_iter().enumerate() {
            let (x, y) = (item.center_x(), item.center_y());
            match () {
                () if islands.contains(&i) => between.push(item),
                () if y < gutter.top => above.push(item),
                () if y > gutter.bottom => below.push(item),
                () if x < gutter.center_x() => left.push(item),
                () => right.push(item),
            }
        }
        for part in [above, left, right, between, below] {
            self.cut(part, depth - 1);
        }
    }
}

/// The tallest white strip that separates columns, and the items in its way.
fn best_cut(items: &[LayoutItem], page: &PageGeometry) -> Option<ColumnCut> {
    let plain = gutters(items, page.em);
    let bridged = plain.iter().map(|gutter| bridge(items, *gutter, page.em));
    let mut cuts: Vec<ColumnCut> = bridged.filter(|cut| !cut.islands.is_empty()).collect();
    cuts.extend(plain.iter().map(|gutter| ColumnCut {
        gutter: *gutter,
        islands: Vec::new(),
    }));
    cuts.sort_by(|a, b| b.gutter.rank(page.em).total_cmp(&a.gutter.rank(page.em)));
    cuts.into_iter().find_map(|cut| {
        let gutter = column_gutter(items, &cut, page)?;
        Some(ColumnCut { gutter, ..cut })
    })
}

/// Lengthens a gutter downwards over islands: lines, such as a caption or a quotation, in it with text to
/// their left and right, and white strip again below. Without this, a pull quote would end both columns.
fn bridge(items: &[LayoutItem], mut gutter: Gutter, em: f32) -> ColumnCut {
    let mut islands = Vec::new();
    // Columns need not be as far apart below as they are above.
    let core = gutter.width() / tuning::BRIDGE_CORE_ONE_IN;
    let mut crossing: Vec<usize> = (0..items.len())
        .filter(|&i| {
            let (rect, inset) = (items[i].rect(), items[i].margin() * em);
            items[i].center_y() > gutter.bottom
                && rect.left + inset < gutter.center_x() + core
                && rect.right - inset > gutter.center_x() - core
        })
        .collect();
    crossing.sort_by(|&a, &b| items[a].rect().top.total_cmp(&items[b].rect().top));
    crossing.truncate(tuning::MAX_ISLANDS + 1);
    for (n, &i) in crossing.iter().enumerate() {
        if n == tuning::MAX_ISLANDS || !is_island(items, i) {
            break;
        }
        islands.push(i);
        let next = crossing.get(n + 1).map(|&next| items[next].rect().top);
        let rest = items
            .iter()
            .map(|item| item.rect().bottom)
            .fold(f32::MIN, f32::max);
        let (bottom, end) = (items[i].rect().bottom, next.unwrap_or(rest));
        if end - bottom > tuning::BRIDGE_MIN_WHITE_EM * em {
            gutter.bottom = end;
            return ColumnCut { gutter, islands };
        }
    }
    ColumnCut {
        gutter,
        islands: Vec::new(),
    }
}

/// Returns true if an item has others both to its left and to its right.
fn is_island(items: &[LayoutItem], i: usize) -> bool {
    let rect = items[i].rect();
    let beside = |other: &Rect| {
        let center = (other.top + other.bottom) / 2.0;
        (rect.top - other.height()..rect.bottom + other.height()).contains(&center)
    };
    let has = |side: &dyn Fn(&Rect) -> bool| {
        items
            .iter()
            .any(|item| beside(&item.rect()) && side(&item.rect()))
    };
    has(&|other| other.right < rect.left) && has(&|other| other.left > rect.right)
}
