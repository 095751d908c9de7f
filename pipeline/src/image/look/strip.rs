//! The ink of one line, its slope taken out.

use crate::{
    image::PageImage,
    page::{Point, Quad},
};

/// Lines lower than this, in pixels, are too coarse to be measured.
const LEAST_HEIGHT: f32 = 10.0;
/// Most pixels of a strip, so that a mad box costs nothing.
const MOST_PIXELS: usize = 4_000_000;
/// Least difference between paper and ink, in grey levels.
const LEAST_CONTRAST: u8 = 40;

/// Ink on paper along a line, level: as high as the line's box.
#[derive(Debug)]
pub(super) struct LineStrip {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// Which pixels are ink, row by row.
    pub ink: Vec<bool>,
    /// Grey levels below this are ink.
    limit: u8,
}

/// A line's own axes on the page: along it, and down across it.
struct LineFrame {
    origin: Point,
    along: Point,
    down: Point,
    width: f32,
    height: f32,
}

impl LineFrame {
    fn of(quad: &Quad) -> Option<Self> {
        let [a, b, _, d] = quad.0;
        let towards = |p: Point| {
            let (x, y) = (p.x - a.x, p.y - a.y);
            let length = x.hypot(y);
            let point = Point {
                x: x / length,
                y: y / length,
            };
            (length.is_finite() && length >= LEAST_HEIGHT).then_some((point, length))
        };
        let (along, width) = towards(b)?;
        let (down, height) = towards(d)?;
        let fits = width as f64 * height as f64 <= MOST_PIXELS as f64;
        fits.then_some(Self {
            origin: a,
            along,
            down,
            width,
            height,
        })
    }

    /// The grey levels between two places along the line, in pixels from its start; white off the page.
    fn grey(&self, image: &PageImage, from: f32, to: f32) -> (usize, Vec<u8>) {
        let (width, height) = ((to - from) as usize, self.height as usize);
        let mut grey = Vec::with_capacity(width * height);
        for row in 0..height {
            let v = row as f32 + 0.5;
            for column in 0..width {
                let u = from + column as f32 + 0.5;
                let x = self.origin.x + u * self.along.x + v * self.down.x;
                let y = self.origin.y + u * self.along.y + v * self.down.y;
                grey.push(pixel(image, x, y));
            }
        }
        (width, grey)
    }
}

impl LineStrip {
    /// The ink in the box of a line; `None` where it is too small, too large or without contrast.
    pub fn of(image: &PageImage, quad: &Quad) -> Option<Self> {
        let frame = LineFrame::of(quad)?;
        let (width, grey) = frame.grey(image, 0.0, frame.width);
        let (paper, darkest) = levels(&grey)?;
        let limit = darkest + (paper - darkest) / 2;
        (paper - darkest >= LEAST_CONTRAST).then(|| Self::new(width, &grey, limit))
    }

    /// The ink left of a line and at its start: from `before` heights of the line's box in front of it to `within`
    /// heights behind its start.
    pub fn before(&self, image: &PageImage, quad: &Quad, before: f32, within: f32) -> Option<Self> {
        let frame = LineFrame::of(quad)?;
        let end = (within * frame.height).min(frame.width);
        let (width, grey) = frame.grey(image, -before * frame.height, end);
        (!grey.is_empty()).then(|| Self::new(width, &grey, self.limit))
    }

    fn new(width: usize, grey: &[u8], limit: u8) -> Self {
        Self {
            width,
            height: grey.len() / width.max(1),
            ink: grey.iter().map(|&g| g < limit).collect(),
            limit,
        }
    }

    /// Its rows, from top to bottom.
    pub fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.ink.chunks_exact(self.width.max(1))
    }
}

fn pixel(image: &PageImage, x: f32, y: f32) -> u8 {
    let (width, height) = (image.width as usize, image.height as usize);
    // A cast of a number below 0 gives 0, so those are told first.
    if x < 0.0 || y < 0.0 || x as usize >= width || y as usize >= height {
        return u8::MAX;
    }
    let at = (y as usize * width + x as usize) * 3;
    match image.rgb.get(at..at + 3) {
        Some(p) => ((u16::from(p[0]) + 2 * u16::from(p[1]) + u16::from(p[2])) >> 2) as u8,
        None => u8::MAX,
    }
}

/// Paper and ink: the grey levels that a fifth of the pixels are brighter, and a fiftieth darker than.
fn levels(grey: &[u8]) -> Option<(u8, u8)> {
    let mut counts = [0_usize; 256];
    grey.iter().for_each(|&g| counts[usize::from(g)] += 1);
    let at = |share: usize| {
        let goal = grey.len() * share / 100;
        let mut passed = 0;
        counts.iter().position(|count| {
            passed += count;
            passed > goal
        })
    };
    let (paper, darkest) = (at(80)?, at(2)?);
    Some((u8::try_from(paper).ok()?, u8::try_from(darkest).ok()?))
}
