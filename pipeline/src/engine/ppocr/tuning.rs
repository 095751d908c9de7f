//! The numbers of the PP-OCR engine, with units and origins.
//!
//! "The model's configuration" is what PP-OCRv6 is published with.

/// The pages that suit the engine.
pub(super) mod page {
    /// The resolution at which pages read best for the time they take, in dots per inch.
    pub(crate) const DPI: f32 = 200.0;
    /// Sides beyond this, in pixels, are of no use at that resolution: A0. What bounds memory is the limit on a page's
    /// pixels (`--max-megapixels`).
    pub(crate) const MAX_SIDE_PX: u32 = 9400;
    /// Pixels of a page as the detector sees it, unless set otherwise.
    pub(crate) const DETECTOR_PIXELS: u32 = 1_000_000;
    /// Mean confidence, 0 to 1, below which a line is left out, unless set otherwise (PP-OCR's
    /// `drop_score`).
    pub(crate) const TEXT_SCORE: f32 = 0.5;
}

/// Workers and what they share.
pub(super) mod workers {
    /// Workers that one detector serves. It is needed for an eighth of a worker's time, so that it
    /// is free half of the time.
    pub(crate) const WORKERS_PER_DETECTOR: usize = 4;
    /// Lines that go to a worker at a time: so few that all workers share the lines of one page.
    pub(crate) const LINES_PER_ITEM: usize = 6;
    /// Requests in flight beyond one for each worker, so that no worker waits while a document's
    /// next page is made.
    pub(crate) const EXTRA_IN_FLIGHT: u32 = 2;
    /// Requests that wait in the queue for each worker: enough that no worker waits for a
    /// document's next page, and few enough to hold few bitmaps.
    pub(crate) const QUEUED_PER_WORKER: usize = 2;
}

/// The detector: its input, and its map's way to boxes.
pub(super) mod detector {
    /// The sides of its input are multiples of this, in pixels (its network halves them five
    /// times).
    pub(crate) const ALIGN_PX: u32 = 32;
    /// Pages with fewer pixels than this are scaled up, so that their lines are seen (PP-OCR's
    /// `limit_side_len`, squared)...
    pub(crate) const MIN_PIXELS: f32 = 736.0 * 736.0;
    /// ...by at most this factor.
    pub(crate) const MAX_ENLARGEMENT: f32 = 2.0;
    /// The longest side of its input, in pixels; bounds memory.
    pub(crate) const MAX_SIDE_PX: f32 = 4096.0;

    /// The map's value, 0 to 1, from which a pixel belongs to a line (the model's configuration,
    /// `thresh`).
    pub(crate) const PIXEL_THRESHOLD: f32 = 0.3;
    /// Mean of the map, 0 to 1, from which a box counts (the model's configuration, `box_thresh`).
    pub(crate) const BOX_THRESHOLD: f32 = 0.5;
    /// The distance by which a core is grown on each side, times its area over its perimeter (the
    /// model's configuration, `unclip_ratio`).
    pub(crate) const GROW_RATIO: f32 = 1.6;
    /// Cores thinner than this, in pixels of the map, are specks (PP-OCR's post-processing,
    /// `min_size`).
    pub(crate) const MIN_CORE_PX: f32 = 3.0;
    /// Most boxes of a page, against maps that are all specks.
    pub(crate) const MAX_BOXES: usize = 5000;
    /// Ratio of a box's sides below which its angle is chance: two letters are as good as square.
    pub(crate) const SHORT_RATIO: f32 = 3.0;
}

/// Tiles of large pages ([`super::tiles`]). By hand where nothing else is said.
pub(super) mod tiles {
    use std::ops::{Range, RangeInclusive};

    /// Pixels up to which a page is looked at as a whole: A3 at 200 dpi, on which type of 8 points is found.
    pub(crate) const WHOLE_PAGE_PIXELS: f64 = 7.8e6;
    /// Height of a small letter on the detector's map, in pixels, from which it is found: on A4 that is type of some 5
    /// points.
    pub(crate) const MIN_LETTER_MAP_PX: f32 = 4.0;
    /// By how much larger than needed the print is shown in tiles.
    pub(crate) const SCALE_MARGIN: f32 = 1.4;
    /// Largest scale of a tile: an ordinary page's is 0.5.
    pub(crate) const MAX_SCALE: f32 = 0.7;
    /// Share of a tile's side by which it overlaps the next: more than the height of any line of small print.
    pub(crate) const OVERLAP: f32 = 0.12;
    /// Heights of groups of ink that may be letters, in pixels.
    pub(crate) const LETTER_HEIGHTS_PX: RangeInclusive<usize> = 5..=200;
    /// Width over height of letters.
    pub(crate) const LETTER_ASPECT: Range<f32> = 0.2..2.5;
    /// Letters of about one height that make print...
    pub(crate) const MIN_LETTERS: usize = 40;
    /// ...and their share of all groups of ink: less is grain, dots and accents.
    pub(crate) const MIN_LETTERS_SHARE: f32 = 0.05;
    /// Height of the largest letters of a print over that of the smallest.
    pub(crate) const SAME_SIZE: f32 = 1.3;
    /// Runs of ink that are looked at; bounds memory on pages of grain.
    pub(crate) const MAX_RUNS: usize = 2_000_000;
    /// Share of the lower box's height that two boxes of one line have in common.
    pub(crate) const MIN_SHARED_HEIGHT: f32 = 0.6;
}

/// Which way up a page and its lines are.
pub(super) mod orientation {
    /// Lines that are read to tell up from down.
    pub(crate) const PROBES: usize = 6;
    /// Mean confidence, 0 to 1, from which lines are surely upright.
    pub(crate) const SURE: f32 = 0.9;
    /// By how much surer the page must read upside down: it is upright on doubt.
    pub(crate) const MARGIN: f32 = 0.05;
    /// The length of all lines that run down the page over that of those that run across, from
    /// which the page is sideways.
    pub(crate) const MOSTLY_DOWN: f32 = 2.0;
    /// Height over width from which a box is taller than wide, and the other way round.
    pub(crate) const CLEAR_RATIO: f32 = 1.5;
    /// Height over width from which text in a box cannot be upright.
    pub(crate) const TALL_RATIO: f32 = 2.0 * CLEAR_RATIO;
    /// Width over height from which a line tells the page's skew.
    pub(crate) const SKEW_RATIO: f32 = 5.0;
}

/// The recognizer's input.
pub(super) mod recognizer {
    /// Its height, in pixels (the model's configuration, `rec_image_shape`).
    pub(crate) const LINE_HEIGHT_PX: usize = 48;
    /// Lines are made this much narrower than they are: reads as well, for less work. Measured on
    /// typed reference texts (18 ISRI pages at 200 dpi): word recall 0.991 at 1.0 and 0.85, 0.990
    /// at 0.75.
    pub(crate) const SQUEEZE: f32 = 0.85;
    /// Widths are rounded up to a multiple of this, in pixels, so that equal work has equal shape.
    pub(crate) const WIDTH_STEP_PX: usize = 16;
    /// The narrowest input, in pixels; the model was trained with short lines padded.
    pub(crate) const MIN_WIDTH_PX: usize = 160;
    /// The widest, in pixels: longer lines are squeezed.
    pub(crate) const MAX_WIDTH_PX: usize = 3200;
    /// Most samples a pixel and side for a line that shrinks; bounds the work on boxes that are a
    /// mistake.
    pub(crate) const MAX_SAMPLES: usize = 16;
}
