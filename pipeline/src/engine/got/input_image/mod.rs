//! Input image of the model, made from a page.

use super::{
    plan::{RowPatch, StackedRows},
    tile_grid::TileGrid,
};
use crate::image::{
    PageImage, histogram::LumaHistogram, luma::PATCH_LUMA, resample::bicubic::bicubic,
    skew::skew_offset,
};

/// Luma, 0 to 255, below which a background counts as dark and its text is inverted. Set by hand,
/// well below the grays that dark text is printed on.
const DARK_BACKGROUND_LUMA: u8 = 96;

/// An image of the model's input size: RGB, 8 bits a channel, rows without padding.
#[derive(Clone, Debug, PartialEq)]
pub struct InputImage {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

impl InputImage {
    /// The whole page scaled to `size`, aspect ratio not kept. White if the page's buffer is too
    /// short.
    pub fn whole_page(page: &PageImage, size: (u32, u32)) -> Self {
        Self {
            width: size.0,
            height: size.1,
            rgb: bicubic(page, size.0, size.1),
        }
    }

    /// A stack of text rows on a white image of `size`, in gray. The background of each patch is
    /// made white, because patches come from different places of the page. Patches outside the page
    /// stay white.
    pub(super) fn of_rows(page: &PageImage, size: (u32, u32), stack: &StackedRows) -> Self {
        let stride = size.0 as usize * 3;
        let mut rgb = vec![255; stride * size.1 as usize];
        for patch in stack.rows.iter().flat_map(|row| &row.patches) {
            let pixels = |side: u32, at: u32, most: u32| {
                ((side as f32 * patch.scale).round() as u32)
                    .clamp(1, most.saturating_sub(at).max(1))
            };
            let width = pixels(patch.width, patch.x, size.0);
            let height = pixels(patch.height, patch.y, size.1);
            let scaled = bicubic(&crop(page, stack.slope, patch), width, height);
            let background = background(&scaled);
            let (from, to) = (patch.x as usize * 3, (patch.x + width) as usize * 3);
            let rows = rgb.chunks_exact_mut(stride.max(1)).skip(patch.y as usize);
            for (row, scaled) in rows.zip(scaled.chunks_exact(width as usize * 3)) {
                let place = row.get_mut(from..to).unwrap_or_default();
                for (pixel, scaled) in place.chunks_exact_mut(3).zip(scaled.chunks_exact(3)) {
                    pixel.fill(on_white(PATCH_LUMA.of(scaled), background));
                }
            }
        }
        Self {
            width: size.0,
            height: size.1,
            rgb,
        }
    }

    /// The page cut by `grid` into tiles of `size`, row by row. If there are several, the whole
    /// page comes last (`crop_image_to_patches` of the reference).
    pub fn tiles(page: &PageImage, size: (u32, u32), grid: TileGrid) -> Vec<Self> {
        let (width, height) = (size.0 as usize, size.1 as usize);
        let canvas = bicubic(page, size.0 * grid.columns, size.1 * grid.rows);
        let stride = width * 3;
        let mut tiles: Vec<Self> = Vec::new();
        for band in canvas.chunks_exact((stride * grid.columns as usize * height).max(1)) {
            for column in 0..grid.columns as usize {
                let rows = band.chunks_exact(stride * grid.columns as usize);
                let cut = rows.flat_map(|row| &row[column * stride..(column + 1) * stride]);
                tiles.push(Self {
                    width: size.0,
                    height: size.1,
                    rgb: cut.copied().collect(),
                });
            }
        }
        if tiles.len() > 1 {
            tiles.push(Self::whole_page(page, size));
        }
        tiles
    }
}

/// The pixels of a patch of the deskewed page; empty if it does not lie within `page`.
fn crop(page: &PageImage, slope: f32, patch: &RowPatch) -> PageImage {
    let (left, top) = (patch.left as usize, patch.top as usize);
    let (width, height) = (patch.width as usize, patch.height as usize);
    let (stride, high) = (page.width as usize * 3, page.height as usize);
    let whole = page.rgb.len() >= stride * high;
    let is_inside = whole && left + width <= page.width as usize && top + height <= high;
    let mut rgb = Vec::new();
    if is_inside {
        rgb = vec![255; width * height * 3];
        for x in 0..width {
            let down = skew_offset(slope, (left + x) as f32, page.width as usize);
            for y in 0..height {
                let row = (top + y).saturating_add_signed(down).min(high - 1);
                let from = row * stride + (left + x) * 3;
                rgb[(y * width + x) * 3..][..3].copy_from_slice(&page.rgb[from..from + 3]);
            }
        }
    }
    PageImage {
        width: patch.width,
        height: patch.height,
        dpi: page.dpi,
        rgb,
    }
}

/// Luma of the background of an RGB image: the median, as text covers less than half of it.
fn background(rgb: &[u8]) -> u8 {
    let luma = rgb.chunks_exact(3).map(|pixel| PATCH_LUMA.of(pixel));
    LumaHistogram::<256>::of(luma).median().unwrap_or(255)
}

/// `luma` as it would be on a white background. Light text on a dark background is inverted.
fn on_white(luma: u8, background: u8) -> u8 {
    let (luma, background) = match background < DARK_BACKGROUND_LUMA {
        true => (255 - luma, 255 - background),
        false => (luma, background),
    };
    (u32::from(luma) * 255 / u32::from(background.max(1))).min(255) as u8
}

#[cfg(test)]
mod tests;
