//! Decoding: what a layout network gives to boxes with a class and a score.

use crate::{
    engine::ppocr::{
        runtime::OutputTensor,
        tuning::layout_model::{DOUBLE_SHARE, FIRST_STRIDE, MAX_REGIONS, SCORE},
    },
    page::Rect,
};

/// Sides of a network's input, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InputSize {
    pub(super) width: usize,
    pub(super) height: usize,
}

/// A region in pixels of the network's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DetectedRegion {
    pub(super) class: usize,
    pub(super) score: f32,
    pub(super) rect: Rect,
}

/// The regions that PicoDet's heads mark: first the scores of all strides, (1, cells, classes), then the distributions of
/// the distances, (1, cells, 4 × bins). A cell's box is its middle with the mean of each distribution, in strides, to the
/// left, above, to the right and below ("Generalized Focal Loss", Li et al., 2020).
pub(super) fn picodet(
    tensors: &[OutputTensor<'_>],
    size: InputSize,
    classes: usize,
) -> Result<Vec<DetectedRegion>, String> {
    let (scores, distances) = tensors.split_at(tensors.len() / 2);
    if scores.is_empty() || scores.len() != distances.len() {
        let count = tensors.len();
        return Err(format!(
            "it gave {count} outputs, and PicoDet's heads give two for each stride"
        ));
    }
    let mut found = Vec::new();
    for (level, (scores, distances)) in scores.iter().zip(distances).enumerate() {
        let stride = FIRST_STRIDE << level;
        let across = size.width.div_ceil(stride);
        let cells = across * size.height.div_ceil(stride);
        let bins = match (scores.shape.as_slice(), distances.shape.as_slice()) {
            ([1, a, b], [1, c, d]) if (*a, *b, *c) == (cells, classes, cells) && d % 4 == 0 => {
                d / 4
            }
            (a, b) => {
                return Err(format!(
                    "at stride {stride} it gave outputs of the shapes {a:?} and {b:?}"
                ));
            }
        };
        let cells = scores.values.chunks_exact(classes);
        let sides = distances.values.chunks_exact((4 * bins).max(1));
        for (cell, (scores, sides)) in cells.zip(sides).enumerate() {
            if !scores.iter().any(|score| *score >= SCORE) {
                continue;
            }
            let middle = |at: usize| (at as f32 + 0.5) * stride as f32;
            let (x, y) = (middle(cell % across), middle(cell / across));
            let distance = |side: usize| stride as f32 * mean_bin(&sides[side * bins..][..bins]);
            let rect = Rect {
                left: (x - distance(0)).max(0.0),
                top: (y - distance(1)).max(0.0),
                right: (x + distance(2)).min(size.width as f32),
                bottom: (y + distance(3)).min(size.height as f32),
            };
            let of_class = |(class, score): (usize, &f32)| DetectedRegion {
                class,
                score: *score,
                rect,
            };
            let sure = scores
                .iter()
                .enumerate()
                .filter(|(_, score)| **score >= SCORE);
            found.extend(sure.map(of_class));
        }
    }
    Ok(found)
}

/// The mean of a distribution over the bins 0, 1, 2, … given as logits.
fn mean_bin(logits: &[f32]) -> f32 {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (bin, logit) in logits.iter().enumerate() {
        let weight = (logit - most).exp();
        sum += weight;
        weighted += weight * bin as f32;
    }
    weighted / sum
}

/// The regions of a detector that gives rows of class, score, left, top, right, bottom in pixels of its input.
pub(super) fn boxes(tensors: &[OutputTensor<'_>]) -> Result<Vec<DetectedRegion>, String> {
    let is_rows = |tensor: &&OutputTensor<'_>| matches!(tensor.shape.as_slice(), [.., 6]);
    let rows = tensors.iter().find(is_rows).ok_or_else(|| {
        let shapes: Vec<&[usize]> = tensors.iter().map(|t| t.shape.as_slice()).collect();
        format!("none of its outputs has rows of six numbers: {shapes:?}")
    })?;
    let region = |row: &[f32]| {
        let &[class, score, left, top, right, bottom] = row else {
            return None;
        };
        // Rows without a region have the class -1.
        (class >= 0.0 && (SCORE..=1.0).contains(&score)).then_some(DetectedRegion {
            class: class as usize,
            score,
            rect: Rect {
                left,
                top,
                right,
                bottom,
            },
        })
    };
    Ok(rows.values.chunks_exact(6).filter_map(region).collect())
}

/// The surest of the regions of each class that lie on one another, surest first; without those that are no boxes.
pub(super) fn without_doubles(mut found: Vec<DetectedRegion>) -> Vec<DetectedRegion> {
    found.retain(|region| {
        let rect = &region.rect;
        let sides = [rect.left, rect.top, rect.right, rect.bottom];
        sides.iter().all(|side| side.is_finite()) && area(rect) > 0.0 && region.score.is_finite()
    });
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<DetectedRegion> = Vec::new();
    for region in found {
        let is_double = |other: &DetectedRegion| {
            other.class == region.class && overlap(&other.rect, &region.rect) > DOUBLE_SHARE
        };
        if !kept.iter().any(is_double) {
            kept.push(region);
        }
        if kept.len() == MAX_REGIONS {
            break;
        }
    }
    kept
}

fn area(rect: &Rect) -> f32 {
    rect.width().max(0.0) * rect.height().max(0.0)
}

/// The area of what two boxes share, in pixels.
pub(super) fn shared(a: &Rect, b: &Rect) -> f32 {
    let across = a.right.min(b.right) - a.left.max(b.left);
    let down = a.bottom.min(b.bottom) - a.top.max(b.top);
    across.max(0.0) * down.max(0.0)
}

/// The share of two boxes together that is in both.
fn overlap(a: &Rect, b: &Rect) -> f32 {
    let both = shared(a, b);
    both / (area(a) + area(b) - both)
}
