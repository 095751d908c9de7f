//! Residual ink: what is drawn on a page and is not explained by its own text.
//!
//! Pictures, letters drawn as outlines, stamps and filled-in fields hold words that a page's own text lacks. Ink that
//! no glyph, ruled line or plain area explains and that may be writing is left for a detector to look at: it alone
//! says what is writing, this only keeps it from pages that have nothing to look at.

use super::{
    PageImage,
    background::BackgroundGrid,
    components::{ComponentFinder, Measurement, PixelBox, PixelRun, runs_of_row},
    luma::LumaPlane,
    tuning::residual_ink::{
        BACKGROUND_CELL_PX, GLYPH_MARGIN_PX, LARGEST_LETTER_IN, LETTERS_IN_ROW, MAX_LETTER_ASPECT,
        MAX_MARKS, MAX_RUNS, MIN_CONTRAST, MIN_IMAGE_IN, MIN_LETTER_PX, MIN_WORD_FILL,
        NEIGHBOR_GAP, NEIGHBOR_SIZE, RULING_ASPECT, WORD_ASPECT,
    },
};
use crate::page::Rect;

/// Finds the parts of `image` that may hold writing besides the `glyphs` of its own text, in pixels. `images` are the
/// places of the pictures on the page.
pub(crate) fn find(image: &PageImage, glyphs: &[Rect], images: &[Rect]) -> Vec<Rect> {
    let Some(plane) = LumaPlane::of(image) else {
        return Vec::new();
    };
    let whole = Rect {
        left: 0.0,
        top: 0.0,
        right: image.width as f32,
        bottom: image.height as f32,
    };
    let explained = Explained::of(glyphs, plane.width, plane.height());
    let Some(marks) = marks(&plane, &explained) else {
        return vec![whole];
    };
    if marks.len() > MAX_MARKS {
        return vec![whole];
    }
    let dpi = if image.dpi > 0.0 { image.dpi } else { 100.0 };
    let mut found: Vec<Rect> = images
        .iter()
        .filter(|at| at.width().min(at.height()) >= MIN_IMAGE_IN * dpi)
        .filter(|at| marks.iter().any(|mark| at.holds_middle_of(&mark.bounds())))
        .copied()
        .collect();
    found.extend(writing(&marks, LARGEST_LETTER_IN * dpi));
    found
}

/// The pixels between two edges of a glyph that it explains, on a bitmap of that side.
fn explained_range(low: f32, high: f32, side: usize) -> std::ops::Range<usize> {
    let low = (low - GLYPH_MARGIN_PX).floor().max(0.0) as usize;
    let high = ((high + GLYPH_MARGIN_PX).ceil().max(0.0) as usize).min(side);
    low.min(high)..high
}

/// Which pixels the glyphs of a page's own text explain.
struct Explained {
    pixels: Vec<bool>,
    width: usize,
}

impl Explained {
    fn of(glyphs: &[Rect], width: usize, height: usize) -> Self {
        let mut pixels = vec![false; width * height];
        for glyph in glyphs {
            let columns = explained_range(glyph.left, glyph.right, width);
            for y in explained_range(glyph.top, glyph.bottom, height) {
                pixels[y * width + columns.start..y * width + columns.end].fill(true);
            }
        }
        Self { pixels, width }
    }

    fn row(&self, y: usize) -> &[bool] {
        &self.pixels[y * self.width..(y + 1) * self.width]
    }
}

/// A connected group of pixels of ink: its extent, and the pixels in it.
#[derive(Clone, Copy)]
struct Mark {
    extent: PixelBox,
    pixels: usize,
}

impl Measurement for Mark {
    fn joined(self, other: Self) -> Self {
        Self {
            extent: self.extent.joined(other.extent),
            pixels: self.pixels + other.pixels,
        }
    }
}

impl Mark {
    fn of(run: &PixelRun) -> Self {
        Self {
            extent: PixelBox::of(run),
            pixels: run.last - run.first + 1,
        }
    }

    fn width(&self) -> f32 {
        self.extent.width() as f32
    }

    fn height(&self) -> f32 {
        self.extent.height() as f32
    }

    fn bounds(&self) -> Rect {
        Rect {
            left: self.extent.left as f32,
            top: self.extent.top as f32,
            right: (self.extent.right + 1) as f32,
            bottom: (self.extent.bottom + 1) as f32,
        }
    }

    /// Returns true if it is a line rather than a letter.
    fn is_ruling(&self) -> bool {
        let (long, short) = (
            self.width().max(self.height()),
            self.width().min(self.height()),
        );
        long > RULING_ASPECT * short
    }

    /// Returns true if it has the size and shape of a letter that is at most `largest` pixels high.
    fn is_letter(&self, largest: f32) -> bool {
        let (width, height) = (self.width(), self.height());
        height.max(width) >= MIN_LETTER_PX
            && height <= largest
            && width <= MAX_LETTER_ASPECT * height
            && !self.is_ruling()
    }

    /// Returns true if it may be a word whose letters touch, as in handwriting.
    fn is_word(&self, largest: f32) -> bool {
        let (width, height) = (self.width(), self.height());
        let fill = self.pixels as f32 / (width * height);
        height >= 2.0 * MIN_LETTER_PX
            && height <= largest
            && width > WORD_ASPECT * height
            && fill > MIN_WORD_FILL
            && fill < 1.0 - MIN_WORD_FILL
            && !self.is_ruling()
    }
}

/// The marks that nothing explains; `None` if there is ink everywhere.
fn marks(plane: &LumaPlane, explained: &Explained) -> Option<Vec<Mark>> {
    let background = BackgroundGrid::of(plane, BACKGROUND_CELL_PX, 2);
    let mut finder = ComponentFinder::new();
    let mut ink = Vec::with_capacity(plane.width);
    let mut runs = Vec::new();
    for (y, row) in plane.rows().enumerate() {
        ink.clear();
        background.push_ink_of_row(y, row, MIN_CONTRAST, &mut ink);
        for (ink, explained) in ink.iter_mut().zip(explained.row(y)) {
            *ink &= u8::from(!explained);
        }
        runs.clear();
        runs.extend(runs_of_row(y, &ink));
        if finder.run_count() + runs.len() > MAX_RUNS {
            return None;
        }
        finder.add_row(runs.iter().map(|run| (*run, Mark::of(run))));
    }
    let large = |mark: &&Mark| mark.width().max(mark.height()) >= MIN_LETTER_PX;
    Some(finder.measurements().filter(large).copied().collect())
}

/// The boxes of marks that stand side by side as the letters of a word do, across or down the page.
fn writing(marks: &[Mark], largest: f32) -> Vec<Rect> {
    let mut found: Vec<Rect> = marks
        .iter()
        .filter(|mark| mark.is_word(largest))
        .map(Mark::bounds)
        .collect();
    let letters: Vec<Rect> = marks
        .iter()
        .filter(|mark| mark.is_letter(largest))
        .map(Mark::bounds)
        .collect();
    found.extend(rows(&letters));
    let turned = |rect: &Rect| Rect {
        left: rect.top,
        top: rect.left,
        right: rect.bottom,
        bottom: rect.right,
    };
    let down: Vec<Rect> = letters.iter().map(turned).collect();
    found.extend(rows(&down).iter().map(turned));
    found
}

/// The boxes of rows of at least [`LETTERS_IN_ROW`] letters.
fn rows(letters: &[Rect]) -> Vec<Rect> {
    let mut sorted = letters.to_vec();
    sorted.sort_by(|a, b| a.left.total_cmp(&b.left));
    // Rows in the making: their box, their last letter and how many they have.
    let mut open: Vec<(Rect, Rect, usize)> = Vec::new();
    let mut found = Vec::new();
    for letter in sorted {
        let reach = |last: &Rect| NEIGHBOR_GAP * last.height().max(letter.height());
        let (done, still): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, last, _)| {
            letter.left - last.right > NEIGHBOR_GAP * last.height().max(MIN_LETTER_PX) * 4.0
        });
        open = still;
        found.extend(done);
        let home = open.iter_mut().find(|(_, last, _)| {
            let shared = last.bottom.min(letter.bottom) - last.top.max(letter.top);
            let (low, high) = (
                last.height().min(letter.height()),
                last.height().max(letter.height()),
            );
            letter.left - last.right <= reach(last)
                && shared * 2.0 >= low
                && high <= NEIGHBOR_SIZE * low
        });
        match home {
            Some((all, last, count)) => {
                *all = all.union(&letter);
                *last = letter;
                *count += 1;
            }
            None => open.push((letter, letter, 1)),
        }
    }
    found.extend(open);
    found
        .into_iter()
        .filter(|(_, _, count)| *count >= LETTERS_IN_ROW)
        .map(|(all, _, _)| all)
        .collect()
}

/// Paints `glyphs` over with what is around them, so that only the rest of a page is left to be read.
pub(crate) fn erase(image: &mut PageImage, glyphs: &[Rect]) {
    let (width, height) = (image.width as usize, image.height as usize);
    for glyph in glyphs {
        let (columns, rows) = (
            explained_range(glyph.left, glyph.right, width),
            explained_range(glyph.top, glyph.bottom, height),
        );
        if columns.is_empty() || rows.is_empty() {
            continue;
        }
        let pixel = |x: usize, y: usize| {
            let at = (y * width + x) * 3;
            [image.rgb[at], image.rgb[at + 1], image.rgb[at + 2]]
        };
        let (right, bottom) = (columns.end - 1, rows.end - 1);
        let corners = [
            pixel(columns.start, rows.start),
            pixel(right, rows.start),
            pixel(columns.start, bottom),
            pixel(right, bottom),
        ];
        // The middle of four values, so that ink in one corner does not spread.
        let paper: [u8; 3] = std::array::from_fn(|channel| {
            let mut values = corners.map(|corner| corner[channel]);
            values.sort_unstable();
            values[2]
        });
        for y in rows {
            for x in columns.clone() {
                let at = (y * width + x) * 3;
                image.rgb[at..at + 3].copy_from_slice(&paper);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 400;
    const HEIGHT: usize = 300;

    fn page(ink: &[(usize, usize, usize, usize)]) -> PageImage {
        let mut rgb = vec![255; WIDTH * HEIGHT * 3];
        for &(left, top, width, height) in ink {
            for y in top..top + height {
                rgb[(y * WIDTH + left) * 3..(y * WIDTH + left + width) * 3].fill(0);
            }
        }
        PageImage {
            width: WIDTH as u32,
            height: HEIGHT as u32,
            dpi: 100.0,
            rgb,
        }
    }

    fn rect((left, top, width, height): (usize, usize, usize, usize)) -> Rect {
        Rect {
            left: left as f32,
            top: top as f32,
            right: (left + width) as f32,
            bottom: (top + height) as f32,
        }
    }

    fn letters(top: usize) -> Vec<(usize, usize, usize, usize)> {
        (0..6).map(|i| (50 + i * 10, top, 6, 10)).collect()
    }

    #[test]
    fn letters_that_no_glyph_explains_are_found() {
        let own = letters(50);
        let ink = [own.clone(), letters(200)].concat();
        let glyphs: Vec<Rect> = own.into_iter().map(rect).collect();
        let found = find(&page(&ink), &glyphs, &[]);
        assert_eq!(found, [rect((50, 200, 56, 10))]);
        assert!(find(&page(&letters(50)), &glyphs, &[]).is_empty());
    }

    #[test]
    fn rulings_boxes_and_bullets_are_no_writing() {
        let ink = [
            (20, 20, 350, 2),
            (20, 20, 2, 200),
            (60, 60, 8, 8),
            (100, 100, 250, 150),
        ];
        assert!(find(&page(&ink), &[], &[]).is_empty());
    }

    #[test]
    fn writing_that_runs_down_the_page_is_found() {
        let down: Vec<_> = (0..6).map(|i| (50, 40 + i * 12, 10, 8)).collect();
        assert!(!find(&page(&down), &[], &[]).is_empty());
    }

    #[test]
    fn pictures_are_looked_at_unless_they_are_plain() {
        let picture = (100, 100, 200, 150);
        let blot = [(120, 120, 60, 60)];
        assert_eq!(find(&page(&blot), &[], &[rect(picture)]), [rect(picture)]);
        assert!(find(&page(&[]), &[], &[rect(picture)]).is_empty());
    }

    #[test]
    fn erased_glyphs_leave_paper() {
        let ink = letters(50);
        let mut image = page(&ink);
        let glyphs: Vec<Rect> = ink.into_iter().map(rect).collect();
        erase(&mut image, &glyphs);
        assert!(image.rgb.iter().all(|value| *value == 255));
    }
}
