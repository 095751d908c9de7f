//! The detector: a page to the boxes of its lines.
//!
//! Post-processing follows "Real-time Scene Text Detection with Differentiable Binarization" (Liao
//! et al., 2020): the network's map marks the shrunken core of each line; cores become rectangles,
//! weak ones go, and the rest are grown back to the line's full extent.

use std::cmp::Ordering;

use super::{
    detector_input::{detector_input, detector_size},
    geometry::{LineBox, convex_hull, rectangle_along, smallest_rectangle},
    orientation::skew_deg,
    runtime::OnnxNetwork,
    tiles::{merge, tiles},
    tuning::detector::{BOX_THRESHOLD, GROW_RATIO, MAX_BOXES, MIN_CORE_PX, PIXEL_THRESHOLD},
};
use crate::image::{
    PageImage,
    binary::BinaryImage,
    components::{PixelRun, components},
};

/// Finds the lines of `image`, in its own pixels, from top to bottom.
pub(super) fn detect(
    network: &mut OnnxNetwork,
    image: &PageImage,
    pixels: u32,
) -> Result<Vec<LineBox>, String> {
    let tiles = tiles(image, pixels);
    let mut boxes = if tiles.is_empty() {
        detect_whole(network, image, pixels)?
    } else {
        let mut found = Vec::with_capacity(tiles.len());
        for tile in tiles {
            let part = image.cropped(tile.left, tile.top, tile.right, tile.bottom);
            let boxes = detect_whole(network, &part, pixels)?;
            let on_page = |line: LineBox| line.moved(tile.left as f32, tile.top as f32);
            found.push(boxes.into_iter().map(on_page).collect());
        }
        merge(found)
    };
    boxes.sort_by(from_top_to_bottom);
    Ok(boxes)
}

/// Finds the lines of an image that the detector sees at once.
fn detect_whole(
    network: &mut OnnxNetwork,
    image: &PageImage,
    pixels: u32,
) -> Result<Vec<LineBox>, String> {
    let (width, height) = detector_size(image.width, image.height, pixels);
    let input = detector_input(image, width, height);
    let boxes = network.run(&input, |shape, values| {
        if shape != [1, 1, height as usize, width as usize] {
            return Err(format!("the detector gave a map of shape {shape:?}"));
        }
        Ok(boxes_of_map(&ProbabilityMap {
            width: width as usize,
            values,
        }))
    })?;
    let scale_x = image.width as f32 / width as f32;
    let scale_y = image.height as f32 / height as f32;
    Ok(boxes
        .into_iter()
        .map(|b| b.scaled(scale_x, scale_y))
        .filter(|b| b.width > MIN_CORE_PX && b.height > MIN_CORE_PX)
        .collect())
}

fn from_top_to_bottom(a: &LineBox, b: &LineBox) -> Ordering {
    let by_y = a.center.y.total_cmp(&b.center.y);
    by_y.then(a.center.x.total_cmp(&b.center.x))
}

/// The detector's probability of each pixel, 0 to 1, row by row.
struct ProbabilityMap<'a> {
    width: usize,
    values: &'a [f32],
}

/// The lines on a detector's map, in its pixels.
fn boxes_of_map(map: &ProbabilityMap<'_>) -> Vec<LineBox> {
    let hulls: Vec<Vec<(i32, i32)>> = components(&mask_of_map(map))
        .iter()
        .take(MAX_BOXES)
        .map(|runs| convex_hull(ends(runs)))
        .collect();
    let cores: Vec<(LineBox, &[(i32, i32)])> = hulls
        .iter()
        .filter_map(|hull| Some((smallest_rectangle(hull)?, hull.as_slice())))
        .filter(|(core, _)| core.width.min(core.height) >= MIN_CORE_PX)
        .filter(|(core, _)| mean_inside(map, core) >= BOX_THRESHOLD)
        .collect();
    let all: Vec<LineBox> = cores.iter().map(|(core, _)| *core).collect();
    let (sin, cos) = skew_deg(&all).to_radians().sin_cos();
    cores
        .into_iter()
        .filter_map(|(core, hull)| {
            if core.is_short() {
                rectangle_along(hull, (cos, sin))
            } else {
                Some(core)
            }
        })
        .map(|core| {
            let around = 2.0 * (core.width + core.height);
            core.grown(GROW_RATIO * core.width * core.height / around)
        })
        .collect()
}

/// The first and the last pixel (x, y) of each run: all that a convex hull needs.
fn ends(runs: &[PixelRun]) -> Vec<(i32, i32)> {
    let ends = |run: &PixelRun| [run.first, run.last].map(|x| (x as i32, run.y as i32));
    runs.iter().flat_map(ends).collect()
}

/// The pixels of lines, each grown by one to the right and below: bridges gaps of one pixel.
fn mask_of_map(map: &ProbabilityMap<'_>) -> BinaryImage {
    let width = map.width;
    let mut pixels = vec![0; map.values.len()];
    for (at, _) in map
        .values
        .iter()
        .enumerate()
        .filter(|(_, value)| **value > PIXEL_THRESHOLD)
    {
        let right = usize::from(at % width + 1 < width);
        for at in [at, at + right, at + width, at + width + right] {
            if let Some(pixel) = pixels.get_mut(at) {
                *pixel = 1;
            }
        }
    }
    BinaryImage { pixels, width }
}

/// Mean of the map over the pixels whose middle lies in `core`.
fn mean_inside(map: &ProbabilityMap<'_>, core: &LineBox) -> f32 {
    let (width, height) = (map.width, map.values.len() / map.width.max(1));
    let bounds = core.quad().bounds();
    let top = bounds.top.ceil().max(0.0) as usize;
    let bottom = (bounds.bottom.floor().max(0.0) as usize).min(height.saturating_sub(1));
    let (mut sum, mut count) = (0.0f64, 0u32);
    for y in top..=bottom {
        let Some((left, right)) = core.row_span(y as f32) else {
            continue;
        };
        let left = left.ceil().max(0.0) as usize;
        let right = (right.floor().max(0.0) as usize).min(width.saturating_sub(1));
        for x in left..=right {
            sum += f64::from(map.values[y * width + x]);
            count += 1;
        }
    }
    if count == 0 {
        0.0
    } else {
        (sum / f64::from(count)) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 300;

    fn map(marks: &[(usize, usize, usize, usize, f32)]) -> Vec<f32> {
        let mut map = vec![0.0; 100 * WIDTH];
        for &(left, top, width, height, value) in marks {
            for y in top..top + height {
                map[y * WIDTH + left..][..width].fill(value);
            }
        }
        map
    }

    fn boxes(map: &[f32]) -> Vec<LineBox> {
        boxes_of_map(&ProbabilityMap {
            width: WIDTH,
            values: map,
        })
    }

    #[test]
    fn cores_become_boxes_that_hold_the_whole_line() {
        let boxes = boxes(&map(&[(20, 30, 200, 8, 0.9)]));
        assert_eq!(boxes.len(), 1);
        let bounds = boxes[0].quad().bounds();
        // A core of 200 by 8 (and the pixel by which the mask grows) gains 1.6 times its area over
        // its perimeter on each side: about 6.
        assert!(
            (bounds.left - 14.0).abs() < 2.0 && (bounds.right - 226.0).abs() < 2.0,
            "{bounds:?}"
        );
        assert!(
            (bounds.top - 24.0).abs() < 2.0 && (bounds.bottom - 44.0).abs() < 2.0,
            "{bounds:?}"
        );
    }

    #[test]
    fn specks_and_weak_marks_are_no_lines() {
        let marks = [(10, 10, 2, 1, 1.0), (50, 50, 120, 10, 0.35)];
        assert!(boxes(&map(&marks)).is_empty());
    }

    #[test]
    fn lines_that_touch_the_edge_count() {
        assert_eq!(
            boxes(&map(&[(0, 0, 300, 9, 0.9), (290, 80, 10, 20, 0.9)])).len(),
            2
        );
    }

    #[test]
    fn short_marks_take_the_angle_of_the_long_lines() {
        // A long line that falls by 3 degrees, and a diagonal blot that has an angle of its own.
        let mut map = map(&[]);
        for x in 10..250 {
            for y in 0..8 {
                map[(10 + y + (x as f32 * 0.0524) as usize) * WIDTH + x] = 0.9;
            }
        }
        for i in 0..10 {
            for x in 0..14 {
                map[(60 + i + x / 2) * WIDTH + 40 + x + i / 2] = 0.9;
            }
        }
        let boxes = boxes(&map);
        assert_eq!(boxes.len(), 2);
        for b in boxes {
            assert!((b.angle_deg() - 3.0).abs() < 0.5, "{b:?}");
        }
    }
}
