use super::{
    super::{
        look::Look,
        tests::{draw_line, paper},
    },
    *,
};

const VIEW: (u32, u32) = (1024, 1024);
const DPI: f32 = 160.0;
/// Em of what is drawn: 12 points at 200 dpi.
const EM: u32 = 33;

/// A line as it is drawn: from left to right, and its top.
type Line = (Range<u32>, u32);

/// An A4 page at 200 dpi with these lines.
fn drawn(lines: &[Line]) -> PageImage {
    let mut page = paper(1654, 2339, 200.0);
    for (across, top) in lines {
        draw_line(&mut page, across.clone(), *top, EM);
    }
    page
}

/// So many lines from `top` on, `gap` pixels of white after each fifth.
fn lines(across: Range<u32>, top: u32, count: u32, gap: u32) -> Vec<Line> {
    let line = |n| (across.clone(), top + n * EM * 6 / 5 + n / 5 * gap);
    (0..count).map(line).collect()
}

fn cut(page: &PageImage) -> Vec<Section> {
    let sections = sections(page, Look::of(page).em, DPI, VIEW).expect("not too many");
    for section in &sections {
        assert_sound(page, section, VIEW);
    }
    sections
}

fn assert_sound(page: &PageImage, section: &Section, view: (u32, u32)) {
    assert!(section.width > 0 && section.height > 0, "{section:?}");
    assert!(
        section.left + section.width <= page.width,
        "{section:?} of {}",
        page.width
    );
    assert!(
        section.top + section.height <= page.height,
        "{section:?} of {}",
        page.height
    );
    let fits = |side: u32, view: u32| {
        // The last pixels of a page may belong to no whole pixel of its sheet.
        let most = view as f32 + 1.0 + 16.0 * section.scale;
        side as f32 * section.scale <= most
    };
    assert!(section.scale > 0.0 && section.scale <= MOST_SCALE);
    assert!(
        fits(section.width, view.0) && fits(section.height, view.1),
        "{section:?}"
    );
}

/// The section that each line is in; fails where one is cut, missing, or in two.
fn places(sections: &[Section], lines: &[Line]) -> Vec<usize> {
    let place = |(across, top): &Line| {
        let touches = |s: &Section| {
            across.start < s.left + s.width
                && s.left < across.end
                && *top < s.top + s.height
                && s.top < top + EM * 9 / 10
        };
        let holds = |s: &Section| {
            s.left <= across.start
                && across.end <= s.left + s.width
                && s.top <= *top
                && top + EM * 9 / 10 <= s.top + s.height
        };
        let touched: Vec<usize> = (0..sections.len())
            .filter(|&at| touches(&sections[at]))
            .collect();
        assert_eq!(
            touched.len(),
            1,
            "line at {top}: {touched:?} of {sections:?}"
        );
        assert!(holds(&sections[touched[0]]), "line at {top}: {sections:?}");
        touched[0]
    };
    lines.iter().map(place).collect()
}

fn is_sorted(places: &[usize]) -> bool {
    places.windows(2).all(|pair| pair[0] <= pair[1])
}

#[test]
fn a_short_page_is_one_section_trimmed_to_its_text() {
    let text = lines(200..1400, 300, 12, 0);
    let sections = cut(&drawn(&text));
    let [section] = sections[..] else {
        panic!("{sections:?}");
    };
    assert!((section.scale - 0.8).abs() < 1e-6);
    // 12 pixels of the view are 15 of the page.
    assert!((183..=187).contains(&section.left), "{section:?}");
    assert!((283..=287).contains(&section.top), "{section:?}");
    let right = section.left + section.width;
    assert!((1400..=1418).contains(&right), "{section:?}");
}

#[test]
fn a_full_page_is_cut_between_lines_into_balanced_sections() {
    let text = lines(160..1494, 200, 50, 0);
    let sections = cut(&drawn(&text));
    assert_eq!(sections.len(), 2);
    let places = places(&sections, &text);
    assert!(is_sorted(&places), "{places:?}");
    let first = places.iter().filter(|&&place| place == 0).count();
    assert!((22..=28).contains(&first), "{first}");
    for section in &sections {
        assert!((0.7..=0.8).contains(&section.scale), "{section:?}");
    }
}

#[test]
fn cuts_are_made_between_paragraphs_where_there_are_some() {
    for offset in [0, 1, 2, 3] {
        let mut text = lines(160..1494, 150, offset, 0);
        text.extend(lines(160..1494, 200 + offset * 40, 45, 24));
        let sections = cut(&drawn(&text));
        let places = places(&sections, &text);
        assert_eq!(places.last(), Some(&1));
        let first = places.iter().filter(|&&place| place == 0).count() as u32;
        assert_eq!((first - offset) % 5, 0, "{offset}: {places:?}");
    }
}

#[test]
fn specks_borders_and_the_papers_tone_change_nothing() {
    let text = lines(300..1400, 300, 20, 0);
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
        let sections = cut(&page);
        assert_eq!(sections.len(), expected.len(), "{what}: {sections:?}");
        for (found, expected) in sections.iter().zip(&expected) {
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
        let sections = cut(&drawn(&text));
        let places = places(&sections, &text);
        assert!(is_sorted(&places), "{columns}: {places:?}");
        let across = sections.iter().filter(|s| s.width > 1000).count();
        assert_eq!(across, 2, "{columns}: {sections:?}");
    }
}

#[test]
fn columns_inside_a_column_are_found() {
    let mut text = lines(60..900, 150, 10, 0);
    text.extend(lines(60..450, 650, 12, 0));
    text.extend(lines(510..900, 650, 12, 0));
    text.extend(lines(980..1600, 160, 34, 0));
    let sections = cut(&drawn(&text));
    let places = places(&sections, &text);
    assert!(is_sorted(&places), "{places:?}");
    assert!(
        places[10] > places[9] && places[22] > places[21],
        "{places:?}"
    );
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
        // Numbers, and what they are of.
        list.push((150..220, top));
        list.push((300..1500, top));
        // Labels, half of them long, and what is said of each.
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
        let sections = cut(&drawn(&text));
        let places = places(&sections, &text);
        assert!(is_sorted(&places), "{what}: {places:?}");
        assert!(sections.len() <= 2, "{what}: {sections:?}");
    }
}

#[test]
fn ruled_lines_across_hold_the_rows_of_a_table_together() {
    let mut text = Vec::new();
    let mut page = paper(1654, 2339, 200.0);
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
    let sections = cut(&page);
    assert!(is_sorted(&places(&sections, &text)), "{sections:?}");
    assert!(sections.iter().all(|s| s.width > 1300), "{sections:?}");
}

#[test]
fn a_skewed_page_is_cut_all_the_same() {
    let straight = drawn(&lines(200..1400, 300, 40, 0));
    let mut skewed = paper(1654, 2339, 200.0);
    for y in 0..2339usize {
        for x in 0..1654usize {
            let from = (y + x / 20).saturating_sub(40).min(2338);
            let (to, from) = ((y * 1654 + x) * 3, (from * 1654 + x) * 3);
            skewed.rgb[to..to + 3].copy_from_slice(&straight.rgb[from..from + 3]);
        }
    }
    let sections = cut(&skewed);
    assert!((2..=3).contains(&sections.len()), "{sections:?}");
    assert!(sections.iter().all(|s| s.width > 1200 && s.height > 400));
    let ends = sections
        .windows(2)
        .map(|pair| (pair[0].top + pair[0].height, pair[1].top));
    for (end, top) in ends {
        assert_eq!(end, top);
    }
}

#[test]
fn type_decides_the_scale_where_it_is_far_from_usual() {
    // Resolution of the page, em of its type in pixels, scale.
    let cases = [
        (200.0, None, 0.8),
        (200.0, Some(25.0), 0.8),
        (200.0, Some(33.0), 0.8),
        // 6 points, and 4.
        (200.0, Some(16.7), 1.28),
        (200.0, Some(18.0), 1.28),
        // A headline of 30 points.
        (200.0, Some(83.0), 0.48),
        (200.0, Some(48.0), 0.5),
        // Resolutions that are none.
        (0.0, Some(24.0), 1.0),
        (f32::NAN, Some(48.0), 0.6),
        (5.0, None, 1.0),
        (30.0, None, 4.0),
    ];
    for (page_dpi, em, expected) in cases {
        let found = scale(page_dpi, em, DPI);
        assert!(
            (found - expected).abs() < 1e-3,
            "{page_dpi} {em:?}: {found}"
        );
    }
}

#[test]
fn pages_without_type_have_no_sections() {
    let black = PageImage {
        rgb: vec![0; 600 * 800 * 3],
        ..paper(600, 800, 100.0)
    };
    let short = PageImage {
        rgb: vec![0; 12],
        ..paper(600, 800, 100.0)
    };
    let pages = [
        paper(600, 800, 100.0),
        paper(1, 1, 100.0),
        paper(1, 9000, 0.0),
        black,
        short,
        PageImage::default(),
    ];
    for page in pages {
        assert_eq!(cut(&page), [], "{} {}", page.width, page.height);
    }
}

#[test]
fn a_page_that_needs_too_many_sections_is_not_cut() {
    let mut page = paper(60, 4_000, 20.0);
    for top in (10..3_900).step_by(20) {
        draw_line(&mut page, 5..55, top, 12);
    }
    assert_eq!(sections(&page, Some(12.0), DPI, (200, 200)), None);
    assert!(sections(&page, Some(12.0), DPI, (4000, 4000)).is_some());
}

#[test]
fn anything_at_all_is_cut_into_sections_apart_from_each_other() {
    let mut state = 1u32;
    let mut below = |most: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % most
    };
    for round in 0..400 {
        let dpi = [0.0, 30.0, 72.0, 200.0, 600.0, f32::INFINITY, f32::NAN][below(7) as usize];
        let mut page = paper(1 + below(300), 1 + below(300), dpi);
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
        let view = (1 + below(300), 1 + below(300));
        let Some(sections) = sections(&page, em, DPI, view) else {
            continue;
        };
        for (at, a) in sections.iter().enumerate() {
            assert!(a.left + a.width <= page.width && a.top + a.height <= page.height);
            assert!(
                a.width > 0 && a.height > 0 && a.scale > 0.0,
                "{round}: {a:?}"
            );
            for b in &sections[..at] {
                let is_apart = a.left >= b.left + b.width
                    || b.left >= a.left + a.width
                    || a.top >= b.top + b.height
                    || b.top >= a.top + a.height;
                assert!(is_apart, "{round}: {a:?} {b:?}");
            }
        }
    }
}
