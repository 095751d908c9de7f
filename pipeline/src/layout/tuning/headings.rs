//! Headings. Chosen on the sample documents, scans among them. Values for text that a model read are larger, as its sizes
//! scatter.

use super::CountShare;

/// Share of characters of fixed pitch from which that is the type of a document's text, not of its code.
pub(crate) const MOSTLY_FIXED: CountShare = CountShare::of(6, 10);

/// Smallest size of type that is counted.
pub(crate) const MIN_SIZE_PX: f32 = 0.5;
/// Largest size of type that is counted.
pub(crate) const MAX_SIZE_PX: f32 = 4000.0;
/// Sizes told apart, for each pixel.
pub(crate) const SIZE_STEPS_PER_PX: f32 = 4.0;
/// Difference of sizes that look the same, as a share.
pub(crate) const SAME_SIZE: f32 = 0.04;
/// Size over the running text's of a title.
pub(crate) const TITLE_RATIO: f32 = 1.6;
/// Size over the running text's of a section's heading.
pub(crate) const SECTION_RATIO: f32 = 1.25;
/// Size over the running text's that is clearly larger.
pub(crate) const LARGER: f32 = 1.13;
/// The same of text that a model read.
pub(crate) const LARGER_OCR: f32 = 1.2;
/// The same if the size is only roughly known, or there is no running text to compare with.
pub(crate) const LARGER_ROUGH: f32 = 1.4;
/// Share of bold characters from which bold type says nothing.
pub(crate) const MUCH_BOLD: CountShare = CountShare::of(2, 5);
/// Share of slanted characters from which slanted type says nothing.
pub(crate) const MUCH_ITALIC: CountShare = CountShare::of(3, 10);
/// Size over the running text's above which centered small capitals are a heading if text comes below them.
pub(crate) const SMALL_CAPITALS_RATIO: f32 = 0.72;
/// Longest heading that is told by its slant alone, in characters.
pub(crate) const ITALIC_MAX_CHARACTERS: usize = 60;
/// Least size of a bold heading, over the running text's.
pub(crate) const BOLD_MIN_RATIO: f32 = 0.95;
/// Size of a bold heading on a page without running text.
pub(crate) const BOLD_RATIO: f32 = 1.04;
/// The same of text that a model read.
pub(crate) const BOLD_RATIO_OCR: f32 = 1.2;
/// Most rows of a bold heading that a model read.
pub(crate) const BOLD_MAX_ROWS: usize = 2;
/// Its most characters.
pub(crate) const BOLD_MAX_CHARACTERS: usize = 80;
/// Least size of a heading in centered capitals, over the running text's.
pub(crate) const CAPITALS_RATIO: f32 = 0.85;
/// Fewest letters that are capitals by intent.
pub(crate) const CAPITALS_MIN_LETTERS: usize = 4;
/// Least size of a numbered heading, over the running text's.
pub(crate) const NUMBERED_RATIO: f32 = 0.85;
/// The same in centered capitals: small capitals are as low as that.
pub(crate) const NUMBERED_RATIO_CAPITALS: f32 = 0.7;
/// Most words of a numbered heading.
pub(crate) const NUMBERED_MAX_WORDS: usize = 12;
/// Most digits of a part of its number: more is a year or an amount.
pub(crate) const NUMBERED_MAX_DIGITS: usize = 2;
/// Most parts of its number.
pub(crate) const NUMBERED_MAX_PARTS: usize = 5;
/// White above or below a heading.
pub(crate) const SET_OFF_EM: f32 = 0.25;
/// Rows from which a paragraph is running text.
pub(crate) const PROSE_MIN_ROWS: usize = 3;
/// Most rows of a heading.
pub(crate) const MAX_ROWS: usize = 3;
/// Longest heading, in characters without spaces.
pub(crate) const MAX_CHARACTERS: usize = 160;
/// Most words of a bold label that ends in a colon, such as `Keywords:`.
pub(crate) const LABEL_WORDS: usize = 2;
/// Most rows of a document's title.
pub(crate) const TITLE_ROWS: usize = 6;
/// Longest title of a document, in characters without spaces.
pub(crate) const TITLE_CHARACTERS: usize = 300;
/// Fewest letters of a heading.
pub(crate) const MIN_LETTERS: usize = 2;
/// Share of letters above which words may be a heading.
pub(crate) const MOSTLY_LETTERS: CountShare = CountShare::of(1, 2);
/// Letters above which a text that ends in a full stop is a sentence.
pub(crate) const SENTENCE_LETTERS: usize = 20;
/// Widest gap inside a heading, in heights of its type.
pub(crate) const MAX_GAP_EM: f32 = 2.5;
/// Share of a page's paragraphs that may be headings.
pub(crate) const MAX_HEADINGS: CountShare = CountShare::of(3, 5);
/// The same on a page without running text.
pub(crate) const MAX_HEADINGS_WITHOUT_PROSE: CountShare = CountShare::of(2, 5);
/// Headings that a page may always have.
pub(crate) const MIN_CROWD: usize = 3;
/// Least size of a heading by a layout model's word, over the running text's.
pub(crate) const REGION_RATIO: f32 = 0.9;

/// Headings before a page that tell the levels of its own until all are known.
pub(crate) const HEADINGS_BEFORE: usize = 256;

/// Levels.
pub(crate) mod levels {
    /// Difference of sizes that look the same, as a share.
    pub(crate) const SAME_SIZE: f32 = super::SAME_SIZE;
    /// The same of text that a model read.
    pub(crate) const SAME_SIZE_OCR: f32 = 0.1;
    /// Size over the running text's of the largest headings from which they are titles.
    pub(crate) const TITLE_RATIO: f32 = super::SECTION_RATIO;
    /// Size that slanted and run-in headings count as, over their own: they are below others of their size.
    pub(crate) const MINOR_SIZE: f32 = 0.94;
    /// Larger headings amid numbered ones from which the numbers count inside of sections.
    pub(crate) const MIN_SECTIONS: usize = 2;
}

/// Witnesses.
pub(crate) mod witnesses {
    /// Fewest letters of a bookmark that is looked for.
    pub(crate) const MIN_LETTERS: usize = 3;
    /// Most rows of a heading that a bookmark names.
    pub(crate) const MAX_ROWS: usize = 6;
    /// Longest number before a title, in bytes.
    pub(crate) const MAX_NUMBER_BYTES: usize = 8;
    /// Longest heading that the document names, in characters.
    pub(crate) const MAX_CHARACTERS: usize = 300;
    /// Longest of them that may end as a sentence does.
    pub(crate) const MAX_SENTENCE: usize = 100;
}

/// Bylines and banners.
pub(crate) mod bylines {
    use std::ops::RangeInclusive;

    /// Paragraphs below a name in which an address is looked for.
    pub(crate) const ADDRESS_PARAGRAPHS: usize = 8;
    /// Words of a name.
    pub(crate) const NAME_WORDS: RangeInclusive<usize> = 2..=6;
    /// Longest word of a name without a capital, such as `van`.
    pub(crate) const PARTICLE_LETTERS: usize = 3;
    /// Fewest words of a title that banners stand above.
    pub(crate) const TITLE_WORDS: usize = 4;
    /// Size of a title over that of the headings below it.
    pub(crate) const CLEARLY_LARGER: f32 = 1.04;
    /// Size of the largest banner over that of the title.
    pub(crate) const BANNER_RATIO: f32 = 1.6;
    /// Most rows of what stands above a title.
    pub(crate) const BANNER_ROWS: usize = 2;
}
