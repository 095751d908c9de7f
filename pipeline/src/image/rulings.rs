//! Ruled lines on a page: they make a table certain.
//!
//! A line is a long run of dark pixels that is thin across. Runs are looked for in blocks of pixels
//! along the page's skew, then pieces on one line are joined: scanned lines are broken and step up
//! and down.

use serde::{Deserialize, Serialize};

use super::{
    PageImage,
    binary::BinaryImage,
    histogram::LumaHistogram,
    luma::LumaPlane,
    tuning::rulings::{
        BACKGROUND_SAMPLE_STEP, BLOCK_PX, DARK_SHARE, DARKEST_BACKGROUND, DPI_RANGE,
        FULL_SIXTEENTHS, LONG_BLOCK_DPI, MAX_GAP_BLOCKS, MAX_LINES, MAX_ROW_GAP, MAX_RUNS,
        MAX_SKEW_DEG, MAX_SPREAD, MAX_SPREAD_PX, MAX_THICKNESS_IN, MIN_ACROSS_IN, MIN_BACKGROUND,
        MIN_BLOCKS, MIN_DOWN_IN, MIN_MAX_THICKNESS_PX, MIN_SIDE_PX, USUAL_DPI,
    },
};

/// One straight ruled line, horizontal or vertical, in pixels of the upright page image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RulingLine {
    /// Its position: y of a horizontal line's middle, x of a vertical one's.
    pub at: f32,
    /// Its start, along its direction.
    pub start: f32,
    /// Its end, along its direction.
    pub end: f32,
}

/// The ruled lines of a page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PageRulings {
    /// Lines across the page, from top to bottom.
    pub horizontal: Vec<RulingLine>,
    /// Lines down the page, from left to right.
    pub vertical: Vec<RulingLine>,
}

/// Finds the ruled lines of `image`, whose lines are skewed by `skew_deg` (positive: falling to the
/// right). They are given as they lie after the skew is taken out about the page's center.
pub fn find(image: &PageImage, skew_deg: f32) -> PageRulings {
    let (width, height) = (image.width as usize, image.height as usize);
    if width < MIN_SIDE_PX || height < MIN_SIDE_PX {
        return PageRulings::default();
    }
    let Some(ink) = LumaPlane::of(image).and_then(|plane| dark_pixels(&plane)) else {
        return PageRulings::default();
    };
    let skew = believed_skew(skew_deg);
    let dpi = believed_dpi(image.dpi);
    let block = if dpi >= LONG_BLOCK_DPI {
        BLOCK_PX.0
    } else {
        BLOCK_PX.1
    };
    let thickest = (MAX_THICKNESS_IN * dpi).max(MIN_MAX_THICKNESS_PX);

    let across = ScanDirection {
        length: width,
        breadth: height,
        block,
        slope: skew.tan(),
        thickest,
    };
    let horizontal = across.lines(across.runs(&sums_across(&ink, block)), MIN_ACROSS_IN * dpi);
    let down = ScanDirection {
        length: height,
        breadth: width,
        block,
        slope: -skew.tan(),
        thickest,
    };
    let vertical = down.lines(down.runs(&sums_down(&ink, block)), MIN_DOWN_IN * dpi);
    PageRulings {
        horizontal: across.leveled(horizontal, skew),
        vertical: down.leveled(vertical, -skew),
    }
}

/// A page's skew in radians; 0 if it is not known.
fn believed_skew(skew_deg: f32) -> f32 {
    if skew_deg.is_finite() {
        skew_deg.clamp(-MAX_SKEW_DEG, MAX_SKEW_DEG).to_radians()
    } else {
        0.0
    }
}

/// A page's resolution in dots per inch, of which image files may say anything.
fn believed_dpi(dpi: f32) -> f32 {
    if dpi.is_finite() {
        dpi.clamp(DPI_RANGE.0, DPI_RANGE.1)
    } else {
        USUAL_DPI
    }
}

/// The dark pixels of a page; `None` if it has no light paper.
fn dark_pixels(plane: &LumaPlane) -> Option<BinaryImage> {
    let sample = plane.values.iter().step_by(BACKGROUND_SAMPLE_STEP);
    let histogram = LumaHistogram::<32>::of(sample.copied());
    let background = histogram.mode_from(MIN_BACKGROUND)?;
    let limit = (u32::from(background) * DARK_SHARE / 256) as u8;
    (background >= DARKEST_BACKGROUND).then(|| BinaryImage::darker(plane, limit))
}

/// Dark pixels in each block of a row: (rows, blocks).
fn sums_across(ink: &BinaryImage, block: usize) -> Vec<Vec<u8>> {
    let sum = |pixels: &[u8]| pixels.iter().sum::<u8>();
    ink.rows()
        .map(|row| row.chunks_exact(block).map(sum).collect())
        .collect()
}

/// Dark pixels in each block of a column: (columns, blocks).
fn sums_down(ink: &BinaryImage, block: usize) -> Vec<Vec<u8>> {
    let mut sums = vec![vec![0; ink.height() / block]; ink.width];
    let mut sum = vec![0_u8; ink.width];
    for (b, rows) in ink.pixels.chunks_exact(ink.width * block).enumerate() {
        sum.fill(0);
        for row in rows.chunks_exact(ink.width) {
            sum.iter_mut().zip(row).for_each(|(sum, dark)| *sum += dark);
        }
        sums.iter_mut()
            .zip(&sum)
            .for_each(|(column, &sum)| column[b] = sum);
    }
    sums
}

/// The direction in which lines are looked for: across the page, or down it with the axes
/// exchanged.
struct ScanDirection {
    /// The page's extent along the lines, in pixels.
    length: usize,
    /// The page's extent across the lines, in pixels.
    breadth: usize,
    /// Pixels in a block.
    block: usize,
    /// By how much lines fall for each pixel along.
    slope: f32,
    thickest: f32,
}

/// Dark blocks one after another on one row of pixels. Rows are those at the page's middle.
#[derive(Clone, Copy, Debug)]
struct DarkRun {
    row: f32,
    start: f32,
    end: f32,
}

impl ScanDirection {
    /// Runs of dark blocks, row by row along the slope; `sums` is (rows, blocks).
    fn runs(&self, sums: &[Vec<u8>]) -> Vec<DarkRun> {
        let blocks = self.length / self.block;
        let full = (self.block * FULL_SIXTEENTHS / 16) as u8;
        let offsets: Vec<isize> = (0..blocks)
            .map(|b| {
                let along = (b as f32 + 0.5) * self.block as f32 - self.length as f32 / 2.0;
                (along * self.slope).round() as isize
            })
            .collect();
        let reach = offsets.iter().map(|o| o.unsigned_abs()).max().unwrap_or(0) as isize;
        let mut runs = Vec::new();
        for row in -reach..self.breadth as isize + reach {
            let mut start = None;
            for b in 0..=blocks {
                let dark = offsets.get(b).is_some_and(|offset| {
                    let at = usize::try_from(row + offset).ok();
                    at.and_then(|at| sums.get(at))
                        .is_some_and(|sums| sums[b] >= full)
                });
                match (dark, start) {
                    (true, None) => start = Some(b),
                    (false, Some(first)) => {
                        if b - first >= MIN_BLOCKS && runs.len() < MAX_RUNS {
                            runs.push(DarkRun {
                                row: row as f32 + 0.5,
                                start: (first * self.block) as f32 - self.block as f32 / 2.0,
                                end: (b * self.block) as f32 + self.block as f32 / 2.0,
                            });
                        }
                        start = None;
                    }
                    _ => {}
                }
            }
        }
        runs
    }

    /// Joins runs to lines; what is too thick or too short is none.
    fn lines(&self, runs: Vec<DarkRun>, shortest: f32) -> Vec<RulingLine> {
        let mut lines: Vec<RulingCandidate> = Vec::new();
        // Strips that the present row may still add to: all others lie too far above.
        let mut open: Vec<usize> = Vec::new();
        for run in runs {
            open.retain(|&i| run.row - lines[i].last <= MAX_ROW_GAP);
            let gap = MAX_GAP_BLOCKS * self.block as f32;
            let fits = open.iter().copied().find(|&i| {
                let line = &lines[i];
                run.start - gap < line.end && line.start - gap < run.end
            });
            match fits {
                Some(i) => lines[i].add(run),
                None => {
                    open.push(lines.len());
                    lines.push(RulingCandidate::new(run));
                }
            }
        }
        let mut found: Vec<RulingLine> = lines
            .into_iter()
            .filter(|line| line.thickness() <= self.thickest && line.end - line.start >= shortest)
            .map(|line| RulingLine {
                at: line.middle(),
                start: line.start.max(0.0),
                end: line.end.min(self.length as f32),
            })
            .collect();
        if found.len() > MAX_LINES {
            found.clear();
        }
        found.sort_by(|a, b| a.at.total_cmp(&b.at));
        found
    }

    /// `lines` as they lie after `skew`, in radians, is taken out about the page's center.
    fn leveled(&self, lines: Vec<RulingLine>, skew: f32) -> Vec<RulingLine> {
        let (along, off) = (self.length as f32 / 2.0, self.breadth as f32 / 2.0);
        let (sin, cos) = (skew.sin(), skew.cos());
        let level = |line: RulingLine| {
            let slide = (line.at - off) * sin;
            RulingLine {
                at: off + (line.at - off) * cos,
                start: along + (line.start - along) / cos + slide,
                end: along + (line.end - along) / cos + slide,
            }
        };
        lines.into_iter().map(level).collect()
    }
}

/// Runs that make one line.
struct RulingCandidate {
    first: f32,
    last: f32,
    start: f32,
    end: f32,
    /// Dark pixels, and the sum of their rows.
    area: f32,
    moment: f32,
}

impl RulingCandidate {
    fn new(run: DarkRun) -> Self {
        let area = run.end - run.start;
        Self {
            first: run.row,
            last: run.row,
            start: run.start,
            end: run.end,
            area,
            moment: area * run.row,
        }
    }

    fn add(&mut self, run: DarkRun) {
        self.last = self.last.max(run.row);
        self.start = self.start.min(run.start);
        self.end = self.end.max(run.end);
        self.area += run.end - run.start;
        self.moment += (run.end - run.start) * run.row;
    }

    /// Mean thickness, in pixels, or its whole spread if that is out of proportion.
    fn thickness(&self) -> f32 {
        let mean = self.area / (self.end - self.start).max(1.0);
        let spread = self.last - self.first + 1.0;
        if spread > MAX_SPREAD * mean + MAX_SPREAD_PX {
            spread
        } else {
            mean
        }
    }

    fn middle(&self) -> f32 {
        self.moment / self.area.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAPER: u8 = 230;

    /// A page with a line drawn by `dark(x, y)`.
    fn page(width: u32, height: u32, dark: impl Fn(f32, f32) -> bool) -> PageImage {
        let mut rgb = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let ink = dark(x as f32 + 0.5, y as f32 + 0.5);
                rgb.extend([if ink { 40 } else { PAPER }; 3]);
            }
        }
        PageImage {
            width,
            height,
            dpi: 200.0,
            rgb,
        }
    }

    fn near(a: f32, b: f32, by: f32) -> bool {
        (a - b).abs() <= by
    }

    #[test]
    fn finds_a_grid() {
        let image = page(800, 600, |x, y| {
            let inside = (100.0..700.0).contains(&x) && (100.0..400.0).contains(&y);
            inside && ((x - 100.0) % 200.0 < 3.0 || (y - 100.0) % 100.0 < 2.0)
        });
        let found = find(&image, 0.0);
        let at = |lines: &[RulingLine]| lines.iter().map(|l| l.at.round()).collect::<Vec<_>>();
        assert_eq!(at(&found.horizontal), [101.0, 201.0, 301.0]);
        assert_eq!(at(&found.vertical), [102.0, 302.0, 502.0]);
        assert!(near(found.horizontal[0].start, 100.0, 20.0), "{found:?}");
        assert!(near(found.horizontal[0].end, 700.0, 20.0), "{found:?}");
    }

    #[test]
    fn takes_the_skew_out() {
        let slope = 2.0_f32.to_radians().tan();
        let image = page(800, 600, |x, y| {
            (150.0..650.0).contains(&x) && (y - (200.0 + (x - 400.0) * slope)).abs() < 1.5
        });
        let found = find(&image, 2.0).horizontal;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(near(found[0].at, 200.0, 1.5), "{found:?}");
        assert!(
            near(found[0].end - found[0].start, 500.0, 40.0),
            "{found:?}"
        );
        assert!(
            find(&image, 0.0)
                .horizontal
                .iter()
                .all(|line| line.end - line.start < 400.0)
        );
    }

    #[test]
    fn joins_a_broken_line_and_leaves_out_black_areas() {
        let image = page(800, 600, |x, y| {
            let broken = (100.0..700.0).contains(&x) && near(y, 300.0, 1.5) && (x % 90.0) > 6.0;
            let area = (100.0..700.0).contains(&x) && (400.0..500.0).contains(&y);
            broken || area
        });
        let found = find(&image, 0.0);
        assert_eq!(found.horizontal.len(), 1, "{found:?}");
        assert!(near(found.horizontal[0].at, 300.0, 1.0));
        assert!(found.vertical.is_empty(), "{found:?}");
    }

    #[test]
    fn survives_what_is_no_page() {
        let odd = PageImage {
            width: 9000,
            height: 9000,
            dpi: f32::NAN,
            rgb: vec![0; 10],
        };
        assert_eq!(find(&odd, f32::NAN), PageRulings::default());
        let black = page(100, 100, |_, _| true);
        assert_eq!(find(&black, 0.0), PageRulings::default());
    }
}
