//! Accents that are drawn as characters of their own, over or under a letter: TeX's older fonts have them.

use super::PlacedGlyph;

/// Share of the narrower of accent and letter by which the two must be over one another.
const MIN_SHARED: f64 = 0.5;

/// Puts each accent that is drawn over or under a letter on that letter.
pub(super) fn combine(glyphs: &mut Vec<PlacedGlyph>) {
    let mut at = 0;
    while at < glyphs.len() {
        let Some(accent) = combining(glyphs[at].text) else {
            at += 1;
            continue;
        };
        let letter = |index: usize| {
            let glyph = glyphs.get(index)?;
            let fits = glyph.text.is_alphabetic() && glyph.accent.is_none();
            let shared = shared(&glyphs[at], glyph);
            (fits && shared >= MIN_SHARED).then_some((index, shared))
        };
        let before = at.checked_sub(1).and_then(letter);
        let best = [before, letter(at + 1)]
            .into_iter()
            .flatten()
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((index, _)) = best else {
            at += 1;
            continue;
        };
        if index > at {
            glyphs[index].space = glyphs[index].space.max(glyphs[at].space);
        }
        glyphs[index].text = with_dot(glyphs[index].text);
        glyphs[index].accent = Some(accent);
        glyphs.remove(at);
    }
}

/// The share of the narrower one of two characters by which they are over one another.
fn shared(a: &PlacedGlyph, b: &PlacedGlyph) -> f64 {
    let both = a.u.1.min(b.u.1) - a.u.0.max(b.u.0);
    let narrower = (a.u.1 - a.u.0).min(b.u.1 - b.u.0);
    if narrower > 0.0 { both / narrower } else { 0.0 }
}

/// The combining character of an accent that stands alone.
fn combining(accent: char) -> Option<char> {
    Some(match accent {
        '`' | '\u{2CB}' => '\u{300}',
        '´' | '\u{2CA}' => '\u{301}',
        '^' | 'ˆ' => '\u{302}',
        '~' | '˜' => '\u{303}',
        '¯' | 'ˉ' => '\u{304}',
        '˘' => '\u{306}',
        '˙' => '\u{307}',
        '¨' => '\u{308}',
        '˚' | '°' => '\u{30A}',
        '˝' => '\u{30B}',
        'ˇ' => '\u{30C}',
        '¸' => '\u{327}',
        '˛' => '\u{328}',
        _ => return None,
    })
}

/// Letters that lost their dot to an accent have it again in Unicode.
fn with_dot(letter: char) -> char {
    match letter {
        'ı' => 'i',
        'ȷ' => 'j',
        other => other,
    }
}
