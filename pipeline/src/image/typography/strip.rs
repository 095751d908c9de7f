//! Line strips: the ink of one line, its slope taken out.

use crate::{
    image::{
        PageImage,
        binary::BinaryImage,
        histogram::LumaHistogram,
        luma::LumaPlane,
        resample::sample::nearest_luma,
        tuning::typography::{
            BACKGROUND_PERCENTILE, INK_PERCENTILE, MAX_STRIP_PX, MIN_CONTRAST, MIN_HEIGHT_PX,
        },
    },
    page::{Point, Quad},
};

/// Ink on background along a line, level: as high as the line's box.
#[derive(Debug)]
pub(super) struct LineStrip {
    /// Its ink, by one level for the whole line: a line is too short for uneven light.
    pub ink: BinaryImage,
    /// Pixels of less luma are ink.
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
            (length.is_finite() && length >= MIN_HEIGHT_PX).then_some((point, length))
        };
        let (along, width) = towards(b)?;
        let (down, height) = towards(d)?;
        let fits = width as f64 * height as f64 <= MAX_STRIP_PX as f64;
        fits.then_some(Self {
            origin: a,
            along,
            down,
            width,
            height,
        })
    }

    /// The luma between two places along the line, in pixels from its start; white off the page.
    fn luma(&self, image: &PageImage, from: f32, to: f32) -> LumaPlane {
        let (width, height) = ((to - from) as usize, self.height as usize);
        let mut values = Vec::with_capacity(width * height);
        for row in 0..height {
            let v = row as f32 + 0.5;
            for column in 0..width {
                let u = from + column as f32 + 0.5;
                let x = self.origin.x + u * self.along.x + v * self.down.x;
                let y = self.origin.y + u * self.along.y + v * self.down.y;
                values.push(nearest_luma(image, x, y));
            }
        }
        LumaPlane { values, width }
    }
}

impl LineStrip {
    /// The ink in the box of a line; `None` if it is too small, too large or without contrast.
    pub fn of(image: &PageImage, quad: &Quad) -> Option<Self> {
        let frame = LineFrame::of(quad)?;
        let luma = frame.luma(image, 0.0, frame.width);
        let histogram = LumaHistogram::<256>::of(luma.values.iter().copied());
        let percentile = |percent: usize| {
            let rank = luma.values.len() * percent / 100;
            histogram.rank(u32::try_from(rank).ok()?)
        };
        let (background, darkest) = (
            percentile(BACKGROUND_PERCENTILE)?,
            percentile(INK_PERCENTILE)?,
        );
        let limit = darkest + (background - darkest) / 2;
        (background - darkest >= MIN_CONTRAST).then(|| Self::new(&luma, limit))
    }

    /// The ink left of a line and at its start: from `before` heights of the line's box in front of
    /// it to `within` heights behind its start.
    pub fn before(&self, image: &PageImage, quad: &Quad, before: f32, within: f32) -> Option<Self> {
        let frame = LineFrame::of(quad)?;
        let end = (within * frame.height).min(frame.width);
        let luma = frame.luma(image, -before * frame.height, end);
        (!luma.values.is_empty()).then(|| Self::new(&luma, self.limit))
    }

    fn new(luma: &LumaPlane, limit: u8) -> Self {
        Self {
            ink: BinaryImage::darker(luma, limit),
            limit,
        }
    }

    /// Its height in pixels.
    pub fn height(&self) -> usize {
        self.ink.height()
    }
}
