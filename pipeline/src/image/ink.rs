//! Whether anything stands on a page.
//!
//! Paper is what its surroundings look like: the median tone of each small cell, so that coloured or
//! dark paper, uneven light and shadows are paper. A mark is a connected group of pixels that differ
//! clearly from it and is larger than a speck. Groups that hang on the page's edge and stay near it
//! are the scanner's, not the page's. On doubt there is ink: a model run is cheaper than lost text.

use super::PageImage;

/// Side of a cell in pixels: wider than the strokes of type, narrower than shadows.
const CELL: usize = 16;
/// Tones of a cell's histogram; 4 grey levels each.
const BINS: usize = 64;
/// Least difference from the paper, in grey levels of 255, that may be ink on a clean page.
const LEAST_CONTRAST: i32 = 32;
/// Most difference that is asked for, however noisy the page.
const MOST_CONTRAST: i32 = 72;
/// Standard deviations of the paper's grain that ink has to differ by.
const GRAIN_SIGMAS: f32 = 4.0;
/// A group this long or high, in pixels, is a mark: 1.4 mm at 150 dpi, less than the smallest letter
/// that can be read. The resolution is left out of it because image files often lie about theirs.
const MARK_PX: usize = 8;
/// The share of the page's sides within which dark scanner edges lie.
const EDGE_SHARE: f32 = 0.04;
/// Groups that come this near to the page's edge, in pixels, hang on it.
const EDGE_TOUCH_PX: usize = 3;
/// More groups than a blank page has; bounds memory to some 25 MB on pages of pure noise.
const MOST_GROUPS: usize = 250_000;
/// Neighbouring cells of paper that differ by more than this are no even light: something stands there.
const STEP: i32 = 80;

/// Whether `image` has any ink: marks that stand out from the paper, more than specks and noise.
///
/// True for an image with fewer pixels than its size says: that is for others to refuse.
pub fn has_ink(image: &PageImage) -> bool {
    let (width, height) = (image.width as usize, image.height as usize);
    let Some(bytes) = width.checked_mul(height).and_then(|n| n.checked_mul(3)) else {
        return true;
    };
    if bytes == 0 || image.rgb.len() < bytes {
        return bytes != 0;
    }
    let rows: Vec<&[u8]> = image.rgb.chunks_exact(width * 3).take(height).collect();
    let paper = BackgroundGrid::of(&rows, width);
    if paper.has_step() {
        return true;
    }
    let mut marks = MarkFinder::new(width, height);
    let mut runs = Vec::new();
    for (y, row) in rows.iter().enumerate() {
        find_runs(row, paper.row(y), paper.contrast, &mut runs);
        if marks.add_row(y, &runs) {
            return true;
        }
    }
    marks.any_off_the_edge()
}

/// A pixel's tone. Blue weighs more than the eye gives it, so that yellow stands out from white.
fn tone(pixel: &[u8]) -> u8 {
    ((u16::from(pixel[0]) + 2 * u16::from(pixel[1]) + u16::from(pixel[2])) / 4) as u8
}

/// The paper's tone, cell by cell.
struct BackgroundGrid {
    /// Median tones, row by row.
    cells: Vec<u8>,
    columns: usize,
    /// How far ink has to differ from it.
    contrast: i32,
}

impl BackgroundGrid {
    fn of(rows: &[&[u8]], width: usize) -> Self {
        let columns = width.div_ceil(CELL);
        let mut cells = Vec::with_capacity(columns * rows.len().div_ceil(CELL));
        for band in rows.chunks(CELL) {
            push_medians(band, columns, &mut cells);
        }
        let mut paper = Self {
            cells,
            columns,
            contrast: contrast(rows),
        };
        paper.spread_inward_tones();
        paper
    }

    /// Gives cells near the page's edge the tone of the nearest cell further in, so that a scanner's
    /// dark edge is not taken for dark paper.
    fn spread_inward_tones(&mut self) {
        let rows = self.cells.len() / self.columns;
        let inner = |count: usize| {
            let edge = ((count as f32 * EDGE_SHARE).ceil() as usize).min((count - 1) / 2);
            (edge, count - 1 - edge)
        };
        let ((left, right), (top, bottom)) = (inner(self.columns), inner(rows));
        for y in 0..rows {
            for x in 0..self.columns {
                let source = y.clamp(top, bottom) * self.columns + x.clamp(left, right);
                self.cells[y * self.columns + x] = self.cells[source];
            }
        }
    }

    fn row(&self, y: usize) -> &[u8] {
        let start = y / CELL * self.columns;
        &self.cells[start..start + self.columns]
    }

    /// Whether two neighbouring cells differ as no shadow makes them: large flat areas.
    fn has_step(&self) -> bool {
        let differ = |a: u8, b: u8| (i32::from(a) - i32::from(b)).abs() > STEP;
        let below = self.cells.iter().zip(self.cells.iter().skip(self.columns));
        let mut beside = self
            .cells
            .chunks_exact(self.columns)
            .flat_map(|row| row.windows(2));
        below.into_iter().any(|(&a, &b)| differ(a, b))
            || beside.any(|pair| differ(pair[0], pair[1]))
    }
}

/// The median tones of a band of cells, from every second pixel of every second row.
fn push_medians(band: &[&[u8]], columns: usize, medians: &mut Vec<u8>) {
    let mut histograms = vec![[0u16; BINS]; columns];
    for row in band.iter().step_by(2) {
        for (pixels, histogram) in row.chunks(CELL * 3).zip(&mut histograms) {
            for pixel in pixels.chunks_exact(3).step_by(2) {
                histogram[usize::from(tone(pixel)) * BINS / 256] += 1;
            }
        }
    }
    medians.extend(histograms.iter().map(|histogram| {
        let half = histogram.iter().sum::<u16>() / 2;
        let mut seen = 0;
        let middle = histogram.iter().position(|&count| {
            seen += count;
            seen > half
        });
        (middle.unwrap_or(BINS - 1) * (256 / BINS) + 128 / BINS) as u8
    }));
}

/// The contrast that ink needs over the paper's grain, which is measured by the median difference of
/// neighbouring pixels: 0.954 standard deviations for Gaussian noise.
fn contrast(rows: &[&[u8]]) -> i32 {
    let mut histogram = [0usize; 256];
    for row in rows.iter().step_by(8) {
        for pair in row.chunks_exact(6) {
            histogram[usize::from(tone(&pair[..3]).abs_diff(tone(&pair[3..])))] += 1;
        }
    }
    let half = histogram.iter().sum::<usize>() / 2;
    let mut seen = 0;
    let median = histogram.iter().position(|&count| {
        seen += count;
        seen > half
    });
    let grain = median.unwrap_or(0) as f32 / 0.954;
    ((grain * GRAIN_SIGMAS) as i32).clamp(LEAST_CONTRAST, MOST_CONTRAST)
}

/// Pixels of one row that differ from the paper, one after another: first and last column.
type ColumnRun = (usize, usize);

fn find_runs(row: &[u8], paper: &[u8], contrast: i32, runs: &mut Vec<ColumnRun>) {
    runs.clear();
    for (cell, (pixels, &paper)) in row.chunks(CELL * 3).zip(paper).enumerate() {
        let differs = |pixel: &[u8]| (i32::from(tone(pixel)) - i32::from(paper)).abs() > contrast;
        // Nearly all cells of a blank page end here; without an early exit it runs on vectors.
        let found = pixels
            .chunks_exact(3)
            .fold(false, |found, pixel| found | differs(pixel));
        if !found {
            continue;
        }
        for (offset, pixel) in pixels.chunks_exact(3).enumerate() {
            if differs(pixel) {
                let x = cell * CELL + offset;
                match runs.last_mut() {
                    Some(run) if run.1 + 1 == x => run.1 = x,
                    _ => runs.push((x, x)),
                }
            }
        }
    }
}

/// A box of pixels, ends included.
#[derive(Clone, Copy)]
struct PixelBox {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl PixelBox {
    fn union(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn is_mark(&self) -> bool {
        self.right - self.left + 1 >= MARK_PX || self.bottom - self.top + 1 >= MARK_PX
    }
}

/// A group of connected pixels.
#[derive(Clone, Copy)]
struct MarkGroup {
    all: PixelBox,
    /// The part of it that is away from the page's edge.
    inner: Option<PixelBox>,
    on_edge: bool,
}

/// Groups of connected pixels, found row by row; neighbours across corners are connected.
struct MarkFinder {
    width: usize,
    height: usize,
    /// The page without the strips along its edge.
    inside: PixelBox,
    groups: Vec<MarkGroup>,
    /// Each group's own index, or that of a group that took it in.
    parents: Vec<usize>,
    /// The runs of the row before, with their groups.
    above: Vec<(ColumnRun, usize)>,
}

impl MarkFinder {
    fn new(width: usize, height: usize) -> Self {
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
            groups: Vec::new(),
            parents: Vec::new(),
            above: Vec::new(),
        }
    }

    /// Adds the runs of row `y`; whether a group now is a mark that no scanner's edge makes, or there
    /// are too many groups to tell.
    fn add_row(&mut self, y: usize, runs: &[ColumnRun]) -> bool {
        if self.groups.len() + runs.len() > MOST_GROUPS {
            return true;
        }
        let above = std::mem::take(&mut self.above);
        let mut candidates = above.iter().peekable();
        let mut current = Vec::with_capacity(runs.len());
        for &run in runs {
            let mut group = self.new_group(y, run);
            while candidates
                .next_if(|(other, _)| other.1 + 1 < run.0)
                .is_some()
            {}
            for &(_, other) in candidates
                .clone()
                .take_while(|(other, _)| other.0 <= run.1 + 1)
            {
                group = self.merge(group, other);
            }
            let MarkGroup { inner, .. } = self.groups[group];
            if inner.is_some_and(|inner| inner.is_mark()) {
                return true;
            }
            current.push((run, group));
        }
        self.above = current;
        false
    }

    fn new_group(&mut self, y: usize, (first, last): ColumnRun) -> usize {
        let all = PixelBox {
            left: first,
            top: y,
            right: last,
            bottom: y,
        };
        let (left, right) = (first.max(self.inside.left), last.min(self.inside.right));
        let is_inside = left <= right && (self.inside.top..=self.inside.bottom).contains(&y);
        self.groups.push(MarkGroup {
            all,
            inner: is_inside.then_some(PixelBox { left, right, ..all }),
            on_edge: first < EDGE_TOUCH_PX
                || y < EDGE_TOUCH_PX
                || last + EDGE_TOUCH_PX >= self.width
                || y + EDGE_TOUCH_PX >= self.height,
        });
        self.parents.push(self.parents.len());
        self.parents.len() - 1
    }

    fn root(&mut self, mut group: usize) -> usize {
        while self.parents[group] != group {
            self.parents[group] = self.parents[self.parents[group]];
            group = self.parents[group];
        }
        group
    }

    /// Makes one group of two; gives its index.
    fn merge(&mut self, a: usize, b: usize) -> usize {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return a;
        }
        // The older one stays, which keeps the chains short.
        let (kept, gone) = (a.min(b), a.max(b));
        let (group, other) = (self.groups[kept], self.groups[gone]);
        self.groups[kept] = MarkGroup {
            all: group.all.union(other.all),
            inner: match (group.inner, other.inner) {
                (Some(a), Some(b)) => Some(a.union(b)),
                (one, None) | (None, one) => one,
            },
            on_edge: group.on_edge || other.on_edge,
        };
        self.parents[gone] = kept;
        kept
    }

    /// Whether a group near the page's edge, but not on it, is a mark: a page number at the foot.
    fn any_off_the_edge(&self) -> bool {
        self.groups
            .iter()
            .zip(&self.parents)
            .enumerate()
            .filter(|&(index, (_, &parent))| parent == index)
            .any(|(_, (group, _))| !group.on_edge && group.all.is_mark())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Marsaglia's xorshift: the same noise in every run.
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 >> 11
        }

        fn below(&mut self, end: usize) -> usize {
            (self.next() % end as u64) as usize
        }

        /// About normal, mean 0, standard deviation 1: the sum of twelve uniform values.
        fn normal(&mut self) -> f32 {
            (0..12)
                .map(|_| (self.next() % 1000) as f32 / 1000.0)
                .sum::<f32>()
                - 6.0
        }
    }

    fn page(tone: impl Fn(usize, usize) -> [u8; 3]) -> PageImage {
        PageImage {
            width: WIDTH as u32,
            height: HEIGHT as u32,
            dpi: 150.0,
            rgb: (0..WIDTH * HEIGHT)
                .flat_map(|at| tone(at % WIDTH, at / WIDTH))
                .collect(),
        }
    }

    fn set(image: &mut PageImage, x: usize, y: usize, tone: [u8; 3]) {
        let at = (y * WIDTH + x) * 3;
        image.rgb[at..at + 3].copy_from_slice(&tone);
    }

    fn page_number(image: &mut PageImage, left: usize, top: usize, tone: [u8; 3]) {
        for (place, digit) in DIGITS.iter().enumerate() {
            for (y, x) in (0..14).flat_map(|y| (0..10).map(move |x| (y, x))) {
                if digit[y / 2].as_bytes()[x / 2] == b'#' {
                    set(image, left + place * 12 + x, top + y, tone);
                }
            }
        }
    }

    fn add_grain(image: &mut PageImage, sigma: f32) {
        let mut noise = Noise(42);
        for pixel in image.rgb.chunks_exact_mut(3) {
            let change = noise.normal() * sigma;
            for value in pixel {
                *value = (f32::from(*value) + change).clamp(0.0, 255.0) as u8;
            }
        }
    }

    fn add_salt(image: &mut PageImage, share: f64, side: usize) {
        let mut noise = Noise(7);
        for _ in 0..((WIDTH * HEIGHT) as f64 * share) as usize {
            let (left, top) = (noise.below(WIDTH - side), noise.below(HEIGHT - side));
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                set(image, left + x, top + y, [0; 3]);
            }
        }
    }

    #[test]
    fn plain_paper_of_any_colour_has_no_ink() {
        for tone in [[255; 3], PAPER, [250, 240, 120], [30, 40, 90], [0; 3]] {
            assert!(!has_ink(&page(|_, _| tone)), "{tone:?}");
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
    fn faint_light_and_coloured_type_is_ink() {
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
        // The shadow of a book's gutter: 60 grey levels down over 60 pixels.
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
