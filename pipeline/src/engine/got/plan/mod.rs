//! [`plan`]: which pages share a pass, and which are cut into tiles.
//!
//! The model was trained on whole pages of ordinary type in one view, on several short pages together, and on
//! tiles of what does not fit one view. So each page is looked at, and gets the form it was trained on. A small
//! model says in its configuration that it was trained on rows, a line each; it gets those, one by one.

// How much text a page seems to have, and how small it is.
mod look;
// A page's ink, without what is no type.
mod sheet;
// A block's lines, and their pieces.
mod lines;
// A page's lines in rows of views.
mod sections;

use std::sync::Arc;

use recto_schemas::{GotOptions, PageTiling, PagesPerPass, TilePolicy};

#[cfg(test)]
pub(super) use self::sections::TextRow;
use self::{look::DensityEstimate, sections::sections};
pub(super) use self::{
    sections::{RowPatch, RowSize, RowStart, StackedRows},
    sheet::down,
};
use super::tiles::{TileGrid, grid};
use crate::image::PageImage;

/// Type whose em has fewer pixels in the view than this is cut: 10 points on A4 have 12, and 6 points, the
/// smallest that is printed to be read, have 7.
const SMALL_EM: f32 = 7.0;
/// Type whose em has fewer pixels in the page than this cannot be read at any scale, so tiles do not help.
const LEAST_EM: f32 = 7.0;
/// On a page larger than [`HUGE_SQ_IN`], type with fewer pixels in the view than this is cut: between a poster's
/// text and its headlines.
const HUGE_EM: f32 = 12.0;
/// A3 in square inches, and a tenth more.
const HUGE_SQ_IN: f32 = 11.7 * 16.5 * 1.1;
/// Estimated tokens above which a page is cut: most of what one answer holds by default.
const DENSE_TOKENS: usize = 3_000;
/// Longer side by shorter side above which a page is cut: a view would squeeze its type to a third.
const LONG_ASPECT: f32 = 3.0;
/// Pages with fewer estimated tokens share a pass: what the model was trained on.
const SHORT_TOKENS: usize = 650;
/// Share of an answer's tokens that the pages of a pass may be estimated at, as the estimate may be that much
/// too low.
const ANSWER_SHARE: f32 = 0.7;

/// What the model and its configuration allow.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanLimits {
    /// Width and height of a view in pixels.
    pub(super) view: (u32, u32),
    /// Fewest tiles.
    pub(super) min_tiles: u32,
    /// Most tiles, the overview not counted.
    pub(super) max_tiles: u32,
    /// Rows that pages are cut into, where the model was trained on those.
    pub(super) rows: Option<RowSize>,
    /// Positions for prompt and answer together.
    pub(super) context: usize,
    /// Positions that one view takes.
    pub(super) tokens_per_view: usize,
    /// Positions that the prompt takes besides its views.
    pub(super) prompt_tokens: usize,
}

impl PlanLimits {
    /// Whether so many views leave room for an answer of `max_new_tokens`.
    fn fit(&self, views: usize, max_new_tokens: u32) -> bool {
        let prompt = views.saturating_mul(self.tokens_per_view) + self.prompt_tokens;
        prompt.saturating_add(max_new_tokens as usize) <= self.context
    }
}

/// Consecutive pages that are read together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InferenceUnit {
    /// Index of its first page.
    pub(super) first: usize,
    /// How many pages.
    pub(super) count: usize,
    /// Their form.
    pub(super) shape: InputLayout,
    /// Text lines that its pages seem to have: no table of theirs has more rows.
    pub(super) lines: usize,
}

/// The form in which the model is given pages.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum InputLayout {
    /// One page in one view.
    Whole(PageTiling),
    /// One page cut into tiles.
    Tiles(TileGrid, PageTiling),
    /// Several pages, each in one view.
    Pages(PageTiling),
    /// One page's lines in rows of views, each of which is read by itself.
    Rows(Vec<Arc<StackedRows>>, PageTiling),
    /// One of these.
    Row {
        /// Where it is.
        section: Arc<StackedRows>,
        /// Its place there, from 0.
        row: usize,
        /// How many rows its page has.
        count: usize,
        /// How the page was cut.
        tiling: PageTiling,
    },
}

impl InputLayout {
    /// How a page was cut into views.
    pub(super) fn tiling(&self) -> &PageTiling {
        match self {
            Self::Whole(tiling)
            | Self::Tiles(_, tiling)
            | Self::Pages(tiling)
            | Self::Rows(_, tiling)
            | Self::Row { tiling, .. } => tiling,
        }
    }
}

impl InferenceUnit {
    /// Parts that are read by themselves and share the time of their pages.
    pub(super) fn part_count(&self) -> usize {
        match &self.shape {
            InputLayout::Rows(sections, _) => {
                sections.iter().map(|section| section.rows.len()).sum()
            }
            InputLayout::Row { count, .. } => *count,
            _ => 1,
        }
    }

    /// What is read by itself: each row of a page that is cut into some, else the pass.
    pub(super) fn parts(&self) -> Vec<Self> {
        let InputLayout::Rows(sections, tiling) = &self.shape else {
            return vec![self.clone()];
        };
        let count = self.part_count();
        let rows = sections
            .iter()
            .flat_map(|section| (0..section.rows.len()).map(move |row| (section, row)));
        let part = |(section, row): (&Arc<StackedRows>, usize)| Self {
            shape: InputLayout::Row {
                section: Arc::clone(section),
                row,
                count,
                tiling: tiling.clone(),
            },
            ..*self
        };
        rows.map(part).collect()
    }
}

/// One page's plan, before pages are put together.
struct PlannedPage {
    grid: TileGrid,
    sections: Option<Vec<Arc<StackedRows>>>,
    reason: String,
    look: DensityEstimate,
}

/// Cuts a request's pages into passes; every page is in one, in order.
pub(super) fn plan(
    pages: &[Arc<PageImage>],
    options: &GotOptions,
    limits: &PlanLimits,
) -> Vec<InferenceUnit> {
    let planned: Vec<PlannedPage> = pages
        .iter()
        .map(|page| plan_page(page, options, limits))
        .collect();
    let mut passes = Vec::new();
    let mut first = 0;
    while first < planned.len() {
        let count = count_together(&planned[first..], options, limits);
        passes.push(pass(first, &planned[first..first + count], options));
        first += count;
    }
    passes
}

fn plan_page(page: &PageImage, options: &GotOptions, limits: &PlanLimits) -> PlannedPage {
    let look = DensityEstimate::of(page);
    let is_auto =
        options.tiles == TilePolicy::Auto && options.r#box.is_none() && options.color.is_none();
    let rows = limits.rows.filter(|_| is_auto);
    let cut = rows.and_then(|rows| sections(page, look.em, rows, limits.view.0));
    let (grid, reason) = match options.tiles {
        // The reference takes no notice of a box or a colour with several views.
        _ if options.r#box.is_some() => (TileGrid::ONE, "box".to_owned()),
        _ if options.color.is_some() => (TileGrid::ONE, "color".to_owned()),
        _ if cut.is_some() => (TileGrid::ONE, "rows".to_owned()),
        TilePolicy::Never => (TileGrid::ONE, "asked".to_owned()),
        TilePolicy::Always => fitting_grid(page, "asked", u32::MAX, options, limits),
        TilePolicy::Auto => match reason_to_cut(page, &look, limits.view) {
            Some(reason) => {
                let most = tiles_with_pixels(page, limits.view);
                fitting_grid(page, reason, most, options, limits)
            }
            None => (TileGrid::ONE, "ordinary".to_owned()),
        },
    };
    PlannedPage {
        grid,
        sections: cut.map(|sections| sections.into_iter().map(Arc::new).collect()),
        reason,
        look,
    }
}

/// Why one view would not do for a page; none where it does.
fn reason_to_cut(
    page: &PageImage,
    look: &DensityEstimate,
    view: (u32, u32),
) -> Option<&'static str> {
    let (width, height) = (page.width.max(1) as f32, page.height.max(1) as f32);
    let scale = (view.0 as f32 / width).min(view.1 as f32 / height);
    // Type that tiles would bring closer: a page that is no larger than the view gains nothing.
    let em = look.em.filter(|em| *em >= LEAST_EM && scale < 1.0)?;
    let square_inches = width * height / (page.dpi * page.dpi);
    if em * scale < SMALL_EM {
        Some("small-text")
    } else if look.tokens > DENSE_TOKENS {
        Some("dense")
    } else if width.max(height) / width.min(height) > LONG_ASPECT {
        Some("long")
    } else if page.dpi > 0.0 && square_inches > HUGE_SQ_IN && em * scale < HUGE_EM {
        Some("huge")
    } else {
        None
    }
}

/// Tiles that the page has pixels for; more would only blow them up.
fn tiles_with_pixels(page: &PageImage, view: (u32, u32)) -> u32 {
    let columns = page.width.div_ceil(view.0.max(1));
    columns.saturating_mul(page.height.div_ceil(view.1.max(1)))
}

/// The reference's grid for `page` with as many tiles as are wanted, allowed and fit the context.
fn fitting_grid(
    page: &PageImage,
    reason: &str,
    most: u32,
    options: &GotOptions,
    limits: &PlanLimits,
) -> (TileGrid, String) {
    let allowed = limits.max_tiles.min(options.max_tiles.get()).max(1);
    let most = most.clamp(1, allowed);
    let grid_of = |most: u32| {
        let size = (page.width, page.height);
        grid(size, limits.view, limits.min_tiles.min(most), most)
    };
    let fits =
        |grid: &TileGrid| limits.fit(grid.views() as usize, options.runtime.max_new_tokens.get());
    let wanted = grid_of(most);
    if fits(&wanted) {
        return (wanted, reason.to_owned());
    }
    let fewer = (1..most).rev().map(grid_of).find(fits);
    (
        fewer.unwrap_or(TileGrid::ONE),
        format!("{reason}, fewer-tiles: context"),
    )
}

/// How many pages from the first on are read together.
fn count_together(planned: &[PlannedPage], options: &GotOptions, limits: &PlanLimits) -> usize {
    let marked = options.r#box.is_some() || options.color.is_some();
    let most = match options.pages_per_pass {
        _ if marked || options.tiles == TilePolicy::Always => 1,
        PagesPerPass::Auto => PagesPerPass::LIMIT,
        PagesPerPass::Most(pages) => pages.min(PagesPerPass::LIMIT),
    };
    let is_auto = options.pages_per_pass == PagesPerPass::Auto;
    let mut tokens = 0;
    let together = planned
        .iter()
        .take(most as usize)
        .enumerate()
        .take_while(|(before, page)| {
            tokens += page.look.tokens;
            let has_room =
                tokens as f32 <= ANSWER_SHARE * options.runtime.max_new_tokens.get() as f32;
            let is_short = page.look.tokens < SHORT_TOKENS && has_room;
            page.grid == TileGrid::ONE
                && page.sections.is_none()
                && (is_short || !is_auto)
                && limits.fit(before + 1, options.runtime.max_new_tokens.get())
        })
        .count();
    together.max(1)
}

/// The pass of `pages`, the first of which is page `first`.
fn pass(first: usize, pages: &[PlannedPage], options: &GotOptions) -> InferenceUnit {
    let (grid, reason) = (pages[0].grid, pages[0].reason.as_str());
    let tiling = |reason: &str| PageTiling {
        columns: grid.columns,
        rows: grid.rows,
        reason: reason.to_owned(),
    };
    let shape = if pages.len() > 1 {
        InputLayout::Pages(tiling(match options.pages_per_pass {
            PagesPerPass::Auto => "short",
            PagesPerPass::Most(_) => "asked",
        }))
    } else if let Some(sections) = &pages[0].sections {
        let rows = u32::try_from(sections.len()).unwrap_or(u32::MAX);
        let tiling = PageTiling {
            rows,
            ..tiling(reason)
        };
        InputLayout::Rows(sections.clone(), tiling)
    } else if grid == TileGrid::ONE {
        InputLayout::Whole(tiling(reason))
    } else {
        InputLayout::Tiles(grid, tiling(reason))
    };
    InferenceUnit {
        first,
        count: pages.len(),
        shape,
        lines: pages.iter().map(|page| page.look.lines).sum(),
    }
}

#[cfg(test)]
mod tests;
