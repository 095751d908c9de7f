//! Tests of the planner on drawn pages.

use std::ops::Range;

use recto_schemas::{BoundedInt, GotOptions, GotRuntime, PagesPerPass, RegionColor, TilePolicy};

use super::*;

const LIMITS: PlanLimits = PlanLimits {
    image_size: (1024, 1024),
    min_tiles: 1,
    max_tiles: 12,
    rows: None,
    context: 32_768,
    tokens_per_image: 256,
    prompt_tokens: 40,
};

/// A page of `width` × `height` at `dpi` with `lines` lines of words drawn in stems and bars, whose
/// em is `em` pixels, and margins of a tenth.
fn page(width: u32, height: u32, dpi: f32, lines: usize, em: u32) -> Arc<PageImage> {
    let mut page = blank_page(width, height, dpi);
    for line in 0..lines as u32 {
        let top = height / 10 + line * (em * 6 / 5);
        assert!(top + em * 6 / 5 < height * 19 / 20, "too many lines");
        draw_line(&mut page, width / 10..width * 9 / 10, top, em);
    }
    Arc::new(page)
}

/// An empty page.
pub(super) fn blank_page(width: u32, height: u32, dpi: f32) -> PageImage {
    PageImage {
        width,
        height,
        dpi,
        rgb: vec![245; (width * height * 3) as usize],
    }
}

/// Draws a line of words of five letters, each second one tall, whose em is `em` pixels.
pub(super) fn draw_line(page: &mut PageImage, across: Range<u32>, top: u32, em: u32) {
    let (ascent, letter) = (em * 9 / 10, (em / 2).max(3));
    for x in across.clone() {
        let (letters, within) = ((x - across.start) / letter, (x - across.start) % letter);
        let is_space = letters % 6 == 5;
        let high = if letters % 2 == 0 { 0 } else { ascent / 3 };
        for y in high..ascent {
            let is_stem = within < letter.div_ceil(4);
            let is_bar = within < letter - 1 && (y == ascent - 1 || y == ascent / 3);
            if !is_space && (is_stem || is_bar) {
                let at = (((top + y) * page.width + x) * 3) as usize;
                page.rgb[at..at + 3].fill(20);
            }
        }
    }
}

/// An A4 page at 200 dpi in 12 points.
fn a4(lines: usize) -> Arc<PageImage> {
    page(1654, 2339, 200.0, lines, 33)
}

fn reason(unit: &InferenceUnit) -> &'static str {
    unit.layout.tiling().reason.as_str()
}

fn reasons(units: &[InferenceUnit]) -> Vec<(usize, usize, &str)> {
    units
        .iter()
        .map(|unit| (unit.first, unit.count, reason(unit)))
        .collect()
}

fn grid_of(units: &[InferenceUnit]) -> (u32, u32) {
    assert_eq!(units.len(), 1);
    match &units[0].layout {
        InputLayout::Tiles(grid, tiling) => {
            assert_eq!((grid.columns, grid.rows), (tiling.columns, tiling.rows));
            (grid.columns, grid.rows)
        }
        InputLayout::Whole(_) => (1, 1),
        layout => panic!("one page is not read as {layout:?}"),
    }
}

#[test]
fn an_estimate_counts_lines_and_measures_type() {
    for (lines, em) in [(10, 33), (40, 33), (50, 24), (20, 44)] {
        let density = DensityEstimate::of(&page(1654, 2339, 200.0, lines, em));
        assert_eq!(density.lines, lines, "{density:?}");
        let measured = density.em.unwrap();
        assert!(
            (measured / em as f32 - 1.0).abs() < 0.2,
            "{em}: {density:?}"
        );
        let characters = lines as f32 * 1654.0 * 0.8 / (em / 2) as f32;
        let share = density.tokens as f32 * 3.5 / characters;
        assert!((0.6..1.4).contains(&share), "{em}: {share}");
    }
}

#[test]
fn an_estimate_leaves_out_ruled_lines_pictures_and_nothing() {
    let mut ruled = (*a4(0)).clone();
    for y in 200..2200usize {
        for x in 200..1400usize {
            if x % 300 < 4 || y % 100 < 3 || (500..900).contains(&y) {
                let at = (y * 1654 + x) * 3;
                ruled.rgb[at..at + 3].fill(30);
            }
        }
    }
    let density = DensityEstimate::of(&ruled);
    assert!(density.tokens < 20, "{density:?}");
    assert_eq!(
        DensityEstimate::of(&PageImage::default()),
        DensityEstimate::default()
    );
    let lying = PageImage {
        rgb: vec![0; 12],
        ..(*a4(0)).clone()
    };
    assert_eq!(DensityEstimate::of(&lying), DensityEstimate::default());
    for (width, height) in [(1, 1), (1, 9000), (9000, 1), (33, 2)] {
        DensityEstimate::of(&page(width, height, f32::NAN, 0, 10));
    }
}

#[test]
fn auto_cuts_what_one_view_cannot_show() {
    let options = GotOptions::default();
    let cases = [
        (a4(45), "ordinary", (1, 1)),
        // 5.4 points on A4.
        (page(1654, 2339, 200.0, 60, 15), "small-text", (2, 3)),
        // A broadsheet's worth of 8 points on a screenshot without a true resolution.
        (page(2400, 2400, 72.0, 80, 20), "dense", (3, 3)),
        (page(800, 3200, 200.0, 40, 33), "long", (1, 4)),
        // A2 in 10 points at 120 dpi, 9.4 pixels in the input image.
        (page(1984, 2806, 120.0, 20, 28), "huge", (2, 3)),
        // A2 with headlines only.
        (page(1984, 2806, 120.0, 10, 90), "ordinary", (1, 1)),
    ];
    for (page, expected, grid) in cases {
        let units = plan(&[page], &options, &LIMITS);
        assert_eq!((reason(&units[0]), grid_of(&units)), (expected, grid));
    }
}

#[test]
fn tiles_are_as_asked_and_no_more_than_allowed_or_fit() {
    let tiles = |tiles, max_tiles, context| {
        let options = GotOptions {
            tiles,
            max_tiles: BoundedInt::clamped(max_tiles),
            ..GotOptions::default()
        };
        let units = plan(&[a4(45)], &options, &PlanLimits { context, ..LIMITS });
        assert_eq!(reason(&units[0]), "asked");
        let tiling = units[0].layout.tiling();
        (grid_of(&units), tiling.limited_by_context)
    };
    assert_eq!(tiles(TilePolicy::Never, 12, 32_768), ((1, 1), false));
    assert_eq!(tiles(TilePolicy::Always, 12, 32_768), ((2, 3), false));
    assert_eq!(tiles(TilePolicy::Always, 2, 32_768), ((1, 2), false));
    // Room for 4 images beside 4,096 new tokens, and for none.
    let room = 4096 + 40 + 4 * 256;
    assert_eq!(tiles(TilePolicy::Always, 12, room), ((1, 2), true));
    assert_eq!(tiles(TilePolicy::Always, 12, 100), ((1, 1), true));
}

#[test]
fn short_pages_share_a_pass_and_long_ones_stand_alone() {
    let pages = [a4(8), a4(8), a4(45), a4(8), a4(8), a4(8)];
    let units = plan(&pages, &GotOptions::default(), &LIMITS);
    let expected = [(0, 2, "short"), (2, 1, "ordinary"), (3, 3, "short")];
    assert_eq!(reasons(&units), expected);
    assert_eq!(
        units.iter().map(|p| p.lines).collect::<Vec<_>>(),
        [16, 45, 24]
    );
    assert!(matches!(units[0].layout, InputLayout::Pages(_)));
}

#[test]
fn a_pass_holds_what_the_model_and_the_context_take() {
    let pages = vec![a4(2); 11];
    let counts = |options: &GotOptions, limits: &PlanLimits| {
        let units = plan(&pages, options, limits);
        units.iter().map(|p| p.count).collect::<Vec<_>>()
    };
    let options = GotOptions::default();
    assert_eq!(counts(&options, &LIMITS), [8, 3]);
    let narrow = PlanLimits {
        context: 4096 + 40 + 5 * 256,
        ..LIMITS
    };
    assert_eq!(counts(&options, &narrow), [5, 5, 1]);
    // An answer of 256 tokens holds only a few of these pages.
    let terse = GotOptions {
        runtime: GotRuntime::limited_to(256),
        ..GotOptions::default()
    };
    let together = counts(&terse, &LIMITS);
    assert!(together[0] < 8, "{together:?}");
    assert_eq!(together.iter().sum::<usize>(), 11);
}

#[test]
fn as_many_pages_as_asked_share_a_pass_whatever_their_length() {
    let options = GotOptions {
        pages_per_pass: PagesPerPass::Most(2),
        ..GotOptions::default()
    };
    let small = page(1654, 2339, 200.0, 60, 15);
    let pages = [a4(45), a4(45), a4(45), small, a4(45)];
    let units = plan(&pages, &options, &LIMITS);
    let expected = [
        (0, 2, "asked"),
        (2, 1, "ordinary"),
        (3, 1, "small-text"),
        (4, 1, "ordinary"),
    ];
    assert_eq!(reasons(&units), expected);
}

#[test]
fn a_box_or_a_color_takes_each_page_whole_and_alone() {
    let pages = [a4(2), page(1654, 2339, 200.0, 60, 15)];
    let boxed = GotOptions {
        r#box: [0, 0, 500, 500].try_into().ok(),
        tiles: TilePolicy::Always,
        ..GotOptions::default()
    };
    let colored = GotOptions {
        color: Some(RegionColor::Red),
        pages_per_pass: PagesPerPass::Most(8),
        ..GotOptions::default()
    };
    for (options, reason) in [(boxed, "box"), (colored, "color")] {
        let units = plan(&pages, &options, &LIMITS);
        assert_eq!(reasons(&units), [(0, 1, reason), (1, 1, reason)]);
        assert!(
            units
                .iter()
                .all(|p| matches!(p.layout, InputLayout::Whole(_)))
        );
    }
}

#[test]
fn a_model_of_rows_gets_each_page_in_rows_unless_tiles_or_a_box_are_asked_for() {
    let limits = PlanLimits {
        rows: Some(RowSize {
            em: 36.0,
            pitch: 64,
            rows_per_image: 16,
        }),
        ..LIMITS
    };
    let pages = [a4(8), a4(8), a4(45), Arc::new(blank_page(800, 600, 100.0))];
    let together = GotOptions {
        pages_per_pass: PagesPerPass::Most(8),
        ..GotOptions::default()
    };
    for options in [GotOptions::default(), together] {
        let units = plan(&pages, &options, &limits);
        let expected: Vec<_> = (0..4).map(|page| (page, 1, "rows")).collect();
        assert_eq!(reasons(&units), expected);
        let images: Vec<u32> = units.iter().map(|p| p.layout.tiling().rows).collect();
        let rows: Vec<usize> = units.iter().map(InferenceUnit::part_count).collect();
        // Each line is cut in two, and an input image has 16 rows.
        assert_eq!(
            (&images[..], &rows[..]),
            (&[1, 1, 6, 0][..], &[16, 16, 90, 0][..])
        );
        let InputLayout::Rows(stacks, _) = &units[2].layout else {
            panic!("{:?}", units[2]);
        };
        let parts = units[2].parts();
        assert_eq!(parts.len(), 90);
        for (index, part) in parts.iter().enumerate() {
            let InputLayout::Row {
                stack, row, count, ..
            } = &part.layout
            else {
                panic!("{part:?}");
            };
            assert!(Arc::ptr_eq(stack, &stacks[index / 16]));
            assert_eq!(
                (*row, *count, part.first, part.part_count()),
                (index % 16, 90, 2, 90)
            );
        }
    }
    let region = [0, 0, 500, 500].try_into().ok();
    let others = [
        (TilePolicy::Never, None, None, "asked"),
        (TilePolicy::Always, None, None, "asked"),
        (TilePolicy::Auto, region, None, "box"),
        (TilePolicy::Auto, None, Some(RegionColor::Red), "color"),
    ];
    for (tiles, region, color, expected) in others {
        let options = GotOptions {
            tiles,
            r#box: region,
            color,
            ..GotOptions::default()
        };
        let units = plan(&pages[2..3], &options, &limits);
        assert_eq!(reasons(&units), [(0, 1, expected)]);
    }
}

#[test]
fn no_pages_are_no_passes() {
    assert_eq!(plan(&[], &GotOptions::default(), &LIMITS), []);
}
