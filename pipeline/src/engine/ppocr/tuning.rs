//! The numbers of the PP-OCR engine, with units and origins.
//!
//! "The model's configuration" is what PP-OCRv6 is published with.

/// The pages that suit the engine.
pub(super) mod page {
    /// The resolution at which pages read best for the time they take, in dots per inch.
    pub(crate) const DPI: f32 = 200.0;
    /// Longest side of a bitmap, in pixels: A2 at that resolution. A0 comes out at 100 dpi, on which type of 8 points can
    /// still be read.
    pub(crate) const MAX_SIDE_PX: u32 = 4700;
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
    /// Workers that one layout network serves: a page takes it a twentieth of the time that its lines take.
    pub(crate) const WORKERS_PER_LAYOUT_NETWORK: usize = 8;
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
    /// Side of a cell of background, in pixels.
    pub(crate) const BACKGROUND_CELL_PX: usize = 32;
    /// Least difference of ink from the background, in gray levels of 255: more than the grain of a scan.
    pub(crate) const MIN_CONTRAST: u8 = 48;
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
    /// Share of the ink, 0 to 1, that must be read upside down: text that is poor either way, but
    /// in a script that is known, reads to two thirds and more.
    pub(crate) const LEAST_READ: f32 = 0.6;
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

/// Which of a line's ink was read. Measured on rendered pages in 26 languages and on the scans and
/// born-digital pages that accuracy is measured on; see `docs/accuracy.md`.
pub(super) mod unread {
    /// Side of the squares of the recognizer's input in which ink is looked for, in pixels.
    pub(crate) const CELL_PX: usize = 2;
    /// Share of a line's cells that may be darker, or lighter, than what counts as its strongest
    /// ink: specks.
    pub(crate) const SPECK_SHARE: f32 = 0.02;
    /// Contrast of a line's ink with its paper from which there is any, in gray levels.
    pub(crate) const MIN_CONTRAST: u8 = 20;
    /// Rows of cells above and below that are passed over, where neighboring lines and underlines
    /// reach into the box.
    pub(crate) const MARGIN_CELLS: usize = 5;
    /// Rows of cells that the ink of an unread stretch spans at least: less is a rule or a row of
    /// dots.
    pub(crate) const MIN_SPAN_CELLS: usize = 6;
    /// Steps on either side that a letter stands for: it is two to three steps wide.
    pub(crate) const LETTER_STEPS: usize = 1;
    /// Steps on either side that a character set in a square stands for: it is four wide.
    pub(crate) const SQUARE_STEPS: usize = 3;
    /// Share of a line's ink, 0 to 1, from which it counts as unread...
    pub(crate) const LINE_SHARE: f32 = 0.4;
    /// ...and from which nothing at all was read of it.
    pub(crate) const NOTHING_SHARE: f32 = 0.9;
    /// Share of a long line's ink from which it lacks letters. Lines that are read whole in wide
    /// capitals come to 0.11, others to 0.07.
    pub(crate) const GAPS_SHARE: f32 = 0.08;

    /// Ink of a line from which it tells for itself, in line heights: less may be the legend of a
    /// figure or a box to tick...
    pub(crate) const LONG: f32 = 4.0;
    /// ...or, if nothing at all was read of it, an initial.
    pub(crate) const WORD: f32 = 2.0;
    /// Ink of a line, or of the long lines of a page, from which gaps are no chance, in line
    /// heights.
    pub(crate) const PROSE: f32 = 8.0;

    /// Share of the ink of all lines, 0 to 1, from which a page is unread in part. Pages of figures
    /// and forms come to 0.11...
    pub(crate) const PAGE_SHARE: f32 = 0.12;
    /// ...if it is so much, in line heights: half a letter is a speck.
    pub(crate) const PAGE_LENGTH: f32 = 0.25;
    /// Share of the ink of the long lines, 0 to 1, from which a page is unread in part. Pages that
    /// are read whole come to 0.025.
    pub(crate) const LONG_LINES_SHARE: f32 = 0.05;
    /// Ink of unread lines from which a page is unread in part however much was read, in line
    /// heights: one long line.
    pub(crate) const UNREAD_LENGTH: f32 = 4.0;
    /// Ink of long lines with gaps from which it is, in line heights: two lines.
    pub(crate) const GAPS_LENGTH: f32 = 30.0;

    /// Confidence, 0 to 1, from which what was read of an unread line is text of the page...
    pub(crate) const SURE_CONFIDENCE: f32 = 0.95;
    /// ...if it has so many letters and digits.
    pub(crate) const SURE_CHARACTERS: usize = 3;
}

/// Lines that a second reader reads. Measured on rendered pages in twelve scripts, clean and as scans, each read in
/// all twelve languages of tesseract 5.3, and on pages in six scripts whose language it did not have.
pub(super) mod fallback {
    use std::time::Duration;

    /// Lines, the longest ones, by which the language is chosen: one call of 0.1 s for each language. Reading with all
    /// languages at once takes 1.4 to 4 s a page and gets more characters wrong, of Thai most.
    pub(crate) const PROBES: usize = 3;
    /// Rounds in which what is left of a page is tried with the languages that are left: one for each script.
    pub(crate) const MAX_ROUNDS: usize = 4;
    /// Languages that read the same lines, each line then as the surer one reads it: Russian and Ukrainian on one page
    /// come to 0.965 of their characters with one of them and to 0.999 with both (one page).
    pub(crate) const RIVALS: usize = 2;
    /// Part of a page's time that the second reader may take: one in so many...
    pub(crate) const TIME_SHARE: u32 = 4;
    /// ...and at most so much, so that the page is answered while somebody waits for it, however long that would be.
    pub(crate) const MAX_TIME: Duration = Duration::from_secs(120);
    /// Confidence times the share of letters in other scripts, 0 to 1, from which a line tells for its language. The
    /// best of three lines comes to 0.85 and more in its own language, to 0.72 in another one of its script and to 0.66
    /// in another script.
    pub(crate) const CHOICE: f32 = 0.8;
    /// Confidence that such a line needs too where the reader goes letter by letter, as in Thai: it is surer of what is
    /// wrong. Thai and Korean come to 0.94, Lao read as Thai to 0.90.
    pub(crate) const BY_LETTER_CHOICE: f32 = 0.92;
    /// Confidence from which a line in the chosen language was read. Of lines that are right to 0.85 and more, all but
    /// five of 324 come to that.
    pub(crate) const LINE: f32 = 0.65;
    /// The same for a line of which the recognizer has read most.
    pub(crate) const LOOKALIKE_LINE: f32 = 0.8;
    /// The same for a line that was read letter by letter.
    pub(crate) const BY_LETTER_LINE: f32 = 0.85;
    /// Share of the letters of a line that are of a script which the recognizer does not know.
    pub(crate) const FOREIGN_SHARE: f32 = 0.5;
    /// Share of Latin letters that the recognizer does not know, from which a line lacks them: Vietnamese has 0.09 and
    /// more a line.
    pub(crate) const LATIN_SHARE: f32 = 0.05;
    /// Confidence of such a line. Vietnamese comes to 0.93 and more, other scripts read as Vietnamese to 0.68.
    pub(crate) const LATIN_CONFIDENCE: f32 = 0.85;
    /// Paper around a line, over its height. By hand: without some the reader takes edges for strokes.
    pub(crate) const MARGIN_SHARE: f32 = 0.2;
    /// Shortest side of a line that can have letters, in pixels.
    pub(crate) const MIN_SIDE_PX: f32 = 6.0;
    /// Longest side of a line's image, in pixels: longer ones are squeezed. Bounds memory.
    pub(crate) const MAX_SIDE_PX: f32 = 5000.0;
}

/// Which of the ideographs on a page of Latin text are mistakes.
pub(super) mod script_prior {
    /// Share of ideographs and kana among a page's letters and digits, 0 to 1, up to which it is a
    /// page of Latin text: a few names.
    pub(crate) const MOST_SQUARE: f32 = 0.05;
    /// Ideographs or kana in a row from which they are a name...
    pub(crate) const NAME_CHARACTERS: usize = 2;
    /// ...if their mean probability, 0 to 1, is at least this.
    pub(crate) const SURE_NAME: f32 = 0.7;
    /// Probability, 0 to 1, from which one alone is what it is, unless it has the shape of a sign.
    /// Marks of a plot read as one with up to 0.92.
    pub(crate) const SURE_CHARACTER: f32 = 0.95;
    /// Probability, 0 to 1, that the best of the other characters needs to take its place.
    pub(crate) const LEAST_LATIN: f32 = 0.01;
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

/// The layout model: its output's way to regions.
pub(super) mod layout_model {
    /// Smallest and largest side of a network's input, in pixels; bounds memory.
    pub(crate) const MIN_INPUT_PX: usize = 64;
    /// See [`MIN_INPUT_PX`].
    pub(crate) const MAX_INPUT_PX: usize = 2048;
    /// Side of a cell of PicoDet's first head, in pixels; it doubles from head to head (PaddleDetection,
    /// `picodet_lcnet_x1_0_layout.yml`).
    pub(crate) const FIRST_STRIDE: usize = 8;
    /// Score, 0 to 1, from which there is a region (the same file's `score_threshold` is 0.4, PaddleOCR's structure
    /// analysis takes 0.5).
    pub(crate) const SCORE: f32 = 0.4;
    /// Share of two boxes of one class that is in both, from which they are one region (`nms_threshold`).
    pub(crate) const DOUBLE_SHARE: f32 = 0.5;
    /// Most regions of a page: bounds the work on a network that marks everything.
    pub(crate) const MAX_REGIONS: usize = 300;
    /// Share of a line's box from which it lies in a title, a figure or a table: these are drawn a few pixels short of the
    /// type...
    pub(crate) const ENTERED_SHARE: f32 = 0.5;
    /// ...and from which it lies in any other region: those of text reach into the headings beside them.
    pub(crate) const HELD_SHARE: f32 = 0.75;
}
