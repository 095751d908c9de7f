//! Validation of a child's replies: a child may be in the hands of the document it reads.

use super::{PageText, document::Bookmark};
use crate::{
    image::{
        inspection::{PageInspection, StructureTag, TagRole},
        protocol::{
            ChildError, ChildReply, MAX_PAGES, PictureCut, WireBookmark, WireFormula, WireText,
        },
    },
    page::{BoldLead, LineFormula, Point, Quad, Rect, TextLine, TypeStyle},
    sandbox::{SandboxLayer, SandboxReport},
};

/// Longest text of a reason, in characters.
const MAX_SENTENCE: usize = 300;
/// Longest text of a line, in characters.
const MAX_LINE: usize = 20_000;
/// Longest LaTeX of a formula, in bytes.
const MAX_LATEX: usize = 20_000;

/// The one door for what a child says: a reply whose numbers are in their ranges and whose sentences are such. Its lists
/// are bounded where they are read ([`protocol`](crate::image::protocol)); [`text`] puts text on the bitmap that was asked
/// for.
pub(super) fn reply(reply: ChildReply) -> ChildReply {
    match reply {
        ChildReply::Confined(report) => ChildReply::Confined(sandbox_report(report)),
        ChildReply::Opened {
            format,
            pages,
            encrypted,
            bookmarks,
        } => ChildReply::Opened {
            format,
            pages: pages.min(MAX_PAGES),
            encrypted,
            bookmarks,
        },
        ChildReply::Inspected(seen) => ChildReply::Inspected(inspection(seen)),
        ChildReply::Rendered { text_layer, cut } => ChildReply::Rendered {
            text_layer,
            cut: cut.map(|cut| PictureCut {
                rows: cut.rows.filter(|(read, all)| read <= all),
            }),
        },
        ChildReply::Failed(error) => ChildReply::Failed(child_error(error)),
    }
}

fn sandbox_report(report: SandboxReport) -> SandboxReport {
    let layer = |layer| match layer {
        SandboxLayer::Active => SandboxLayer::Active,
        SandboxLayer::Missing(why) => SandboxLayer::Missing(sentence(&why)),
    };
    SandboxReport {
        seccomp: layer(report.seccomp),
        landlock: layer(report.landlock),
        namespaces: layer(report.namespaces),
    }
}

fn child_error(error: ChildError) -> ChildError {
    use ChildError as E;
    match error {
        E::NotADocument(why) => E::NotADocument(sentence(&why)),
        E::Damaged(why) => E::Damaged(sentence(&why)),
        E::Unsupported(what) => E::Unsupported(sentence(&what)),
        E::TooLarge(why) => E::TooLarge(sentence(&why)),
        E::PageDamaged(why) => E::PageDamaged(sentence(&why)),
        E::PdfiumMissing(why) => E::PdfiumMissing(sentence(&why)),
        E::Io(why) => E::Io(sentence(&why)),
        E::NoPages | E::Encrypted | E::WrongPassword | E::OutOfMemory => error,
    }
}

/// A text of one line, of a length that people read.
fn sentence(text: &str) -> String {
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
fn inspection(mut inspection: PageInspection) -> PageInspection {
    for side in [&mut inspection.width_pt, &mut inspection.height_pt] {
        *side = number(*side).max(0.0);
    }
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
        truncated: text.truncated,
        ..PageText::default()
    };
    let mut formulas = vec![Vec::new(); text.lines.len()];
    for marked in text.formulas {
        let line = formulas.get_mut(marked.line as usize);
        if let (Some(line), Some(formula)) = (line, formula(marked)) {
            line.push(formula);
        }
    }
    for (line, formulas) in text.lines.into_iter().zip(formulas) {
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
            formulas,
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
fn formula(marked: WireFormula) -> Option<LineFormula> {
    let WireFormula { number, latex, .. } = marked;
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
        };
        let formula = |line, number, latex: &str| WireFormula {
            line,
            number,
            latex: latex.to_owned(),
        };
        let empty = WireLine {
            text: "\0".to_owned(),
            ..line.clone()
        };
        let text = text(
            WireText {
                lines: vec![line, empty],
                truncated: false,
                formulas: vec![
                    formula(0, 1, "x_{2}"),
                    formula(0, 2, "a$ <img>"),
                    formula(0, 3, "a\nb"),
                    formula(7, 4, "y"),
                ],
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
