//! The recognizer's input: a line cut out by perspective, 48 pixels high, normalized.

use super::{
    runtime::InputTensor,
    tuning::recognizer::{
        LINE_HEIGHT_PX, MAX_SAMPLES, MAX_WIDTH_PX, MIN_WIDTH_PX, SQUEEZE, WIDTH_STEP_PX,
    },
};
use crate::{
    image::{PageImage, resample::sample::bilinear},
    page::{Point, Quad},
};

/// A line's picture as the recognizer takes it.
pub(super) struct LineInput {
    /// The picture.
    pub(super) tensor: InputTensor,
    /// The columns of it that show the line, in pixels; the rest is padding.
    pub(super) content_px: usize,
}

/// Cuts the line with these corners (clockwise from the text's top left) out of `image`, scales it
/// to [`LINE_HEIGHT_PX`] and normalizes it to −1…1; the rest of the width is 0.
pub(super) fn line_input(image: &PageImage, quad: &Quad) -> LineInput {
    let [a, b, c, d] = quad.0;
    let side = |p: Point, q: Point| (q.x - p.x).hypot(q.y - p.y);
    let source_width = side(a, b).max(side(d, c)).max(1.0);
    let source_height = side(a, d).max(side(b, c)).max(1.0);
    let ratio = SQUEEZE * source_width / source_height;
    let content = ((LINE_HEIGHT_PX as f32 * ratio).ceil() as usize).clamp(1, MAX_WIDTH_PX);
    let width = content.max(MIN_WIDTH_PX).next_multiple_of(WIDTH_STEP_PX);
    let transform = PerspectiveTransform::to_quad(quad, content as f32, LINE_HEIGHT_PX as f32);
    // Samples a pixel and side, so that no source pixel is passed over if the line shrinks.
    let shrink = source_height / LINE_HEIGHT_PX as f32;
    let samples = (shrink.round() as usize).clamp(1, MAX_SAMPLES);
    let mut planes = vec![0.0f32; 3 * LINE_HEIGHT_PX * width];
    let plane = LINE_HEIGHT_PX * width;
    for y in 0..LINE_HEIGHT_PX {
        for x in 0..content {
            let [red, green, blue] = average(image, &transform, x, y, samples);
            let at = y * width + x;
            planes[at] = red * (2.0 / 255.0) - 1.0;
            planes[plane + at] = green * (2.0 / 255.0) - 1.0;
            planes[2 * plane + at] = blue * (2.0 / 255.0) - 1.0;
        }
    }
    let tensor = InputTensor {
        channels: 3,
        height: LINE_HEIGHT_PX,
        width,
        values: planes,
    };
    LineInput {
        tensor,
        content_px: content,
    }
}

/// Mean of `samples` × `samples` points spread over the target pixel (`x`, `y`).
fn average(
    image: &PageImage,
    to: &PerspectiveTransform,
    x: usize,
    y: usize,
    samples: usize,
) -> [f32; 3] {
    let step = 1.0 / samples as f32;
    let (mut red, mut green, mut blue) = (0.0f32, 0.0f32, 0.0f32);
    for sy in 0..samples {
        for sx in 0..samples {
            let tx = x as f32 + (sx as f32 + 0.5) * step;
            let ty = y as f32 + (sy as f32 + 0.5) * step;
            let (px, py) = to.apply(tx, ty);
            let value = bilinear(image, px - 0.5, py - 0.5);
            red += value[0];
            green += value[1];
            blue += value[2];
        }
    }
    [red * step * step, green * step * step, blue * step * step]
}

/// A projective map of the plane.
pub(super) struct PerspectiveTransform([f32; 8]);

impl PerspectiveTransform {
    /// The map that takes the corners of a rectangle of `width` × `height` to those of `quad`
    /// (Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, section 2.2.3).
    pub(super) fn to_quad(quad: &Quad, width: f32, height: f32) -> Self {
        let [p0, p1, p2, p3] = quad.0;
        let (sx, sy) = (p0.x - p1.x + p2.x - p3.x, p0.y - p1.y + p2.y - p3.y);
        let (dx1, dy1) = (p1.x - p2.x, p1.y - p2.y);
        let (dx2, dy2) = (p3.x - p2.x, p3.y - p2.y);
        let area = dx1 * dy2 - dx2 * dy1;
        let (g, h) = if area == 0.0 {
            (0.0, 0.0)
        } else {
            ((sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area)
        };
        Self([
            (p1.x - p0.x + g * p1.x) / width,
            (p3.x - p0.x + h * p3.x) / height,
            p0.x,
            (p1.y - p0.y + g * p1.y) / width,
            (p3.y - p0.y + h * p3.y) / height,
            p0.y,
            g / width,
            h / height,
        ])
    }

    /// The place of a point of the rectangle.
    pub(super) fn apply(&self, x: f32, y: f32) -> (f32, f32) {
        let [a, b, c, d, e, f, g, h] = self.0;
        let w = g * x + h * y + 1.0;
        ((a * x + b * y + c) / w, (d * x + e * y + f) / w)
    }
}
