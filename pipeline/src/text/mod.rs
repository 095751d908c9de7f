//! Blocks to text: pages assembled in order, Markdown, an engine's own markup, the review page.

pub mod assemble;
mod mathpix;
mod latex;
mod inline_text;
mod escape;
pub use escape::escape_html;
#[cfg(any(test, fuzzing))]
pub(crate) mod foreign_markup;
#[cfg(test)]
mod hostile_tests;
mod markdown;
pub mod review;

use std::ops::Range;

use recto_schemas::{FailureKind, LineRecord};
use serde::{Deserialize, Serialize};

use crate::{
    engine::OcrContent,
    image::{rasterizer::Bookmark, rulings::PageRulings},
    layout::block::{Block, BlockKind},
};

/// One page as it comes to assembly.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PageContent {
    /// One-based number in the document.
    pub number: u32,
    /// Width of the upright page image in pixels; 0 if there is none.
    pub width: f32,
    /// Height of the upright page image in pixels; 0 if there is none.
    pub height: f32,
    /// Skew of the lines in degrees, positive if they fall to the right.
    pub skew_deg: f32,
    /// The text that was read; no lines for empty and failed pages.
    pub content: OcrContent,
    /// Its ruled lines, in the same coordinates as the lines, after taking the skew out.
    pub rulings: PageRulings,
    /// Lines that stand apart from the text, such as stamps, as indices into those of `content`: written after it.
    pub asides: Vec<usize>,
    /// Lines that stand in pictures, as indices into those of `content`, picture by picture: if they are no running
    /// text, they stay together in their picture's place.
    pub pictures: Vec<Vec<usize>>,
    /// Bookmarks that lead to the page.
    pub bookmarks: Vec<Bookmark>,
    /// True if part of it was not read.
    pub is_partial: bool,
    /// The reason of a failed page; the Markdown gives it in the page's place.
    pub failure: Option<FailureKind>,
}

/// One page, assembled.
#[derive(Clone, Debug, PartialEq)]
pub struct AssembledPage {
    /// One-based number in the document.
    pub number: u32,
    /// Its Markdown: page marker if wanted, then blocks, each ended by a line feed, blank lines between, but not between
    /// the items of a list. Pages' Markdown is written one after another with a blank line between.
    pub markdown: String,
    /// The places of its headings' number signs in `markdown`, in bytes, in order: as many signs as the level of the
    /// heading's block. They wait for the [final levels](crate::read::PageSink::heading_levels).
    pub heading_signs: Vec<Range<usize>>,
    /// True if its first block goes on in the last paragraph of the page before: then its Markdown goes on in the line
    /// that the page before ends with.
    pub continues: bool,
    /// Its lines in reading order; `block` is an index into `blocks`.
    pub lines: Vec<LineRecord>,
    /// Its blocks in reading order.
    pub blocks: Vec<Block>,
}

impl AssembledPage {
    /// Gives the page's headings the next ones of `levels`.
    pub fn set_heading_levels(&mut self, levels: &mut impl Iterator<Item = u8>) {
        let mut signs = self.heading_signs.iter_mut();
        let mut grown = 0_isize;
        for block in &mut self.blocks {
            let BlockKind::Heading(level) = &mut block.kind else {
                continue;
            };
            *level = levels.next().unwrap_or(*level);
            if let Some(place) = signs.next() {
                let moved = |at: usize| at.saturating_add_signed(grown);
                let count = usize::from(*level);
                let was = place.clone();
                *place = moved(was.start)..moved(was.start) + count;
                self.markdown
                    .replace_range(moved(was.start)..moved(was.end), &"#".repeat(count));
                grown += count as isize - was.len() as isize;
            }
        }
    }
}
