//! Paragraphs that go on over a page's end.
//!
//! The two parts stay blocks of their own pages. What stands between them, such as notes and running footers, is
//! written before the first part and after the second, so that the Markdown of both pages is one paragraph.

use crate::{
    dehyphenate::{HyphenatedWords, join_line},
    layout::{
        PageLayout,
        block::{Block, BlockKind},
        captions::is_caption,
        paragraphs::sentence_goes_on,
    },
    statistics::weighted_median,
};

/// Fewest characters of the part before the page's end: a short one is more often a heading or a label.
const MIN_CHARACTERS: usize = 60;
/// Difference of the height of lines that look the same, as a share.
const SAME_HEIGHT: f32 = 0.12;
/// Characters of what is no paragraph, such as an accent that stands apart.
const CRUMB_CHARACTERS: usize = 2;

/// Joins the last paragraph of a page to the first one of the next if a sentence of it goes on there: the parts are put
/// at the end and at the start of their pages, and a word that the page's end cuts stays on the first. Returns true if
/// it does.
pub(super) fn join_pages(before: &mut PageLayout, after: &mut PageLayout) -> bool {
    let ends = |layout: &PageLayout, index: usize| {
        layout.body.contains(&index) && !may_stand_between(&layout.blocks[index])
    };
    let last = (0..before.blocks.len()).rfind(|&index| ends(before, index));
    let first = (0..after.blocks.len()).find(|&index| ends(after, index));
    let (Some(last), Some(first)) = (last, first) else {
        return false;
    };
    if !goes_on(before, last, after, first) {
        return false;
    }
    let (part, rest) = (&mut before.blocks[last], &mut after.blocks[first]);
    if part.text.ends_with(['-', '\u{ad}', '\u{2010}', '\u{2011}']) && !move_word(part, rest) {
        return false;
    }
    move_block(before, last, before.blocks.len() - 1);
    move_block(after, first, 0);
    // The part is the page's first block now, and the page's last one may be it too.
    after.body.start = 0;
    true
}

/// Returns true for what stands between the parts of a paragraph without ending it.
fn may_stand_between(block: &Block) -> bool {
    match block.kind {
        BlockKind::Header
        | BlockKind::Footer
        | BlockKind::PageNumber
        | BlockKind::Footnote { .. }
        | BlockKind::Figure
        | BlockKind::Table(_) => true,
        BlockKind::Paragraph => {
            is_caption(&block.text) || block.text.chars().count() <= CRUMB_CHARACTERS
        }
        _ => false,
    }
}

fn goes_on(before: &PageLayout, last: usize, after: &PageLayout, first: usize) -> bool {
    let (part, rest) = (&before.blocks[last], &after.blocks[first]);
    let is_text = matches!(part.kind, BlockKind::Paragraph | BlockKind::ListItem { .. })
        && rest.kind == BlockKind::Paragraph
        && !part.text.contains('\n')
        && !rest.text.contains('\n');
    let (above, below) = (line_height(before, part), line_height(after, rest));
    let same_type = above
        .zip(below)
        .is_some_and(|(above, below)| (above / below - 1.0).abs() < SAME_HEIGHT);
    is_text
        && same_type
        && part.text.chars().count() >= MIN_CHARACTERS
        && sentence_goes_on(&part.text, &rest.text)
}

/// The usual height of a block's lines, in pixels.
fn line_height(layout: &PageLayout, block: &Block) -> Option<f32> {
    let lines = block
        .lines
        .iter()
        .filter_map(|&line| layout.lines.get(line));
    let heights = lines.map(|line| {
        let [a, _, _, d] = line.quad;
        ((d[0] - a[0]).hypot(d[1] - a[1]), 1.0)
    });
    weighted_median(heights.collect()).filter(|height| *height > 0.0)
}

/// Moves the first word of `rest` to the end of `part`, whose last word goes on in it. Returns false if there is no more
/// than that word.
fn move_word(part: &mut Block, rest: &mut Block) -> bool {
    let Some((word, after)) = rest.text.split_once(char::is_whitespace) else {
        return false;
    };
    let moved = rest.text.len() - after.trim_start().len();
    if rest
        .spans
        .first()
        .is_some_and(|span| span.range.start < moved)
    {
        return false;
    }
    join_line(&mut part.text, word, &HyphenatedWords::default());
    rest.text.drain(..moved);
    for span in &mut rest.spans {
        span.range = span.range.start - moved..span.range.end - moved;
    }
    true
}

/// Moves a block to another place in its page.
fn move_block(layout: &mut PageLayout, from: usize, to: usize) {
    let block = layout.blocks.remove(from);
    layout.blocks.insert(to, block);
    for (index, block) in layout.blocks.iter().enumerate() {
        for &line in &block.lines {
            if let Some(line) = layout.lines.get_mut(line) {
                line.block = u32::try_from(index).unwrap_or(u32::MAX);
            }
        }
    }
}
