//! Boxes to tick: models leave them out, or take a crossed one for a letter.
//!
//! A box is a square of four thin straight sides about as high as a line of text, with a line of text beside it. A
//! tick or a cross may reach out of it, so its sides are looked for inside the ink that hangs together.

mod find;

use self::find::find;
use crate::{
    image::{
        PageImage,
        background::BackgroundGrid,
        binary::BinaryImage,
        luma::LumaPlane,
        tuning::tick_boxes::{BACKGROUND_CELL_PX, LABEL_GAP, MIN_CONTRAST, ROW_SIZES},
    },
    page::{Rect, TextLine},
    script::is_unspaced,
};

/// A box that is empty, and one with a tick or a cross.
const EMPTY: char = '☐';
const TICKED: char = '☒';
/// Signs for a box in what a model reads,
const SIGNS: &str = "□☐☑☒▢";
/// ideographs that it reads one as, where the text is not in them,
const LOOKALIKES: &str = "■口回囗図图区凶困因國园園固圆网";
/// and letters that it reads one as, where they stand alone.
const LETTERS: &str = "xXvVyYMNK√✓✔×DOQ0o";

/// A box on a page.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TickBox {
    bounds: Rect,
    ticked: bool,
}

impl TickBox {
    fn sign(&self) -> char {
        if self.ticked { TICKED } else { EMPTY }
    }

    fn middle(&self) -> f32 {
        (self.bounds.left + self.bounds.right) / 2.0
    }

    /// Returns true if a line with those bounds goes over the box.
    fn is_in(&self, line: &Rect) -> bool {
        self.is_in_row(line) && (line.left..=line.right).contains(&self.middle())
    }

    /// Returns true if the box stands in the row of a line with those bounds.
    fn is_in_row(&self, line: &Rect) -> bool {
        let shared = self.bounds.bottom.min(line.bottom) - self.bounds.top.max(line.top);
        let size = self.bounds.height() / line.height().max(1.0);
        shared * 2.0 >= self.bounds.height().min(line.height()) && ROW_SIZES.contains(&size)
    }
}

/// Puts the boxes of `image` into `lines`: into the text of a line that goes over one, and as lines of their own where
/// text stands beside them.
pub(super) fn restore(lines: &mut Vec<TextLine>, image: &PageImage) {
    if lines.is_empty() {
        return;
    }
    let Some((ink, mut found)) = ink_and_boxes(image) else {
        return;
    };
    found.sort_by(|a, b| a.bounds.left.total_cmp(&b.bounds.left));
    let mut alone = Vec::new();
    let mut inside: Vec<Vec<TickBox>> = vec![Vec::new(); lines.len()];
    for tick_box in found {
        match lines
            .iter()
            .position(|line| tick_box.is_in(&line.quad.bounds()))
        {
            Some(index) => inside[index].push(tick_box),
            None => alone.extend(own_line(lines, &tick_box)),
        }
    }
    for (line, boxes) in lines.iter_mut().zip(&inside) {
        if !boxes.is_empty() {
            line.text = with_signs(&line.text, &line.quad.bounds(), boxes, &ink);
        }
    }
    lines.append(&mut alone);
}

/// The places of the boxes of a page, with what reaches out of them.
#[cfg(feature = "ppocr")]
pub(crate) fn places(image: &PageImage) -> Vec<Rect> {
    use crate::image::tuning::tick_boxes as tuning;

    let with_margin = |tick_box: TickBox| {
        let margin = tuning::PLACE_MARGIN * tick_box.bounds.height();
        tick_box.bounds.widened(margin, margin)
    };
    let found = ink_and_boxes(image).map_or(Vec::new(), |(_, found)| found);
    found.into_iter().map(with_margin).collect()
}

/// The ink of a page, and the boxes in it; `None` for an image without pixels.
fn ink_and_boxes(image: &PageImage) -> Option<(BinaryImage, Vec<TickBox>)> {
    let plane = LumaPlane::of(image)?;
    let background = BackgroundGrid::of(&plane, BACKGROUND_CELL_PX, 2);
    let ink = BinaryImage::differing(&plane, &background, MIN_CONTRAST);
    let found = find(&ink, &plane, image.dpi);
    Some((ink, found))
}

/// A box as a line of its own, if one of `lines` is its label.
fn own_line(lines: &[TextLine], tick_box: &TickBox) -> Option<TextLine> {
    let gap = |line: &TextLine| {
        let bounds = line.quad.bounds();
        (bounds.left - tick_box.bounds.right).max(tick_box.bounds.left - bounds.right)
    };
    let label = lines
        .iter()
        .filter(|line| tick_box.is_in_row(&line.quad.bounds()))
        .filter(|line| gap(line) <= LABEL_GAP * tick_box.bounds.height())
        .filter(|line| line.text.chars().any(char::is_alphanumeric))
        .min_by(|a, b| gap(a).total_cmp(&gap(b)))?;
    Some(TextLine {
        text: tick_box.sign().to_string(),
        quad: tick_box.bounds.into(),
        ..label.clone()
    })
}

/// The text of a line within `bounds` with the signs for its `boxes`, which go from left to right. The line's ink is
/// cut at its widest gaps into as many pieces as there are words and boxes; the piece that a box lies in says its
/// place among the words.
fn with_signs(text: &str, bounds: &Rect, boxes: &[TickBox], ink: &BinaryImage) -> String {
    let ideographs = text.chars().filter(|c| is_unspaced(*c)).count();
    let is_ideographic = ideographs * 2 > text.chars().filter(|c| !c.is_whitespace()).count()
        && ideographs > boxes.len();
    let words = words(text, is_ideographic);
    let stands_for_box = |word: &str| {
        let mut characters = word.chars();
        let first = characters.next();
        first.is_some_and(|c| SIGNS.contains(c) || LOOKALIKES.contains(c) || LETTERS.contains(c))
            && characters.next().is_none()
    };
    let read = words.iter().filter(|word| stands_for_box(word)).count();
    if is_ideographic && read == 0 {
        return text.to_owned();
    }
    let expected = words.len() + boxes.len() - read.min(boxes.len());
    let pieces = pieces(ink, bounds, expected);
    let mut rest = words.into_iter().peekable();
    let mut boxes = boxes.iter().peekable();
    let mut out: Vec<String> = Vec::new();
    for (_, right) in pieces {
        let mut is_box = false;
        while let Some(tick_box) = boxes.next_if(|tick_box| tick_box.middle() <= right) {
            out.push(tick_box.sign().to_string());
            rest.next_if(|word| stands_for_box(word));
            is_box = true;
        }
        if !is_box {
            out.extend(rest.next());
        }
    }
    out.extend(rest);
    out.extend(boxes.map(|tick_box| tick_box.sign().to_string()));
    out.join(" ")
}

/// The words of a text; a sign for a box is a word by itself.
fn words(text: &str, is_ideographic: bool) -> Vec<String> {
    let is_sign = |c: char| SIGNS.contains(c) || !is_ideographic && LOOKALIKES.contains(c);
    let mut apart = String::with_capacity(text.len());
    for c in text.chars() {
        if is_sign(c) {
            apart.extend([' ', c, ' ']);
        } else {
            apart.push(c);
        }
    }
    apart.split_whitespace().map(str::to_owned).collect()
}

/// The ink within `bounds` cut at its widest gaps into at most `count` pieces: the left and right edge of each.
fn pieces(ink: &BinaryImage, bounds: &Rect, count: usize) -> Vec<(f32, f32)> {
    let columns = (bounds.left.max(0.0) as usize)..(bounds.right.max(0.0) as usize).min(ink.width);
    let rows = (bounds.top.max(0.0) as usize)..(bounds.bottom.max(0.0) as usize).min(ink.height());
    let has_ink = |x: &usize| rows.clone().any(|y| ink.pixels[y * ink.width + x] != 0);
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    for x in columns.filter(has_ink) {
        match pieces.last_mut() {
            Some((_, last)) if *last + 1 == x => *last = x,
            _ => pieces.push((x, x)),
        }
    }
    while pieces.len() > count.max(1) {
        let gap = |i: &usize| pieces[i + 1].0 - pieces[*i].1;
        let Some(narrowest) = (0..pieces.len() - 1).min_by_key(gap) else {
            break;
        };
        pieces[narrowest].1 = pieces[narrowest + 1].1;
        pieces.remove(narrowest + 1);
    }
    pieces
        .into_iter()
        .map(|(left, right)| (left as f32, right as f32))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 400;

    /// A page of 200 dpi with those pixels dark, and another box far from them.
    fn page(is_ink: impl Fn(usize, usize) -> bool) -> PageImage {
        let mut rgb = vec![250; SIDE * SIDE * 3];
        for y in 0..SIDE {
            for x in 0..SIDE {
                if is_ink(x, y) || frame(x.wrapping_sub(250), y.wrapping_sub(250)) {
                    rgb[(y * SIDE + x) * 3..(y * SIDE + x) * 3 + 3].fill(30);
                }
            }
        }
        PageImage {
            width: SIDE as u32,
            height: SIDE as u32,
            dpi: 200.0,
            rgb,
        }
    }

    /// The sides of a box of 26 pixels at 100, 100.
    fn frame(x: usize, y: usize) -> bool {
        let inside = |v: usize| (100..126).contains(&v);
        let edge = |v: usize| !(103..123).contains(&v);
        inside(x) && inside(y) && (edge(x) || edge(y))
    }

    fn line(text: &str, left: f32, right: f32) -> TextLine {
        TextLine {
            text: text.to_owned(),
            quad: Rect {
                left,
                top: 98.0,
                right,
                bottom: 130.0,
            }
            .into(),
            confidence: Some(0.9),
            size: 32.0,
            style: Default::default(),
            tag: None,
            lead: None,
            read_by: None,
            formulas: Vec::new(),
            region: None,
        }
    }

    fn texts(mut lines: Vec<TextLine>, image: &PageImage) -> Vec<String> {
        restore(&mut lines, image);
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn boxes_beside_text_are_lines_of_their_own() {
        let empty = page(frame);
        assert_eq!(texts(vec![line("yes", 140.0, 200.0)], &empty), ["yes", "☐"]);
        let crossed = page(|x, y| {
            let inside = (96..130).contains(&x) && (96..130).contains(&y);
            frame(x, y) || inside && (x.abs_diff(y) < 3 || (x + y).abs_diff(225) < 3)
        });
        assert_eq!(
            texts(vec![line("yes", 140.0, 200.0)], &crossed),
            ["yes", "☒"]
        );
        assert_eq!(
            texts(vec![line("far away", 300.0, 390.0)], &empty),
            ["far away"]
        );
    }

    #[test]
    fn a_single_square_is_a_logo() {
        let label = TextLine {
            quad: Rect {
                left: 380.0,
                top: 348.0,
                right: 399.0,
                bottom: 380.0,
            }
            .into(),
            ..line("yes", 0.0, 1.0)
        };
        let nothing = |_: usize, _: usize| false;
        assert_eq!(texts(vec![label.clone()], &page(nothing)), ["yes"]);
        assert_eq!(texts(vec![label], &page(frame)), ["yes", "☐"]);
    }

    #[test]
    fn a_box_inside_a_line_stands_at_its_place() {
        let with_words = page(|x, y| {
            let word = (40..80).contains(&x) || (140..180).contains(&x);
            frame(x, y) || word && (105..120).contains(&y)
        });
        let around = |text: &str| texts(vec![line(text, 38.0, 200.0)], &with_words);
        assert_eq!(around("no yes"), ["no ☐ yes"]);
        assert_eq!(around("no X yes"), ["no ☐ yes"]);
        assert_eq!(around("no□yes"), ["no ☐ yes"]);
    }

    #[test]
    fn letters_and_blots_are_no_boxes() {
        let round = |x: usize, y: usize| {
            let (dx, dy) = (x as f32 - 113.0, y as f32 - 113.0);
            (10.0..13.5).contains(&dx.hypot(dy))
        };
        let solid = |x: usize, y: usize| (100..126).contains(&x) && (100..126).contains(&y);
        let open = |x: usize, y: usize| frame(x, y) && !(y < 103 && x > 106);
        let bold = |x: usize, y: usize| {
            let edge = |v: usize| !(107..119).contains(&v);
            solid(x, y) && (edge(x) || edge(y))
        };
        for image in [page(round), page(solid), page(open), page(bold)] {
            assert_eq!(texts(vec![line("yes", 140.0, 200.0)], &image), ["yes"]);
        }
    }

    #[test]
    fn a_page_of_ideographs_keeps_its_mouths() {
        let mouth = page(frame);
        let text = "人口自由平等";
        assert_eq!(texts(vec![line(text, 40.0, 260.0)], &mouth), [text]);
    }
}
