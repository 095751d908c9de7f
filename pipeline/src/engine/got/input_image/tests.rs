//! Tests of input images against the reference's and Pillow's bytes.

use super::*;
use crate::engine::got::plan::{LineRow, RowStart};
use crate::image::fixtures::pillow_page;

#[test]
fn the_references_pictures_become_its_views() {
    let reference = crate::engine::got::fixtures::ReferenceData::read();
    for set in reference.sets() {
        let pages = reference.pictures(set);
        let expected = reference.views(set);
        let size = (expected[0].width, expected[0].height);
        let views: Vec<InputImage> = match set {
            "tiles" => {
                let page = &pages[0];
                let grid =
                    crate::engine::got::tile_grid::grid((page.width, page.height), size, 1, 12);
                InputImage::tiles(page, size, grid)
            }
            _ => pages
                .iter()
                .map(|page| InputImage::whole_page(page, size))
                .collect(),
        };
        assert_eq!(views.len(), expected.len(), "{set}");
        for (view, expected) in views.iter().zip(&expected) {
            let pairs = view.rgb.iter().zip(&expected.rgb);
            let off = pairs.filter(|(a, b)| a != b).count();
            assert_eq!(off, 0, "{set}: {off} of {} bytes", view.rgb.len());
        }
    }
}

#[test]
fn a_page_of_the_views_size_is_taken_as_it_is() {
    let page = pillow_page(64, 48);
    assert_eq!(InputImage::whole_page(&page, (64, 48)).rgb, page.rgb);
}

#[test]
fn tiles_come_row_by_row_and_the_whole_page_last() {
    let page = pillow_page(6, 4);
    let grid = TileGrid {
        columns: 3,
        rows: 2,
    };
    let views = InputImage::tiles(&page, (2, 2), grid);
    assert_eq!(views.len(), 7);
    for (at, view) in views[..6].iter().enumerate() {
        let corner = ((at / 3 * 2) * 6 + at % 3 * 2) * 3;
        let rows = [
            &page.rgb[corner..corner + 6],
            &page.rgb[corner + 18..corner + 24],
        ];
        assert_eq!(view.rgb, rows.concat(), "tile {at}");
    }
    assert_eq!(views[6], InputImage::whole_page(&page, (2, 2)));
    assert_eq!(
        InputImage::tiles(&page, (2, 2), TileGrid::ONE),
        [InputImage::whole_page(&page, (2, 2))]
    );
}

fn one(slope: f32, patch: RowPatch) -> StackedRows {
    StackedRows {
        slope,
        height: 0,
        rows: vec![LineRow {
            start: RowStart::Line,
            patches: vec![patch],
        }],
    }
}

#[test]
fn a_patch_stands_at_its_place_in_gray_on_white() {
    let mut page = pillow_page(60, 40);
    for (at, pixel) in page.rgb.chunks_exact_mut(3).enumerate() {
        // Yellow paper, some of it printed.
        pixel.copy_from_slice(if at % 5 < 3 {
            &[240, 200, 120]
        } else {
            &[20, 10, 30]
        });
    }
    let patch = RowPatch {
        left: 10,
        top: 5,
        width: 30,
        height: 20,
        scale: 0.5,
        x: 4,
        y: 3,
    };
    let view = InputImage::of_rows(&page, (24, 16), &one(0.0, patch));
    let cut = crop(&page, 0.0, &patch);
    assert_eq!(cut.rgb[..90], page.rgb[(5 * 60 + 10) * 3..][..90]);
    let scaled = bicubic(&cut, 15, 10);
    let background = background(&scaled);
    for (y, row) in view.rgb.chunks_exact(24 * 3).enumerate() {
        for (x, pixel) in row.chunks_exact(3).enumerate() {
            let is_inside = (4..19).contains(&x) && (3..13).contains(&y);
            let from = || PATCH_LUMA.of(&scaled[((y - 3) * 15 + x - 4) * 3..]);
            let tone = if is_inside {
                on_white(from(), background)
            } else {
                255
            };
            assert_eq!(pixel, [tone; 3], "{x} {y}");
        }
    }
    let as_it_is = RowPatch {
        scale: 1.0,
        x: 0,
        y: 0,
        ..patch
    };
    let view = InputImage::of_rows(&page, (30, 20), &one(0.0, as_it_is));
    assert!(
        view.rgb.iter().all(|tone| [255, 20, 19, 21].contains(tone)),
        "{:?}",
        &view.rgb[..30]
    );
}

#[test]
fn sloping_lines_are_straight_in_a_patch() {
    let mut page = pillow_page(60, 40);
    for (at, pixel) in page.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (at % 60, at / 60);
        pixel.fill(if y == 20 + x / 10 { 0 } else { 255 });
    }
    let patch = RowPatch {
        left: 5,
        top: 20,
        width: 50,
        height: 6,
        scale: 1.0,
        x: 0,
        y: 0,
    };
    let view = InputImage::of_rows(&page, (50, 6), &one(0.1, patch));
    let dark: Vec<usize> = (0..6)
        .map(|y| {
            view.rgb[y * 150..][..150]
                .iter()
                .filter(|tone| **tone < 128)
                .count()
                / 3
        })
        .collect();
    // A pixel or so to either side, as steps need not coincide.
    assert!(
        dark.iter().filter(|count| **count > 0).count() <= 2,
        "{dark:?}"
    );
}

#[test]
fn light_letters_on_a_dark_ground_turn_dark() {
    assert_eq!(
        [on_white(200, 200), on_white(100, 200), on_white(255, 200)],
        [255, 127, 255]
    );
    assert_eq!([on_white(30, 30), on_white(255, 30)], [255, 0]);
    assert_eq!(on_white(0, 0), 255);
}

#[test]
fn a_patch_outside_of_its_page_or_view_is_white() {
    let page = pillow_page(6, 4);
    let edge = u32::MAX;
    let places = [
        (5, 0, 9, 9, 0, 0),
        (0, 3, 2, 9, 0, 0),
        (edge, edge, 1, 1, 0, 0),
        (0, 0, 2, 2, edge - 9, edge - 9),
    ];
    for (left, top, width, height, x, y) in places {
        let patch = RowPatch {
            left,
            top,
            width,
            height,
            scale: 1.0,
            x,
            y,
        };
        let view = InputImage::of_rows(&page, (3, 3), &one(0.0, patch));
        assert_eq!(view.rgb, [255; 27], "{patch:?}");
    }
}

#[test]
fn a_page_without_its_pixels_is_white() {
    let mut page = pillow_page(6, 4);
    page.rgb.pop();
    assert_eq!(InputImage::whole_page(&page, (3, 3)).rgb, [255; 27]);
    assert_eq!(
        InputImage::whole_page(&PageImage::default(), (3, 3)).rgb,
        [255; 27]
    );
}
