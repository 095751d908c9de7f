//! Pages in order: running heads across pages, then Markdown.

use std::collections::VecDeque;

use recto_schemas::{HeadersFooters, LineRole};

use crate::{engine::OcrContent, page::Point};

use super::{
    AssembledPage, PageContent,
    headings::HeadingStyles,
    layout::{ClassifiedLines, PageLayout, lay_out},
    markdown, mathpix,
    piece::place,
    running::{PageEdges, edges, running},
};

/// Pages held back so that a page can be compared with those after it.
const AHEAD: usize = 2;
/// Pages before a page that it is compared with.
const BEHIND: usize = 2;

/// Takes pages in order and gives them back in order, a few pages later, when their running heads are known.
#[derive(Debug)]
pub struct DocumentAssembler {
    furniture: HeadersFooters,
    page_markers: bool,
    waiting: VecDeque<(PageContent, PageEdges)>,
    past: VecDeque<PageEdges>,
    styles: HeadingStyles,
}

impl DocumentAssembler {
    /// An assembler for one document.
    pub fn new(furniture: HeadersFooters, page_markers: bool) -> Self {
        Self {
            furniture,
            page_markers,
            waiting: VecDeque::new(),
            past: VecDeque::new(),
            styles: HeadingStyles::default(),
        }
    }

    /// Takes the next page; gives the pages that are ready.
    pub fn push(&mut self, page: PageContent) -> Vec<AssembledPage> {
        let edges = match &page.content {
            OcrContent::Regions(lines) => edges(
                page.number,
                page.height,
                &place(lines, centre(&page), page.skew_deg),
            ),
            OcrContent::Markup(_) => PageEdges::default(),
        };
        self.waiting.push_back((page, edges));
        let mut ready = Vec::new();
        while self.waiting.len() > AHEAD {
            ready.extend(self.next());
        }
        ready
    }

    /// Gives the pages that are left.
    pub fn finish(mut self) -> Vec<AssembledPage> {
        let mut ready = Vec::new();
        while let Some(page) = self.next() {
            ready.push(page);
        }
        ready
    }

    /// Assembles the page that has waited longest.
    fn next(&mut self) -> Option<AssembledPage> {
        let (page, edges) = self.waiting.pop_front()?;
        let ahead = self.waiting.iter().map(|(_, edges)| edges);
        let neighbours: Vec<&PageEdges> = self.past.iter().chain(ahead.take(AHEAD)).collect();
        let roles = running(&edges, &neighbours);
        let layout = match &page.content {
            OcrContent::Regions(lines) => {
                let sorted = sort(&page, lines, &roles);
                lay_out(lines, &page.rulings, sorted, &mut self.styles)
            }
            OcrContent::Markup(markup) => PageLayout {
                blocks: mathpix::blocks(markup),
                lines: Vec::new(),
            },
        };
        self.past.push_back(edges);
        if self.past.len() > BEHIND {
            self.past.pop_front();
        }
        Some(self.assembled(&page, layout))
    }

    fn assembled(&self, page: &PageContent, layout: PageLayout) -> AssembledPage {
        let number = page.number;
        let mut markdown = match &page.failure {
            Some(why) => format!("<!-- page {number}: failed ({}) -->\n", why),
            None if self.page_markers => format!("<!-- page {number} -->\n"),
            None => String::new(),
        };
        let body = markdown::page(&layout.blocks, self.furniture);
        if !markdown.is_empty() && !body.is_empty() {
            markdown.push('\n');
        }
        markdown.push_str(&body);
        AssembledPage {
            number,
            markdown,
            lines: layout.lines,
            blocks: layout.blocks,
        }
    }
}

fn centre(page: &PageContent) -> Point {
    let half = |side: f32| if side.is_finite() { side / 2.0 } else { 0.0 };
    Point {
        x: half(page.width),
        y: half(page.height),
    }
}

/// Tells a page's running heads and feet from its body.
fn sort<'a>(
    page: &PageContent,
    lines: &'a [crate::page::TextLine],
    roles: &[(usize, LineRole)],
) -> ClassifiedLines<'a> {
    let pieces = place(lines, centre(page), page.skew_deg);
    let middle = pieces
        .upright
        .iter()
        .map(|piece| piece.rect)
        .reduce(|a, b| a.union(&b))
        .map_or(0.0, |all| (all.top + all.bottom) / 2.0);
    let mut sorted = ClassifiedLines {
        aside: pieces.aside,
        ..ClassifiedLines::default()
    };
    for piece in pieces.upright {
        match roles.iter().find(|(line, _)| *line == piece.line) {
            Some((_, role)) if piece.rect.top < middle && *role != LineRole::Footer => {
                sorted.head.push((piece, *role))
            }
            Some((_, role)) => sorted.foot.push((piece, *role)),
            None => sorted.body.push(piece),
        }
    }
    sorted
}

#[cfg(test)]
mod tests;
