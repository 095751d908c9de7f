//! Fonts of fixed pitch, told by their characters' widths, or by what the font says where too few are seen.

use std::collections::HashMap;

use crate::image::text_layer::Glyph;

/// Largest width over smallest of the characters of a fixed pitch.
const ONE_WIDTH: f64 = 1.04;
/// Fewest different letters and digits that show it, narrow and wide ones among them.
const MIN_DIFFERENT: usize = 5;
/// Letters that are narrow, and wide, in all fonts but those of fixed pitch.
const NARROW: &str = "ijlftrI.";
const WIDE: &str = "mwMWABCDGHNOQ";

/// The widths of a font's characters, in ems.
#[derive(Clone, Debug)]
struct FontWidths {
    narrowest: f64,
    widest: f64,
    seen: Vec<char>,
}

/// The fonts of a page whose widths can be told.
#[derive(Debug, Default)]
pub(super) struct FixedPitchFonts(HashMap<usize, FontWidths>);

impl FixedPitchFonts {
    /// Measures `glyphs`.
    pub fn measure<'g>(glyphs: impl Iterator<Item = &'g Glyph>) -> Self {
        let mut fonts: HashMap<usize, FontWidths> = HashMap::new();
        for glyph in
            glyphs.filter(|glyph| glyph.text.is_ascii_alphanumeric() && glyph.direction.0 > 0.99)
        {
            let width = (glyph.bounds[2] - glyph.bounds[0]) / glyph.size;
            let font = fonts.entry(glyph.font).or_insert(FontWidths {
                narrowest: width,
                widest: width,
                seen: Vec::new(),
            });
            font.narrowest = font.narrowest.min(width);
            font.widest = font.widest.max(width);
            if !font.seen.contains(&glyph.text) {
                font.seen.push(glyph.text);
            }
        }
        Self(fonts)
    }

    /// Returns true if the font is of fixed pitch, which it may say.
    pub fn contains(&self, font: usize, says_so: bool) -> bool {
        let Some(widths) = self.0.get(&font) else {
            return says_so;
        };
        let has = |letters: &str| widths.seen.iter().any(|c| letters.contains(*c));
        let is_one_width = widths.widest <= ONE_WIDTH * widths.narrowest;
        let tells = widths.seen.len() >= MIN_DIFFERENT && has(NARROW) && has(WIDE);
        if tells {
            is_one_width
        } else {
            says_so && is_one_width
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fixed(text: &str, width: impl Fn(char) -> f64, says_so: bool) -> bool {
        let glyph = |text: char| Glyph {
            text,
            direction: (1.0, 0.0),
            bounds: [10.0, 0.0, 10.0 + 10.0 * width(text), 10.0],
            size: 10.0,
            ..Glyph::default()
        };
        let glyphs: Vec<Glyph> = text.chars().map(glyph).collect();
        FixedPitchFonts::measure(glyphs.iter()).contains(0, says_so)
    }

    #[test]
    fn widths_tell_whatever_the_font_says() {
        let by_letter = |c: char| if "il".contains(c) { 0.25 } else { 0.6 };
        assert!(is_fixed("while true", |_| 0.6, false));
        assert!(!is_fixed("while true", by_letter, true));
    }

    #[test]
    fn with_few_letters_the_font_is_believed() {
        assert!(is_fixed("0 0", |_| 0.6, true));
        assert!(!is_fixed("0 0", |_| 0.6, false));
    }
}
