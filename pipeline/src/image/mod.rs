//! Images of pages, from the document's bytes to the bitmap that an engine reads, and the text that
//! a page brings along.
//!
//! Everything that touches a document's bytes runs in child processes of the same binary
//! ([`crate::image::child`]); this side owns the deadlines ([`crate::image::rasterizer`]).

pub mod rasterizer;
pub mod child;
mod protocol;
pub mod inspection;
pub mod text_layer_policy;
mod text_layer;
mod formulas;

// Pixel operations that all readers of page images share.
pub(crate) mod luma;
pub(crate) mod histogram;
pub(crate) mod background;
pub(crate) mod binary;
pub(crate) mod components;
pub(crate) mod resample;
pub(crate) mod skew;
mod tuning;

// Findings about a page from its pixels.
pub mod blank_page;
pub(crate) mod contrast;
pub(crate) mod drawn_share;
pub mod rulings;
pub(crate) mod residual_ink;
pub mod typography;
pub mod preview;

/// Bytes of a file that [`begins_document`] has to see.
pub const DOCUMENT_HEAD_BYTES: usize = child::PDF_HEADER_WITHIN;

/// Returns true if a file that begins with `head` is a PDF or a picture of a kind that is read, whatever its name is.
pub fn begins_document(head: &[u8]) -> bool {
    child::begins_document(head)
}

/// A page's bitmap, upright as a viewer shows it: RGB, 8 bits a channel, rows without padding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageImage {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Resolution in dots per inch.
    pub dpi: f32,
    /// `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

impl PageImage {
    /// Checks that the size fits the pixels: bitmaps come from outside.
    ///
    /// # Errors
    /// If there are not; the text says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let bytes = u64::from(self.width) * u64::from(self.height) * 3;
        if bytes == 0 || bytes != self.rgb.len() as u64 {
            return Err(format!(
                "a bitmap of {}x{} pixels has {} bytes",
                self.width,
                self.height,
                self.rgb.len()
            ));
        }
        Ok(())
    }

    /// The part from (`left`, `top`) to before (`right`, `bottom`), in pixels that lie on the image.
    pub(crate) fn cropped(&self, left: u32, top: u32, right: u32, bottom: u32) -> Self {
        let (right, bottom) = (right.min(self.width), bottom.min(self.height));
        let (left, top) = (left.min(right), top.min(bottom));
        let stride = self.width as usize * 3;
        let columns = left as usize * 3..right as usize * 3;
        let rows = self.rgb.chunks_exact(stride.max(3));
        let rows = rows.skip(top as usize).take((bottom - top) as usize);
        Self {
            width: right - left,
            height: bottom - top,
            dpi: self.dpi,
            rgb: rows
                .flat_map(|row| &row[columns.clone()])
                .copied()
                .collect(),
        }
    }

    /// The image rotated clockwise by `rotation` degrees: 90, 180 or 270; anything else leaves it
    /// as it is.
    pub fn rotated(&self, rotation: u16) -> Self {
        let (width, height) = (self.width as usize, self.height as usize);
        let pixels = self.rgb.chunks_exact(3);
        let mut rgb = vec![0; self.rgb.len()];
        match rotation {
            180 => {
                for (pixel, rotated) in pixels.rev().zip(rgb.chunks_exact_mut(3)) {
                    rotated.copy_from_slice(pixel);
                }
            }
            90 | 270 => {
                for (index, pixel) in pixels.enumerate() {
                    let (x, y) = (index % width, index / width);
                    let (to_x, to_y) = if rotation == 90 {
                        (height - 1 - y, x)
                    } else {
                        (y, width - 1 - x)
                    };
                    let at = (to_y * height + to_x) * 3;
                    rgb[at..at + 3].copy_from_slice(pixel);
                }
                return Self {
                    width: self.height,
                    height: self.width,
                    dpi: self.dpi,
                    rgb,
                };
            }
            _ => rgb.copy_from_slice(&self.rgb),
        }
        Self { rgb, ..*self }
    }
}

/// Returns true if the letters of `text` follow one another as in a European language.
pub(crate) fn is_plausible_text(text: &str) -> bool {
    text_layer::plausibility::LetterPairs::is_language(text)
}

#[cfg(test)]
pub(crate) mod fixtures;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_moves_corners_clockwise() {
        // Red, green over blue, white, in a 2 x 2 image with a third, black row.
        let (r, g, b, w, k) = ([9, 0, 0], [0, 9, 0], [0, 0, 9], [9, 9, 9], [0, 0, 0]);
        let image = PageImage {
            width: 2,
            height: 3,
            dpi: 72.0,
            rgb: [r, g, b, w, k, k].concat(),
        };
        assert_eq!(image.rotated(90).rgb, [k, b, r, k, w, g].concat());
        assert_eq!(image.rotated(180).rgb, [k, k, w, b, g, r].concat());
        assert_eq!(image.rotated(270).rgb, [g, w, k, r, b, k].concat());
        assert_eq!((image.rotated(90).width, image.rotated(90).height), (3, 2));
        assert_eq!(image.rotated(90).rotated(270), image);
    }

    #[test]
    fn four_quarter_turns_give_the_page_back() {
        let rgb: Vec<u8> = (0..2 * 3 * 3).collect();
        let image = PageImage {
            width: 2,
            height: 3,
            dpi: 100.0,
            rgb,
        };
        let once = image.rotated(90);
        assert_eq!((once.width, once.height), (3, 2));
        // The bottom left pixel comes to the top left.
        assert_eq!(once.rgb[..3], image.rgb[12..15]);
        assert_eq!(once.rotated(90).rotated(180), image);
        assert_eq!(once.rotated(270), image);
    }
}
