//! Text of a run: its characters with the spaces between them, in the characters that a reader would type.

use unicode_normalization::UnicodeNormalization;

use super::{END_HYPHEN, GlyphRun, GlyphSpacing, PlacedGlyph, gap, raised};
use crate::{
    format_controls::is_format_control,
    image::formulas::PlacedFormula,
    script::is_unspaced,
    text_marks::{self, MarkedType, is_mark},
};

/// A gap that is a space, in ems: narrow word spaces are a fifth of an em.
const SPACE_GAP: f64 = 0.15;
/// A gap that is a space if PDFium takes it for one.
const SPACE_GAP_HINTED: f64 = 0.06;
/// The same between Chinese or Japanese characters, whose boxes are often apart.
const SPACE_GAP_UNSPACED: f64 = 0.6;
/// Gaps from which the usual one of a line can be told.
const MIN_GAPS: usize = 4;
/// Usual gaps of a line that a space is wider by.
const SPACE_OVER_USUAL: f64 = 1.2;

/// The text of `run`, composed (NFC), with marks where type is raised or lowered.
pub(super) fn text(run: &GlyphRun) -> String {
    let usual = usual_gap(&run.glyphs);
    let shifts = raised::shifts(&run.glyphs);
    let mut writer = Writer::default();
    let mut last: Option<&PlacedGlyph> = None;
    for (glyph, shift) in run.glyphs.iter().zip(shifts) {
        if let Some(last) = last
            && !run.stacked
            && is_space(last, glyph, usual)
        {
            writer.space(glyph.struck);
        }
        if let Some(formula) = &glyph.formula {
            writer.formula(formula);
            last = Some(glyph);
            continue;
        }
        writer.style(if glyph.struck {
            Some(MarkedType::Struck)
        } else {
            shift
        });
        push_normalized(&mut writer.text, glyph.text);
        writer.text.extend(glyph.accent);
        last = Some(glyph);
    }
    writer.style(None);
    let mut text: String = writer.text.nfc().collect();
    end_hyphen(&mut text);
    if !run.is_fixed_pitch() {
        text = with_double_quotes(&text);
    }
    text.trim().to_owned()
}

/// A quotation mark set as two single ones, as fonts without double ones and old typesetting have it; after a number
/// with no quotation before it they are seconds or inches.
fn with_double_quotes(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    let mut is_open = false;
    while let Some(sign) = signs.next() {
        let is_twice = matches!(sign, '‘' | '’') && signs.peek() == Some(&sign);
        is_open = match whole.chars().next_back() {
            Some('“') => true,
            Some('”') => false,
            _ => is_open,
        };
        let is_unit = sign == '’' && !is_open && whole.ends_with(|c: char| c.is_ascii_digit());
        if !is_twice || is_unit {
            whole.push(sign);
            continue;
        }
        signs.next();
        whole.push(if sign == '‘' { '“' } else { '”' });
    }
    whole
}

/// Writes characters, spaces and marks.
#[derive(Default)]
struct Writer {
    text: String,
    style: Option<MarkedType>,
}

impl Writer {
    /// Writes a space, which is struck out if the words around it are.
    fn space(&mut self, before_struck: bool) {
        if !(before_struck && self.style == Some(MarkedType::Struck)) {
            self.style(None);
        }
        if !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }

    /// Writes what is printed of a formula between its marks.
    fn formula(&mut self, formula: &PlacedFormula) {
        self.style(None);
        let style = if formula.is_display {
            MarkedType::DisplayFormula
        } else {
            MarkedType::Formula
        };
        self.text.push(style.begin());
        self.text
            .push_str(&text_marks::formula_number(formula.number));
        for c in formula.plain.chars() {
            push_normalized(&mut self.text, c);
        }
        self.text.push(text_marks::END);
    }

    fn style(&mut self, style: Option<MarkedType>) {
        if style == self.style {
            return;
        }
        if self.style.is_some() {
            self.text.push(text_marks::END);
        }
        self.text.extend(style.map(MarkedType::begin));
        self.style = style;
    }
}

/// The gap between characters of a word in a line, in ems: letter-spaced type has gaps everywhere, so a quarter of the
/// gaps sets what is usual.
fn usual_gap(glyphs: &[PlacedGlyph]) -> f64 {
    let mut gaps: Vec<f64> = glyphs
        .windows(2)
        .filter(|pair| pair[1].space != GlyphSpacing::Drawn)
        .map(|pair| gap(&pair[0], &pair[1]) / pair[0].size.max(pair[1].size))
        .collect();
    if gaps.len() < MIN_GAPS {
        return 0.0;
    }
    gaps.sort_by(f64::total_cmp);
    gaps[gaps.len() / 4].max(0.0)
}

/// Returns true if a space is between two characters of a line.
fn is_space(last: &PlacedGlyph, next: &PlacedGlyph, usual: f64) -> bool {
    if next.space == GlyphSpacing::Joined {
        return false;
    }
    let em = last.size.max(next.size);
    let gap = gap(last, next);
    if is_unspaced(last.text) && is_unspaced(next.text) {
        return gap > SPACE_GAP_UNSPACED * em;
    }
    let least = match next.space {
        GlyphSpacing::Drawn => return true,
        GlyphSpacing::Hinted => SPACE_GAP_HINTED,
        GlyphSpacing::None | GlyphSpacing::Joined => SPACE_GAP,
    };
    gap > (least + SPACE_OVER_USUAL * usual) * em
}

/// Appends `c` as a reader would type it: Latin ligatures and Arabic letter forms undone, soft hyphens gone.
fn push_normalized(text: &mut String, c: char) {
    match c {
        '\u{FB00}'..='\u{FB06}' | '\u{FB13}'..='\u{FB17}' => text.extend(c.nfkc()),
        // Hebrew and Arabic letters in the shape that they have in a place of a word.
        '\u{FB1D}'..='\u{FDC7}' | '\u{FDF0}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' => {
            text.extend(c.nfkc());
        }
        // PDFium's sign for a hyphen at the end of a line, and the one that shows only there.
        END_HYPHEN | '\u{AD}' => text.push('\u{AD}'),
        // Joiners and direction marks say nothing here.
        '\u{200B}'..='\u{200F}' => {}
        c if is_format_control(c) => {}
        // Nor does the sign for an object.
        c if c.is_control() || is_mark(c) || c == '\u{FFFC}' => {}
        c => text.push(c),
    }
}

/// A soft hyphen shows at the end of a line and nowhere else.
fn end_hyphen(text: &mut String) {
    let ends = text.trim_end().ends_with('\u{AD}');
    text.retain(|c| c != '\u{AD}');
    if ends {
        text.truncate(text.trim_end().len());
        text.push('-');
    }
}
