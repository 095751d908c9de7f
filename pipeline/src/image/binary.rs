//! Binary images: which pixels of a page are ink.

use super::{background::BackgroundGrid, luma::LumaPlane};

/// A binary image: 1 for each pixel that is set (ink), else 0; row by row.
#[derive(Clone, Debug)]
pub(crate) struct BinaryImage {
    pub(crate) pixels: Vec<u8>,
    pub(crate) width: usize,
}

impl BinaryImage {
    /// The pixels of `plane` that differ from the background around them by more than `contrast`
    /// gray levels.
    pub(crate) fn differing(plane: &LumaPlane, background: &BackgroundGrid, contrast: u8) -> Self {
        let mut pixels = Vec::with_capacity(plane.values.len());
        for (y, row) in plane.rows().enumerate() {
            background.push_ink_of_row(y, row, contrast, &mut pixels);
        }
        Self {
            pixels,
            width: plane.width,
        }
    }

    /// The pixels of `plane` that are darker than `limit`: for pages and lines in even light.
    pub(crate) fn darker(plane: &LumaPlane, limit: u8) -> Self {
        let is_ink = |&value: &u8| u8::from(value < limit);
        Self {
            pixels: plane.values.iter().map(is_ink).collect(),
            width: plane.width,
        }
    }

    /// Its height in pixels.
    pub(crate) fn height(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    /// Its rows, from top to bottom.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.width.max(1))
    }
}
