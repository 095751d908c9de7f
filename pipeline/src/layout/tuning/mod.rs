//! Tuning: every threshold of layout, by the module that uses it, with its unit and its origin; those of tables are in
//! [`tables::tuning`](super::tables::tuning), those of running headers in
//! [`headers_footers::tuning`](super::headers_footers::tuning).
//!
//! Lengths are in ems (the height of the page's common type) and end in `_EM`, or in pixels of the page image (`_PX`);
//! names without a unit are ratios or counts. "Chosen on the sample documents" means: tried by hand on the
//! samples and golden pages of the tests until they came out right, with no finer measurement behind it. Limits against
//! hostile pages are far above what the sample documents have.

pub(crate) mod headings;

/// A share of a count, as a fraction: exact at its border, where a float may round either way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountShare {
    part: usize,
    whole: usize,
}

impl CountShare {
    /// `part` of `whole`, such as 2 of 3.
    pub const fn of(part: usize, whole: usize) -> Self {
        Self { part, whole }
    }

    /// Returns true if `count` is at least this share of `all`.
    pub fn is_reached(self, count: usize, all: usize) -> bool {
        count * self.whole >= all * self.part
    }

    /// Returns true if `count` is more than this share of `all`.
    pub fn is_exceeded(self, count: usize, all: usize) -> bool {
        count * self.whole > all * self.part
    }

    /// This share of `all`, rounded down.
    pub fn part_of(self, all: usize) -> usize {
        all * self.part / self.whole
    }
}

/// A page as a whole. Limits against hostile pages.
pub(crate) mod page {
    /// Most lines of a body that is laid out with care; more are read from top to bottom.
    pub(crate) const MAX_STUDIED_LINES: usize = 5_000;
    /// Lines in one block of a page with more.
    pub(crate) const UNSTUDIED_BLOCK_LINES: usize = 64;
    /// Fewest characters of an entry of a bibliography.
    pub(crate) const WORK_CHARACTERS: usize = 25;
}

/// Lines that come to layout. Chosen on the sample documents.
pub(crate) mod placed_line {
    use super::CountShare;

    /// Coordinates beyond this are not believed; no page image is as large.
    pub(crate) const MAX_COORDINATE_PX: f32 = 1.0e6;
    /// Distance of opposite edges below which a box counts as rotated or empty.
    pub(crate) const MIN_EDGE_PX: f32 = 0.5;
    /// Smallest type that is believed.
    pub(crate) const MIN_TYPE_PX: f32 = 0.5;
    /// Height over width of a box above which its text runs up or down the page.
    pub(crate) const SIDEWAYS_ASPECT: f32 = 2.0;
    /// Characters of a text that may run sideways: one or two are often taller than wide.
    pub(crate) const SIDEWAYS_MIN_CHARACTERS: usize = 3;
    /// Share of Chinese, Japanese and Korean characters above which a tall line is of characters one below the other.
    pub(crate) const STACKED_SCRIPT: CountShare = CountShare::of(1, 2);
    /// Lower-case letters from which the size of type can be measured on a scan.
    pub(crate) const MIN_MEASURED_LETTERS: usize = 10;
    /// The same for Chinese and Japanese characters, which are all of one size.
    pub(crate) const MIN_MEASURED_IDEOGRAPHS: usize = 2;
}

/// Lines that run up or down the page. Ems are here the breadth of most lines' boxes. Chosen on pages with a table or a
/// picture's caption on its side.
pub(crate) mod sideways {
    /// White between lines of one block, along them: that between the columns of a table.
    pub(crate) const REACH_ALONG_EM: f32 = 10.0;
    /// The same across them.
    pub(crate) const REACH_ACROSS_EM: f32 = 2.0;
    /// White between columns of vertical writing, along them.
    pub(crate) const STACKED_REACH_EM: f32 = 2.0;
    /// Most lines that are grouped by their distance; more are one block.
    pub(crate) const MAX_GROUPED_LINES: usize = 1_000;
    /// Rows from which a block is laid out where it stands.
    pub(crate) const MIN_ROWS: usize = 2;
    /// Characters of a text that does not show which way it is turned.
    pub(crate) const MAX_SHORT_CHARACTERS: usize = 2;
    /// Distance of a short column of vertical writing from the others.
    pub(crate) const SHORT_COLUMN_REACH_EM: f32 = 1.5;
    /// Distance from a block of the ruled lines that belong to it.
    pub(crate) const RULING_REACH_EM: f32 = 2.0;
}

/// Large initials. Chosen on the sample documents.
pub(crate) mod drop_caps {
    use std::ops::RangeInclusive;

    /// Most characters of an initial: a letter, and a quotation mark before it.
    pub(crate) const MAX_CHARACTERS: usize = 2;
    /// Least height of an initial.
    pub(crate) const MIN_HEIGHT_EM: f32 = 1.8;
    /// Rows beside an initial.
    pub(crate) const ROWS: RangeInclusive<usize> = 2..=5;
    /// Least width of the rows beside it.
    pub(crate) const MIN_ROW_WIDTH_EM: f32 = 6.0;
    /// White between an initial and the rows.
    pub(crate) const MAX_SPACE_EM: f32 = 1.2;
    /// Width by which the rows may reach over the initial's box.
    pub(crate) const OVERLAP_EM: f32 = 0.5;
    /// Width of a space, in heights of the type.
    pub(crate) const SPACE: f32 = 0.3;
    /// Height by which the first row's center may lie above the initial's box.
    pub(crate) const ABOVE_EM: f32 = 0.5;
}

/// Lines on one baseline. Chosen on the sample documents.
pub(crate) mod baselines {
    use super::CountShare;

    /// Rows that a line is compared with: those begun last, as lines come from top to bottom.
    pub(crate) const MAX_OPEN_ROWS: usize = 12;
    /// Least height of a line that widens its row's box, over that of the box: indices and exponents do not.
    pub(crate) const CORE_HEIGHT: f32 = 0.8;
    /// Distance of two centers on one baseline, in heights of the taller.
    pub(crate) const LEVEL: f32 = 0.45;
    /// Height shared by two boxes on one baseline, in heights of the lower.
    pub(crate) const SHARED_HEIGHT: f32 = 0.55;
    /// The same if their centers are further apart than on one baseline, as of a raised number.
    pub(crate) const SHARED_HEIGHT_UNLEVEL: f32 = 0.8;
    /// Width by which neighbors may overlap, in widths of the narrower: boxes of a model do.
    pub(crate) const MAX_OVERLAP: f32 = 0.35;
    /// Share of bold characters above which a row is bold; the same for slanted ones and those of fixed pitch.
    pub(crate) const MOSTLY: CountShare = CountShare::of(8, 10);
    /// Gap without a space in a document's own text, in heights of the type: half of a narrow space.
    pub(crate) const TOUCHING_GAP: f32 = 0.12;
    /// Gap without a space between Chinese or Japanese characters, in heights of the type.
    pub(crate) const UNSPACED_GAP: f32 = 0.6;
    /// Least mean width of a character, so that it can be divided by.
    pub(crate) const MIN_CHARACTER_PX: f32 = 0.1;
}

/// Line numbers in the margin. Chosen on the sample documents, among them legal papers.
pub(crate) mod line_numbers {
    use super::CountShare;

    /// Most digits of a line number.
    pub(crate) const MAX_DIGITS: usize = 3;
    /// Fewest numbers that make a column of line numbers.
    pub(crate) const MIN_NUMBERS: usize = 8;
    /// Fewest lines of text beside them.
    pub(crate) const MIN_TEXT_LINES: usize = 4;
    /// Share of the numbers that follow the one above by one.
    pub(crate) const COUNTING_ON: CountShare = CountShare::of(8, 10);
    /// Width of a long line of text.
    pub(crate) const LONG_LINE_EM: f32 = 8.0;
    /// Share of long lines above which the text is running text.
    pub(crate) const LONG_LINES: CountShare = CountShare::of(1, 2);
    /// Lines of running text for each number, below which they are no cells of several columns.
    pub(crate) const MAX_LINES_PER_NUMBER: usize = 2;
    /// Share of the text to the left of the numbers above which they are no margin.
    pub(crate) const LEFT_OF_NUMBERS: CountShare = CountShare::of(1, 10);
}

/// White strips. Chosen on the sample documents; the largest counts are limits against hostile pages.
pub(crate) mod gutters {
    /// Strips to an em; a gutter is at least two of them wide.
    pub(crate) const STRIPS_PER_EM: f32 = 4.0;
    /// Least width of a strip.
    pub(crate) const MIN_STRIP_PX: f32 = 0.01;
    /// Most strips looked at.
    pub(crate) const MAX_STRIPS: usize = 1024;
    /// Most white runs of strips looked at.
    pub(crate) const MAX_WHITE_RUNS: usize = 8192;
    /// Most gutters given.
    pub(crate) const MAX_GUTTERS: usize = 24;
    /// Least height of a gutter: three lines.
    pub(crate) const MIN_HEIGHT_EM: f32 = 3.0;
    /// Least width of a gutter, in strips: more than one.
    pub(crate) const MIN_WIDTH_STRIPS: f32 = 1.5;
    /// The share of a box's width, one in so many, that its margin takes at most.
    pub(crate) const MAX_INSET_ONE_IN: f32 = 3.0;
    /// The share of a box's height, at the top and at the bottom, that is taken for white.
    pub(crate) const VERTICAL_INSET: f32 = 0.15;
    /// Height shared by neighboring strips of one gutter, over the taller.
    pub(crate) const SAME_HEIGHT_SHARE: f32 = 0.85;
    /// Width below which a narrower gutter is tried no later.
    pub(crate) const RANK_MIN_WIDTH_EM: f32 = 0.5;
    /// Width above which a wider gutter is tried no sooner.
    pub(crate) const RANK_MAX_WIDTH_EM: f32 = 2.0;
    /// Weight of a gutter's width beside its height, as an exponent.
    pub(crate) const RANK_WIDTH_EXPONENT: f32 = 0.2;
}

/// Reading order and the sides of gutters. Chosen on the sample documents, among them papers in two columns,
/// forms, and letters with two addresses side by side.
pub(crate) mod reading_order {
    use std::ops::RangeInclusive;

    use super::CountShare;

    /// Margin of a box that a model has drawn, left and right of its ink.
    pub(crate) const OCR_BOX_MARGIN_EM: f32 = 0.25;
    /// The same of a box from a document's own text.
    pub(crate) const TEXT_BOX_MARGIN_EM: f32 = 0.1;
    /// Most cuts within one another.
    pub(crate) const MAX_CUT_DEPTH: u32 = 10;
    /// Fewest items that are cut.
    pub(crate) const MIN_CUT_ITEMS: usize = 4;
    /// Most islands in a gutter.
    pub(crate) const MAX_ISLANDS: usize = 24;
    /// White strip below an island.
    pub(crate) const BRIDGE_MIN_WHITE_EM: f32 = 3.0;
    /// The core of a gutter that must be white below an island, to each side of its center: one in so many widths.
    pub(crate) const BRIDGE_CORE_ONE_IN: f32 = 4.0;
    /// Width below which a gutter may be chance.
    pub(crate) const NARROW_GUTTER_EM: f32 = 1.2;
    /// Fewest rows on both sides of a gutter.
    pub(crate) const MIN_ROWS: usize = 2;
    /// The same of a narrow gutter.
    pub(crate) const MIN_ROWS_NARROW: usize = 4;
    /// The same of a gutter between short texts that are not level with each other.
    pub(crate) const MIN_ROWS_UNALIGNED: usize = 4;
    /// Rows on both sides of words from which a gutter is one, however short its lines are.
    pub(crate) const TALL_ROWS: usize = 16;
    /// Share of rows level with the other side, less chance, from which what is beside prose is no note.
    pub(crate) const MAX_NOTE_ALIGNMENT: f32 = 0.7;
    /// The same from which two short texts are cells of rows.
    pub(crate) const MAX_TEXT_ALIGNMENT: f32 = 0.3;
    /// Size of type of a note, over that of the prose beside it.
    pub(crate) const SMALLER_TYPE: f32 = 0.9;
    /// Difference in height of rows that are level.
    pub(crate) const LEVEL_EM: f32 = 0.25;
    /// Share of level rows that is put down to chance at most.
    pub(crate) const MAX_CHANCE: f32 = 0.8;
    /// Distance of centers below which lines of one side are one row.
    pub(crate) const SAME_ROW_EM: f32 = 0.5;
    /// Fewest rows of running text.
    pub(crate) const PROSE_MIN_ROWS: usize = 3;
    /// Usual width of its lines, in its own ems.
    pub(crate) const PROSE_MIN_WIDTH_EM: f32 = 8.0;
    /// Usual width of its lines over the widest: paragraphs are full lines but for the last.
    pub(crate) const PROSE_EVEN_WIDTH: f32 = 0.7;
    /// The share of the width of all lines below the widest ones, which may be a heading across.
    pub(crate) const WIDEST_QUANTILE: f64 = 0.9;
    /// Distance of lines that follow one another closely, in heights of their type.
    pub(crate) const FLOW_MAX_PITCH: f32 = 2.0;
    /// Share of letters above which a text is of words.
    pub(crate) const WORDY: CountShare = CountShare::of(6, 10);
    /// Share of digits above which a text is of amounts.
    pub(crate) const NUMERIC: CountShare = CountShare::of(4, 10);
    /// Share of a page's height at the top and the bottom for running headers and footers.
    pub(crate) const EDGE_ZONE: f32 = 0.12;
    /// White between rows beside a gutter that parts a header from prose.
    pub(crate) const TRIM_WHITE_PROSE_EM: f32 = 1.4;
    /// The same from other columns.
    pub(crate) const TRIM_WHITE_EM: f32 = 0.9;
    /// Height of rows that are left out: one or two lines.
    pub(crate) const TRIM_MAX_HEIGHT_EM: f32 = 2.6;
    /// White above a single line that belongs to no column.
    pub(crate) const TRIM_LONE_WHITE_EM: f32 = 2.5;
    /// Lines of an address beside another.
    pub(crate) const ADDRESS_LINES: RangeInclusive<usize> = 3..=7;
    /// Difference of left edges in an address.
    pub(crate) const ADDRESS_FLUSH_EM: f32 = 0.8;
    /// Share of lines of two words or more in an address.
    pub(crate) const ADDRESS_WORDY: CountShare = CountShare::of(2, 3);
    /// Least distance of lines in an address: closer ones are one row.
    pub(crate) const ADDRESS_MIN_PITCH_EM: f32 = 0.7;
    /// White between two addresses.
    pub(crate) const ADDRESS_GUTTER_EM: f32 = 3.0;
}

/// List markers. Numbers with more digits are years and amounts, longer Roman ones words.
pub(crate) mod list_markers {
    /// Most digits of a marker.
    pub(crate) const MAX_DIGITS: usize = 3;
    /// Most letters of a Roman number.
    pub(crate) const MAX_ROMAN_LETTERS: usize = 12;
}

/// Lists. Chosen on the sample documents.
pub(crate) mod lists {
    /// Rows within which a neighboring marker is looked for, up and down: an item may fill a page.
    pub(crate) const NEIGHBOR_ROWS: usize = 60;
    /// Difference of left edges of markers of one list.
    pub(crate) const SAME_INDENT_EM: f32 = 1.5;
    /// Indent of a list within a list.
    pub(crate) const DEPTH_STEP_EM: f32 = 0.7;
    /// Most lists within one another.
    pub(crate) const MAX_DEPTH: usize = 6;
}

/// Paragraphs. Chosen on the sample documents, among them receipts and forms, which are read line by line. Values for
/// text that a model read are wider, as its boxes scatter.
pub(crate) mod paragraphs {
    use std::ops::RangeInclusive;

    /// Least distance of two lines that counts as a pitch.
    pub(crate) const MIN_PITCH_EM: f32 = 0.5;
    /// Largest distance of two lines that counts as a pitch.
    pub(crate) const MAX_PITCH_EM: f32 = 4.0;
    /// Pitch of a column without any.
    pub(crate) const DEFAULT_PITCH_EM: f32 = 1.3;
    /// A step over the usual one that ends a paragraph.
    pub(crate) const GAP_SLACK: f32 = 1.25;
    /// The same of text that a model read.
    pub(crate) const GAP_SLACK_OCR: f32 = 1.4;
    /// Least step inside a paragraph that begins.
    pub(crate) const NEXT_PITCH_MIN_EM: f32 = 0.7;
    /// Largest step inside a paragraph that begins.
    pub(crate) const NEXT_PITCH_MAX_EM: f32 = 2.5;
    /// Size of type over that above from which a little more room starts a paragraph.
    pub(crate) const APART_SIZE: f32 = 1.2;
    /// That room, over the usual pitch.
    pub(crate) const APART_PITCH: f32 = 1.2;
    /// Difference of edges that are one edge.
    pub(crate) const FLUSH_EM: f32 = 0.5;
    /// Width from which a line that ends flush with the next is a full one.
    pub(crate) const FLUSH_MIN_WIDTH_EM: f32 = 12.0;
    /// Room at the end of a line below which a sentence runs on, over the column's width: ragged right text.
    pub(crate) const RUN_ON_ROOM: f32 = 0.45;
    /// Room beyond the next line's first word: a space and what justification may stretch.
    pub(crate) const ROOM_EM: f32 = 1.2;
    /// Indent of a first line.
    pub(crate) const INDENT_EM: f32 = 0.8;
    /// Gap between parts of a row that say something of their own each.
    pub(crate) const COLUMNAR_GAP_EM: f32 = 2.0;
    /// Width that such gaps of two rows share.
    pub(crate) const COLUMNAR_SHARED_EM: f32 = 0.8;
    /// Size of a title's type.
    pub(crate) const TITLE_SIZE_EM: f32 = 1.35;
    /// White between two rows of a title, in heights of its type.
    pub(crate) const TITLE_SPACE: f32 = 0.6;
    /// Difference of the centers of two centered rows of a title.
    pub(crate) const TITLE_CENTER_EM: f32 = 1.5;
    /// White on both sides of a centered row.
    pub(crate) const CENTERED_MARGIN_EM: f32 = 2.0;
    /// Difference of the white on both sides, over their sum.
    pub(crate) const CENTERED_OFF: f32 = 0.15;
    /// The same, at least.
    pub(crate) const CENTERED_OFF_EM: f32 = 1.2;
    /// Distance from an interlinear number to the lines above and below.
    pub(crate) const INTERLINEAR_STEP_EM: f32 = 0.9;
    /// Distance of those lines from each other.
    pub(crate) const INTERLINEAR_PITCH_EM: f32 = 1.6;
    /// Width of an interlinear number.
    pub(crate) const INTERLINEAR_WIDTH_EM: f32 = 6.0;
    /// The rows, one in so many, that share a column's edge.
    pub(crate) const EDGE_ONE_IN: usize = 12;
    /// Fewest rows that share it.
    pub(crate) const EDGE_MIN_ROWS: usize = 2;
    /// Difference of the edges of those rows.
    pub(crate) const EDGE_EM: f32 = 0.9;
    /// Fewest rows that start with a capital in a column read line by line.
    pub(crate) const LINEWISE_MIN_ROWS: usize = 8;
    /// Of those that do, one row in so many may start lower case.
    pub(crate) const LINEWISE_ONE_IN: usize = 8;
    /// Lines of an address that makes up a column.
    pub(crate) const ADDRESS_LINES: RangeInclusive<usize> = 2..=7;
    /// Its longest line, in characters.
    pub(crate) const ADDRESS_MAX_CHARACTERS: usize = 40;
    /// Characters of a row whose type is compared: in fewer, an index or a sign may decide.
    pub(crate) const TYPE_MIN_CHARACTERS: usize = 3;
    /// Least size that is divided by.
    pub(crate) const MIN_SIZE_PX: f32 = 0.1;
    /// Ratio of sizes above which type is another one.
    pub(crate) const SAME_TYPE: f32 = 1.12;
    /// The same of text that a model read.
    pub(crate) const SAME_TYPE_OCR: f32 = 1.38;
    /// The same if one of the sizes is only roughly known.
    pub(crate) const SAME_TYPE_ROUGH: f32 = 1.5;
}

/// Paragraphs that go on in the next column. Chosen on the sample documents.
pub(crate) mod body {
    /// Difference in size of type, as a share.
    pub(crate) const SAME_SIZE: f32 = 0.25;
    /// Widest gap inside the last row, in heights of its type: wider ones part cells.
    pub(crate) const MAX_GAP: f32 = 2.0;
}

/// Short lines that each end on purpose. Chosen on the sample documents: addresses.
pub(crate) mod line_blocks {
    use std::ops::RangeInclusive;

    /// Lines of a block.
    pub(crate) const LINES: RangeInclusive<usize> = 2..=7;
    /// Longest line, in characters.
    pub(crate) const MAX_CHARACTERS: usize = 45;
    /// Widest gap inside a line: wider ones part cells.
    pub(crate) const MAX_GAP_EM: f32 = 1.5;
    /// Difference of left edges.
    pub(crate) const FLUSH_EM: f32 = 0.5;
    /// Ratio of sizes of type.
    pub(crate) const SAME_SIZE: f32 = 1.3;
    /// White between two lines.
    pub(crate) const MAX_SPACE_EM: f32 = 0.6;
    /// Least size that is divided by.
    pub(crate) const MIN_SIZE_PX: f32 = 0.1;
}

/// Program code. Chosen on the READMEs of READoc.
pub(crate) mod code {
    /// White space between two rows of one block, in ems: blank lines are part of it.
    pub(crate) const MAX_BLANK_EM: f32 = 2.6;
    /// White space above and below a single row of code, in ems.
    pub(crate) const SET_OFF_EM: f32 = 0.45;
    /// Fewest characters of a line that show how wide one is.
    pub(crate) const MEASURED_CHARACTERS: usize = 4;
    /// Width of a character where no line shows it, in heights of the type: Courier's.
    pub(crate) const USUAL_ADVANCE: f32 = 0.6;
    /// Steps from one line to the next from which a blank line is between them.
    pub(crate) const BLANK_LINE_STEPS: f32 = 1.6;
    /// Most spaces before a word.
    pub(crate) const MAX_SPACES: usize = 200;
    /// Fewest lines whose numbers are told from numbers that the code begins with.
    pub(crate) const MIN_NUMBERED: usize = 2;
    /// Most digits of the number of a line.
    pub(crate) const NUMBER_DIGITS: usize = 5;
}

/// Figures. By hand on pages of 30 documents.
pub(crate) mod figures {
    use super::CountShare;

    /// Share of the characters of a picture that stand in paragraphs and tables from which it is text.
    pub(crate) const TEXT: CountShare = CountShare::of(6, 10);
    /// Fewest rows of such a paragraph.
    pub(crate) const PARAGRAPH_ROWS: usize = 3;
}

/// Tables of contents.
pub(crate) mod contents {
    /// Fewest rows with dots before a page number: one or two are a form or a price list.
    pub(crate) const MIN_ENTRIES: usize = 3;
    /// Fewest dots in a row; three are an ellipsis.
    pub(crate) const MIN_DOTS: usize = 4;
    /// Longest title of a row without dots, in characters.
    pub(crate) const TITLE_CHARACTERS: usize = 80;
    /// Most digits of a page number.
    pub(crate) const PAGE_DIGITS: usize = 4;
}

/// Run-in headings.
pub(crate) mod run_ins {
    /// White above a paragraph that begins with one, in ems.
    pub(crate) const SET_OFF_EM: f32 = 0.25;
    /// White after its words, in ems: spaces between words are half as wide.
    pub(crate) const WIDE_SPACE_EM: f32 = 0.65;
    /// Fewest letters.
    pub(crate) const MIN_LETTERS: usize = 3;
    /// Most words.
    pub(crate) const MAX_WORDS: usize = 12;
}

/// Footnotes.
pub(crate) mod footnotes {
    /// Size of their type over that of the text, at most.
    pub(crate) const SMALL_TYPE: f32 = 0.93;
    /// Most figures of their number.
    pub(crate) const NUMBER_FIGURES: usize = 3;
}

/// Regions of a layout model. Chosen on the papers and half of the READMEs that accuracy is measured on, read from their
/// images, and on scans of letters, forms and receipts.
pub(crate) mod regions {
    /// Score, 0 to 1, from which a title is one.
    pub(crate) const TITLE: f32 = 0.5;
    /// Score from which what the model takes for something else is no title.
    pub(crate) const OTHER: f32 = 0.6;
    /// The same of running heads and feet.
    pub(crate) const EDGE: f32 = 0.8;
    /// Most rows of a title that has no other signs: the names that a letter goes to are more.
    pub(crate) const TITLE_ROWS: usize = 2;
    /// Small letters at the end of a word from which its full stop ends a sentence: `Fig.` has two.
    pub(crate) const SENTENCE_WORD_LETTERS: usize = 3;
}

/// Blocks side by side.
pub(crate) mod side_by_side {
    /// White between them, in ems.
    pub(crate) const GAP_EM: f32 = 3.0;
    /// Difference of the left edges of the right parts.
    pub(crate) const SAME_EDGE_EM: f32 = 1.0;
    /// Fewest rows.
    pub(crate) const MIN_ROWS: usize = 2;
    /// Rows from which the right parts need no labels of their own to be a block.
    pub(crate) const MANY_ROWS: usize = 4;
    /// A part of the rows that is only a few of them, as one in so many.
    pub(crate) const FEW_ONE_IN: usize = 4;
}
