//! A line's image as a second reader takes it: upright, gray, at the page's resolution, with paper around it.

use super::super::{
    crop::PerspectiveTransform,
    tuning::fallback::{MARGIN_SHARE, MAX_SIDE_PX, MIN_SIDE_PX},
};
use crate::{
    image::{PageImage, histogram::LumaHistogram, resample::sample::bilinear},
    page::Quad,
};

/// The image of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineImage {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Resolution in dots per inch.
    pub dpi: u32,
    /// Luma of each pixel, row by row.
    pub gray: Vec<u8>,
}

impl LineImage {
    /// Cuts the line with these corners, clockwise from the text's top left, out of `image`; `None` if it is too small
    /// for letters.
    pub(super) fn cut(image: &PageImage, quad: &Quad) -> Option<Self> {
        let [a, b, c, d] = quad.0;
        let side = |p: crate::page::Point, q: crate::page::Point| (q.x - p.x).hypot(q.y - p.y);
        let (width, height) = (side(a, b).max(side(d, c)), side(a, d).max(side(b, c)));
        if width.min(height) < MIN_SIDE_PX || !width.is_finite() || !height.is_finite() {
            return None;
        }
        let inner_width = (width.min(MAX_SIDE_PX)).round() as usize;
        let inner_height = (height.min(MAX_SIDE_PX)).round() as usize;
        let transform =
            PerspectiveTransform::to_quad(quad, inner_width as f32, inner_height as f32);
        let mut inner = Vec::with_capacity(inner_width * inner_height);
        for y in 0..inner_height {
            for x in 0..inner_width {
                let (px, py) = transform.apply(x as f32 + 0.5, y as f32 + 0.5);
                let [red, green, blue] = bilinear(image, px - 0.5, py - 0.5);
                // The weights of Rec. 601.
                inner.push((0.299 * red + 0.587 * green + 0.114 * blue).round() as u8);
            }
        }
        // Most of a line is paper.
        let paper = LumaHistogram::<256>::of(inner.iter().copied()).median()?;
        let margin = ((inner_height as f32 * MARGIN_SHARE).ceil() as usize).max(1);
        let full_width = inner_width + 2 * margin;
        let full_height = inner_height + 2 * margin;
        let mut gray = vec![paper; full_width * full_height];
        for (y, row) in inner.chunks_exact(inner_width).enumerate() {
            let at = (y + margin) * full_width + margin;
            gray[at..at + inner_width].copy_from_slice(row);
        }
        Some(Self {
            width: u32::try_from(full_width).ok()?,
            height: u32::try_from(full_height).ok()?,
            dpi: image.dpi.round().clamp(1.0, 10_000.0) as u32,
            gray,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Rect;

    #[test]
    fn a_line_lies_within_its_paper() {
        let (width, height) = (100u32, 60u32);
        let is_ink = |x: u32, y: u32| (30..40).contains(&x) && (20..30).contains(&y);
        let rgb = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| [if is_ink(x, y) { 0u8 } else { 200 }; 3])
            .collect();
        let page = PageImage {
            width,
            height,
            dpi: 200.0,
            rgb,
        };
        let bounds = Rect {
            left: 20.0,
            top: 10.0,
            right: 60.0,
            bottom: 40.0,
        };
        let line = LineImage::cut(&page, &bounds.into()).unwrap();
        let margin = (line.width - 40) / 2;
        assert_eq!((line.height - 30) / 2, margin);
        assert_eq!(line.gray.len() as u32, line.width * line.height);
        let at = |x: u32, y: u32| line.gray[((y + margin) * line.width + x + margin) as usize];
        assert_eq!(
            (at(10, 10), at(19, 19), at(9, 10), at(20, 10)),
            (0, 0, 200, 200)
        );
        assert_eq!(line.gray[0], 200);
    }

    #[test]
    fn a_speck_is_no_line() {
        let page = PageImage {
            width: 10,
            height: 10,
            dpi: 200.0,
            rgb: vec![0; 300],
        };
        assert_eq!(LineImage::cut(&page, &Quad::default()), None);
    }
}
