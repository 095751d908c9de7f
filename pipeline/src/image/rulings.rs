//! Ruled lines on a page: what makes a table certain.
//!
//! A line is a long run of dark pixels that is thin across. Runs are looked for in blocks of pixels along the
//! page's skew, then pieces on one line are joined: scanned lines are broken and step up and down.

use super::PageImage;

/// Dark is what has less than this share of the paper's brightness, in 256ths.
const DARK: u32 = 200;
/// Paper below this brightness, 0 to 255, is none: the page is a photograph or printed white on black.
const DARKEST_PAPER: u8 = 90;
/// Shortest horizontal line, in inches.
const SHORTEST_ACROSS_IN: f32 = 0.4;
/// Shortest vertical line, in inches: two rows of a table, and more than most letters.
const SHORTEST_DOWN_IN: f32 = 0.3;
/// Thickest line, in inches.
const THICKEST_IN: f32 = 0.05;
/// Most lines of each direction; a page with more is a picture.
const MOST_LINES: usize = 2_000;

/// One straight ruled line, horizontal or vertical, in pixels of the upright page image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RulingLine {
    /// Its position: y of a horizontal line's middle, x of a vertical one's.
    pub at: f32,
    /// Its start, along its direction.
    pub start: f32,
    /// Its end, along its direction.
    pub end: f32,
}

/// The ruled lines of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageRulings {
    /// Lines across the page, from top to bottom.
    pub horizontal: Vec<RulingLine>,
    /// Lines down the page, from left to right.
    pub vertical: Vec<RulingLine>,
}

/// Finds the ruled lines of `image`, whose lines are skewed by `skew_deg` (positive: falling to the right).
/// They are given as they lie after the skew is taken out about the page's center.
pub fn find(image: &PageImage, skew_deg: f32) -> PageRulings {
    let (width, height) = (image.width as usize, image.height as usize);
    let enough = width.checked_mul(height).and_then(|n| n.checked_mul(3));
    if width < 64 || height < 64 || enough.is_none_or(|n| image.rgb.len() < n) {
        return PageRulings::default();
    }
    let Some(ink) = DarkPixels::of(image, width, height) else {
        return PageRulings::default();
    };
    let skew = if skew_deg.is_finite() {
        skew_deg.clamp(-15.0, 15.0).to_radians()
    } else {
        0.0
    };
    let dpi = if image.dpi.is_finite() {
        image.dpi.clamp(50.0, 1200.0)
    } else {
        200.0
    };
    let block = if dpi >= 140.0 { 16 } else { 8 };
    let thickest = (THICKEST_IN * dpi).max(3.0);
    let (cx, cy) = (width as f32 / 2.0, height as f32 / 2.0);

    let across = ScanDirection {
        length: width,
        breadth: height,
        block,
        slope: skew.tan(),
        thickest,
    };
    let runs = across.runs(&ink.sums_across(block));
    let horizontal = across.lines(runs, SHORTEST_ACROSS_IN * dpi);
    let down = ScanDirection {
        length: height,
        breadth: width,
        block,
        slope: -skew.tan(),
        thickest,
    };
    let runs = down.runs(&ink.sums_down(block));
    let vertical = down.lines(runs, SHORTEST_DOWN_IN * dpi);

    let level = |lines: Vec<RulingLine>, along: f32, off: f32, sin: f32| {
        let cos = skew.cos();
        let place = move |line: RulingLine| {
            // A line through (along, at), its slope taken out about the center.
            let slide = (line.at - off) * sin;
            RulingLine {
                at: off + (line.at - off) * cos,
                start: along + (line.start - along) / cos + slide,
                end: along + (line.end - along) / cos + slide,
            }
        };
        lines.into_iter().map(place).collect::<Vec<_>>()
    };
    PageRulings {
        horizontal: level(horizontal, cx, cy, skew.sin()),
        vertical: level(vertical, cy, cx, -skew.sin()),
    }
}

/// Which pixels are dark: 1, else 0.
struct DarkPixels {
    dark: Vec<u8>,
    width: usize,
}

impl DarkPixels {
    fn of(image: &PageImage, width: usize, height: usize) -> Option<Self> {
        let grey: Vec<u8> = image.rgb[..width * height * 3]
            .chunks_exact(3)
            .map(|p| ((u16::from(p[0]) + 2 * u16::from(p[1]) + u16::from(p[2])) >> 2) as u8)
            .collect();
        let paper = paper(&grey);
        if paper < DARKEST_PAPER {
            return None;
        }
        let limit = (u32::from(paper) * DARK / 256) as u8;
        let dark = grey.iter().map(|&g| u8::from(g < limit)).collect();
        Some(Self { dark, width })
    }

    /// Dark pixels in each block of a row: (rows, blocks).
    fn sums_across(&self, block: usize) -> Vec<Vec<u8>> {
        let sum = |pixels: &[u8]| pixels.iter().sum::<u8>();
        self.dark
            .chunks_exact(self.width)
            .map(|row| row.chunks_exact(block).map(sum).collect())
            .collect()
    }

    /// Dark pixels in each block of a column: (columns, blocks).
    fn sums_down(&self, block: usize) -> Vec<Vec<u8>> {
        let blocks = self.dark.len() / self.width / block;
        let mut sums = vec![vec![0; blocks]; self.width];
        let mut sum = vec![0_u8; self.width];
        for (b, rows) in self.dark.chunks_exact(self.width * block).enumerate() {
            sum.fill(0);
            for row in rows.chunks_exact(self.width) {
                sum.iter_mut().zip(row).for_each(|(sum, dark)| *sum += dark);
            }
            sums.iter_mut()
                .zip(&sum)
                .for_each(|(column, &sum)| column[b] = sum);
        }
        sums
    }
}

/// The brightness of the paper: the commonest of the brighter half, by a sample.
fn paper(grey: &[u8]) -> u8 {
    let mut counts = [0_u32; 32];
    grey.iter()
        .step_by(61)
        .for_each(|g| counts[usize::from(g >> 3)] += 1);
    let commonest = (8..32).max_by_key(|&i| counts[i]).unwrap_or(31);
    (commonest * 8 + 4) as u8
}

/// Looking for lines across the page, or down it with the axes exchanged.
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
        let full = (self.block * 13 / 16) as u8;
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
                        // Two blocks are a letter's stroke; three are worth keeping.
                        if b - first >= 3 && runs.len() < 40 * MOST_LINES {
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
            open.retain(|&i| run.row - lines[i].last <= 3.0);
            let gap = 2.5 * self.block as f32;
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
        if found.len() > MOST_LINES {
            found.clear();
        }
        found.sort_by(|a, b| a.at.total_cmp(&b.at));
        found
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

    /// Mean thickness, in pixels, or its whole spread where that is out of proportion.
    fn thickness(&self) -> f32 {
        let mean = self.area / (self.end - self.start).max(1.0);
        let spread = self.last - self.first + 1.0;
        if spread > 3.0 * mean + 6.0 {
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
