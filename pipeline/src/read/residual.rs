//! Residual reading: what a page's own text leaves unexplained is read by the engine and joined with it.
//!
//! The page is drawn a second time at the engine's resolution, its own text is erased from that bitmap, and the part
//! that is left goes to the engine like a page.

use std::sync::Arc;

use super::picture_lines::picture_lines;
use crate::{
    engine::{OcrContent, OcrResult},
    image::{
        PageImage,
        inspection::{LineDoubt, PageInspection},
        rasterizer::PageText,
        residual_ink, typography,
    },
    page::{Point, Quad, Rect, TextLine, UnreadInk, UnreadLine},
    script::is_unspaced,
    text_marks::plain,
};

/// Margin around what is read, in inches: letters are not to touch the edge.
const MARGIN_IN: f32 = 0.1;
/// Least confidence of a line beside a page's own text: a detector that looks at drawings finds letters in them.
const MIN_CONFIDENCE: f32 = 0.75;
/// Least confidence of a reading that takes the place of a line with lost letters.
const MIN_REPLACING: f32 = 0.6;
/// Share of the characters of a doubted line and its reading that must agree for the line to be right.
const MIN_LIKENESS: f32 = 0.5;
/// Letters of a page's own text from which it shows which scripts are the page's: some lines.
const PROSE_LETTERS: usize = 200;
/// Fewest lines beside a page's own text that were not read for it to be said, and their length in line heights.
const UNREAD_LINES: usize = 2;
const UNREAD_LENGTH: f32 = 8.0;
/// Largest skew of a picture that is taken out of its lines, in degrees.
const MAX_SKEW_DEG: f32 = 5.0;
/// Share of a line's box that lies in another's for the two to be in one place.
const SAME_PLACE: f32 = 0.5;

/// Parts of a page that its own text does not explain, in pixels of the bitmap that the text comes with.
#[derive(Debug)]
pub(super) struct ResidualParts {
    parts: Vec<Rect>,
    /// Boxes of the glyphs that are not to be read again.
    own: Vec<Rect>,
    /// Annotations, whose text stands apart.
    annotations: Vec<Rect>,
    /// The pictures of the page.
    images: Vec<Rect>,
    width: f32,
}

impl ResidualParts {
    /// The parts that are left to read on a page; `None` if there are none.
    pub(super) fn find(
        image: &PageImage,
        text: &PageText,
        inspection: &PageInspection,
    ) -> Option<Self> {
        let scale = image.width as f32 / inspection.width_pt.max(1.0);
        let in_pixels = |places: &[[f32; 4]]| -> Vec<Rect> {
            let rect = |&[left, top, right, bottom]: &[f32; 4]| Rect {
                left,
                top,
                right,
                bottom,
            };
            places
                .iter()
                .map(|place| rect(place).scaled(scale))
                .collect()
        };
        let doubted: Vec<Rect> = text
            .lines
            .iter()
            .zip(&text.doubts)
            .filter(|(_, doubt)| doubt.is_some())
            .map(|(line, _)| line.quad.bounds())
            .collect();
        let images = in_pixels(&inspection.images);
        let mut parts = residual_ink::find(image, &text.glyphs, &images);
        parts.extend(&doubted);
        let is_doubted = |glyph: &&Rect| {
            doubted
                .iter()
                .any(|line| share_inside(glyph, line) > SAME_PLACE)
        };
        let own = text.glyphs.iter().filter(|glyph| !is_doubted(glyph));
        (!parts.is_empty()).then(|| Self {
            own: own.copied().collect(),
            parts,
            annotations: in_pixels(&inspection.annotations),
            images,
            width: image.width as f32,
        })
    }

    /// Cuts the parts out of `image`, another bitmap of the same page.
    pub(super) fn cut(self, mut image: PageImage) -> ResidualImage {
        let scale = image.width as f32 / self.width;
        let own: Vec<Rect> = self.own.iter().map(|glyph| glyph.scaled(scale)).collect();
        residual_ink::erase(&mut image, &own);
        let all = self
            .parts
            .iter()
            .map(|part| part.scaled(scale))
            .reduce(|a, b| a.union(&b))
            .unwrap_or_default();
        let margin = MARGIN_IN * image.dpi;
        let (left, top) = (
            (all.left - margin).max(0.0) as u32,
            (all.top - margin).max(0.0) as u32,
        );
        let right = ((all.right + margin).ceil() as u32).min(image.width);
        let bottom = ((all.bottom + margin).ceil() as u32).min(image.height);
        ResidualImage {
            image: Arc::new(image.cropped(left, top, right, bottom)),
            origin: Point {
                x: left as f32,
                y: top as f32,
            },
            scale: 1.0 / scale,
            annotations: self.annotations,
            images: self.images,
        }
    }
}

/// The part of a page's bitmap that is read beside its own text.
#[derive(Debug)]
pub(super) struct ResidualImage {
    /// Its pixels.
    pub(super) image: Arc<PageImage>,
    /// Its top left corner on the page's bitmap from which it was cut.
    origin: Point,
    /// Pixels of the bitmap that the text comes with, for each of its own.
    scale: f32,
    /// Annotations, whose text stands apart, in pixels of the bitmap that the text comes with.
    annotations: Vec<Rect>,
    /// The pictures of the page, in the same pixels.
    images: Vec<Rect>,
}

/// The lines of a page whose own text was completed by reading.
#[derive(Debug)]
pub(super) struct CompletedText {
    /// All lines: the page's own first.
    pub(super) lines: Vec<TextLine>,
    /// Lines that were read.
    pub(super) read: usize,
    /// Lines that stand apart from the text, as indices.
    pub(super) asides: Vec<usize>,
    /// Lines that stand in pictures, as indices, picture by picture.
    pub(super) pictures: Vec<Vec<usize>>,
    /// The ink that was not read.
    pub(super) unread: Option<UnreadInk>,
}

impl ResidualImage {
    /// Joins what was read with the page's `own` lines, some of which are doubted.
    pub(super) fn complete(
        &self,
        own: Vec<TextLine>,
        doubts: &[Option<LineDoubt>],
        result: OcrResult,
    ) -> CompletedText {
        let to_page = self.to_page(result.rotation, result.skew_deg);
        let unread = result.unread.clone().filter(is_prose);
        let unread = unread.map(|mut unread| {
            for line in &mut unread.lines {
                line.quad = Quad(line.quad.0.map(&to_page));
            }
            unread
        });
        let mut read = self.lines(result);
        if is_without_ideographs(&own) {
            // A letter of a drawing that stands alone is easily taken for one.
            read.retain(|line| !line.text.chars().all(is_unspaced));
        }
        let mut lines = Vec::with_capacity(own.len() + read.len());
        let mut replaced = Vec::new();
        for (index, line) in own.into_iter().enumerate() {
            let Some(doubt) = doubts.get(index).copied().flatten() else {
                lines.push(line);
                continue;
            };
            let bounds = line.quad.bounds();
            let (here, elsewhere): (Vec<_>, Vec<_>) =
                read.into_iter().partition(|other: &TextLine| {
                    share_inside(&other.quad.bounds(), &bounds) > SAME_PLACE
                });
            read = elsewhere;
            if is_better(&here, &line, doubt) {
                // The document says how its type looks.
                replaced.extend(here.into_iter().map(|here| TextLine {
                    size: line.size,
                    style: line.style,
                    ..here
                }));
            } else {
                lines.push(line);
            }
        }
        read.retain(|line| {
            line.confidence
                .is_some_and(|confidence| confidence >= MIN_CONFIDENCE)
        });
        let count = read.len() + replaced.len();
        let first_beside = lines.len() + replaced.len();
        lines.extend(replaced);
        lines.extend(read);
        let first_read = lines.len() - count;
        let is_aside = |line: &TextLine| {
            let bounds = line.quad.bounds();
            self.annotations
                .iter()
                .any(|place| share_inside(&bounds, place) > SAME_PLACE)
        };
        let asides: Vec<usize> = (first_read..lines.len())
            .filter(|&index| is_aside(&lines[index]))
            .collect();
        let beside: Vec<usize> = (first_beside..lines.len())
            .filter(|index| !asides.contains(index))
            .collect();
        CompletedText {
            asides,
            pictures: picture_lines(&lines, &beside, &self.images),
            lines,
            read: count,
            unread,
        }
    }

    /// The lines of a reading, in pixels of the bitmap that the page's own text comes with.
    fn lines(&self, result: OcrResult) -> Vec<TextLine> {
        let to_page = self.to_page(result.rotation, result.skew_deg);
        let OcrContent::Regions(mut lines) = result.content else {
            return Vec::new();
        };
        typography::annotate(&mut lines, &self.image.rotated(result.rotation));
        for line in &mut lines {
            line.quad = Quad(line.quad.0.map(&to_page));
            line.size *= self.scale;
        }
        lines
    }

    /// The place on the bitmap that the page's own text comes with, of a point on the turned image that was read.
    fn to_page(&self, rotation: u16, skew_deg: f32) -> impl Fn(Point) -> Point + use<> {
        let (width, height) = (self.image.width as f32, self.image.height as f32);
        let (origin, scale) = (self.origin, self.scale);
        let center = match rotation {
            90 | 270 => Point {
                x: height / 2.0,
                y: width / 2.0,
            },
            _ => Point {
                x: width / 2.0,
                y: height / 2.0,
            },
        };
        // The labels of a drawing may all be slanted; a scan that was pasted in is not that skewed.
        let skew = Some(skew_deg).filter(|skew| skew.abs() <= MAX_SKEW_DEG);
        let (sin, cos) = skew.unwrap_or_default().to_radians().sin_cos();
        move |p| {
            let (dx, dy) = (p.x - center.x, p.y - center.y);
            let level = Point {
                x: center.x + dx * cos + dy * sin,
                y: center.y - dx * sin + dy * cos,
            };
            let unturned = match rotation {
                90 => Point {
                    x: level.y,
                    y: height - level.x,
                },
                180 => Point {
                    x: width - level.x,
                    y: height - level.y,
                },
                270 => Point {
                    x: width - level.y,
                    y: level.x,
                },
                _ => level,
            };
            Point {
                x: (unturned.x + origin.x) * scale,
                y: (unturned.y + origin.y) * scale,
            }
        }
    }
}

/// Returns true if lines of some length were not read: short ones are the lettering of drawings, and rows of dashes
/// are drawn.
fn is_prose(unread: &UnreadInk) -> bool {
    let is_long = |line: &&UnreadLine| {
        let [a, b, _, d] = line.quad.0;
        let length = |p: Point| (p.x - a.x).hypot(p.y - a.y);
        let is_dashed = !line.text.is_empty() && line.text.chars().all(|c| "-–—_=~ ".contains(c));
        length(b) > UNREAD_LENGTH * length(d) && !is_dashed
    };
    unread.lines.iter().filter(is_long).count() >= UNREAD_LINES
}

/// Returns true if a page's own text is prose without any ideographs or kana.
fn is_without_ideographs(own: &[TextLine]) -> bool {
    let characters = || own.iter().flat_map(|line| line.text.chars());
    characters().filter(|c| c.is_alphabetic()).count() >= PROSE_LETTERS
        && !characters().any(is_unspaced)
}

/// Returns true if what was read in the place of a doubted line is to be taken for it.
fn is_better(read: &[TextLine], line: &TextLine, doubt: LineDoubt) -> bool {
    let confidence = read
        .iter()
        .filter_map(|line| line.confidence)
        .reduce(f32::min);
    let Some(confidence) = confidence else {
        return false;
    };
    let mut parts: Vec<&TextLine> = read.iter().collect();
    parts.sort_by(|a, b| a.quad.0[0].x.total_cmp(&b.quad.0[0].x));
    let text: Vec<&str> = parts.iter().map(|line| line.text.as_str()).collect();
    let text = text.join(" ");
    match doubt {
        LineDoubt::LostLetter => confidence >= MIN_REPLACING,
        LineDoubt::Implausible => {
            confidence >= MIN_CONFIDENCE
                && crate::image::is_plausible_text(&text)
                && likeness(&text, &plain(&line.text)) < MIN_LIKENESS
        }
    }
}

/// The share of the characters, white space aside, that two texts have in common at the same place, 0 to 1.
fn likeness(a: &str, b: &str) -> f32 {
    let letters = |text: &str| -> Vec<char> {
        let letters = text.chars().filter(|c| !c.is_whitespace());
        letters.flat_map(char::to_lowercase).collect()
    };
    let (a, b) = (letters(a), letters(b));
    let longer = a.len().max(b.len()).max(1);
    1.0 - crate::edit_distance::edit_distance(&a, &b) as f32 / longer as f32
}

/// The share of `inner` that lies in `outer`, 0 to 1.
fn share_inside(inner: &Rect, outer: &Rect) -> f32 {
    let width = inner.right.min(outer.right) - inner.left.max(outer.left);
    let height = inner.bottom.min(outer.bottom) - inner.top.max(outer.top);
    let area = inner.width() * inner.height();
    if width > 0.0 && height > 0.0 && area > 0.0 {
        width * height / area
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 100 by 60 pixels, whose corner is at 10, 20, read at twice the page's resolution.
    fn on_page(rotation: u16, skew_deg: f32, (x, y): (f32, f32)) -> (f32, f32) {
        let residual = ResidualImage {
            image: Arc::new(PageImage {
                width: 100,
                height: 60,
                dpi: 200.0,
                rgb: vec![255; 100 * 60 * 3],
            }),
            origin: Point { x: 10.0, y: 20.0 },
            scale: 0.5,
            annotations: Vec::new(),
            images: Vec::new(),
        };
        let point = residual.to_page(rotation, skew_deg)(Point { x, y });
        (point.x.round(), point.y.round())
    }

    #[test]
    fn lines_of_a_turned_picture_lie_where_it_is_on_the_page() {
        assert_eq!(on_page(0, 0.0, (50.0, 30.0)), (30.0, 25.0));
        assert_eq!(on_page(90, 0.0, (0.0, 0.0)), (5.0, 40.0));
        assert_eq!(on_page(180, 0.0, (0.0, 0.0)), (55.0, 40.0));
    }

    #[test]
    fn slanted_labels_stay_where_they_are() {
        assert_eq!(on_page(0, 35.0, (90.0, 10.0)), (50.0, 15.0));
        assert_ne!(on_page(0, 4.0, (90.0, 10.0)), (50.0, 15.0));
    }
}
