//! A page's characters: where each stands, what it means, and if it can be seen.

use std::collections::HashMap;

use super::{
    fixed_pitch::FixedPitchFonts,
    geometry::Affine,
    object_walk::{ObjectWalk, OpaqueFill, SeenImage, SeenText},
    pdfium::{FieldValue, FormField, TextPage},
    stem_weight::StemWidths,
    strikeouts,
    visibility::{Bitmap, PlacedCharacter},
};
use crate::image::{
    formulas,
    inspection::{StructureTag, TextInspection},
    protocol::{
        MAX_FORMULAS, MAX_GLYPHS, MAX_LINES, TextLayerRequest, WireFormula, WireLine, WireText,
    },
    text_layer::{self, Glyph},
};

/// Characters looked at: a sheet of small print has some 50,000.
const MAX_CHARACTERS: u32 = 1_000_000;

/// Lean of type that is slanted, as the sine of its angle: 7 degrees.
const MIN_LEAN: f64 = 0.12;

/// The characters of a page, in the order they are drawn.
#[derive(Default)]
pub(super) struct PageCharacters {
    characters: Vec<SeenGlyph>,
    /// Thin paths across the page, in points of the displayed page.
    bars: Vec<[f64; 4]>,
}

/// A character of a page.
struct SeenGlyph {
    glyph: Glyph,
    /// True if the document says that it is shown.
    shown: bool,
    /// The text object it is drawn by; later ones are painted over earlier ones.
    object: u32,
    /// True if a filled area is painted over it.
    painted_over: bool,
    /// Red, green and blue that it is filled with, if that is one color.
    color: Option<[u8; 3]>,
    /// True if its font calls itself bold.
    named_bold: bool,
}

impl SeenGlyph {
    fn hinted_space() -> Self {
        let glyph = Glyph {
            text: text_layer::HINTED_SPACE,
            ..Glyph::default()
        };
        Self::of_no_paint(glyph, 0)
    }

    /// A character that is shown, of which nothing on the page tells more: white space, or one of a field.
    fn of_no_paint(glyph: Glyph, object: u32) -> Self {
        Self {
            glyph,
            shown: true,
            object,
            painted_over: false,
            color: None,
            named_bold: false,
        }
    }

    fn placed(&self, scale: (f64, f64)) -> PlacedCharacter {
        let [left, top, right, bottom] = self.glyph.outline;
        PlacedCharacter {
            outline: [
                (left * scale.0).floor() as i32,
                (top * scale.1).floor() as i32,
                (right * scale.0).ceil() as i32,
                (bottom * scale.1).ceil() as i32,
            ],
            object: self.object,
            size: self.glyph.size,
            painted_over: self.painted_over,
            is_space: self.glyph.text.is_whitespace(),
        }
    }
}

impl PageCharacters {
    /// Reads the characters of `text`, and counts them in `inspection`; `structure` has the tags of marked contents.
    pub fn read(
        text: &TextPage<'_>,
        walk: &ObjectWalk,
        structure: &HashMap<i32, StructureTag>,
        inspection: &mut TextInspection,
    ) -> Self {
        inspection.truncated = text.count() > MAX_CHARACTERS;
        let mut glyphs = Vec::new();
        let mut high_surrogate = None;
        for index in 0..text.count().min(MAX_CHARACTERS) {
            let unit = text.unicode(index);
            if text.is_generated(index) {
                // Line feeds are made up too; the ends of lines follow from the characters' places.
                if unit == u32::from(' ') {
                    glyphs.push(SeenGlyph::hinted_space());
                }
                continue;
            }
            let (code, index) = match (high_surrogate.take(), unit) {
                (_, 0xD800..=0xDBFF) => {
                    high_surrogate = Some((unit, index));
                    continue;
                }
                (Some((high, first)), 0xDC00..=0xDFFF) => {
                    (0x1_0000 + ((high - 0xD800) << 10) + (unit - 0xDC00), first)
                }
                _ => (unit, index),
            };
            let Some(mut glyph) = glyph(text, index, code, &walk.to_display) else {
                continue;
            };
            if !on_page(&glyph.bounds, walk.size) {
                continue;
            }
            let seen = text
                .object(index)
                .and_then(|object| walk.texts.get(&object.id()));
            glyph.math_font = seen.and_then(|seen| seen.math_font);
            glyph.math_bold = seen.is_some_and(|seen| seen.math_bold);
            let has_no_meaning =
                is_unmapped(code) && !text.is_hyphen(index) || text.has_map_error(index);
            // PDFium gives the code itself where there is no meaning, and TeX's codes are known.
            let meaning = glyph
                .math_font
                .filter(|_| has_no_meaning)
                .and_then(|font| font.meaning(code));
            glyph.text = match (meaning, glyph.math_font) {
                (Some(meaning), _) => meaning,
                (None, Some(font)) => font.corrected(glyph.text),
                (None, None) => glyph.text,
            };
            glyph.bold = seen.is_some_and(|seen| seen.outlined);
            glyph.italic |= seen.is_some_and(|seen| seen.italic);
            glyph.fixed_pitch = seen.is_some_and(|seen| seen.fixed_pitch);
            glyph.font = seen.map_or(0, |seen| seen.font);
            let content = seen.and_then(|seen| seen.marked_content);
            glyph.tag = content.and_then(|content| structure.get(&content).copied());
            let object = seen.map_or(0, |seen| seen.order);
            if glyph.text.is_whitespace() {
                glyphs.push(SeenGlyph::of_no_paint(glyph, object));
                continue;
            }
            let hidden = seen.is_some_and(|seen| seen.hidden);
            let covered =
                !hidden && seen.is_some_and(|seen| is_covered(&glyph, seen, &walk.images));
            let unmapped = has_no_meaning && meaning.is_none();
            inspection.characters += 1;
            inspection.hidden += u32::from(hidden);
            inspection.covered += u32::from(covered);
            inspection.unmapped += u32::from(unmapped);
            glyph.unmapped = unmapped;
            glyphs.push(SeenGlyph {
                shown: !hidden && !covered,
                object,
                painted_over: is_painted_over(&glyph.outline, object, &walk.fills),
                color: seen.and_then(|seen| seen.color),
                named_bold: seen.is_some_and(|seen| seen.named_bold),
                glyph,
            });
        }
        Self {
            characters: glyphs,
            bars: walk.bars.clone(),
        }
    }

    /// Adds what the fields of forms say: text, and ticked and empty boxes.
    pub fn add_fields(&mut self, fields: &[FormField], walk: &ObjectWalk) {
        for (index, field) in fields.iter().enumerate() {
            let bounds = walk.to_display.bounds(field.rect);
            let object = walk.order.saturating_add(1).saturating_add(index as u32);
            let glyphs = field_glyphs(&field.value, bounds);
            self.characters.extend(
                glyphs
                    .into_iter()
                    .map(|glyph| SeenGlyph::of_no_paint(glyph, object)),
            );
        }
    }

    /// Marks what is struck out by lines of the page, or by annotations in `struck`.
    pub fn mark_struck(&mut self, walk: &ObjectWalk, struck: &[[f64; 4]]) {
        let struck: Vec<[f64; 4]> = struck
            .iter()
            .map(|area| walk.to_display.bounds(*area))
            .collect();
        let glyphs = self.characters.iter_mut().map(|seen| &mut seen.glyph);
        strikeouts::mark(glyphs, &walk.bars, &struck);
    }

    /// The page's text as it stands on its `bitmap`; the displayed page has `size` in points.
    pub fn text(
        &self,
        bitmap: Bitmap<'_>,
        size: (f64, f64),
        request: TextLayerRequest,
    ) -> Option<WireText> {
        let scale = (
            f64::from(bitmap.width) / size.0,
            f64::from(bitmap.height) / size.1,
        );
        let characters = &self.characters;
        let placed: Vec<PlacedCharacter> =
            characters.iter().map(|seen| seen.placed(scale)).collect();
        let seen = match request {
            TextLayerRequest::None => return None,
            TextLayerRequest::Visible => {
                let drawn = bitmap.seen(&placed, size);
                let both = drawn
                    .iter()
                    .zip(characters)
                    .map(|(drawn, seen)| *drawn && seen.shown);
                both.collect()
            }
            TextLayerRequest::All => vec![true; placed.len()],
        };
        let with_seen = || characters.iter().zip(&placed).zip(&seen);
        let shown = || {
            with_seen()
                .filter(|(_, seen)| **seen)
                .map(|((character, _), _)| character)
        };
        let colored = shown().filter_map(|character| Some((&character.glyph, character.color?)));
        let stems = StemWidths::measure(bitmap, colored, scale);
        let fixed = FixedPitchFonts::measure(shown().map(|character| &character.glyph));
        let weighed = |character: &SeenGlyph| {
            let mut glyph = character.glyph.clone();
            glyph.bold |= stems.is_bold(glyph.font, character.named_bold);
            glyph.fixed_pitch = fixed.contains(glyph.font, glyph.fixed_pitch);
            glyph
        };
        let glyphs: Vec<Glyph> = shown().map(weighed).collect();
        let glyphs = formulas::put_in_place(glyphs, &self.bars);
        let (lines, formulas, truncated) = wire_lines(&glyphs, scale);
        Some(WireText {
            lines,
            truncated,
            formulas,
            glyphs: with_seen()
                .filter(|((_, placed), seen)| **seen && !placed.is_space)
                .map(|((_, placed), _)| placed.outline)
                .take(MAX_GLYPHS)
                .collect(),
            unseen: seen.iter().filter(|seen| !**seen).count() as u32,
        })
    }
}

/// The lines of a page and their formulas, and true if there are more lines than are told.
fn wire_lines(glyphs: &[Glyph], (sx, sy): (f64, f64)) -> (Vec<WireLine>, Vec<WireFormula>, bool) {
    let mut lines = text_layer::lines(glyphs);
    let truncated = lines.len() > MAX_LINES;
    lines.truncate(MAX_LINES);
    let formulas = (0..).zip(&mut lines).flat_map(|(index, line)| {
        let formulas = std::mem::take(&mut line.formulas).into_iter();
        formulas.map(move |formula| WireFormula {
            line: index,
            number: formula.number,
            latex: formula.latex.clone(),
        })
    });
    let formulas = formulas.take(MAX_FORMULAS).collect();
    let lines = lines.into_iter().map(|line| WireLine {
        quad: line.quad.map(|(x, y)| [(x * sx) as f32, (y * sy) as f32]),
        size: (line.size * (sx * sy).sqrt()) as f32,
        bold: line.bold,
        italic: line.italic,
        fixed_pitch: line.fixed_pitch,
        tag: line.tag,
        lead: line.lead.map(|lead| {
            let bytes = u32::try_from(lead.bytes).unwrap_or(u32::MAX);
            (bytes, (lead.end * sx) as f32, (lead.next * sx) as f32)
        }),
        text: line.text,
        doubt: line.doubt,
    });
    (lines.collect(), formulas, truncated)
}

fn glyph(text: &TextPage<'_>, index: u32, code: u32, to_display: &Affine) -> Option<Glyph> {
    let origin = text.origin(index)?;
    let loose = text.loose_box(index)?;
    let matrix = text.matrix(index).unwrap_or(Affine::IDENTITY);
    let (dx, dy) = to_display.vector(matrix.a, matrix.b);
    let length = dx.hypot(dy);
    let direction = if length > 0.0 {
        (dx / length, dy / length)
    } else {
        (1.0, 0.0)
    };
    let (ux, uy) = to_display.vector(matrix.c, matrix.d);
    // Type may be slanted by its matrix: its upright axis leans along the line.
    let lean = (ux * dx + uy * dy) / ux.hypot(uy).max(f64::MIN_POSITIVE);
    let outline = text
        .outline_box(index)
        .map(|outline| to_display.bounds(outline));
    let bounds = to_display.bounds(loose);
    Some(Glyph {
        text: char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
        origin: to_display.point(origin.0, origin.1),
        direction,
        outline: outline.filter(has_area).unwrap_or(bounds),
        bounds,
        size: text.font_size(index).abs() * ux.hypot(uy),
        italic: lean > MIN_LEAN,
        ..Glyph::default()
    })
}

/// The characters that a field shows in its box.
fn field_glyphs(value: &FieldValue, [left, top, right, bottom]: [f64; 4]) -> Vec<Glyph> {
    /// Height of type that fits a field, as a share of the field's.
    const FITTING: f64 = 0.7;
    /// Mean advance of a character, in ems.
    const ADVANCE: f64 = 0.5;
    let height = bottom - top;
    let (text, size) = match value {
        FieldValue::Check(true) => ("☒", height),
        FieldValue::Check(false) => ("☐", height),
        FieldValue::Text(text, size) => {
            let fitting = FITTING * height;
            let size = if *size > 0.0 {
                size.min(fitting)
            } else {
                fitting
            };
            (text.as_str(), size)
        }
    };
    let count = text.chars().count().max(1) as f64;
    let advance = match value {
        FieldValue::Check(_) => right - left,
        FieldValue::Text(..) => (ADVANCE * size).min((right - left) / count),
    };
    let baseline = (top + bottom) / 2.0 + 0.35 * size;
    let glyph = |(i, text): (usize, char)| {
        let start = left + i as f64 * advance;
        Glyph {
            text,
            origin: (start, baseline),
            direction: (1.0, 0.0),
            bounds: [
                start,
                baseline - 0.8 * size,
                start + advance,
                baseline + 0.2 * size,
            ],
            // Where in the field the text is drawn is the viewer's choice.
            outline: [left, top, right, bottom],
            size,
            font: usize::MAX,
            ..Glyph::default()
        }
    };
    text.chars().enumerate().map(glyph).collect()
}

fn has_area(&[left, top, right, bottom]: &[f64; 4]) -> bool {
    right > left && bottom > top
}

fn on_page([left, top, right, bottom]: &[f64; 4], page_size: (f64, f64)) -> bool {
    let (width, height) = page_size;
    let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
    (0.0..=width).contains(&x) && (0.0..=height).contains(&y)
}

/// Returns true if one of `fills` is painted over all of a glyph's box.
fn is_painted_over(outline: &[f64; 4], object: u32, fills: &[OpaqueFill]) -> bool {
    let [left, top, right, bottom] = *outline;
    fills
        .iter()
        .rev()
        .take_while(|fill| fill.order > object)
        .any(|fill| {
            let [l, t, r, b] = fill.bounds;
            l <= left && t <= top && right <= r && bottom <= b
        })
}

fn is_covered(glyph: &Glyph, seen: &SeenText, images: &[SeenImage]) -> bool {
    let [left, top, right, bottom] = glyph.bounds;
    let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
    images.iter().any(|image| {
        let [l, t, r, b] = image.bounds;
        image.order > seen.order && (l..=r).contains(&x) && (t..=b).contains(&y)
    })
}

/// Returns true if a code says nothing about the character: none at all, control codes, U+FFFD, private use and
/// noncharacters.
fn is_unmapped(code: u32) -> bool {
    matches!(code, 0..=0x1F | 0x7F..=0x9F | 0xFFFD | 0xE000..=0xF8FF | 0xF_0000.. | 0xFFFE | 0xFFFF)
        || char::from_u32(code).is_none()
}
