//! Validation of a child's replies: a child may be in the hands of the document it reads.

use super::{PageText, document::Bookmark};
use crate::{
    image::{
        inspection::{PageInspection, StructureTag, TagRole},
        protocol::{WireBookmark, WireText},
    },
    page::{BoldLead, LineFormula, Point, Quad, Rect, TextLine, TypeStyle},
};

/// Longest text of a reason, in characters.
const MAX_SENTENCE: usize = 300;
/// Longest text of a line, in characters.
const MAX_LINE: usize = 20_000;
/// Longest LaTeX of a formula, in bytes.
const MAX_LATEX: usize = 20_000;

/// A text of one line, of a length that people read.
pub(super) fn sentence(text: &str) -> String {
    text.chars()
        .take(MAX_SENTENCE)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A bookmark with a title.
pub(super) fn bookmark(bookmark: WireBookmark) -> Option<Bookmark> {
    let title = sentence(&bookmark.title);
    let title = title.trim();
    (!title.is_empty()).then(|| Bookmark {
        depth: bookmark.depth.max(1),
        title: title.to_owned(),
        page: bookmark.page,
    })
}

/// An inspection whose numbers are in their ranges.
pub(super) fn inspection(mut inspection: PageInspection) -> PageInspection {
    inspection.image_coverage = number(inspection.image_coverage).clamp(0.0, 1.0);
    inspection.image_dpi = inspection
        .image_dpi
        .filter(|dpi| dpi.is_finite() && *dpi > 0.0);
    for places in [&mut inspection.images, &mut inspection.annotations] {
        places.retain(|place| place.iter().all(|at| at.is_finite()));
    }
    inspection
}

/// Text that lies on the bitmap.
pub(super) fn text(text: WireText, width: u32, height: u32) -> PageText {
    let (width, height) = (width as f32, height as f32);
    let mut checked = PageText {
        unseen: text.unseen,
        ..PageText::default()
    };
    for line in text.lines {
        let text: String = line
            .text
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_LINE)
            .collect();
        let quad = Quad(line.quad.map(|[x, y]| Point {
            x: number(x).clamp(0.0, width),
            y: number(y).clamp(0.0, height),
        }));
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        checked.lines.push(TextLine {
            text: text.to_owned(),
            quad,
            confidence: None,
            size: number(line.size).clamp(0.0, height),
            style: TypeStyle {
                bold: Some(line.bold),
                italic: Some(line.italic),
                fixed_pitch: Some(line.fixed_pitch),
            },
            tag: line.tag.and_then(tag),
            lead: line
                .lead
                .filter(|_| text == line.text)
                .and_then(|lead| bold_lead(text, lead, width)),
            read_by: None,
            formulas: line.formulas.into_iter().filter_map(formula).collect(),
            region: None,
        });
        checked.doubts.push(line.doubt);
    }
    let places = text
        .glyphs
        .into_iter()
        .map(|[left, top, right, bottom]| Rect {
            left: (left as f32).clamp(0.0, width),
            top: (top as f32).clamp(0.0, height),
            right: (right as f32).clamp(0.0, width),
            bottom: (bottom as f32).clamp(0.0, height),
        });
    checked.glyphs = places.collect();
    checked
}

/// A formula whose LaTeX cannot end before its delimiter, nor begin anything else in Markdown.
fn formula((number, latex): (u32, String)) -> Option<LineFormula> {
    let is_latex = |c: char| c == ' ' || c.is_ascii_graphic() && c != '`' || c.is_alphanumeric();
    let bare_dollar = latex.replace("\\\\", "").replace("\\$", "").contains('$');
    let sound = latex.len() <= MAX_LATEX && latex.chars().all(is_latex) && !bare_dollar;
    sound.then_some(LineFormula { number, latex })
}

/// Bold words that are not all of a line's text.
fn bold_lead(text: &str, (bytes, right, next): (u32, f32, f32), width: f32) -> Option<BoldLead> {
    let at = bytes as usize;
    (0 < at && at < text.len() && text.is_char_boundary(at)).then(|| BoldLead {
        bytes,
        right: number(right).clamp(0.0, width),
        next: number(next).clamp(0.0, width),
    })
}

/// A tag whose level is one.
fn tag(tag: StructureTag) -> Option<StructureTag> {
    match tag.role {
        TagRole::Heading(level) if !(1..=6).contains(&level) => None,
        _ => Some(tag),
    }
}

fn number(value: f32) -> f32 {
    if value.is_finite() { value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::protocol::WireLine;

    #[test]
    fn lines_are_held_to_the_bitmap() {
        let line = WireLine {
            text: " a\u{1b}[31mb \n".to_owned(),
            quad: [
                [-5.0, 2.0],
                [f32::INFINITY, 2.0],
                [1e9, 50.0],
                [0.0, f32::NAN],
            ],
            size: f32::NAN,
            bold: true,
            italic: false,
            fixed_pitch: false,
            tag: None,
            lead: None,
            doubt: None,
            formulas: vec![
                (1, "x_{2}".to_owned()),
                (2, "a$ <img>".to_owned()),
                (3, "a\nb".to_owned()),
            ],
        };
        let empty = WireLine {
            text: "\0".to_owned(),
            ..line.clone()
        };
        let text = text(
            WireText {
                lines: vec![line, empty],
                glyphs: vec![[i32::MIN, 3, i32::MAX, 5]],
                unseen: 0,
            },
            10,
            20,
        );
        assert_eq!((text.glyphs[0].left, text.glyphs[0].right), (0.0, 10.0));
        let lines = text.lines;
        assert_eq!((lines.len(), text.doubts.len()), (1, 1));
        assert_eq!(lines[0].text, "a[31mb");
        assert_eq!(lines[0].formulas.len(), 1);
        assert_eq!(lines[0].formulas[0].latex, "x_{2}");
        let corners: Vec<_> = lines[0].quad.0.iter().map(|p| (p.x, p.y)).collect();
        assert_eq!(corners, [(0.0, 2.0), (0.0, 2.0), (10.0, 20.0), (0.0, 0.0)]);
        assert_eq!(lines[0].size, 0.0);
    }

    #[test]
    fn reasons_stay_on_one_short_line() {
        let long = format!("bad\nheader {}", "x".repeat(1000));
        let sentence = sentence(&long);
        assert!(sentence.starts_with("bad header x"));
        assert_eq!(sentence.len(), MAX_SENTENCE);
    }
}
