//! Gutters: the tall white strips between columns.

use super::{layout_item::LayoutItem, tuning::gutters as tuning};

/// A white strip, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gutter {
    /// Left edge.
    pub left: f32,
    /// Right edge.
    pub right: f32,
    /// Upper end.
    pub top: f32,
    /// Lower end.
    pub bottom: f32,
}

impl Gutter {
    /// The x of its center.
    pub fn center_x(&self) -> f32 {
        (self.left + self.right) / 2.0
    }

    /// Its width.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    /// By which gutters are tried: the tallest first, of like ones the widest. Width counts for little, so that a wide
    /// but short gap in a table does not come before the gutter of the page.
    pub fn rank(&self, em: f32) -> f32 {
        self.height()
            * (self.width() / em)
                .clamp(tuning::RANK_MIN_WIDTH_EM, tuning::RANK_MAX_WIDTH_EM)
                .powf(tuning::RANK_WIDTH_EXPONENT)
    }

    /// Returns true if that y lies within its height.
    pub fn spans(&self, y: f32) -> bool {
        (self.top..=self.bottom).contains(&y)
    }

    fn height(&self) -> f32 {
        self.bottom - self.top
    }
}

/// A gutter to cut along, and the items in its way.
#[derive(Clone, Debug)]
pub(crate) struct ColumnCut {
    /// The gutter.
    pub gutter: Gutter,
    /// Indices of the islands: items in the gutter with text on both sides, read after both columns.
    pub islands: Vec<usize>,
}

/// A narrow strip down the page, white from `top` to `bottom`.
#[derive(Clone, Copy, Debug)]
struct WhiteRun {
    /// Which strip, counted from the left.
    strip: usize,
    top: f32,
    bottom: f32,
}

impl WhiteRun {
    fn height(&self) -> f32 {
        self.bottom - self.top
    }
}

/// The white strips between `items`, the tallest first.
pub(crate) fn gutters(items: &[LayoutItem], em: f32) -> Vec<Gutter> {
    let Some(all) = items
        .iter()
        .map(LayoutItem::rect)
        .reduce(|a, b| a.union(&b))
    else {
        return Vec::new();
    };
    let step = (em / tuning::STRIPS_PER_EM)
        .max(all.width() / tuning::MAX_STRIPS as f32)
        .max(tuning::MIN_STRIP_PX);
    let count = ((all.width() / step) as usize).clamp(1, tuning::MAX_STRIPS);
    let mut sorted: Vec<&LayoutItem> = items.iter().collect();
    sorted.sort_by(|a, b| a.rect().top.total_cmp(&b.rect().top));

    // Strip `i` is white from `ends[i]` down to the next item that touches it.
    let mut ends = vec![all.top; count];
    let mut white: Vec<WhiteRun> = Vec::new();
    let mut close = |strip: usize, top: f32, bottom: f32| {
        if bottom - top >= tuning::MIN_HEIGHT_EM * em {
            white.push(WhiteRun { strip, top, bottom });
        }
    };
    for item in sorted {
        let rect = item.rect();
        let inset = (item.margin() * em).min(rect.width() / tuning::MAX_INSET_ONE_IN);
        let at = |x: f32| (((x - all.left) / step).max(0.0) as usize).min(count - 1);
        let range = at(rect.left + inset)..=at(rect.right - inset);
        // Boxes reach beyond their ink above and below too, most of all where a line has no descenders.
        let upper = rect.top + tuning::VERTICAL_INSET * rect.height();
        let lower = rect.bottom - tuning::VERTICAL_INSET * rect.height();
        for i in range {
            close(i, ends[i], upper);
            ends[i] = ends[i].max(lower);
        }
    }
    for (i, &end) in ends.iter().enumerate() {
        close(i, end, all.bottom);
    }
    white.sort_by(|a, b| b.height().total_cmp(&a.height()));
    white.truncate(tuning::MAX_WHITE_RUNS);
    let mut found = widen(white, all.left, step);
    found.retain(|gutter| gutter.width() > tuning::MIN_WIDTH_STRIPS * step);
    found.sort_by(|a, b| b.rank(em).total_cmp(&a.rank(em)));
    found.truncate(tuning::MAX_GUTTERS);
    found
}

/// Makes gutters of neighboring strips that are white over much the same height.
fn widen(mut white: Vec<WhiteRun>, left: f32, step: f32) -> Vec<Gutter> {
    white.sort_by(|a, b| a.strip.cmp(&b.strip).then(a.top.total_cmp(&b.top)));
    let mut found: Vec<Gutter> = Vec::new();
    // Gutters that end at the strip before the present one.
    let mut open: Vec<(usize, Gutter)> = Vec::new();
    for run in white {
        open.retain(|(last, gutter)| {
            let stays = last + 1 >= run.strip;
            if !stays {
                found.push(*gutter);
            }
            stays
        });
        let (x0, x1) = (
            left + run.strip as f32 * step,
            left + (run.strip + 1) as f32 * step,
        );
        let fits = open.iter_mut().find(|(last, gutter)| {
            let both = gutter.bottom.min(run.bottom) - gutter.top.max(run.top);
            last + 1 == run.strip
                && both > tuning::SAME_HEIGHT_SHARE * gutter.height().max(run.height())
        });
        match fits {
            Some((last, gutter)) => {
                *last = run.strip;
                gutter.right = x1;
                gutter.top = gutter.top.max(run.top);
                gutter.bottom = gutter.bottom.min(run.bottom);
            }
            None => {
                let gutter = Gutter {
                    left: x0,
                    right: x1,
                    top: run.top,
                    bottom: run.bottom,
                };
                open.push((run.strip, gutter));
            }
        }
    }
    found.extend(open.into_iter().map(|(_, gutter)| gutter));
    found
}
