//! Tall white strips on a page.

use super::order::Item;

/// Strips lie this many to an em; a gutter is at least two of them wide.
const STRIPS_PER_EM: f32 = 4.0;
/// The least height of a gutter, in ems.
const LEAST_HEIGHT_EM: f32 = 3.0;
/// Most strips looked at, so that a hostile page cannot ask for more.
const MOST_STRIPS: usize = 1024;
/// Most white stretches of strips looked at.
const MOST_WHITE: usize = 8192;
/// Most gutters given.
const MOST_GUTTERS: usize = 24;

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
    /// The x of its middle.
    pub fn middle(&self) -> f32 {
        (self.left + self.right) / 2.0
    }

    /// Its width.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    /// By which gutters are tried: the tallest first, of like ones the widest.
    pub fn rank(&self, em: f32) -> f32 {
        self.height() * (self.width() / em).clamp(0.5, 2.0).powf(0.2)
    }

    fn height(&self) -> f32 {
        self.bottom - self.top
    }
}

/// The white strips between `items`, the tallest first.
pub(crate) fn gutters(items: &[Item], em: f32) -> Vec<Gutter> {
    let Some(all) = items.iter().map(Item::rect).reduce(|a, b| a.union(&b)) else {
        return Vec::new();
    };
    let step = (em / STRIPS_PER_EM)
        .max(all.width() / MOST_STRIPS as f32)
        .max(0.01);
    let count = ((all.width() / step) as usize).clamp(1, MOST_STRIPS);
    let mut sorted: Vec<&Item> = items.iter().collect();
    sorted.sort_by(|a, b| a.rect().top.total_cmp(&b.rect().top));

    // Strip `i` is white from `ends[i]` down to the next item that touches it.
    let mut ends = vec![all.top; count];
    let mut white: Vec<(usize, f32, f32)> = Vec::new();
    let mut close = |i: usize, end: f32, top: f32| {
        if top - end >= LEAST_HEIGHT_EM * em {
            white.push((i, end, top));
        }
    };
    for item in sorted {
        let rect = item.rect();
        let inset = (item.margin() * em).min(rect.width() / 3.0);
        let at = |x: f32| (((x - all.left) / step).max(0.0) as usize).min(count - 1);
        let range = at(rect.left + inset)..=at(rect.right - inset);
        let upper = rect.top + 0.15 * rect.height();
        let lower = rect.bottom - 0.15 * rect.height();
        for i in range {
            close(i, ends[i], upper);
            ends[i] = ends[i].max(lower);
        }
    }
    for (i, &end) in ends.iter().enumerate() {
        close(i, end, all.bottom);
    }
    white.sort_by(|a, b| (b.2 - b.1).total_cmp(&(a.2 - a.1)));
    white.truncate(MOST_WHITE);
    let mut found = widen(white, all.left, step);
    found.retain(|gutter| gutter.width() > 1.5 * step);
    found.sort_by(|a, b| b.rank(em).total_cmp(&a.rank(em)));
    found.truncate(MOST_GUTTERS);
    found
}

/// Makes gutters of neighbouring strips that are white over much the same height.
fn widen(mut white: Vec<(usize, f32, f32)>, left: f32, step: f32) -> Vec<Gutter> {
    white.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut found: Vec<Gutter> = Vec::new();
    // Gutters that end at the strip before the present one.
    let mut open: Vec<(usize, Gutter)> = Vec::new();
    for (strip, top, bottom) in white {
        open.retain(|(last, gutter)| {
            let stays = last + 1 >= strip;
            if !stays {
                found.push(*gutter);
            }
            stays
        });
        let (x0, x1) = (left + strip as f32 * step, left + (strip + 1) as f32 * step);
        let fits = open.iter_mut().find(|(last, gutter)| {
            let both = gutter.bottom.min(bottom) - gutter.top.max(top);
            last + 1 == strip && both > 0.85 * gutter.height().max(bottom - top)
        });
        match fits {
            Some((last, gutter)) => {
                *last = strip;
                gutter.right = x1;
                gutter.top = gutter.top.max(top);
                gutter.bottom = gutter.bottom.min(bottom);
            }
            None => open.push((
                strip,
                Gutter {
                    left: x0,
                    right: x1,
                    top,
                    bottom,
                },
            )),
        }
    }
    found.extend(open.into_iter().map(|(_, gutter)| gutter));
    found
}
