//! Lines of one page to blocks in reading order, the same way for lines that a model read and for lines of a
//! document's own text.
//!
//! A page goes through the modules in the order below; `lay_out` is the way from end to end.

pub mod block;
pub(crate) mod tuning;
pub(crate) mod placed_line;
pub(crate) mod baselines;
pub(crate) mod headers_footers;
mod line_numbers;
pub(crate) mod tables;
mod drop_caps;
mod layout_item;
mod gutters;
mod column_sides;
mod reading_order;
pub(crate) mod list_markers;
mod lists;
pub(crate) mod paragraphs;
pub(crate) mod captions;
mod side_by_side;
mod code;
mod contents;
mod figures;
mod footnotes;
mod body;
mod sideways;
mod region_evidence;
mod headings;
mod run_ins;
mod line_blocks;
mod marked_text;
mod block_builder;

use recto_schemas::LineRole;

use self::{
    block_builder::BlockBuilder,
    body::{BodyContext, body_parts},
    figures::figures,
    footnotes::NoteSigns,
    placed_line::PlacedLine,
    run_ins::split_run_ins,
    sideways::{insert_blocks, sideways_text},
    tuning::page::MAX_STUDIED_LINES,
};
use crate::{dehyphenate::HyphenatedWords, image::rulings::PageRulings, page::TextLine};

pub(crate) use self::{
    block_builder::PageLayout,
    headings::{BookmarkTitles, HeadingStyles},
};

/// A page's placed lines, running headers and footers told apart from the body.
#[derive(Debug, Default)]
pub(crate) struct ClassifiedLines<'a> {
    /// Running headers, from top to bottom.
    pub headers: Vec<(PlacedLine<'a>, LineRole)>,
    /// The text of the page.
    pub body: Vec<PlacedLine<'a>>,
    /// Running footers, from top to bottom.
    pub footers: Vec<(PlacedLine<'a>, LineRole)>,
    /// The lines that stand in each picture.
    pub pictures: Vec<Vec<PlacedLine<'a>>>,
    /// Stamps that run up or down the page.
    pub stamps: Vec<PlacedLine<'a>>,
    /// Other lines that run up or down the page.
    pub sideways: Vec<PlacedLine<'a>>,
    /// Lines without a usable place.
    pub unplaced: Vec<PlacedLine<'a>>,
}

/// Lays a page out: headers, body, lines in the margin or without a place, footers.
pub(crate) fn lay_out(
    lines: &[TextLine],
    rulings: &PageRulings,
    bookmarks: &BookmarkTitles,
    mut classified: ClassifiedLines,
    styles: &mut HeadingStyles,
) -> PageLayout {
    let mut hyphenated = HyphenatedWords::default();
    lines.iter().for_each(|line| hyphenated.learn(&line.text));
    let mut builder = BlockBuilder::new(lines, &hyphenated);
    builder.push_headers_footers(&classified.headers, LineRole::Header);
    let mut margin = Vec::new();
    let in_pictures: usize = classified.pictures.iter().map(Vec::len).sum();
    if classified.body.len() + classified.sideways.len() + in_pictures > MAX_STUDIED_LINES {
        classified.body.extend(classified.sideways);
        classified
            .body
            .extend(classified.pictures.into_iter().flatten());
        builder.push_unstudied(classified.body);
    } else {
        let has_code = styles.has_code(&classified.body);
        let note_signs = NoteSigns::of(lines);
        let context = BodyContext {
            hyphenated: &hyphenated,
            note_signs: &note_signs,
            has_code,
            bookmarks,
        };
        let figures = figures(classified.pictures, &mut classified.body, rulings, context);
        let sideways = sideways_text(classified.sideways, &mut classified.body, rulings);
        let blocks = sideways.blocks.into_iter().map(|block| {
            let parts = body_parts(block.lines, Vec::new(), &block.rulings, context);
            (block.rect, parts)
        });
        let blocks = blocks.collect();
        let parts = body_parts(classified.body, figures, rulings, context);
        let parts = split_run_ins(insert_blocks(parts, blocks), bookmarks);
        builder.push_body(parts, styles);
        margin = sideways.rows;
    }
    margin.iter().for_each(|row| builder.push_margin_row(row));
    for line in &classified.unplaced {
        builder.push_unplaced(line);
    }
    for stamp in classified.stamps {
        builder.push_headers_footers(&[(stamp, LineRole::Footer)], LineRole::Footer);
    }
    builder.push_headers_footers(&classified.footers, LineRole::Footer);
    builder.finish()
}
