//! The detector: a page to the boxes of its lines.
//!
//! Post-processing follows "Real-time Scene Text Detection with Differentiable Binarization" (Liao et
//! al., 2020): the network's map marks the shrunken core of each line; cores become rectangles, weak
//! ones go, and the rest are grown back to the line's full extent.

use std::cmp::Ordering;

use rten_imageproc::{RetrievalMode, find_contours};
use rten_tensor::{NdTensor, NdTensorView, prelude::*};

use super::{
    geometry::{LineBox, smallest_rectangle},
    resample::{detector_input, detector_size},
    weights::{Lane, Network},
};
use crate::image::PageImage;

/// The map's value from which a pixel belongs to a line (the model's configuration, `thresh`).
const PIXEL_THRESHOLD: f32 = 0.3;
/// Mean of the map from which a box counts (the model's configuration, `box_thresh`).
const BOX_THRESHOLD: f32 = 0.5;
/// How far a core is grown, times its area over its perimeter (the model's configuration).
const GROW_RATIO: f32 = 1.6;
/// Cores thinner than this many pixels of the map are specks.
const MIN_CORE: f32 = 3.0;
/// Most boxes of a page, against maps that are all specks.
const MAX_BOXES: usize = 5000;

/// Finds the lines of `image`, in its own pixels, from top to bottom.
pub(super) fn detect(
    network: &Network,
    lane: &Lane,
    image: &PageImage,
    pixels: u32,
) -> Result<Vec<LineBox>, String> {
    let (width, height) = detector_size(image.width, image.height, pixels);
    let input = detector_input(image, width, height);
    let map: NdTensor<f32, 4> = network.run(input.view(), lane)?;
    if map.shape() != [1, 1, height as usize, width as usize] {
        return Err(format!(
            "the detector gave a map of shape {:?}",
            map.shape()
        ));
    }
    let scale_x = image.width as f32 / width as f32;
    let scale_y = image.height as f32 / height as f32;
    let mut boxes: Vec<LineBox> = boxes_of_map(map.slice((0, 0)))
        .into_iter()
        .map(|b| b.scaled(scale_x, scale_y))
        .filter(|b| b.width > MIN_CORE && b.height > MIN_CORE)
        .collect();
    boxes.sort_by(from_top_to_bottom);
    Ok(boxes)
}

fn from_top_to_bottom(a: &LineBox, b: &LineBox) -> Ordering {
    let by_y = a.center.y.total_cmp(&b.center.y);
    by_y.then(a.center.x.total_cmp(&b.center.x))
}

/// The lines on a detector's map, in its pixels.
fn boxes_of_map(map: NdTensorView<f32, 2>) -> Vec<LineBox> {
    let mask = mask_of_map(&map);
    find_contours(mask.view(), RetrievalMode::List)
        .iter()
        .filter_map(|contour| smallest_rectangle(contour.iter().map(|p| (p.x, p.y)).collect()))
        .filter(|core| core.width.min(core.height) >= MIN_CORE)
        .filter(|core| mean_inside(&map, core) >= BOX_THRESHOLD)
        .map(|core| {
            let distance =
                GROW_RATIO * core.width * core.height / (2.0 * (core.width + core.height));
            core.grown(distance)
        })
        .take(MAX_BOXES)
        .collect()
}

/// The pixels of lines, each grown by one to the right and below: bridges gaps of one pixel.
fn mask_of_map(map: &NdTensorView<f32, 2>) -> NdTensor<bool, 2> {
    let [height, width] = map.shape();
    let mut mask = vec![false; width * height];
    for y in 0..height {
        for x in 0..width {
            if map[[y, x]] > PIXEL_THRESHOLD {
                for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    if y + dy < height && x + dx < width {
                        mask[(y + dy) * width + x + dx] = true;
                    }
                }
            }
        }
    }
    NdTensor::from_data([height, width], mask)
}

/// Mean of the map over the pixels whose middle lies in `core`.
fn mean_inside(map: &NdTensorView<f32, 2>, core: &LineBox) -> f32 {
    let [height, width] = map.shape();
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
            sum += f64::from(map[[y, x]]);
            count += 1;
        }
    }
    if count == 0 {
        0.0
    } else {
        (sum / f64::from(count)) as f32
    }
}
