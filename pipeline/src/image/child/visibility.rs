//! Visibility of glyphs: a glyph counts as seen only where the page's bitmap has contrast in its place.
//!
//! One check for all that hides text from a reader: layers that are off, clips, white type on white paper, boxes and
//! bars painted over it, type that is transparent or too small to see.

/// Least contrast in a glyph's place, in levels of 255 of the channel that has most. By hand: the palest type that was
/// printed to be read has 30, type with an alpha of 1/255 has 1.
const MIN_CONTRAST: u8 = 10;
/// Smallest type that can be read, in points of the displayed page.
const MIN_SIZE_PT: f64 = 0.8;
/// Pages smaller than this, in points, may have type of any size: their size is not to be believed.
const MIN_PAGE_PT: f64 = 200.0;
/// Pixels around a glyph's outline that are looked at too: a full stop may fill its box.
const MARGIN_PX: i32 = 1;

/// A page's bitmap: RGB, rows without padding.
#[derive(Clone, Copy)]
pub(super) struct Bitmap<'b> {
    pub rgb: &'b [u8],
    pub width: u32,
    pub height: u32,
}

/// A character in its place on the bitmap.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedCharacter {
    /// Left, top, right and bottom of its outline, in pixels; right and bottom are past its end.
    pub outline: [i32; 4],
    /// The text object it is drawn by.
    pub object: u32,
    /// Height of its type, in points.
    pub size: f64,
    /// True if a filled area is painted over it.
    pub painted_over: bool,
    /// True if it is white space, which has no ink and parts words.
    pub is_space: bool,
}

impl Bitmap<'_> {
    /// Tells for each of `characters`, in the order they are drawn, if it can be seen. Words are judged as a whole, so
    /// that no letter of a visible word is lost.
    pub fn seen(&self, characters: &[PlacedCharacter], page_pt: (f64, f64)) -> Vec<bool> {
        let any_size = page_pt.0.max(page_pt.1) < MIN_PAGE_PT;
        let mut seen = Vec::with_capacity(characters.len());
        let same_word = |a: &PlacedCharacter, b: &PlacedCharacter| {
            a.object == b.object && a.is_space == b.is_space
        };
        for word in characters.chunk_by(same_word) {
            let is_seen = |c: &PlacedCharacter| {
                (any_size || c.size >= MIN_SIZE_PT)
                    && self.has_contrast(c.outline)
                    && !(c.painted_over && is_written_over(c, characters))
            };
            let count = word.iter().filter(|c| is_seen(c)).count();
            let shown = word[0].is_space || count * 2 >= word.len();
            seen.extend(word.iter().map(|_| shown));
        }
        seen
    }

    /// Returns true if the pixels of a box differ from one another.
    fn has_contrast(&self, [left, top, right, bottom]: [i32; 4]) -> bool {
        let within =
            |at: i32, side: u32| at.clamp(0, i32::try_from(side).unwrap_or(i32::MAX)) as usize;
        let (left, right) = (
            within(left - MARGIN_PX, self.width),
            within(right + MARGIN_PX, self.width),
        );
        let (top, bottom) = (
            within(top - MARGIN_PX, self.height),
            within(bottom + MARGIN_PX, self.height),
        );
        let (mut low, mut high) = ([u8::MAX; 3], [0_u8; 3]);
        let stride = self.width as usize * 3;
        for y in top..bottom {
            let Some(row) = self.rgb.get(y * stride + left * 3..y * stride + right * 3) else {
                return true;
            };
            for pixel in row.as_chunks::<3>().0 {
                for (channel, &value) in pixel.iter().enumerate() {
                    low[channel] = low[channel].min(value);
                    high[channel] = high[channel].max(value);
                }
            }
            if low
                .iter()
                .zip(&high)
                .any(|(low, high)| high.saturating_sub(*low) >= MIN_CONTRAST)
            {
                return true;
            }
        }
        false
    }
}

/// Returns true if a later character stands in the place of `character`, so that the ink there is not its own.
fn is_written_over(character: &PlacedCharacter, characters: &[PlacedCharacter]) -> bool {
    let [left, top, right, bottom] = character.outline;
    characters.iter().any(|other| {
        let [l, t, r, b] = other.outline;
        other.object > character.object
            && !other.is_space
            && l < right
            && left < r
            && t < bottom
            && top < b
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White paper, 100 by 20 pixels, with black in the columns of `ink`.
    fn paper(ink: std::ops::Range<usize>) -> Vec<u8> {
        (0..100 * 20)
            .flat_map(|at| {
                [if ink.contains(&(at % 100)) && at / 100 % 2 == 0 {
                    0
                } else {
                    255
                }; 3]
            })
            .collect()
    }

    fn word(left: i32, object: u32, size: f64) -> Vec<PlacedCharacter> {
        (0..4)
            .map(|i| PlacedCharacter {
                outline: [left + i * 5, 5, left + i * 5 + 4, 15],
                object,
                size,
                painted_over: false,
                is_space: false,
            })
            .collect()
    }

    fn seen(rgb: &[u8], characters: &[PlacedCharacter]) -> Vec<bool> {
        let bitmap = Bitmap {
            rgb,
            width: 100,
            height: 20,
        };
        bitmap.seen(characters, (600.0, 800.0))
    }

    #[test]
    fn what_has_no_ink_in_its_place_is_not_seen() {
        let characters = [word(10, 1, 10.0), word(60, 2, 10.0)].concat();
        let expected = [[true; 4], [false; 4]].concat();
        assert_eq!(seen(&paper(10..30), &characters), expected);
    }

    #[test]
    fn a_letter_without_ink_stays_in_a_word_that_has_some() {
        assert_eq!(seen(&paper(10..22), &word(10, 1, 10.0)), [true; 4]);
        assert_eq!(seen(&paper(10..13), &word(10, 1, 10.0)), [false; 4]);
    }

    #[test]
    fn type_too_small_to_see_is_not_seen() {
        assert_eq!(seen(&paper(10..30), &word(10, 1, 0.3)), [false; 4]);
    }

    #[test]
    fn what_is_painted_and_written_over_is_not_seen() {
        let mut old = word(10, 1, 10.0);
        old.iter_mut().for_each(|c| c.painted_over = true);
        let characters = [old.clone(), word(11, 2, 10.0)].concat();
        let expected = [[false; 4], [true; 4]].concat();
        assert_eq!(seen(&paper(10..35), &characters), expected);
        // A highlight alone hides nothing.
        assert_eq!(seen(&paper(10..35), &old), [true; 4]);
    }

    #[test]
    fn places_off_the_bitmap_are_not_seen() {
        assert_eq!(seen(&paper(0..100), &word(4000, 1, 10.0)), [false; 4]);
        assert_eq!(seen(&paper(0..100), &word(-4000, 1, 10.0)), [false; 4]);
    }
}
