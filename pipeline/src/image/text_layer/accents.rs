//! Accents that are drawn as characters of their own, over or under a letter: TeX's older fonts have them.
//!
//! They are told by their place alone: what is drawn before or after an accent need not be its letter, as PDFium puts
//! the pieces of a line in the order of their places.

use std::collections::{HashMap, HashSet};

use super::{Glyph, GlyphSpacing, PlacedGlyph, place, same_direction};

/// Share of the narrower of accent and letter by which the two must be over one another.
const MIN_SHARED: f64 = 0.5;
/// Largest distance of their baselines, in ems: accents are raised over capitals.
const MAX_SHIFT: f64 = 0.35;
/// Side of the squares in which letters are looked for, in points: about the size of large type.
const SQUARE: f64 = 24.0;
/// Most letters that are looked at for an accent, and most accents of a page: more are no text.
const MOST_LETTERS: usize = 64;
const MOST_ACCENTS: usize = 5_000;

/// The accents of a page that are on letters, by their index among its glyphs.
#[derive(Debug, Default)]
pub(super) struct Accents {
    /// The combining character on a letter.
    on_letter: HashMap<usize, char>,
    /// The accents that are on a letter.
    drawn: HashSet<usize>,
}

impl Accents {
    /// Finds the letter of each accent that is drawn over or under one.
    pub fn find(glyphs: &[Glyph]) -> Self {
        let mut accents = Self::default();
        let drawn: Vec<usize> = (0..glyphs.len())
            .filter(|&index| combining(glyphs[index].text).is_some() && glyphs[index].is_sane())
            .take(MOST_ACCENTS)
            .collect();
        if drawn.is_empty() {
            return accents;
        }
        let letters = Letters::of(glyphs);
        for at in drawn {
            let free = |index: &usize| !accents.on_letter.contains_key(index);
            let Some(letter) = letters.below(&glyphs[at], free) else {
                continue;
            };
            if let Some(accent) = combining(glyphs[at].text) {
                accents.on_letter.insert(letter, accent);
                accents.drawn.insert(at);
            }
        }
        accents
    }

    /// Returns true if the glyph at `index` is an accent on a letter.
    pub fn is_on_letter(&self, index: usize) -> bool {
        self.drawn.contains(&index)
    }

    /// Puts the accent on the glyph at `index` that is drawn over it.
    pub fn put_on(&self, index: usize, glyph: &mut PlacedGlyph) {
        if let Some(accent) = self.on_letter.get(&index) {
            glyph.text = with_dot(glyph.text);
            glyph.accent = Some(*accent);
        }
    }
}

/// The letters of a page by the square that they stand in.
struct Letters<'g> {
    glyphs: &'g [Glyph],
    squares: HashMap<(i64, i64), Vec<(usize, PlacedGlyph)>>,
}

impl<'g> Letters<'g> {
    fn of(glyphs: &'g [Glyph]) -> Self {
        let mut squares: HashMap<_, Vec<_>> = HashMap::new();
        for (index, glyph) in glyphs.iter().enumerate() {
            if !glyph.text.is_alphabetic() || combining(glyph.text).is_some() || !glyph.is_sane() {
                continue;
            }
            let placed = place(glyph, GlyphSpacing::None);
            let letters = squares.entry(square(&placed)).or_default();
            if letters.len() < MOST_LETTERS {
                letters.push((index, placed));
            }
        }
        Self { glyphs, squares }
    }

    /// The letter that `accent` is drawn over or under, of those that are `free`.
    fn below(&self, accent: &Glyph, free: impl Fn(&usize) -> bool) -> Option<usize> {
        let placed = place(accent, GlyphSpacing::None);
        let (column, row) = square(&placed);
        let near = (column - 1..=column + 1)
            .flat_map(|column| (row - 1..=row + 1).map(move |row| (column, row)))
            .filter_map(|square| self.squares.get(&square))
            .flatten();
        let fits = |(index, letter): &&(usize, PlacedGlyph)| {
            let em = letter.size.max(placed.size);
            free(index)
                && same_direction(self.glyphs[*index].direction, accent.direction)
                && (letter.baseline - placed.baseline).abs() < MAX_SHIFT * em
                && shared(&placed, letter) >= MIN_SHARED
        };
        let off_center =
            |letter: &PlacedGlyph| (letter.u.0 + letter.u.1 - placed.u.0 - placed.u.1).abs() / 2.0;
        near.filter(fits)
            .min_by(|a, b| off_center(&a.1).total_cmp(&off_center(&b.1)))
            .map(|(index, _)| *index)
    }
}

/// The square that a glyph's middle stands in.
fn square(glyph: &PlacedGlyph) -> (i64, i64) {
    let number = |place: f64| (place / SQUARE).floor() as i64;
    (
        number((glyph.u.0 + glyph.u.1) / 2.0),
        number(glyph.baseline),
    )
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
