//! Tuning: every threshold of running headers and footers. Units and origins are told as in
//! [`layout::tuning`](crate::layout::tuning); all are chosen on the sample documents.

use crate::layout::tuning::CountShare;

/// Share of a page's height at the top, and at the bottom, for running headers and footers.
pub(crate) const ZONE: f32 = 0.16;
/// Most rows of a running header or footer.
pub(crate) const MAX_ROWS: usize = 4;
/// Characters of a row that are compared.
pub(crate) const MAX_CHARACTERS: usize = 200;
/// Difference in height of one header on two pages, as a share of the page's height.
pub(crate) const SAME_POSITION: f32 = 0.02;
/// Difference in place across the page of two page numbers, as a share of its width: that of scans laid on by hand.
pub(crate) const SAME_PLACE_ACROSS: f32 = 0.04;
/// Difference in size of its type, as a share.
pub(crate) const SAME_SIZE: f32 = 0.3;
/// Fewest characters of two rows that are the same to the letter.
pub(crate) const MIN_SAME_CHARACTERS: usize = 4;
/// Fewest letters of two rows that are the same but for their numbers.
pub(crate) const MIN_LETTERS: usize = 3;
/// Least likeness, 0 to 1, of two headers that differ by misread characters.
pub(crate) const LIKENESS: f32 = 0.8;
/// Fewest characters of headers that may differ by misread ones.
pub(crate) const MIN_MISREAD_CHARACTERS: usize = 6;
/// Difference in length above which two headers are not alike, over the longer.
pub(crate) const LENGTH_DIFFERENCE: CountShare = CountShare::of(1, 5);
/// White space that ends a running header, in heights of its type.
pub(crate) const END_GAP: f32 = 2.5;
/// White space between a header and the text, over that between the rows of the text.
pub(crate) const APART_FACTOR: f32 = 1.25;
/// The same, by how much it is more than that between the rows.
pub(crate) const APART_EM: f32 = 0.3;
/// White space between several rows of a header and the text, in heights of its type.
pub(crate) const SET_OFF_GAP: f32 = 0.8;
/// White between those rows, over that.
pub(crate) const SET_OFF_CLOSER: f32 = 0.5;
/// Size over that of the page's common type from which a row is a title.
pub(crate) const TITLE_SIZE: f32 = 1.6;
/// Rows inwards whose white is taken for the usual one.
pub(crate) const NEXT_ROWS: usize = 8;
/// The share of the gaps between rows below the usual one, 0 to 1: gaps between paragraphs are wider than those
/// between lines.
pub(crate) const LINE_GAP_QUANTILE: f64 = 0.35;
/// Rows below which that of the whole page is taken.
pub(crate) const MIN_NEXT_ROWS: usize = 4;
/// White between a row and those of a table that it belongs to.
pub(crate) const ALIGNED_SPACE_EM: f32 = 2.2;
/// Neighbors that say the same, from which a row of very few characters runs.
pub(crate) const MIN_SHORT_REPEATS: usize = 2;
/// Rows at an edge that all repeat and go on into the page, from which the page is a copy of another.
pub(crate) const MIN_COPIED_ROWS: usize = 3;
/// White space above a number alone at the foot, in heights of its type: less, and it ends a column of numbers.
pub(crate) const FOOT_NUMBER_GAP: f32 = 0.9;
/// Most digits of a page number.
pub(crate) const MAX_DIGITS: usize = 4;
/// Most digits of a number that counts with the pages: those stamped on the papers of a court case have up to ten.
pub(crate) const MAX_COUNTING_DIGITS: usize = 10;
/// Numbers joined by signs from which they are a date.
pub(crate) const MIN_DATE_PARTS: usize = 3;
/// Parts of a running header or footer that is told without other pages: at the left, in the middle and at the right.
pub(crate) const RUNNING_PARTS: usize = 3;
/// Most parts: a row with more is one of a table or a form, with points that lead to its number.
pub(crate) const MAX_PARTS: usize = 5;
/// Its largest size, over that of the page's common type.
pub(crate) const RUNNING_SIZE: f32 = 1.1;
/// Size below which it is smaller than the text, likewise.
pub(crate) const SMALL_SIZE: f32 = 0.95;
/// The same of a row read from an image, whose size is measured on few letters.
pub(crate) const SMALL_SIZE_OCR: f32 = 0.85;
/// Its largest page number: higher ones may be years.
pub(crate) const MAX_LONE_PAGE: u32 = 999;
/// White space between such a row and the edge of the page, as a share of its height, that no text is set in.
pub(crate) const OUTER_MARGIN: f32 = 0.05;
/// The same at the top of a row that is smaller than the text.
pub(crate) const HEAD_MARGIN: f32 = 0.1;
/// Characters that a stamp is told by.
pub(crate) const STAMP_CHARACTERS: usize = 40;
/// Distance of a part from the edge of the text that it stands at, as a share of the page's width.
pub(crate) const AT_SIDE: f32 = 0.025;
/// Width of what is read from pictures at the edge of a page, over that of the page, above which it may be a title.
pub(crate) const LOGO_WIDTH: f32 = 0.6;
/// Rows beyond which a page has a text that such pictures stand apart from.
pub(crate) const MIN_LOGO_ROWS: usize = 8;
/// Characters that were read from pictures on a page that has text of its own.
pub(crate) const DRAWN_SHARE: CountShare = CountShare::of(1, 4);
