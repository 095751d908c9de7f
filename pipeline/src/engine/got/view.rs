//! [`InputImage`]: a picture of the model's size, and how a page becomes one.
//!
//! The model was trained on pages that Pillow had scaled, so scaling follows its 8-bit bicubic filter to the
//! bit (`Resample.c` of Pillow 13): the filter is stretched by the scale where a side shrinks, weights are
//! rounded to fixed point, and rows are scaled across, rounded to 8 bits, and then down.

use super::{
    plan::{RowPatch, StackedRows, down},
    tiles::TileGrid,
};
use crate::image::PageImage;

/// Bits after the point of a weight: 8 of 32 hold the value, 2 what the filter's overshoot takes.
const PRECISION_BITS: u32 = 32 - 8 - 2;
/// What rounds a sum to the nearest value.
const HALF: i32 = 1 << (PRECISION_BITS - 1);
/// Half the filter's width, in source pixels at scale 1.
const SUPPORT: f64 = 2.0;
/// Columns whose sums are kept in registers while rows are added up.
const LANES: usize = 32;
/// Rows that are scaled across together.
const ROWS: usize = 8;

/// A picture of the model's input size: RGB, 8 bits a channel, rows without padding.
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
    /// The whole page in one view of `size`, its shape not kept. White where the page has fewer pixels than its
    /// size says.
    pub fn whole(page: &PageImage, size: (u32, u32)) -> Self {
        Self {
            width: size.0,
            height: size.1,
            rgb: resize(page, size.0, size.1),
        }
    }

    /// A section's rows on a white view of `size`, in grey, each patch's paper made white, as they come from different
    /// places of the page. White where the page has fewer pixels than its size says, or a patch lies outside.
    pub(super) fn section(page: &PageImage, size: (u32, u32), section: &StackedRows) -> Self {
        let stride = size.0 as usize * 3;
        let mut rgb = vec![255; stride * size.1 as usize];
        for patch in section.rows.iter().flat_map(|row| &row.patches) {
            let pixels = |side: u32, at: u32, most: u32| {
                ((side as f32 * patch.scale).round() as u32)
                    .clamp(1, most.saturating_sub(at).max(1))
            };
            let width = pixels(patch.width, patch.x, size.0);
            let height = pixels(patch.height, patch.y, size.1);
            let scaled = resize(&cropped(page, section.slope, patch), width, height);
            let paper = paper(&scaled);
            let (from, to) = (patch.x as usize * 3, (patch.x + width) as usize * 3);
            let rows = rgb.chunks_exact_mut(stride.max(1)).skip(patch.y as usize);
            for (row, scaled) in rows.zip(scaled.chunks_exact(width as usize * 3)) {
                let place = row.get_mut(from..to).unwrap_or_default();
                for (pixel, scaled) in place.chunks_exact_mut(3).zip(scaled.chunks_exact(3)) {
                    pixel.fill(levelled(grey(scaled), paper));
                }
            }
        }
        Self {
            width: size.0,
            height: size.1,
            rgb,
        }
    }

    /// The page cut by `grid` into views of `size`, row by row; with more than one tile, a view of the whole
    /// page comes last (`crop_image_to_patches` of the reference).
    pub fn tiles(page: &PageImage, size: (u32, u32), grid: TileGrid) -> Vec<Self> {
        let (width, height) = (size.0 as usize, size.1 as usize);
        let canvas = resize(page, size.0 * grid.columns, size.1 * grid.rows);
        let stride = width * 3;
        let mut views: Vec<Self> = Vec::new();
        for band in canvas.chunks_exact((stride * grid.columns as usize * height).max(1)) {
            for column in 0..grid.columns as usize {
                let rows = band.chunks_exact(stride * grid.columns as usize);
                let cut = rows.flat_map(|row| &row[column * stride..(column + 1) * stride]);
                views.push(Self {
                    width: size.0,
                    height: size.1,
                    rgb: cut.copied().collect(),
                });
            }
        }
        if views.len() > 1 {
            views.push(Self::whole(page, size));
        }
        views
    }
}

/// The pixels of a patch of the page whose lines are straightened; none where it does not lie within `page`.
fn cropped(page: &PageImage, slope: f32, patch: &RowPatch) -> PageImage {
    let (left, top) = (patch.left as usize, patch.top as usize);
    let (width, height) = (patch.width as usize, patch.height as usize);
    let (stride, high) = (page.width as usize * 3, page.height as usize);
    let whole = page.rgb.len() >= stride * high;
    let is_inside = whole && left + width <= page.width as usize && top + height <= high;
    let mut rgb = Vec::new();
    if is_inside {
        rgb = vec![255; width * height * 3];
        for x in 0..width {
            let down = down(slope, (left + x) as f32, page.width as usize);
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

/// Tone of a pixel.
fn grey(pixel: &[u8]) -> u8 {
    let sum = 2 * u32::from(pixel[0]) + 5 * u32::from(pixel[1]) + u32::from(pixel[2]);
    (sum / 8) as u8
}

/// Tone of the paper of an RGB picture, whatever is on it: its median.
fn paper(rgb: &[u8]) -> u8 {
    let mut tones: Vec<u8> = rgb.chunks_exact(3).map(grey).collect();
    let middle = tones.len() / 2;
    match tones.is_empty() {
        true => 255,
        false => *tones.select_nth_unstable(middle).1,
    }
}

/// `tone` on white paper: light letters on a dark ground turn dark.
fn levelled(tone: u8, paper: u8) -> u8 {
    let (tone, paper) = match paper < 96 {
        true => (255 - tone, 255 - paper),
        false => (tone, paper),
    };
    (u32::from(tone) * 255 / u32::from(paper.max(1))).min(255) as u8
}

/// `page` scaled to `width` × `height`, RGB, as Pillow's bicubic filter does it.
fn resize(page: &PageImage, width: u32, height: u32) -> Vec<u8> {
    let wanted = u64::from(page.width) * u64::from(page.height) * 3;
    if wanted == 0 || (page.rgb.len() as u64) < wanted {
        return vec![255; width as usize * height as usize * 3];
    }
    let pixels = &page.rgb[..wanted as usize];
    let across = FilterTaps::new(page.width, width);
    let down = FilterTaps::new(page.height, height);
    // Compiled for each of the vector units that a processor may have.
    pulp::Arch::new().dispatch(|| {
        if is_down_first((page.width, page.height), (width, height)) {
            let lower = scale_down(pixels, page.width, &down);
            return scale_across(&lower, page.width, &across);
        }
        let narrower = scale_across(pixels, page.width, &across);
        scale_down(&narrower, width, &down)
    })
}

/// Whether rows are added up before they are scaled across: since Pillow 13, where the height loses more than
/// twice as many pixels as the width. The order shows in the last bits, as values are rounded in between.
fn is_down_first(from: (u32, u32), to: (u32, u32)) -> bool {
    let across = i64::from(from.0) - i64::from(to.0);
    let down = i64::from(from.1) - i64::from(to.1);
    down > 0 && down > 2 * across
}

/// The source pixels that make each target pixel along one side, and their weights.
struct FilterTaps {
    /// First source pixel of each target pixel.
    first: Vec<usize>,
    /// Weights, as many for each target pixel as `ends` says, in fixed point.
    weights: Vec<i32>,
    /// Where each target pixel's weights end.
    ends: Vec<usize>,
    /// Whether every target pixel is the source pixel of the same number.
    identity: bool,
}

impl FilterTaps {
    /// Taps for scaling a side of `source` pixels to `target`, both at least 1.
    fn new(source: u32, target: u32) -> Self {
        let scale = f64::from(source) / f64::from(target);
        let stretch = scale.max(1.0);
        let (support, shrink) = (SUPPORT * stretch, 1.0 / stretch);
        let mut taps = Self {
            first: Vec::with_capacity(target as usize),
            weights: Vec::new(),
            ends: Vec::with_capacity(target as usize),
            identity: source == target,
        };
        let mut exact = Vec::new();
        for at in 0..target {
            let center = (f64::from(at) + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as u32;
            let end = ((center + support + 0.5) as u32).min(source);
            let weigh = |x: u32| bicubic((f64::from(x) - center + 0.5) * shrink);
            exact.clear();
            exact.extend((first..end).map(weigh));
            let sum: f64 = exact.iter().sum();
            taps.first.push(first as usize);
            taps.weights.extend(exact.iter().map(|w| fixed(w / sum)));
            taps.ends.push(taps.weights.len());
        }
        taps
    }

    /// First source pixel and weights of each target pixel.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(&self.ends);
        let weights = spans.map(|(start, &end)| &self.weights[start..end]);
        self.first.iter().copied().zip(weights)
    }
}

/// Keys' cubic with a = -0.5, written as Pillow writes it: other orders round otherwise.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// A weight in fixed point, halves away from zero.
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION_BITS);
    (scaled + 0.5f64.copysign(scaled)) as i32
}

/// A sum of weighted values, rounded and held to 8 bits.
#[inline(always)]
fn clip(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// Scales rows of `width` RGB pixels across.
#[inline(always)]
fn scale_across(pixels: &[u8], width: u32, taps: &FilterTaps) -> Vec<u8> {
    if taps.identity {
        return pixels.to_vec();
    }
    let stride = width as usize * 3;
    let target = taps.first.len() * 3;
    let mut scaled = vec![0; pixels.len() / stride * target];
    // Column by column what stands in it in so many rows: one weight serves them all.
    let mut columns = vec![[0i32; ROWS * 3]; width as usize];
    let bands = scaled.chunks_mut(target * ROWS);
    for (rows, out) in pixels.chunks(stride * ROWS).zip(bands) {
        for (y, row) in rows.chunks_exact(stride).enumerate() {
            for (column, pixel) in columns.iter_mut().zip(row.chunks_exact(3)) {
                column[y * 3] = pixel[0].into();
                column[y * 3 + 1] = pixel[1].into();
                column[y * 3 + 2] = pixel[2].into();
            }
        }
        for (x, (first, weights)) in taps.iter().enumerate() {
            let mut sums = [HALF; ROWS * 3];
            for (column, weight) in columns[first..].iter().zip(weights) {
                for (sum, value) in sums.iter_mut().zip(column) {
                    *sum += value * weight;
                }
            }
            let sums = sums.map(clip);
            for (row, pixel) in out.chunks_exact_mut(target).zip(sums.chunks_exact(3)) {
                row[x * 3..x * 3 + 3].copy_from_slice(pixel);
            }
        }
    }
    scaled
}

/// Scales rows of `width` RGB pixels down the page.
#[inline(always)]
fn scale_down(pixels: &[u8], width: u32, taps: &FilterTaps) -> Vec<u8> {
    if taps.identity {
        return pixels.to_vec();
    }
    let stride = width as usize * 3;
    let mut scaled = vec![0; taps.first.len() * stride];
    for ((first, weights), out) in taps.iter().zip(scaled.chunks_exact_mut(stride)) {
        let rows = &pixels[first * stride..(first + weights.len()) * stride];
        let (blocks, rest) = out.as_chunks_mut::<LANES>();
        let done = blocks.len() * LANES;
        for (block, out) in blocks.iter_mut().enumerate() {
            let mut sums = [HALF; LANES];
            for (row, weight) in rows.chunks_exact(stride).zip(weights) {
                add_row(&mut sums, &row[block * LANES..(block + 1) * LANES], *weight);
            }
            *out = sums.map(clip);
        }
        let mut sums = [HALF; LANES];
        for (row, weight) in rows.chunks_exact(stride).zip(weights) {
            add_row(&mut sums, &row[done..], *weight);
        }
        for (out, sum) in rest.iter_mut().zip(sums) {
            *out = clip(sum);
        }
    }
    scaled
}

/// Adds a row's values, weighted, to the sums of as many columns.
#[inline(always)]
fn add_row(sums: &mut [i32; LANES], row: &[u8], weight: i32) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += i32::from(*value) * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::got::plan::{RowStart, TextRow};

    /// A picture that a script can make too: the expected bytes below are Pillow 13.0's.
    fn picture(width: u32, height: u32) -> PageImage {
        let value = |x: u64, y: u64, channel: u64| {
            let n = x * 7_919 + y * 104_729 + channel * 1_299_709;
            ((n * n) >> 5) as u8
        };
        let mut rgb = Vec::new();
        for y in 0..u64::from(height) {
            for x in 0..u64::from(width) {
                rgb.extend((0..3).map(|channel| value(x, y, channel)));
            }
        }
        PageImage {
            width,
            height,
            dpi: 200.0,
            rgb,
        }
    }

    /// 64-bit FNV-1a.
    fn hash(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    #[test]
    fn the_references_pictures_become_its_views() {
        let reference = crate::engine::got::fixtures::ReferenceData::read();
        for set in reference.sets() {
            let pages = reference.pictures(set);
            let expected = reference.views(set);
            let size = (expected[0].width, expected[0].height);
            let views: Vec<InputImage> = match set {
                "tiles" => {
                    let page = &pages[0];
                    let grid =
                        crate::engine::got::tiles::grid((page.width, page.height), size, 1, 12);
                    InputImage::tiles(page, size, grid)
                }
                _ => pages
                    .iter()
                    .map(|page| InputImage::whole(page, size))
                    .collect(),
            };
            assert_eq!(views.len(), expected.len(), "{set}");
            for (view, expected) in views.iter().zip(&expected) {
                let pairs = view.rgb.iter().zip(&expected.rgb);
                let off = pairs.filter(|(a, b)| a != b).count();
                assert_eq!(off, 0, "{set}: {off} of {} bytes", view.rgb.len());
            }
        }
    }

    #[test]
    fn scales_as_pillow_does() {
        // Across first.
        let expected = [
            8, 22, 76, 85, 47, 43, 168, 102, 154, 109, 188, 141, 88, 147, 103, 20, 37, 76, 82, 30,
            30, 123, 140, 111, 97, 198, 68, 124, 97, 141, 28, 34, 74, 77, 27, 11,
        ];
        assert_eq!(resize(&picture(7, 5), 4, 3), expected);
        // Down first.
        let expected = [
            66, 124, 86, 68, 79, 88, 83, 52, 80, 160, 169, 146, 145, 160, 118, 171, 88, 158,
        ];
        assert_eq!(resize(&picture(4, 9), 3, 2), expected);
    }

    #[test]
    fn scales_any_shape_to_the_bit() {
        let cases = [
            ((170, 220), (102, 102), 0x4ee1_df8b_cde7_1c40),
            ((160, 240), (102, 102), 0x768e_5820_c8cc_c674),
            ((90, 50), (128, 64), 0x3ba1_6570_ba98_ccd8),
            ((128, 50), (128, 64), 0xf509_864f_a278_e142),
            ((90, 64), (128, 64), 0x6e7c_8d9f_4c58_ca02),
            ((300, 20), (64, 64), 0xc4b4_a170_aa91_99f8),
            ((1, 90), (16, 16), 0xc649_be7c_b4fb_5e25),
            ((90, 1), (16, 16), 0xe8e1_d861_4fc7_8b05),
            ((33, 77), (33, 77), 0xc7f7_8a3b_1359_f6c3),
            ((41, 30), (67, 19), 0x7f79_1f13_3e88_42d1),
        ];
        for (from, to, expected) in cases {
            let scaled = resize(&picture(from.0, from.1), to.0, to.1);
            assert_eq!(hash(&scaled), expected, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_page_of_the_views_size_is_taken_as_it_is() {
        let page = picture(64, 48);
        assert_eq!(InputImage::whole(&page, (64, 48)).rgb, page.rgb);
    }

    #[test]
    fn tiles_come_row_by_row_and_the_whole_page_last() {
        let page = picture(6, 4);
        let grid = TileGrid {
            columns: 3,
            rows: 2,
        };
        let views = InputImage::tiles(&page, (2, 2), grid);
        assert_eq!(views.len(), 7);
        for (at, view) in views[..6].iter().enumerate() {
            let corner = ((at / 3 * 2) * 6 + at % 3 * 2) * 3;
            let rows = [
                &page.rgb[corner..corner + 6],
                &page.rgb[corner + 18..corner + 24],
            ];
            assert_eq!(view.rgb, rows.concat(), "tile {at}");
        }
        assert_eq!(views[6], InputImage::whole(&page, (2, 2)));
        assert_eq!(
            InputImage::tiles(&page, (2, 2), TileGrid::ONE),
            [InputImage::whole(&page, (2, 2))]
        );
    }

    fn one(slope: f32, patch: RowPatch) -> StackedRows {
        StackedRows {
            slope,
            height: 0,
            rows: vec![TextRow {
                start: RowStart::Line,
                patches: vec![patch],
            }],
        }
    }

    #[test]
    fn a_patch_stands_at_its_place_in_grey_on_white() {
        let mut page = picture(60, 40);
        for (at, pixel) in page.rgb.chunks_exact_mut(3).enumerate() {
            // Yellow paper, some of it printed.
            pixel.copy_from_slice(if at % 5 < 3 {
                &[240, 200, 120]
            } else {
                &[20, 10, 30]
            });
        }
        let patch = RowPatch {
            left: 10,
            top: 5,
            width: 30,
            height: 20,
            scale: 0.5,
            x: 4,
            y: 3,
        };
        let view = InputImage::section(&page, (24, 16), &one(0.0, patch));
        let cut = cropped(&page, 0.0, &patch);
        assert_eq!(cut.rgb[..90], page.rgb[(5 * 60 + 10) * 3..][..90]);
        let scaled = resize(&cut, 15, 10);
        let paper = paper(&scaled);
        for (y, row) in view.rgb.chunks_exact(24 * 3).enumerate() {
            for (x, pixel) in row.chunks_exact(3).enumerate() {
                let is_inside = (4..19).contains(&x) && (3..13).contains(&y);
                let from = || grey(&scaled[((y - 3) * 15 + x - 4) * 3..]);
                let tone = if is_inside {
                    levelled(from(), paper)
                } else {
                    255
                };
                assert_eq!(pixel, [tone; 3], "{x} {y}");
            }
        }
        let as_it_is = RowPatch {
            scale: 1.0,
            x: 0,
            y: 0,
            ..patch
        };
        let view = InputImage::section(&page, (30, 20), &one(0.0, as_it_is));
        assert!(
            view.rgb.iter().all(|tone| [255, 20, 19, 21].contains(tone)),
            "{:?}",
            &view.rgb[..30]
        );
    }

    #[test]
    fn sloping_lines_are_straight_in_a_patch() {
        let mut page = picture(60, 40);
        for (at, pixel) in page.rgb.chunks_exact_mut(3).enumerate() {
            let (x, y) = (at % 60, at / 60);
            pixel.fill(if y == 20 + x / 10 { 0 } else { 255 });
        }
        let patch = RowPatch {
            left: 5,
            top: 20,
            width: 50,
            height: 6,
            scale: 1.0,
            x: 0,
            y: 0,
        };
        let view = InputImage::section(&page, (50, 6), &one(0.1, patch));
        let dark: Vec<usize> = (0..6)
            .map(|y| {
                view.rgb[y * 150..][..150]
                    .iter()
                    .filter(|tone| **tone < 128)
                    .count()
                    / 3
            })
            .collect();
        // A pixel or so to either side, as steps need not fall together.
        assert!(
            dark.iter().filter(|count| **count > 0).count() <= 2,
            "{dark:?}"
        );
    }

    #[test]
    fn light_letters_on_a_dark_ground_turn_dark() {
        assert_eq!(
            [levelled(200, 200), levelled(100, 200), levelled(255, 200)],
            [255, 127, 255]
        );
        assert_eq!([levelled(30, 30), levelled(255, 30)], [255, 0]);
        assert_eq!(levelled(0, 0), 255);
    }

    #[test]
    fn a_patch_outside_of_its_page_or_view_is_white() {
        let page = picture(6, 4);
        let edge = u32::MAX;
        let places = [
            (5, 0, 9, 9, 0, 0),
            (0, 3, 2, 9, 0, 0),
            (edge, edge, 1, 1, 0, 0),
            (0, 0, 2, 2, edge - 9, edge - 9),
        ];
        for (left, top, width, height, x, y) in places {
            let patch = RowPatch {
                left,
                top,
                width,
                height,
                scale: 1.0,
                x,
                y,
            };
            let view = InputImage::section(&page, (3, 3), &one(0.0, patch));
            assert_eq!(view.rgb, [255; 27], "{patch:?}");
        }
    }

    #[test]
    fn a_page_without_its_pixels_is_white() {
        let mut page = picture(6, 4);
        page.rgb.pop();
        assert_eq!(InputImage::whole(&page, (3, 3)).rgb, [255; 27]);
        assert_eq!(
            InputImage::whole(&PageImage::default(), (3, 3)).rgb,
            [255; 27]
        );
    }
}
