//! Blank pages: pages without any ink, which no engine needs to read.
//!
//! Ink is what differs clearly from the background (`BackgroundGrid`). A mark is a connected
//! group of such pixels that is larger than a speck. Groups that hang on the page's edge and stay
//! near it are the scanner's, not the page's. On doubt there is ink: a model run is cheaper than
//! lost text.

use super::{
    PageImage,
    background::BackgroundGrid,
    components::{ComponentFinder, Measurement, PixelBox, PixelRun, runs_of_row},
    histogram::LumaHistogram,
    luma::LumaPlane,
    tuning::blank_page::{
        CELL_PX, EDGE_SHARE, EDGE_TOUCH_PX, GRAIN_PER_DIFFERENCE, GRAIN_SIGMAS, LARGEST_STEP,
        MARK_PX, MAX_CONTRAST, MAX_RUNS, MIN_CONTRAST,
    },
};

/// Returns true if `image` has any ink: marks that differ from the paper, more than specks and
/// noise.
///
/// Also true for an image with fewer pixels than its size says: that is for others to refuse.
pub fn has_ink(image: &PageImage) -> bool {
    let Some(plane) = LumaPlane::of(image) else {
        return image.width > 0 && image.height > 0;
    };
    // Every second pixel of every second row shows a median as well as all.
    let mut background = BackgroundGrid::of(&plane, CELL_PX, 2);
    background.spread_inner_cells(EDGE_SHARE);
    // No shadow makes neighboring cells differ so much: large flat areas are printed.
    if background.has_step(LARGEST_STEP) {
        return true;
    }
    let contrast = ink_contrast(&plane);
    let page = PageEdges::of(plane.width, plane.height());
    let mut finder = ComponentFinder::new();
    let mut ink = Vec::with_capacity(plane.width);
    let mut runs = Vec::new();
    for (y, row) in plane.rows().enumerate() {
        ink.clear();
        background.push_ink_of_row(y, row, contrast, &mut ink);
        runs.clear();
        runs.extend(runs_of_row(y, &ink));
        if finder.run_count() + runs.len() > MAX_RUNS {
            return true;
        }
        finder.add_row(runs.iter().map(|run| (*run, page.mark(run))));
        let has_mark = |mark: &InkMark| mark.inner.is_some_and(|inner| is_mark(&inner));
        if finder.any_in_last_row(has_mark) {
            return true;
        }
    }
    // A mark near the page's edge, but not on it, is a page number at the foot.
    let mut marks = finder.measurements();
    marks.any(|mark| !mark.on_edge && is_mark(&mark.all))
}

/// The contrast that ink needs over the paper's grain, in gray levels. The grain is measured by the
/// median difference of neighboring pixels, in every eighth row.
fn ink_contrast(plane: &LumaPlane) -> u8 {
    let rows = plane.rows().step_by(8);
    let pairs = rows.flat_map(|row| row.chunks_exact(2));
    let grain = grain(pairs.map(|pair| pair[0].abs_diff(pair[1])));
    ((grain * GRAIN_SIGMAS) as u8).clamp(MIN_CONTRAST, MAX_CONTRAST)
}

/// Returns true if a group of that extent is larger than a speck.
fn is_mark(extent: &PixelBox) -> bool {
    extent.width() >= MARK_PX || extent.height() >= MARK_PX
}

/// The standard deviation of a paper's grain, in gray levels, by the differences of neighboring pixels.
pub(super) fn grain(differences: impl Iterator<Item = u8>) -> f32 {
    let median = LumaHistogram::<256>::of(differences).median();
    f32::from(median.unwrap_or(0)) / GRAIN_PER_DIFFERENCE
}

/// A group of connected pixels of ink.
#[derive(Clone, Copy)]
struct InkMark {
    all: PixelBox,
    /// The part of it that is away from the page's edge.
    inner: Option<PixelBox>,
    on_edge: bool,
}

impl Measurement for InkMark {
    fn joined(self, other: Self) -> Self {
        Self {
            all: self.all.joined(other.all),
            inner: match (self.inner, other.inner) {
                (Some(a), Some(b)) => Some(a.joined(b)),
                (one, None) | (None, one) => one,
            },
            on_edge: self.on_edge || other.on_edge,
        }
    }
}

/// The page's size, and the page without the strips along its edge.
struct PageEdges {
    width: usize,
    height: usize,
    inside: PixelBox,
}

impl PageEdges {
    fn of(width: usize, height: usize) -> Self {
        let strip = |side: usize| (side as f32 * EDGE_SHARE) as usize;
        Self {
            width,
            height,
            inside: PixelBox {
                left: strip(width),
                top: strip(height),
                right: width - strip(width),
                bottom: height - strip(height),
            },
        }
    }

    /// The mark that a run makes by itself.
    fn mark(&self, run: &PixelRun) -> InkMark {
        let &PixelRun { y, first, last } = run;
        let all = PixelBox::of(run);
        let (left, right) = (first.max(self.inside.left), last.min(self.inside.right));
        let is_inside = left <= right && (self.inside.top..=self.inside.bottom).contains(&y);
        InkMark {
            all,
            inner: is_inside.then_some(PixelBox { left, right, ..all }),
            on_edge: first < EDGE_TOUCH_PX
                || y < EDGE_TOUCH_PX
                || last + EDGE_TOUCH_PX >= self.width
                || y + EDGE_TOUCH_PX >= self.height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::fixtures::Xorshift;

    /// A4 at 150 dpi.
    const WIDTH: usize = 1240;
    const HEIGHT: usize = 1754;
    const PAPER: [u8; 3] = [246, 244, 238];
    const INK: [u8; 3] = [40, 38, 44];

    /// Digits of 10 by 14 pixels, the height of 10-point figures at 150 dpi.
    const DIGITS: [[&str; 7]; 3] = [
        [
            "..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###.",
        ],
        [
            ".###.", "#...#", "....#", "..##.", ".#...", "#....", "#####",
        ],
        [
            "####.", "....#", "....#", ".###.", "....#", "....#", "####.",
        ],
    ];

    impl Xorshift {
        /// About normal, mean 0, standard deviation 1: the sum of twelve uniform values.
        fn normal(&mut self) -> f32 {
            (0..12)
                .map(|_| (self.number() % 1000) as f32 / 1000.0)
                .sum::<f32>()
                - 6.0
        }
    }

    fn page(color: impl Fn(usize, usize) -> [u8; 3]) -> PageImage {
        PageImage {
            width: WIDTH as u32,
            height: HEIGHT as u32,
            dpi: 150.0,
            rgb: (0..WIDTH * HEIGHT)
                .flat_map(|at| color(at % WIDTH, at / WIDTH))
                .collect(),
        }
    }

    fn set(image: &mut PageImage, x: usize, y: usize, color: [u8; 3]) {
        let at = (y * WIDTH + x) * 3;
        image.rgb[at..at + 3].copy_from_slice(&color);
    }

    fn page_number(image: &mut PageImage, left: usize, top: usize, color: [u8; 3]) {
        for (place, digit) in DIGITS.iter().enumerate() {
            for (y, x) in (0..14).flat_map(|y| (0..10).map(move |x| (y, x))) {
                if digit[y / 2].as_bytes()[x / 2] == b'#' {
                    set(image, left + place * 12 + x, top + y, color);
                }
            }
        }
    }

    fn add_grain(image: &mut PageImage, sigma: f32) {
        let mut noise = Xorshift(42);
        for pixel in image.rgb.chunks_exact_mut(3) {
            let change = noise.normal() * sigma;
            for value in pixel {
                *value = (f32::from(*value) + change).clamp(0.0, 255.0) as u8;
            }
        }
    }

    fn add_salt(image: &mut PageImage, share: f64, side: usize) {
        let mut noise = Xorshift(7);
        for _ in 0..((WIDTH * HEIGHT) as f64 * share) as usize {
            let mut below = |end: usize| noise.below(end as u32) as usize;
            let (left, top) = (below(WIDTH - side), below(HEIGHT - side));
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                set(image, left + x, top + y, [0; 3]);
            }
        }
    }

    #[test]
    fn plain_paper_of_any_color_has_no_ink() {
        for color in [[255; 3], PAPER, [250, 240, 120], [30, 40, 90], [0; 3]] {
            assert!(!has_ink(&page(|_, _| color)), "{color:?}");
        }
    }

    #[test]
    fn a_lone_page_number_is_ink() {
        for (left, top) in [(600, 1690), (602, 60), (1150, 1700), (611, 871)] {
            let mut image = page(|_, _| PAPER);
            page_number(&mut image, left, top, INK);
            assert!(has_ink(&image), "at {left}, {top}");
            add_grain(&mut image, 8.0);
            add_salt(&mut image, 0.002, 1);
            assert!(has_ink(&image), "with noise, at {left}, {top}");
        }
    }

    #[test]
    fn faint_light_and_colored_type_is_ink() {
        let cases = [
            ("pencil", [235; 3], [190; 3]),
            ("white on dark", [25, 30, 60], [220; 3]),
            ("yellow on white", [255; 3], [255, 240, 60]),
            ("red on yellow", [250, 240, 120], [220, 60, 60]),
            ("black on brown", [150, 110, 70], [30; 3]),
        ];
        for (name, paper, ink) in cases {
            let mut image = page(|_, _| paper);
            page_number(&mut image, 600, 1690, ink);
            assert!(has_ink(&image), "{name}");
        }
    }

    #[test]
    fn noise_and_grain_are_no_ink() {
        for (share, side) in [(0.0005, 1), (0.005, 1), (0.01, 1), (0.0002, 3)] {
            let mut image = page(|_, _| PAPER);
            add_salt(&mut image, share, side);
            assert!(!has_ink(&image), "{share} specks of {side} pixels");
        }
        for sigma in [3.0, 8.0, 16.0] {
            let mut image = page(|_, _| [225, 220, 205]);
            add_grain(&mut image, sigma);
            assert!(!has_ink(&image), "grain {sigma}");
        }
    }

    #[test]
    fn the_noise_of_jpeg_is_no_ink() {
        let mut image = page(|_, _| [225, 220, 205]);
        add_grain(&mut image, 6.0);
        let mut jpeg = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 30)
            .encode(
                &image.rgb,
                image.width,
                image.height,
                image::ExtendedColorType::Rgb8,
            )
            .unwrap();
        image.rgb = image::load_from_memory(&jpeg)
            .unwrap()
            .into_rgb8()
            .into_raw();
        assert!(!has_ink(&image));
    }

    #[test]
    fn uneven_light_is_no_ink() {
        let falling = page(|x, y| [(250 - x / 12 - y / 24) as u8; 3]);
        assert!(!has_ink(&falling));
        // The shadow of a book's gutter: 60 gray levels down over 60 pixels.
        let mut gutter = page(|x, _| [(180 + x.min(60)) as u8; 3]);
        add_grain(&mut gutter, 3.0);
        assert!(!has_ink(&gutter));
        page_number(&mut gutter, 80, 1600, INK);
        assert!(has_ink(&gutter));
    }

    #[test]
    fn a_scanners_dark_edge_is_no_ink() {
        let frame = |depth: usize| {
            let mut image = page(|x, y| {
                let ragged = depth + (x / 7 + y / 5) % 4;
                let inside =
                    x >= ragged && y >= ragged && x + ragged < WIDTH && y + ragged < HEIGHT;
                if inside { PAPER } else { [35; 3] }
            });
            add_grain(&mut image, 4.0);
            image
        };
        for depth in [2, 12, 30] {
            let mut image = frame(depth);
            assert!(!has_ink(&image), "{depth} pixels");
            page_number(&mut image, 600, 1690, INK);
            assert!(has_ink(&image), "{depth} pixels and a page number");
        }
        // The page lies askew: a wedge from nothing to 40 pixels.
        assert!(!has_ink(&page(|x, y| {
            if x * 40 < (HEIGHT - y) * 40 * 40 / HEIGHT {
                [90; 3]
            } else {
                PAPER
            }
        })));
    }

    #[test]
    fn pictures_and_large_areas_are_ink() {
        assert!(has_ink(&page(|_, y| if y < HEIGHT / 32 * 16 {
            [20; 3]
        } else {
            PAPER
        })));
        assert!(has_ink(&page(
            |x, y| [((x * x + y * y) / 900 % 256) as u8; 3]
        )));
    }

    #[test]
    fn a_tight_crop_of_a_word_is_ink() {
        let mut image = page(|_, _| PAPER);
        page_number(&mut image, 1, 1, INK);
        let rgb = (0..16)
            .flat_map(|y| image.rgb[y * WIDTH * 3..][..36 * 3].to_vec())
            .collect();
        let crop = PageImage {
            width: 36,
            height: 16,
            dpi: 300.0,
            rgb,
        };
        assert!(has_ink(&crop));
    }

    #[test]
    fn odd_sizes_are_no_harm() {
        for (width, height) in [(0, 0), (1, 1), (1, 9000), (9000, 1), (17, 2)] {
            let rgb = vec![200; width as usize * height as usize * 3];
            assert!(!has_ink(&PageImage {
                width,
                height,
                dpi: 150.0,
                rgb
            }));
        }
        let short = PageImage {
            width: u32::MAX,
            height: u32::MAX,
            dpi: 150.0,
            rgb: vec![0; 9],
        };
        assert!(has_ink(&short));
    }
}
