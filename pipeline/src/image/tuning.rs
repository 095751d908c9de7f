//! The numbers by which pages are judged from their pixels, with units and origins.
//!
//! "By hand" means that a number has no other source than trying: the unit tests beside its use
//! hold cases on both sides of it.

/// Blank pages ([`super::blank_page`]).
pub(super) mod blank_page {
    /// Side of a cell of background, in pixels: wider than the strokes of type, narrower than
    /// shadows.
    pub(crate) const CELL_PX: usize = 16;
    /// Least difference from the background, in gray levels of 255, that may be ink on a clean
    /// page. By hand; pencil has 45.
    pub(crate) const MIN_CONTRAST: u8 = 32;
    /// Most difference that is asked for, in gray levels, however noisy the page. By hand.
    pub(crate) const MAX_CONTRAST: u8 = 72;
    /// Standard deviations of the paper's grain that ink has to differ by: one pixel in 16,000 of
    /// Gaussian noise does.
    pub(crate) const GRAIN_SIGMAS: f32 = 4.0;
    /// Median difference of neighboring pixels of Gaussian noise, in its standard deviations:
    /// 0.6745 times the root of 2.
    pub(crate) const GRAIN_PER_DIFFERENCE: f32 = 0.954;
    /// A group this long or high, in pixels, is a mark: 1.4 mm at 150 dpi, less than the smallest
    /// letter that can be read. The resolution is left out of it because image files often lie
    /// about theirs.
    pub(crate) const MARK_PX: usize = 8;
    /// The share of the page's sides within which dark scanner edges lie. By hand.
    pub(crate) const EDGE_SHARE: f32 = 0.04;
    /// Groups that come this near to the page's edge, in pixels, hang on it. By hand.
    pub(crate) const EDGE_TOUCH_PX: usize = 3;
    /// More runs of ink than a blank page has; bounds memory to some 25 MB on pages of pure noise.
    pub(crate) const MAX_RUNS: usize = 250_000;
    /// Neighboring cells of background that differ by more gray levels than this are no even light:
    /// something is printed there. A book's gutter has 60 over 60 pixels.
    pub(crate) const LARGEST_STEP: u8 = 80;
}

/// Pages of low contrast ([`super::contrast`]).
pub(super) mod contrast {
    /// Contrast of ink and paper up to which a page is made clearer, in levels of 255. Black ink on gray paper has 130;
    /// readings of print in gray 200 on 245 still have a wrong sign here and there.
    pub(crate) const MAX_ENHANCED: u8 = 90;
    /// Least contrast that may be ink, in levels of 255: 3 %.
    pub(crate) const MIN_ENHANCED: u8 = 8;
    /// Pixels, of a thousand, that are darker or lighter than what counts as a page's range: a mark or a speck says
    /// nothing of its ink.
    pub(crate) const EXTREME_PERMILLE: u64 = 1;
    /// Standard deviations of the paper's grain that a page with ink spans: grain alone spans six to seven.
    pub(crate) const GRAIN_RANGES: f32 = 9.0;
    /// One row of so many is looked at.
    pub(crate) const ROW_STEP: usize = 3;
}

/// Ink that a page's own text does not explain ([`super::residual_ink`]). By hand where nothing else is said: what it
/// lets through is looked at by the detector, which has the last word.
pub(super) mod residual_ink {
    /// Side of a cell of background, in pixels.
    pub(crate) const BACKGROUND_CELL_PX: usize = 32;
    /// Least difference from the background, in gray levels of 255: bitmaps of PDFs have no grain.
    pub(crate) const MIN_CONTRAST: u8 = 24;
    /// Pixels around a glyph's box that it explains too: edges are blurred.
    pub(crate) const GLYPH_MARGIN_PX: f32 = 1.0;
    /// Smallest letter, in pixels: 4 points at 100 dpi.
    pub(crate) const MIN_LETTER_PX: f32 = 4.0;
    /// Largest letter, in inches: larger ones are pictures, which are looked at as such.
    pub(crate) const LARGEST_LETTER_IN: f32 = 1.0;
    /// Width over height of the widest letter.
    pub(crate) const MAX_LETTER_ASPECT: f32 = 2.5;
    /// Width over height from which a mark may be a word whose letters touch.
    pub(crate) const WORD_ASPECT: f32 = 2.5;
    /// Share of its box that the ink of such a word fills at least, and leaves white.
    pub(crate) const MIN_WORD_FILL: f32 = 0.1;
    /// Length over thickness of a ruled line.
    pub(crate) const RULING_ASPECT: f32 = 12.0;
    /// White between two letters of a row, in heights of the larger one.
    pub(crate) const NEIGHBOR_GAP: f32 = 1.2;
    /// Height of a letter over that of a smaller one beside it, at most.
    pub(crate) const NEIGHBOR_SIZE: f32 = 2.6;
    /// Letters that make a row.
    pub(crate) const LETTERS_IN_ROW: usize = 3;
    /// Shorter side of a picture that is looked at, in inches: less holds no line of type.
    pub(crate) const MIN_IMAGE_IN: f32 = 0.1;
    /// Marks and runs of ink beyond which a page is looked at as a whole; bounds time and memory.
    pub(crate) const MAX_MARKS: usize = 20_000;
    pub(crate) const MAX_RUNS: usize = 400_000;
}

/// Ruled lines ([`super::rulings`]).
pub(super) mod rulings {
    /// Dark is what has less than this share of the background's luma, in 256ths. By hand.
    pub(crate) const DARK_SHARE: u32 = 200;
    /// The luma from which paper is looked for, 0 to 255: black is none.
    pub(crate) const MIN_BACKGROUND: u8 = 64;
    /// Background below this luma is no paper: the page is a photograph or printed white on black.
    pub(crate) const DARKEST_BACKGROUND: u8 = 90;
    /// One pixel of so many shows the luma of the paper; a prime, so that no pattern of the page
    /// falls in with it.
    pub(crate) const BACKGROUND_SAMPLE_STEP: usize = 61;
    /// Shortest side of a page that is looked at, in pixels: four blocks.
    pub(crate) const MIN_SIDE_PX: usize = 64;
    /// Steepest skew that is taken out, in degrees: more than that is no page laid on a scanner.
    pub(crate) const MAX_SKEW_DEG: f32 = 15.0;
    /// The resolutions that are believed, in dots per inch.
    pub(crate) const DPI_RANGE: (f32, f32) = (50.0, 1200.0);
    /// The resolution of pages that name none, in dots per inch.
    pub(crate) const USUAL_DPI: f32 = 200.0;
    /// The resolution from which blocks are long, in dots per inch.
    pub(crate) const LONG_BLOCK_DPI: f32 = 140.0;
    /// Pixels of a block along a line, at high and at low resolution: longer than the stroke of a
    /// letter is wide.
    pub(crate) const BLOCK_PX: (usize, usize) = (16, 8);
    /// Sixteenths of a block that must be dark: scanned lines have gaps.
    pub(crate) const FULL_SIXTEENTHS: usize = 13;
    /// Dark blocks that make a run: two are a letter's stroke, three are worth keeping.
    pub(crate) const MIN_BLOCKS: usize = 3;
    /// Rows that may be missing between two runs of one line, in pixels.
    pub(crate) const MAX_ROW_GAP: f32 = 3.0;
    /// The gap that may be between two runs along a line, in blocks.
    pub(crate) const MAX_GAP_BLOCKS: f32 = 2.5;
    /// Shortest horizontal line, in inches. By hand.
    pub(crate) const MIN_ACROSS_IN: f32 = 0.4;
    /// Shortest vertical line, in inches: two rows of a table, and more than most letters.
    pub(crate) const MIN_DOWN_IN: f32 = 0.3;
    /// Thickest line, in inches. By hand.
    pub(crate) const MAX_THICKNESS_IN: f32 = 0.05;
    /// The same in pixels for pages of low resolution.
    pub(crate) const MIN_MAX_THICKNESS_PX: f32 = 3.0;
    /// A line whose rows spread over more than this many times its mean thickness...
    pub(crate) const MAX_SPREAD: f32 = 3.0;
    /// ...and this many pixels is as thick as they spread: type between two rules, not a line that
    /// steps.
    pub(crate) const MAX_SPREAD_PX: f32 = 6.0;
    /// Most lines of each direction; a page with more is a picture.
    pub(crate) const MAX_LINES: usize = 2_000;
    /// Most runs of dark blocks of each direction; bounds memory.
    pub(crate) const MAX_RUNS: usize = 40 * MAX_LINES;
}

/// Weight and size of type, and bullets ([`super::typography`]). Shares are of the height of a
/// line's box if nothing else is said.
pub(super) mod typography {
    use std::ops::Range;

    /// Most lines of a page that are looked at.
    pub(crate) const MAX_LINES: usize = 2_000;

    /// Lines lower than this, in pixels, are too coarse to be measured.
    pub(crate) const MIN_HEIGHT_PX: f32 = 10.0;
    /// Most pixels of a strip, so that a mad box costs nothing.
    pub(crate) const MAX_STRIP_PX: usize = 4_000_000;
    /// Least difference between paper and ink, in gray levels of 255.
    pub(crate) const MIN_CONTRAST: u8 = 40;
    /// Paper is the luma that a fifth of a line's pixels are brighter than, in percent of them...
    pub(crate) const BACKGROUND_PERCENTILE: usize = 80;
    /// ...and ink the luma that a fiftieth are darker than.
    pub(crate) const INK_PERCENTILE: usize = 2;

    /// Strokes this many times as wide as the page's are bold. By hand...
    pub(crate) const BOLD: f32 = 1.35;
    /// ...if they are as much wider than the type is larger.
    pub(crate) const BOLD_FOR_SIZE: f32 = 1.15;
    /// Type that differs by less than this share of its height is of one size: a pixel more or
    /// less.
    pub(crate) const SAME_SIZE: f32 = 0.13;
    /// Height of small letters over that of capitals, about the same in most type.
    pub(crate) const SMALL_TO_CAPITALS: f32 = 0.71;
    /// The size measured over that of the line's box; beyond it, ink that is not the line's has
    /// misled, as the box is not that far off.
    pub(crate) const BELIEVED_SIZES: Range<f32> = 0.66..1.5;
    /// Fewest lines that say what is usual on a page.
    pub(crate) const MIN_LINES: usize = 5;
    /// Fewest letters that show how heavy a line's type is.
    pub(crate) const MIN_LETTERS: usize = 3;
    /// Fewest letters that show how large it is.
    pub(crate) const MIN_LETTERS_FOR_SIZE: usize = 10;
    /// Small letters among letters and digits, in tenths, from which they show the height of the
    /// type.
    pub(crate) const MOSTLY_SMALL_TENTHS: usize = 7;
    /// The rows with the most ink, as one part of so many of all rows: letters' bodies are full
    /// there.
    pub(crate) const FULLEST_PART: usize = 6;
    /// A row belongs to the body of small letters from this part of the ink of the fullest rows...
    pub(crate) const SMALL_BODY_PART: usize = 2;
    /// ...and to that of wide letters, which have strokes at any height, from this part.
    pub(crate) const WIDE_BODY_PART: usize = 8;
    /// Fewest rows of a body that can be measured.
    pub(crate) const MIN_BODY_ROWS: usize = 4;

    /// The distance before a line's box within which a bullet may be...
    pub(crate) const REACH: f32 = 2.4;
    /// ...and the white that has to be before it.
    pub(crate) const WHITE_BEFORE: f32 = 0.8;
    /// The distance inside the line's box within which a bullet may begin.
    pub(crate) const INSIDE: f32 = 0.35;
    /// The distance inside the box within which its text is looked for.
    pub(crate) const TEXT_WITHIN: f32 = 1.5;
    /// The distance before the box within which its text may begin.
    pub(crate) const TEXT_BEFORE: f32 = 0.3;
    /// White between a bullet and its text, at least.
    pub(crate) const MIN_GAP: f32 = 0.15;
    /// A bullet's width and height: a full stop has 0.1, a small letter 0.4.
    pub(crate) const SIDES: Range<f32> = 0.125..0.42;
    /// Smaller than this is a speck.
    pub(crate) const SPECK: f32 = 0.1;
    /// Ink that the strip's edge cuts off is a scrap of another line if it is lower than this.
    pub(crate) const SCRAP: f32 = 0.3;
    /// The distance of a bullet's middle below the box's top: a full stop's is 0.7.
    pub(crate) const MIDDLE: Range<f32> = 0.32..0.66;
    /// The share of its own box that a bullet fills: a disc has 0.79.
    pub(crate) const MIN_FILL: f32 = 0.62;
    /// A bullet is this many times as wide as the strokes of letters...
    pub(crate) const STROKES: f32 = 1.5;
    /// ...and at least so many pixels wide.
    pub(crate) const MIN_BULLET_PX: f32 = 1.5;
    /// Longer over shorter side of a bullet, and larger over smaller of two that are alike.
    pub(crate) const ALIKE: f32 = 1.4;
    /// Two bullets of a list are at least so far below one another...
    pub(crate) const MIN_BELOW: f32 = 0.5;
    /// ...and at most so far beside one another...
    pub(crate) const MAX_BESIDE: f32 = 0.5;
    /// ...and this much for each pixel below, as pages are skewed.
    pub(crate) const MAX_BESIDE_SLOPE: f32 = 0.05;
    /// White that is kept before a bullet when a line's box is made to hold it.
    pub(crate) const BULLET_MARGIN: f32 = 0.1;
    /// Most groups of ink that are looked at before one line: more are no white.
    pub(crate) const MAX_GROUPS: usize = 64;
}

/// Boxes to tick ([`super::typography`]), by hand on forms at 100 to 300 dpi.
pub(super) mod tick_boxes {
    use std::ops::Range;

    /// Side of the cells that the background is measured in, in pixels.
    pub(crate) const BACKGROUND_CELL_PX: usize = 64;
    /// Contrast that makes ink, in levels of 255.
    pub(crate) const MIN_CONTRAST: u8 = 60;
    /// Resolution of an image that does not say it, in dots per inch.
    pub(crate) const DEFAULT_DPI: f32 = 200.0;
    /// Sides of a box, in inches: 1.8 mm to 9 mm...
    pub(crate) const MIN_SIDE_IN: f32 = 0.07;
    pub(crate) const MAX_SIDE_IN: f32 = 0.35;
    /// ...and in pixels: letters of lower type look square.
    pub(crate) const MIN_SIDE_PX: f32 = 10.0;
    /// Longer over shorter side.
    pub(crate) const MAX_SIDES_RATIO: f32 = 1.25;
    /// A tick may make the ink so many times as wide as its box.
    pub(crate) const MAX_REACH: f32 = 2.0;
    /// Share of a side that is ink.
    pub(crate) const MIN_COVERAGE: f32 = 0.9;
    /// Share of a side beside which ink reaches out of the box: a tick's strokes.
    pub(crate) const MAX_BESIDE: f32 = 0.3;
    /// Thickness of the sides, as a share of the box's side; what is further in is a tick.
    pub(crate) const THICKEST_SIDE: f32 = 0.2;
    /// Share of the inside that a tick or a cross covers: less are specks.
    pub(crate) const MIN_TICK: f32 = 0.06;
    /// Height of a box over that of its label's line.
    pub(crate) const ROW_SIZES: Range<f32> = 0.5..1.8;
    /// Distance that a tick reaches out of a box when it is erased, in heights of the box.
    #[cfg(feature = "ppocr")]
    pub(crate) const PLACE_MARGIN: f32 = 0.12;
    /// Distance between a box and its label, in heights of the box.
    pub(crate) const LABEL_GAP: f32 = 3.0;
    /// Most runs of ink of a page that is looked at: one with more is a photograph.
    pub(crate) const MAX_RUNS: usize = 2_000_000;
}

/// Previews on the review page ([`super::preview`]).
pub(super) mod preview {
    /// Widest preview, in pixels: a column of a wide screen.
    pub(crate) const MAX_WIDTH_PX: u32 = 1_000;
    /// Highest preview, in pixels: long receipts are scaled down further.
    pub(crate) const MAX_HEIGHT_PX: u32 = 4_000;
    /// The size that a preview should have, in bytes.
    pub(crate) const TARGET_BYTES: usize = 100_000;
    /// JPEG qualities from the best to the floor, at which type is still readable, each with its
    /// size as a share of the best one's (measured on 35 scanned pages).
    pub(crate) const QUALITIES: [(u8, f64); 4] = [(60, 1.0), (45, 0.88), (32, 0.77), (22, 0.69)];
    /// Rows of the strips by which a preview's size is estimated: two rows of JPEG's blocks...
    pub(crate) const STRIP_ROWS: usize = 16;
    /// ...and one strip of so many.
    pub(crate) const STRIP_EVERY: usize = 4;
}

/// Ink that is no type. Chosen on the figures of papers and on forms, code and handwriting that a layout model took for
/// figures.
pub(super) mod drawn_share {
    /// Gray levels by which ink is darker than the paper around it.
    pub(crate) const INK_CONTRAST: u8 = 48;
    /// Share of the pixels that paper has at least.
    pub(crate) const PAPER_SHARE: f32 = 0.25;
    /// Height of the ink above and below a line's box that is still its own, as a share of its height.
    pub(crate) const TYPE_MARGIN_SHARE: f32 = 0.1;
}
