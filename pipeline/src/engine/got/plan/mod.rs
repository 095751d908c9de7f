//! Planner: which pages share an inference unit, and which are cut into tiles.
//!
//! The model was trained on whole pages of ordinary type in one input image, on several short pages
//! together, and on tiles of pages that do not fit one image. The planner estimates each page's
//! text and gives it the form that it was trained on. A small model's configuration can say that it
//! was trained on rows, one text line each; then it gets those.

mod density;
mod ink_map;
mod ink_lines;
mod stacked_rows;

use std::sync::Arc;

use recto_schemas::{GotOptions, PageTiling, PagesPerPass, TilePolicy, TilingReason};

#[cfg(test)]
pub(super) use self::stacked_rows::LineRow;
pub(super) use self::stacked_rows::{RowPatch, RowSize, RowStart, StackedRows};
use self::{density::DensityEstimate, stacked_rows::stack_rows};
use super::tile_grid::{TileGrid, grid};
use crate::image::PageImage;

/// Minimum em in pixels of the input image; smaller type is cut into tiles. 10 points on A4 have 12
/// pixels, and 6 points, the smallest that is printed to be read, have 7.
const SMALL_EM: f32 = 7.0;
/// Minimum em in pixels of the page; smaller type is unreadable at any scale, so tiles do not help.
const MIN_EM: f32 = 7.0;
/// Minimum em in pixels of the input image on a page larger than [`HUGE_SQ_IN`]: between a poster's
/// text and its headlines.
const HUGE_EM: f32 = 12.0;
/// Area of A3 in square inches, and a tenth more.
const HUGE_SQ_IN: f32 = 11.7 * 16.5 * 1.1;
/// Maximum estimated tokens of an uncut page: most of what one answer holds by default.
const DENSE_TOKENS: usize = 3_000;
/// Maximum aspect ratio of an uncut page: the input image would squeeze its type to a third.
const LONG_ASPECT: f32 = 3.0;
/// Maximum estimated tokens of pages that share a unit, as in the model's training.
const SHORT_TOKENS: usize = 650;
/// Share of an answer's tokens that the estimates of a unit's pages may add up to, because the
/// estimate may be that much too low.
const ANSWER_SHARE: f32 = 0.7;

/// Limits of the model and its configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanLimits {
    /// Width and height of an input image in pixels.
    pub(super) image_size: (u32, u32),
    /// Minimum tiles.
    pub(super) min_tiles: u32,
    /// Maximum tiles, without the overview.
    pub(super) max_tiles: u32,
    /// Size of the rows that pages are cut into, if the model was trained on rows.
    pub(super) rows: Option<RowSize>,
    /// Positions of a slot, for prompt and answer together.
    pub(super) context: usize,
    /// Positions that an input image takes.
    pub(super) tokens_per_image: usize,
    /// Positions that the rest of the prompt takes.
    pub(super) prompt_tokens: usize,
}

impl PlanLimits {
    /// Returns true if so many images leave room for an answer of `max_new_tokens`.
    fn fits(&self, images: usize, max_new_tokens: u32) -> bool {
        let prompt = images.saturating_mul(self.tokens_per_image) + self.prompt_tokens;
        prompt.saturating_add(max_new_tokens as usize) <= self.context
    }
}

/// Consecutive pages that are read together, or a part of one page.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InferenceUnit {
    /// Index of the first page.
    pub(super) first: usize,
    /// Number of pages.
    pub(super) count: usize,
    /// Form in which the model gets the pages.
    pub(super) layout: InputLayout,
    /// Estimated text lines of the pages: none of their tables has more rows.
    pub(super) lines: usize,
}

/// Form in which the model gets pages.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum InputLayout {
    /// One page in one input image.
    Whole(PageTiling),
    /// One page cut into tiles.
    Tiles(TileGrid, PageTiling),
    /// Several pages, each in one input image.
    Pages(PageTiling),
    /// One page cut into rows, each of which is a sequence of its own.
    Rows(Vec<Arc<StackedRows>>, PageTiling),
    /// One row of a page.
    Row {
        /// The input image that holds it.
        stack: Arc<StackedRows>,
        /// Its index within the image.
        row: usize,
        /// Rows of its page.
        count: usize,
        /// Tiling of its page.
        tiling: PageTiling,
    },
}

impl InputLayout {
    /// The tiling of the page.
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
    /// Number of parts, each a sequence of its own, that share the time of their pages.
    pub(super) fn part_count(&self) -> usize {
        match &self.layout {
            InputLayout::Rows(stacks, _) => stacks.iter().map(|stack| stack.rows.len()).sum(),
            InputLayout::Row { count, .. } => *count,
            _ => 1,
        }
    }

    /// The parts: each row of a page that is cut into rows, else the unit itself.
    pub(super) fn parts(&self) -> Vec<Self> {
        let InputLayout::Rows(stacks, tiling) = &self.layout else {
            return vec![self.clone()];
        };
        let count = self.part_count();
        let rows = stacks
            .iter()
            .flat_map(|stack| (0..stack.rows.len()).map(move |row| (stack, row)));
        let part = |(stack, row): (&Arc<StackedRows>, usize)| Self {
            layout: InputLayout::Row {
                stack: Arc::clone(stack),
                row,
                count,
                tiling: tiling.clone(),
            },
            ..*self
        };
        rows.map(part).collect()
    }
}

/// The plan of one page, before pages are grouped.
struct PlannedPage {
    grid: TileGrid,
    stacks: Option<Vec<Arc<StackedRows>>>,
    reason: TilingReason,
    limited_by_context: bool,
    density: DensityEstimate,
}

/// Cuts a request's pages into units, which hold each page once, in order.
pub(super) fn plan(
    pages: &[Arc<PageImage>],
    options: &GotOptions,
    limits: &PlanLimits,
) -> Vec<InferenceUnit> {
    let planned: Vec<PlannedPage> = pages
        .iter()
        .map(|page| plan_page(page, options, limits))
        .collect();
    let mut units = Vec::new();
    let mut first = 0;
    while first < planned.len() {
        let count = pages_in_unit(&planned[first..], options, limits);
        units.push(inference_unit(
            first,
            &planned[first..first + count],
            options,
        ));
        first += count;
    }
    units
}

fn plan_page(page: &PageImage, options: &GotOptions, limits: &PlanLimits) -> PlannedPage {
    let density = DensityEstimate::of(page);
    let is_auto =
        options.tiles == TilePolicy::Auto && options.r#box.is_none() && options.color.is_none();
    let rows = limits.rows.filter(|_| is_auto);
    let cut = rows.and_then(|rows| stack_rows(page, density.em, rows, limits.image_size.0));
    let tiled = |most| grid_within_context(page, most, options, limits);
    let whole = (TileGrid::ONE, false);
    let (reason, (grid, limited_by_context)) = match options.tiles {
        // The reference ignores a box or a color with several images.
        _ if options.r#box.is_some() => (TilingReason::Box, whole),
        _ if options.color.is_some() => (TilingReason::Color, whole),
        _ if cut.is_some() => (TilingReason::Rows, whole),
        TilePolicy::Never => (TilingReason::Asked, whole),
        TilePolicy::Always => (TilingReason::Asked, tiled(u32::MAX)),
        TilePolicy::Auto => match tiling_reason(page, &density, limits.image_size) {
            Some(reason) => (reason, tiled(max_useful_tiles(page, limits.image_size))),
            None => (TilingReason::Ordinary, whole),
        },
    };
    PlannedPage {
        grid,
        limited_by_context,
        stacks: cut.map(|stacks| stacks.into_iter().map(Arc::new).collect()),
        reason,
        density,
    }
}

/// The reason to cut a page into tiles; `None` if one input image will do.
fn tiling_reason(
    page: &PageImage,
    density: &DensityEstimate,
    image_size: (u32, u32),
) -> Option<TilingReason> {
    let (width, height) = (page.width.max(1) as f32, page.height.max(1) as f32);
    let scale = (image_size.0 as f32 / width).min(image_size.1 as f32 / height);
    // Tiles only help if they show the type larger: not for a page that is no larger than the
    // image.
    let em = density.em.filter(|em| *em >= MIN_EM && scale < 1.0)?;
    let square_inches = width * height / (page.dpi * page.dpi);
    if em * scale < SMALL_EM {
        Some(TilingReason::SmallText)
    } else if density.tokens > DENSE_TOKENS {
        Some(TilingReason::Dense)
    } else if width.max(height) / width.min(height) > LONG_ASPECT {
        Some(TilingReason::Long)
    } else if page.dpi > 0.0 && square_inches > HUGE_SQ_IN && em * scale < HUGE_EM {
        Some(TilingReason::Huge)
    } else {
        None
    }
}

/// Maximum tiles that the page has pixels for; more would only be enlarged.
fn max_useful_tiles(page: &PageImage, image_size: (u32, u32)) -> u32 {
    let columns = page.width.div_ceil(image_size.0.max(1));
    columns.saturating_mul(page.height.div_ceil(image_size.1.max(1)))
}

/// The reference's grid for `page` with as many tiles as are asked for, allowed, and fit the
/// context; and true if those are fewer because of the context.
fn grid_within_context(
    page: &PageImage,
    most: u32,
    options: &GotOptions,
    limits: &PlanLimits,
) -> (TileGrid, bool) {
    let allowed = limits.max_tiles.min(options.max_tiles.get()).max(1);
    let most = most.clamp(1, allowed);
    let grid_of = |most: u32| {
        let size = (page.width, page.height);
        grid(size, limits.image_size, limits.min_tiles.min(most), most)
    };
    let fits = |grid: &TileGrid| {
        limits.fits(
            grid.image_count() as usize,
            options.runtime.max_new_tokens.get(),
        )
    };
    let wanted = grid_of(most);
    if fits(&wanted) {
        return (wanted, false);
    }
    let fewer = (1..most).rev().map(grid_of).find(fits);
    (fewer.unwrap_or(TileGrid::ONE), true)
}

/// Number of pages, from the first on, that share a unit.
fn pages_in_unit(planned: &[PlannedPage], options: &GotOptions, limits: &PlanLimits) -> usize {
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
            tokens += page.density.tokens;
            let has_room =
                tokens as f32 <= ANSWER_SHARE * options.runtime.max_new_tokens.get() as f32;
            let is_short = page.density.tokens < SHORT_TOKENS && has_room;
            page.grid == TileGrid::ONE
                && page.stacks.is_none()
                && (is_short || !is_auto)
                && limits.fits(before + 1, options.runtime.max_new_tokens.get())
        })
        .count();
    together.max(1)
}

/// The unit of `pages`, the first of which is page `first`.
fn inference_unit(first: usize, pages: &[PlannedPage], options: &GotOptions) -> InferenceUnit {
    let PlannedPage { grid, reason, .. } = pages[0];
    let tiling = |reason: TilingReason| PageTiling {
        columns: grid.columns,
        rows: grid.rows,
        reason,
        limited_by_context: pages[0].limited_by_context,
    };
    let layout = if pages.len() > 1 {
        InputLayout::Pages(tiling(match options.pages_per_pass {
            PagesPerPass::Auto => TilingReason::Short,
            PagesPerPass::Most(_) => TilingReason::Asked,
        }))
    } else if let Some(stacks) = &pages[0].stacks {
        let rows = u32::try_from(stacks.len()).unwrap_or(u32::MAX);
        let tiling = PageTiling {
            rows,
            ..tiling(reason)
        };
        InputLayout::Rows(stacks.clone(), tiling)
    } else if grid == TileGrid::ONE {
        InputLayout::Whole(tiling(reason))
    } else {
        InputLayout::Tiles(grid, tiling(reason))
    };
    InferenceUnit {
        first,
        count: pages.len(),
        layout,
        lines: pages.iter().map(|page| page.density.lines).sum(),
    }
}

#[cfg(test)]
mod tests;
