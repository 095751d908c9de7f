//! Values of a page at single places, for pictures of lines that run in any direction.

use crate::image::{PageImage, luma::INK_LUMA};

/// The RGB values between the middles of pixels, by linear interpolation: (0, 0) is the middle of
/// the first pixel; outside of the page those of its nearest edge.
#[inline]
pub(crate) fn bilinear(image: &PageImage, x: f32, y: f32) -> [f32; 3] {
    let x = x.clamp(0.0, image.width as f32 - 1.0);
    let y = y.clamp(0.0, image.height as f32 - 1.0);
    let (x0, y0) = (x as usize, y as usize);
    let x1 = (x0 + 1).min(image.width as usize - 1);
    let y1 = (y0 + 1).min(image.height as usize - 1);
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let row = image.width as usize * 3;
    let pixel = |px: usize, py: usize| {
        let at = py * row + px * 3;
        let p = &image.rgb[at..at + 3];
        [f32::from(p[0]), f32::from(p[1]), f32::from(p[2])]
    };
    let (p00, p10, p01, p11) = (pixel(x0, y0), pixel(x1, y0), pixel(x0, y1), pixel(x1, y1));
    let channel = |c: usize| {
        let top = p00[c] + (p10[c] - p00[c]) * fx;
        let bottom = p01[c] + (p11[c] - p01[c]) * fx;
        top + (bottom - top) * fy
    };
    [channel(0), channel(1), channel(2)]
}

/// The luma of the pixel in which a place lies: (0, 0) is the page's corner; outside of the page
/// white.
#[inline]
pub(crate) fn nearest_luma(image: &PageImage, x: f32, y: f32) -> u8 {
    let (width, height) = (image.width as usize, image.height as usize);
    // A cast of a number below 0 gives 0, so those are told first.
    if x < 0.0 || y < 0.0 || x as usize >= width || y as usize >= height {
        return u8::MAX;
    }
    let at = (y as usize * width + x as usize) * 3;
    image
        .rgb
        .get(at..at + 3)
        .map_or(u8::MAX, |pixel| INK_LUMA.of(pixel))
}
