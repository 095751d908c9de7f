//! Detector tiles: a large page is looked at in overlapping parts, at a scale at which its smallest print can be seen.
//!
//! An ordinary page comes to the detector as a whole, scaled down. On a sheet of plans or a newspaper the print would
//! vanish in that, so that such a page is cut into tiles; a line that several tiles have found is one line again.

use super::{
    geometry::{LineBox, rectangle_along},
    tuning::tiles::{
        BACKGROUND_CELL_PX, LETTER_ASPECT, LETTER_HEIGHTS_PX, MAX_RUNS, MAX_SCALE, MIN_CONTRAST,
        MIN_LETTER_MAP_PX, MIN_LETTERS, MIN_LETTERS_SHARE, MIN_SHARED_HEIGHT, OVERLAP, SAME_SIZE,
        SCALE_MARGIN, WHOLE_PAGE_PIXELS,
    },
};
use crate::{
    image::{
        PageImage,
        background::BackgroundGrid,
        components::{ComponentFinder, PixelBox, runs_of_row},
        luma::LumaPlane,
    },
    page::Point,
};

/// A part of a page, in its pixels; `right` and `bottom` are past its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) right: u32,
    pub(super) bottom: u32,
}

/// The tiles in which `image` is looked at by a detector that takes about `pixels` pixels; none if the page as a whole
/// shows its smallest print.
pub(super) fn tiles(image: &PageImage, pixels: u32) -> Vec<Tile> {
    let all = f64::from(image.width) * f64::from(image.height);
    if all <= WHOLE_PAGE_PIXELS {
        return Vec::new();
    }
    let Some(letter) = smallest_print(image) else {
        return Vec::new();
    };
    let needed = MIN_LETTER_MAP_PX / letter;
    let as_a_whole = (f64::from(pixels) / all).sqrt() as f32;
    if as_a_whole >= needed {
        return Vec::new();
    }
    let side = (f64::from(pixels).sqrt() as f32 / (needed * SCALE_MARGIN).min(MAX_SCALE)) as u32;
    grid(image.width, image.height, side.max(1))
}

/// Tiles of about `side` pixels that cover a page and overlap.
fn grid(width: u32, height: u32, side: u32) -> Vec<Tile> {
    let overlap = (side as f32 * OVERLAP) as u32;
    let spans = |length: u32| -> Vec<(u32, u32)> {
        let step = side.saturating_sub(overlap).max(1);
        let count = length.saturating_sub(overlap).div_ceil(step).max(1);
        let each = (length + (count - 1) * overlap).div_ceil(count);
        let start = |i: u32| (i * each.saturating_sub(overlap)).min(length);
        (0..count)
            .map(|i| (start(i), (start(i) + each).min(length)))
            .collect()
    };
    let columns = spans(width);
    let tile = |(top, bottom): (u32, u32)| {
        columns.iter().map(move |&(left, right)| Tile {
            left,
            top,
            right,
            bottom,
        })
    };
    spans(height).into_iter().flat_map(tile).collect()
}

/// Height of small letters in the smallest print of a page that has more than a few words of it, in pixels.
fn smallest_print(image: &PageImage) -> Option<f32> {
    let plane = LumaPlane::of(image)?;
    let background = BackgroundGrid::of(&plane, BACKGROUND_CELL_PX, 2);
    let mut finder = ComponentFinder::new();
    let (mut ink, mut runs) = (Vec::new(), Vec::new());
    for (y, row) in plane.rows().enumerate() {
        ink.clear();
        background.push_ink_of_row(y, row, MIN_CONTRAST, &mut ink);
        runs.clear();
        runs.extend(runs_of_row(y, &ink));
        if finder.run_count() + runs.len() > MAX_RUNS {
            break;
        }
        finder.add_row(runs.iter().map(|run| (*run, PixelBox::of(run))));
    }
    let mut heights: Vec<usize> = finder.measurements().filter_map(letter_height).collect();
    heights.sort_unstable();
    let enough = MIN_LETTERS.max((heights.len() as f32 * MIN_LETTERS_SHARE) as usize);
    let like = |at: usize| {
        let most = (heights[at] as f32 * SAME_SIZE) as usize;
        heights[at..].partition_point(|height| *height <= most)
    };
    (0..heights.len())
        .find(|&at| like(at) >= enough)
        .map(|at| heights[at] as f32)
}

/// The height of a component that has the shape of a letter, in pixels.
fn letter_height(extent: &PixelBox) -> Option<usize> {
    let (width, height) = (extent.width(), extent.height());
    let aspect = width as f32 / height as f32;
    (LETTER_HEIGHTS_PX.contains(&height) && LETTER_ASPECT.contains(&aspect)).then_some(height)
}

/// Makes one box of those that different tiles have found of one line. `found` has the boxes of each tile, in pixels
/// of the page.
pub(super) fn merge(found: Vec<Vec<LineBox>>) -> Vec<LineBox> {
    let mut boxes: Vec<(usize, LineBox)> = found
        .into_iter()
        .enumerate()
        .flat_map(|(tile, boxes)| boxes.into_iter().map(move |b| (tile, b)))
        .collect();
    boxes.sort_by(|a, b| a.1.center.y.total_cmp(&b.1.center.y));
    let mut parents: Vec<usize> = (0..boxes.len()).collect();
    fn root(parents: &mut [usize], mut at: usize) -> usize {
        while parents[at] != at {
            parents[at] = parents[parents[at]];
            at = parents[at];
        }
        at
    }
    let tallest = boxes.iter().map(|(_, b)| b.height).fold(0.0, f32::max);
    let reach = |b: &LineBox| (b.height + tallest) / 2.0 + b.width * b.along.y.abs();
    for i in 0..boxes.len() {
        let far = boxes[i].1.center.y + reach(&boxes[i].1) + tallest;
        for j in (i + 1..boxes.len()).take_while(|&j| boxes[j].1.center.y <= far) {
            if boxes[i].0 != boxes[j].0 && is_one_line(&boxes[i].1, &boxes[j].1) {
                let (a, b) = (root(&mut parents, i), root(&mut parents, j));
                parents[a.max(b)] = a.min(b);
            }
        }
    }
    let mut groups: Vec<Vec<LineBox>> = vec![Vec::new(); boxes.len()];
    for (i, (_, line)) in boxes.iter().enumerate() {
        groups[root(&mut parents, i)].push(*line);
    }
    groups
        .into_iter()
        .filter_map(|group| around(&group))
        .collect()
}

/// Returns true if two boxes cover each other in part and lie on one line.
fn is_one_line(a: &LineBox, b: &LineBox) -> bool {
    let (dx, dy) = (b.center.x - a.center.x, b.center.y - a.center.y);
    let along = (dx * a.along.x + dy * a.along.y).abs();
    let across = (dy * a.along.x - dx * a.along.y).abs();
    let low = a.height.min(b.height);
    let shared = (a.height + b.height) / 2.0 - across;
    shared.min(low) >= MIN_SHARED_HEIGHT * low && (a.width + b.width) / 2.0 - along > low / 2.0
}

/// The box around boxes of one line, along the longest of them.
fn around(group: &[LineBox]) -> Option<LineBox> {
    let longest = group.iter().max_by(|a, b| a.width.total_cmp(&b.width))?;
    if group.len() == 1 {
        return Some(*longest);
    }
    let corners: Vec<(i32, i32)> = group
        .iter()
        .flat_map(|line| line.quad().0)
        .map(|Point { x, y }| (x.round() as i32, y.round() as i32))
        .collect();
    rectangle_along(&corners, (longest.along.x, longest.along.y))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(left: f32, right: f32, y: f32) -> LineBox {
        let center = Point {
            x: (left + right) / 2.0,
            y,
        };
        LineBox::new(center, Point { x: 1.0, y: 0.0 }, right - left, 20.0).expect("sound")
    }

    #[test]
    fn tiles_cover_the_page_and_overlap() {
        for (width, height) in [(3300, 4700), (9000, 1200), (1000, 1000)] {
            let tiles = grid(width, height, 1500);
            assert_eq!((tiles[0].left, tiles[0].top), (0, 0));
            let last = tiles.last().expect("one");
            assert_eq!((last.right, last.bottom), (width, height));
            for pair in tiles.windows(2).filter(|pair| pair[0].top == pair[1].top) {
                assert!(pair[1].left < pair[0].right, "{pair:?}");
                assert!(pair[0].right - pair[0].left <= 1500);
            }
        }
    }

    #[test]
    fn a_line_that_three_tiles_have_found_is_one() {
        let found = vec![
            vec![line(100.0, 1000.0, 50.0), line(100.0, 700.0, 90.0)],
            vec![line(850.0, 1900.0, 51.0)],
            vec![line(1750.0, 2400.0, 50.0), line(1800.0, 2400.0, 90.0)],
        ];
        let merged = merge(found);
        assert_eq!(merged.len(), 3);
        let long = merged
            .iter()
            .find(|line| line.width > 2000.0)
            .expect("joined");
        assert!(
            (long.width - 2300.0).abs() < 3.0 && long.height < 25.0,
            "{long:?}"
        );
    }

    #[test]
    fn neighbors_of_one_tile_stay_apart() {
        let found = vec![vec![line(100.0, 500.0, 50.0), line(480.0, 900.0, 50.0)]];
        assert_eq!(merge(found).len(), 2);
    }
}
