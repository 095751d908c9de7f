//! Lines drawn as rows of small arches, which have strokes and a height as letters have.

use crate::page::Rect;

use super::*;

const WIDTH: u32 = 900;
const HEIGHT: u32 = 600;
/// Height of a line's box, and of its letters.
const BOX: u32 = 40;
const LETTERS: u32 = 16;

struct Page(PageImage);

impl Page {
    fn new() -> Self {
        Self(PageImage {
            width: WIDTH,
            height: HEIGHT,
            dpi: 200.0,
            rgb: vec![240; (WIDTH * HEIGHT * 3) as usize],
        })
    }

    fn ink(&mut self, (left, top): (u32, u32), (width, height): (u32, u32)) {
        for y in top..top + height {
            for x in left..left + width {
                let at = ((y * WIDTH + x) * 3) as usize;
                self.0.rgb[at..at + 3].fill(20);
            }
        }
    }

    /// Draws a line of text whose box starts at `left`, `top`.
    fn line(&mut self, (left, top): (u32, u32), stroke: u32, letters: u32) -> TextLine {
        let (y, side) = (top + 14, letters);
        for i in 0..24 {
            let x = left + 8 + i * (side + 6);
            self.ink((x, y), (side, stroke));
            self.ink((x, y), (stroke, side));
            self.ink((x + side - stroke, y), (stroke, side));
        }
        let quad = Rect {
            left: left as f32,
            top: top as f32,
            right: (left + 24 * (side + 6) + 16) as f32,
            bottom: (top + BOX * letters / LETTERS) as f32,
        };
        TextLine {
            text: "small letters enough here".to_owned(),
            quad: quad.into(),
            confidence: Some(1.0),
            size: (BOX * letters / LETTERS) as f32,
            style: Default::default(),
            tag: None,
            lead: None,
            read_by: None,
            formulas: Vec::new(),
            region: None,
        }
    }
}

fn body(page: &mut Page) -> Vec<TextLine> {
    (0..6)
        .map(|i| page.line((100, 100 + 60 * i), 3, LETTERS))
        .collect()
}

#[test]
fn tells_bold_and_large_type_from_text() {
    let mut page = Page::new();
    let mut lines = body(&mut page);
    lines.push(page.line((100, 20), 5, LETTERS));
    lines.push(page.line((100, 500), 4, 22));
    annotate(&mut lines, &page.0);
    let bold: Vec<Option<bool>> = lines.iter().map(|line| line.style.bold).collect();
    assert_eq!(bold[..6], [Some(false); 6]);
    assert_eq!((bold[6], lines[6].size), (Some(true), 40.0));
    assert_eq!((bold[7], lines[7].size), (Some(false), 55.0));
}

#[test]
fn says_nothing_of_a_page_with_few_lines() {
    let mut page = Page::new();
    let mut lines = vec![page.line((100, 100), 5, LETTERS)];
    annotate(&mut lines, &page.0);
    assert_eq!(lines[0].style.bold, None);
}

#[test]
fn puts_bullets_before_the_items_of_a_list() {
    let mut page = Page::new();
    let mut lines = body(&mut page);
    for i in [1, 3] {
        page.ink((60, 100 + 60 * i + 17), (10, 10));
    }
    lines.push(TextLine {
        text: ".".to_owned(),
        quad: Rect {
            left: 50.0,
            top: 165.0,
            right: 80.0,
            bottom: 195.0,
        }
        .into(),
        ..lines[0].clone()
    });
    annotate(&mut lines, &page.0);
    let marked: Vec<bool> = lines
        .iter()
        .map(|line| line.text.starts_with("• small"))
        .collect();
    assert_eq!(marked, [false, true, false, true, false, false]);
    assert!(lines[1].quad.bounds().left < 61.0);
}

#[test]
fn one_blob_specks_borders_and_letters_are_no_bullets() {
    let mut page = Page::new();
    let mut lines = body(&mut page);
    page.ink((60, 117), (10, 10));
    for i in 1..4 {
        page.ink((70, 100 + 60 * i + 20), (3, 3));
    }
    page.ink((78, 330), (4, 200));
    for i in 4..6 {
        page.ink((60, 100 + 60 * i + 12), (4, 18));
    }
    let before = lines.clone();
    annotate(&mut lines, &page.0);
    let texts = |lines: &[TextLine]| lines.iter().map(|l| l.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&lines), texts(&before));
}

#[test]
fn survives_what_is_no_line() {
    let mut page = Page::new();
    let mut lines = body(&mut page);
    lines[0].quad.0[1].x = f32::NAN;
    lines[1].quad = Rect {
        left: -1e9,
        top: -1e9,
        right: 1e9,
        bottom: 1e9,
    }
    .into();
    lines[2].quad.0 = Default::default();
    annotate(&mut lines, &page.0);
    assert_eq!(lines.len(), 6);
    page.0.rgb.clear();
    annotate(&mut lines, &page.0);
}
