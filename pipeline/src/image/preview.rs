//! The small grey picture of a page that a review page shows.

use super::PageImage;

/// A small grey JPEG of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// The JPEG file.
    pub jpeg: Vec<u8>,
    /// Width in pixels, at most 1,000.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Makes the preview of `image` after turning it clockwise by `rotation` degrees (0, 90, 180 or 270).
pub fn preview(_image: &PageImage, _rotation: u16) -> Preview {
    Preview {
        jpeg: Vec::new(),
        width: 0,
        height: 0,
    }
}
