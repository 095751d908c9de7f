//! Document assembler: pages in order, their running headers and footers told apart, then laid out and written as
//! Markdown.

mod continued;

use std::collections::VecDeque;

use recto_schemas::{LineRole, Options};

use self::continued::join_pages;
use super::{AssembledPage, PageContent, markdown, mathpix};
use crate::{
    engine::OcrContent,
    layout::{
        BookmarkTitles, ClassifiedLines, HeadingStyles, PageLayout,
        block::BlockKind,
        headers_footers::{PageEdges, PageFrame, page_edges, running_lines},
        lay_out,
        placed_line::{LinePlaces, PlacedLine, PlacedLines, place_lines},
    },
    page::Point,
};

/// Pages held back so that a page can be compared with those after it: facing pages have headers of their own, so that
/// the next but one must be seen.
const PAGES_AHEAD: usize = 2;
/// Pages before a page that it is compared with.
const PAGES_BEHIND: usize = 2;

/// Takes pages in order and gives them back in order, a few pages later, when their running headers are known.
///
/// # Examples
///
/// Lines with boxes, as an engine gives them, to Markdown:
///
/// ```
/// use recto_pipeline::{
///     engine::OcrContent,
///     page::{Rect, TextLine},
///     text::{PageContent, assemble::DocumentAssembler},
/// };
/// use recto_schemas::Options;
///
/// let line = |text: &str, top: f32| {
///     let (left, right, bottom) = (100.0, 100.0 + 20.0 * text.len() as f32, top + 40.0);
///     TextLine {
///         text: text.to_owned(),
///         quad: Rect { left, top, right, bottom }.into(),
///         confidence: Some(0.99),
///         size: 40.0,
///         ..TextLine::default()
///     }
/// };
/// let lines = vec![line("The first volume was printed in Octo-", 200.0), line("ber, and copies were sent to every school.", 250.0)];
/// let options = Options { page_markers: false, ..Options::default() };
/// let mut assembler = DocumentAssembler::new(&options);
/// let mut pages = assembler.push(PageContent {
///     number: 1,
///     width: 1654.0,
///     height: 2339.0,
///     skew_deg: 0.0,
///     content: OcrContent::Regions(lines),
///     rulings: Default::default(),
///     asides: Vec::new(),
///     pictures: Vec::new(),
///     bookmarks: Vec::new(),
///     is_partial: false,
///     failure: None,
/// });
/// pages.extend(assembler.finish().0);
/// assert_eq!(pages[0].markdown, "The first volume was printed in October, and copies were sent to every school.\n");
/// ```
#[derive(Debug)]
pub struct DocumentAssembler {
    options: Options,
    waiting: VecDeque<WaitingPage>,
    past: VecDeque<PageEdges>,
    styles: HeadingStyles,
    /// The page that was laid out last: its last paragraph may go on.
    last: Option<LaidOutPage>,
}

/// A page that is laid out, but not written.
#[derive(Debug)]
struct LaidOutPage {
    page: PageContent,
    layout: PageLayout,
    continues: bool,
}

/// A page whose followers have not been seen yet.
#[derive(Debug)]
struct WaitingPage {
    page: PageContent,
    places: LinePlaces,
    edges: PageEdges,
}

impl DocumentAssembler {
    /// An assembler for one document that is read with `options`.
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            waiting: VecDeque::new(),
            past: VecDeque::new(),
            styles: HeadingStyles::default(),
            last: None,
        }
    }

    /// Takes the next page; gives the pages that are ready.
    pub fn push(&mut self, page: PageContent) -> Vec<AssembledPage> {
        let (places, edges) = match &page.content {
            OcrContent::Regions(lines) => {
                let places = place_lines(lines, center(&page), page.skew_deg);
                let frame = PageFrame {
                    number: page.number,
                    width: page.width,
                    height: page.height,
                };
                let edges = page_edges(frame, &places.with_text(lines), &page.rulings);
                (places, edges)
            }
            OcrContent::Markup(_) => (LinePlaces::default(), PageEdges::default()),
        };
        self.waiting.push_back(WaitingPage {
            page,
            places,
            edges,
        });
        let mut ready = Vec::new();
        while self.waiting.len() > PAGES_AHEAD
            && let Some(next) = self.lay_out_next()
        {
            ready.extend(self.write_before(next));
        }
        ready
    }

    /// Gives the pages that are left, and the levels of all headings of the document, in its order, 1 to 6.
    pub fn finish(mut self) -> (Vec<AssembledPage>, Vec<u8>) {
        let mut ready = Vec::new();
        while let Some(next) = self.lay_out_next() {
            ready.extend(self.write_before(next));
        }
        ready.extend(self.last.take().map(|last| self.assembled(last)));
        (ready, self.styles.levels())
    }

    /// Writes the page before `next`, its last paragraph joined to the first one of `next` if it goes on there.
    fn write_before(&mut self, mut next: LaidOutPage) -> Option<AssembledPage> {
        let mut before = self.last.take();
        if let Some(last) = &mut before {
            let follows = last.page.number + 1 == next.page.number;
            let is_whole = !last.page.is_partial && last.page.failure.is_none();
            next.continues = follows && is_whole && join_pages(&mut last.layout, &mut next.layout);
        }
        self.last = Some(next);
        before.map(|before| self.assembled(before))
    }

    /// Lays out the page that has waited longest.
    fn lay_out_next(&mut self) -> Option<LaidOutPage> {
        let WaitingPage {
            page,
            places,
            edges,
        } = self.waiting.pop_front()?;
        let ahead = self.waiting.iter().map(|waiting| &waiting.edges);
        let neighbors: Vec<&PageEdges> = self.past.iter().chain(ahead.take(PAGES_AHEAD)).collect();
        let roles = running_lines(&edges, &neighbors);
        let layout = match &page.content {
            OcrContent::Regions(lines) => {
                let mut placed = set_aside(places.with_text(lines), &page.asides);
                let pictures = take_pictures(&mut placed, &page.pictures);
                let mut classified = classify(placed, &roles);
                classified.pictures = pictures;
                let bookmarks = BookmarkTitles::new(&page.bookmarks);
                lay_out(
                    lines,
                    &page.rulings,
                    &bookmarks,
                    classified,
                    &mut self.styles,
                )
            }
            OcrContent::Markup(markup) => {
                let blocks = mathpix::blocks(markup);
                for block in &blocks {
                    if let BlockKind::Heading(level) = block.kind {
                        self.styles.add_marked(level);
                    }
                }
                PageLayout {
                    body: 0..blocks.len(),
                    blocks,
                    lines: Vec::new(),
                }
            }
        };
        self.past.push_back(edges);
        if self.past.len() > PAGES_BEHIND {
            self.past.pop_front();
        }
        Some(LaidOutPage {
            page,
            layout,
            continues: false,
        })
    }

    fn assembled(&self, laid_out: LaidOutPage) -> AssembledPage {
        let LaidOutPage {
            page,
            layout,
            continues,
        } = laid_out;
        let number = page.number;
        let mut markdown = match &page.failure {
            Some(kind) => format!("<!-- page {number}: failed ({kind}) -->\n"),
            None if self.options.page_markers => format!("<!-- page {number} -->\n"),
            None => String::new(),
        };
        let body = markdown::page(&layout.blocks, &self.options, continues);
        if continues && !markdown.is_empty() {
            markdown.pop();
            markdown.push(' ');
        } else if !markdown.is_empty() && !body.text.is_empty() {
            markdown.push('\n');
        }
        let before = markdown.len();
        markdown.push_str(&body.text);
        let signs = body.heading_signs.into_iter();
        AssembledPage {
            number,
            continues,
            heading_signs: signs
                .map(|signs| signs.start + before..signs.end + before)
                .collect(),
            markdown,
            lines: layout.lines,
            blocks: layout.blocks,
        }
    }
}

/// The center of the page image, about which its skew is taken out.
fn center(page: &PageContent) -> Point {
    let half = |side: f32| if side.is_finite() { side / 2.0 } else { 0.0 };
    Point {
        x: half(page.width),
        y: half(page.height),
    }
}

/// Has the lines that stand apart from the text written after it.
fn set_aside<'a>(mut placed: PlacedLines<'a>, asides: &[usize]) -> PlacedLines<'a> {
    let (apart, text) = placed
        .upright
        .into_iter()
        .partition(|line| asides.contains(&line.index));
    placed.upright = text;
    placed.unplaced.splice(0..0, apart);
    placed
}

/// Takes the lines of pictures out of the page's.
fn take_pictures<'a>(
    placed: &mut PlacedLines<'a>,
    pictures: &[Vec<usize>],
) -> Vec<Vec<PlacedLine<'a>>> {
    let take = |picture: &Vec<usize>| {
        let of_picture = |line: &mut PlacedLine| picture.contains(&line.index);
        let upright = placed.upright.extract_if(.., of_picture);
        let sideways = placed.sideways.extract_if(.., of_picture);
        upright.chain(sideways).collect()
    };
    pictures.iter().map(take).collect()
}

/// Tells a page's running headers and footers from its body.
fn classify<'a>(placed: PlacedLines<'a>, roles: &[(usize, LineRole)]) -> ClassifiedLines<'a> {
    let center_y = placed
        .upright
        .iter()
        .map(|line| line.rect)
        .reduce(|a, b| a.union(&b))
        .map_or(0.0, |all| (all.top + all.bottom) / 2.0);
    let role_of = |line: &PlacedLine| roles.iter().find(|(index, _)| *index == line.index);
    let (stamps, sideways) = placed
        .sideways
        .into_iter()
        .partition(|line| role_of(line).is_some());
    let mut classified = ClassifiedLines {
        stamps,
        sideways,
        unplaced: placed.unplaced,
        ..ClassifiedLines::default()
    };
    for line in placed.upright {
        match role_of(&line) {
            Some((_, role)) if line.rect.top < center_y && *role != LineRole::Footer => {
                classified.headers.push((line, *role));
            }
            Some((_, role)) => classified.footers.push((line, *role)),
            None => classified.body.push(line),
        }
    }
    classified
}

#[cfg(test)]
mod tests;
