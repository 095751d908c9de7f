//! The region of each line: the one that fits it best among those that hold most of it.

use super::{PageRegion, decode::shared};
use crate::{
    engine::ppocr::tuning::layout_model::{ENTERED_SHARE, HELD_SHARE},
    page::{LineRegion, RegionKind, TextLine},
};

/// Gives each of `lines` the region that it lies in. Of several, the one that the model is surest of, by the share of the
/// line that it holds.
pub(in crate::engine::ppocr) fn assign_regions(lines: &mut [TextLine], regions: &[PageRegion]) {
    for line in lines {
        let bounds = line.quad.bounds();
        let all = bounds.width() * bounds.height();
        let mut best: Option<(f32, LineRegion)> = None;
        for region in regions {
            let share = shared(&bounds, &region.rect) / all.max(1.0);
            let fit = share * region.score;
            if share >= held_share(region.kind) && best.is_none_or(|(other, _)| fit > other) {
                let region = LineRegion {
                    kind: region.kind,
                    score: region.score,
                    rect: region.rect,
                };
                best = Some((fit, region));
            }
        }
        line.region = best.map(|(_, region)| region);
    }
}

/// The share of a line's box that lies in a region which holds it.
fn held_share(kind: RegionKind) -> f32 {
    match kind {
        RegionKind::Title | RegionKind::Figure | RegionKind::Table => ENTERED_SHARE,
        _ => HELD_SHARE,
    }
}
