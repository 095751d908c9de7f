//! Tests of rows on drawn pages.

use super::{
    super::{
        density::DensityEstimate,
        tests::{blank_page, draw_line},
    },
    *,
};
use crate::engine::got::input_image::InputImage;

const WIDTH: u32 = 1024;
const SIZE: RowSize = RowSize {
    em: 36.0,
    pitch: 64,
    rows_per_image: 16,
};
/// Em of the drawn text: 12 points at 200 dpi.
const EM: u32 = 33;
/// Pixels of the input image per pixel of the page, for type as it is drawn.
const SCALE: f32 = 36.0 / 32.0;

/// A line as it is drawn: its columns, and its top.
type Line = (Range<u32>, u32);

/// An A4 page at 200 dpi with these lines.
fn drawn(lines: &[Line]) -> PageImage {
    let mut page = blank_page(1654, 2339, 200.0);
    for (across, top) in lines {
        draw_line(&mut page, across.clone(), *top, EM);
    }
    page
}

/// `count` lines from `top` on, with `gap` pixels of white after each fifth.
fn lines(across: Range<u32>, top: u32, count: u32, gap: u32) -> Vec<Line> {
    let line = |n| (across.clone(), top + n * EM * 6 / 5 + n / 5 * gap);
    (0..count).map(line).collect()
}

/// The rows of all stacks of a page.
fn cut(page: &PageImage) -> Vec<LineRow> {
    let sections =
        stack_rows(page, DensityEstimate::of(page).em, SIZE, WIDTH).expect("not too many");
    for stack in &sections {
        assert!(stack.rows.len() <= 16);
        assert_sound(page, stack, WIDTH);
    }
    sections.into_iter().flat_map(|stack| stack.rows).collect()
}

fn assert_sound(page: &PageImage, stack: &StackedRows, width: u32) {
    assert_eq!(stack.height, SIZE.pitch * SIZE.rows_per_image);
    for (index, row) in stack.rows.iter().enumerate() {
        assert!(!row.patches.is_empty());
        for patch in &row.patches {
            assert!(patch.width > 0 && patch.height > 0, "{patch:?}");
            assert!(
                patch.left + patch.width <= page.width,
                "{patch:?} of {}",
                page.width
            );
            assert!(
                patch.top + patch.height <= page.height,
                "{patch:?} of {}",
                page.height
            );
            assert!(patch.scale > 0.0 && patch.scale <= MAX_SCALE);
            assert!(patch.x < width && patch.y < stack.height, "{patch:?}");
            assert_eq!(patch.y / SIZE.pitch, index as u32, "{patch:?}");
        }
    }
}

/// The rows that show each line, from left to right; fails if a part of a line is missing, or in
/// two rows.
fn places(rows: &[LineRow], lines: &[Line]) -> Vec<Vec<usize>> {
    let place = |(across, top): &Line| {
        let mut shown = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            for patch in &row.patches {
                let touches = across.start < patch.left + patch.width
                    && patch.left < across.end
                    && top + EM / 4 < patch.top + patch.height
                    && patch.top < top + EM / 2;
                if touches {
                    let holds =
                        patch.top <= top + 2 && top + EM * 9 / 10 <= patch.top + patch.height + 2;
                    assert!(holds, "line at {top}: {patch:?}");
                    shown.push((patch.left, patch.left + patch.width, at));
                }
            }
        }
        assert!(!shown.is_empty(), "line at {top} is not shown: {rows:?}");
        let (first, last) = (shown[0], shown[shown.len() - 1]);
        assert!(
            first.0 <= across.start + 9 && across.end <= last.1 + 26,
            "line at {top}: {shown:?}"
        );
        for pair in shown.windows(2) {
            // The space between two segments is white.
            assert!(
                pair[1].0 + 8 > pair[0].1 && pair[1].0 < pair[0].1 + 4 * EM,
                "{shown:?}"
            );
        }
        shown.iter().map(|place| place.2).collect()
    };
    lines.iter().map(place).collect()
}

fn is_sorted(places: &[Vec<usize>]) -> bool {
    places
        .windows(2)
        .all(|pair| pair[0].last() <= pair[1].first())
}

#[test]
fn every_line_is_a_row_at_the_size_of_type_asked_for() {
    let text = lines(200..1000, 300, 12, 0);
    let rows = cut(&drawn(&text));
    let places = places(&rows, &text);
    let expected: Vec<Vec<usize>> = (0..12).map(|n| vec![n]).collect();
    assert_eq!(places, expected);
    for row in &rows {
        let [patch] = row.patches[..] else {
            panic!("{row:?}");
        };
        assert!((patch.scale / SCALE - 1.0).abs() < 0.12, "{patch:?}");
        assert!((2..=8).contains(&patch.x), "{patch:?}");
        let middle = patch.y as f32 % 64.0 + patch.height as f32 * patch.scale / 2.0;
        assert!((middle - 32.0).abs() < 4.0, "{patch:?}");
    }
}

#[test]
fn long_lines_are_cut_between_words_into_pieces_of_about_one_width() {
    let text = lines(160..1494, 200, 50, 0);
    let page = drawn(&text);
    let rows = cut(&page);
    let places = places(&rows, &text);
    assert!(is_sorted(&places));
    for place in &places {
        assert_eq!(place.len(), 2, "{places:?}");
    }
    for pair in rows.chunks_exact(2) {
        assert_eq!(pair[1].start, RowStart::Continuation);
        let (left, right) = (pair[0].patches[0], pair[1].patches[0]);
        assert!(left.width.abs_diff(right.width) < 250, "{pair:?}");
        let end = left.left + left.width;
        // Words are six letters of half an em, the last of which is the space.
        let letter = ((left.left + left.width - 160) / (EM / 2)) % 6;
        assert!((4..=5).contains(&letter), "cut at {end}");
    }
}

#[test]
fn paragraphs_begin_after_a_gap_or_further_in() {
    let gaps = lines(160..900, 200, 15, 24);
    let rows = cut(&drawn(&gaps));
    let starts_paragraph = |rows: &[LineRow]| -> Vec<usize> {
        let starts_paragraph = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.start == RowStart::Paragraph);
        starts_paragraph.map(|(at, _)| at).collect()
    };
    assert_eq!(starts_paragraph(&rows), [0, 5, 10]);
    let mut indented = lines(160..900, 200, 15, 0);
    indented[0].0.start += 40;
    indented[4].0.end -= 300;
    indented[7].0.start += 40;
    let rows = cut(&drawn(&indented));
    assert_eq!(starts_paragraph(&rows), [0, 7]);
    let centered: Vec<Line> = (0..8)
        .map(|n| (300 + n % 3 * 50..900 - n % 3 * 50, 200 + n * 40))
        .collect();
    let rows = cut(&drawn(&centered));
    assert_eq!(rows.len(), 8);
}

#[test]
fn white_between_the_cells_of_a_row_is_made_narrow() {
    let text = [(160..260, 300), (700..800, 300), (1300..1400, 300)];
    let rows = cut(&drawn(&text));
    let [row] = &rows[..] else {
        panic!("{rows:?}");
    };
    let ends = row
        .patches
        .iter()
        .map(|patch| patch.x + (patch.width as f32 * patch.scale) as u32);
    let gaps: Vec<u32> = row.patches[1..]
        .iter()
        .zip(ends)
        .map(|(next, end)| next.x - end)
        .collect();
    assert_eq!(gaps.len(), 2);
    assert!(gaps.iter().all(|gap| (15..=45).contains(gap)), "{gaps:?}");
}

#[test]
fn specks_borders_and_the_papers_tone_change_nothing() {
    let text = lines(300..1100, 300, 20, 0);
    let clean = drawn(&text);
    let expected = cut(&clean);
    let mut yellow = clean.clone();
    for pixel in yellow.rgb.chunks_exact_mut(3) {
        for (value, most) in pixel.iter_mut().zip([220u8, 200, 150]) {
            *value = (u16::from(*value) * u16::from(most) / 255) as u8;
        }
    }
    let mut dirty = clean.clone();
    let mut dot = |x: usize, y: usize, side: usize| {
        for y in y..y + side {
            dirty.rgb[(y * 1654 + x) * 3..][..side * 3].fill(0);
        }
    };
    for at in 0..40 {
        dot(20 + at * 37, 100 + at % 7 * 20, 2);
        dot(40 + at % 11 * 17, 300 + at * 47, 3);
    }
    let mut bordered = clean.clone();
    for (y, row) in bordered.rgb.chunks_exact_mut(1654 * 3).enumerate() {
        let ragged = (y * 7919 % 11) * 3;
        row[..90 + ragged].fill(0);
        row[1640 * 3..].fill(30);
        if y < 12 || y > 2300 + ragged {
            row.fill(10);
        }
    }
    for (page, what) in [(yellow, "yellow"), (dirty, "dirty"), (bordered, "bordered")] {
        let rows = cut(&page);
        assert_eq!(rows.len(), expected.len(), "{what}: {rows:?}");
        for (row, expected) in rows.iter().zip(&expected) {
            let (found, expected) = (row.patches[0], expected.patches[0]);
            assert!(found.left.abs_diff(expected.left) <= 8, "{what}: {found:?}");
            assert!(found.top.abs_diff(expected.top) <= 8, "{what}: {found:?}");
            assert!(
                found.width.abs_diff(expected.width) <= 16,
                "{what}: {found:?}"
            );
        }
    }
}

#[test]
fn columns_are_read_one_after_the_other_between_what_goes_across() {
    for columns in [2, 3] {
        let width = 1354 / columns;
        let mut text = lines(300..1350, 120, 2, 0);
        for column in 0..columns {
            let left = 150 + column * width;
            // Baselines of columns need not be level.
            text.extend(lines(left..left + width - 50, 280 + column * 11, 40, 0));
        }
        text.push((200..1400, 2000));
        let rows = cut(&drawn(&text));
        let places = places(&rows, &text);
        assert!(is_sorted(&places), "{columns}: {places:?}");
    }
}

#[test]
fn columns_inside_a_column_are_found() {
    let mut text = lines(60..900, 150, 10, 0);
    text.extend(lines(60..450, 650, 12, 0));
    text.extend(lines(510..900, 650, 12, 0));
    text.extend(lines(980..1600, 160, 34, 0));
    let rows = cut(&drawn(&text));
    let places = places(&rows, &text);
    assert!(is_sorted(&places), "{places:?}");
}

#[test]
fn tables_lists_and_rivers_stay_together() {
    let mut table = Vec::new();
    let mut list = Vec::new();
    let mut labels = Vec::new();
    let mut river = lines(150..1500, 200, 6, 0);
    for row in 0..25u32 {
        let top = 200 + row * 45;
        for column in 0..4 {
            let left = 150 + column * 340;
            table.push((left..left + 90 + row % 3 * 30, top));
        }
        // Numbers, and their names.
        list.push((150..220, top));
        list.push((300..1500, top));
        // Labels, half of them long, and their explanations.
        labels.push((150..500 + row % 2 * 250, top));
        labels.push((900..1500, top));
    }
    for row in 0..4 {
        let top = 500 + row * 40;
        river.extend([(150..800, top), (840..1500, top)]);
    }
    river.extend(lines(150..1500, 660, 6, 0));
    for (text, what) in [
        (table, "table"),
        (list, "list"),
        (labels, "labels"),
        (river, "river"),
    ] {
        let rows = cut(&drawn(&text));
        let places = places(&rows, &text);
        for (line, place) in text.iter().zip(&places) {
            let before = text
                .iter()
                .zip(&places)
                .filter(|(other, _)| other.1 < line.1);
            assert!(
                before
                    .clone()
                    .all(|(_, before)| before.last() < place.first()),
                "{what}: {line:?}"
            );
        }
    }
}

#[test]
fn ruled_lines_across_hold_the_rows_of_a_table_together() {
    let mut text = Vec::new();
    let mut page = blank_page(1654, 2339, 200.0);
    for row in 0..8u32 {
        let top = 200 + row * 130;
        for line in 0..3 {
            text.push((150..790, top + line * 40));
            text.push((870..1500, top + line * 40));
        }
        page.rgb[((top - 8) * 1654 + 130) as usize * 3..][..1400 * 3].fill(0);
    }
    for (across, top) in &text {
        draw_line(&mut page, across.clone(), *top, EM);
    }
    let rows = cut(&page);
    let places = places(&rows, &text);
    for (pair, place) in text.chunks_exact(2).zip(places.chunks_exact(2)) {
        assert!(place[0].last() <= place[1].first(), "{pair:?}: {place:?}");
        assert!(
            place[1].last().unwrap() - place[0][0] <= 1,
            "{pair:?}: {place:?}"
        );
    }
}

#[test]
fn a_skewed_page_is_straightened() {
    let text = lines(200..1400, 300, 40, 0);
    let straight = drawn(&text);
    for slope in [-0.05f32, -0.02, 0.004, 0.03] {
        let mut skewed = blank_page(1654, 2339, 200.0);
        for y in 0..2339usize {
            for x in 0..1654usize {
                let from = (y as f32 - slope * (x as f32 - 827.0))
                    .round()
                    .clamp(0.0, 2338.0) as usize;
                let (to, from) = ((y * 1654 + x) * 3, (from * 1654 + x) * 3);
                skewed.rgb[to..to + 3].copy_from_slice(&straight.rgb[from..from + 3]);
            }
        }
        let em = DensityEstimate::of(&skewed).em;
        let sections = stack_rows(&skewed, em, SIZE, WIDTH).expect("not too many");
        let found = sections[0].slope;
        assert!((found - slope).abs() < 0.002, "{slope}: {found}");
        let rows: Vec<LineRow> = sections.into_iter().flat_map(|stack| stack.rows).collect();
        let starts = rows
            .iter()
            .filter(|row| row.start != RowStart::Continuation);
        assert_eq!(starts.count(), 40, "{slope}");
    }
}

#[test]
fn lines_that_touch_are_told_apart() {
    let mut page = drawn(&lines(200..1000, 300, 10, 0));
    // Something joins each line with the next.
    for y in 300..300 + 9 * EM * 6 / 5 {
        for x in [290, 291, 292, 610, 611, 612] {
            let at = ((y * 1654 + x) * 3) as usize;
            page.rgb[at..at + 3].fill(20);
        }
    }
    assert_eq!(cut(&page).len(), 10);
}

#[test]
fn pages_without_type_have_no_sections() {
    let black = PageImage {
        rgb: vec![0; 600 * 800 * 3],
        ..blank_page(600, 800, 100.0)
    };
    let short = PageImage {
        rgb: vec![0; 12],
        ..blank_page(600, 800, 100.0)
    };
    let pages = [
        blank_page(600, 800, 100.0),
        blank_page(1, 1, 100.0),
        blank_page(1, 9000, 0.0),
        black,
        short,
        PageImage::default(),
    ];
    for page in pages {
        assert_eq!(cut(&page), [], "{} {}", page.width, page.height);
    }
}

#[test]
fn a_page_that_needs_too_many_rows_is_not_cut() {
    let mut page = blank_page(600, 4_000, 72.0);
    for top in (10..3_900).step_by(20) {
        draw_line(&mut page, 5..595, top, 12);
    }
    assert!(stack_rows(&page, Some(12.0), SIZE, 200).is_none());
    assert!(stack_rows(&page, Some(12.0), SIZE, 4000).is_some());
}

#[test]
fn anything_at_all_is_cut_into_patches_of_the_page() {
    let mut state = 1u32;
    let mut below = |most: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % most
    };
    for round in 0..400 {
        let dpi = [0.0, 30.0, 72.0, 200.0, 600.0, f32::INFINITY, f32::NAN][below(7) as usize];
        let mut page = blank_page(1 + below(300), 1 + below(300), dpi);
        for _ in 0..below(60) {
            let (left, top) = (below(page.width), below(page.height));
            let (width, height) = (1 + below(40), 1 + below(20));
            let tone = below(256) as u8;
            for y in top..(top + height).min(page.height) {
                for x in left..(left + width).min(page.width) {
                    let at = ((y * page.width + x) * 3) as usize;
                    page.rgb[at..at + 3].fill(tone);
                }
            }
        }
        let em = [None, Some(1.0), Some(9.0), Some(40.0), Some(1e6)][below(5) as usize];
        let width = 1 + below(300);
        let Some(sections) = stack_rows(&page, em, SIZE, width) else {
            continue;
        };
        for patch in sections
            .iter()
            .flat_map(|s| &s.rows)
            .flat_map(|row| &row.patches)
        {
            assert!(patch.left + patch.width <= page.width, "{round}: {patch:?}");
            assert!(
                patch.top + patch.height <= page.height,
                "{round}: {patch:?}"
            );
            assert!(
                patch.width > 0 && patch.height > 0 && patch.scale > 0.0,
                "{round}: {patch:?}"
            );
        }
        for stack in &sections {
            let view = InputImage::of_rows(&page, (width, stack.height), stack);
            assert_eq!(view.width, width, "{round}");
        }
    }
}
