//! Luma: the brightness of pixels, 0 (black) to 255 (white), by integer weights of red, green and
//! blue.

use super::PageImage;

/// Integer weights of red, green and blue; they add up to `1 << bits`, at most 256.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LumaWeights {
    red: u16,
    green: u16,
    blue: u16,
    bits: u32,
}

/// Weights for telling ink from paper. Blue weighs more than the eye gives it, so that yellow
/// differs from white.
pub(crate) const INK_LUMA: LumaWeights = LumaWeights::new(1, 2, 1, 2);
/// Weights for pictures that people look at: ITU-R BT.601.
pub(crate) const BT601_LUMA: LumaWeights = LumaWeights::new(77, 150, 29, 8);

/// Weights for patches of a page that GOT reads in gray: near BT.601's.
pub(crate) const PATCH_LUMA: LumaWeights = LumaWeights::new(2, 5, 1, 3);

impl LumaWeights {
    pub(crate) const fn new(red: u16, green: u16, blue: u16, bits: u32) -> Self {
        assert!(red + green + blue == 1 << bits && bits <= 8);
        Self {
            red,
            green,
            blue,
            bits,
        }
    }

    /// The weighted sum of an RGB pixel: its luma times `1 << bits`.
    #[inline(always)]
    pub(crate) fn weigh(self, pixel: &[u8]) -> u16 {
        self.red * u16::from(pixel[0])
            + self.green * u16::from(pixel[1])
            + self.blue * u16::from(pixel[2])
    }

    /// The luma of an RGB pixel, rounded down.
    #[inline(always)]
    pub(crate) fn of(self, pixel: &[u8]) -> u8 {
        (self.weigh(pixel) >> self.bits) as u8
    }

    /// The luma of an RGB pixel, not rounded.
    #[inline(always)]
    pub(crate) fn exact(self, pixel: &[u8]) -> f32 {
        f32::from(self.weigh(pixel)) / (1u32 << self.bits) as f32
    }
}

/// The luma of a page by [`INK_LUMA`], row by row.
pub(crate) struct LumaPlane {
    pub(crate) values: Vec<u8>,
    pub(crate) width: usize,
}

impl LumaPlane {
    /// The luma of `image` in its own size; `None` if it has no pixels, or fewer than its size
    /// says.
    pub(crate) fn of(image: &PageImage) -> Option<Self> {
        let pixels = whole_pixels(image)?.chunks_exact(3);
        Some(Self {
            values: pixels.map(|pixel| INK_LUMA.of(pixel)).collect(),
            width: image.width as usize,
        })
    }

    /// The luma of `image`, each value the mean of a square of `side` by `side` pixels, rounded
    /// down; pixels left over at the right and below are left out.
    pub(crate) fn reduced(image: &PageImage, side: usize) -> Option<Self> {
        if side <= 1 {
            return Self::of(image);
        }
        let pixels = whole_pixels(image)?;
        let (stride, width) = (image.width as usize * 3, image.width as usize / side);
        let mut values = Vec::with_capacity(width * (image.height as usize / side));
        let mut sums = vec![0u32; width];
        let area = ((side * side) << INK_LUMA.bits) as u32;
        for band in pixels.chunks_exact(stride * side) {
            sums.fill(0);
            for row in band.chunks_exact(stride) {
                for (sum, pixels) in sums.iter_mut().zip(row.chunks_exact(side * 3)) {
                    let weighed = pixels.chunks_exact(3).map(|p| u32::from(INK_LUMA.weigh(p)));
                    *sum += weighed.sum::<u32>();
                }
            }
            values.extend(sums.iter().map(|sum| (sum / area) as u8));
        }
        Some(Self { values, width })
    }

    /// Its height in pixels.
    pub(crate) fn height(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// Its rows, from top to bottom.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.values.chunks_exact(self.width.max(1))
    }
}

/// The bytes of the pixels of `image`; `None` if there are none, or fewer than its size says.
pub(crate) fn whole_pixels(image: &PageImage) -> Option<&[u8]> {
    let pixels = (image.width as usize).checked_mul(image.height as usize)?;
    let bytes = pixels.checked_mul(3)?;
    image.rgb.get(..bytes).filter(|rgb| !rgb.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_is_255_and_black_0_by_all_weights() {
        for weights in [INK_LUMA, BT601_LUMA, PATCH_LUMA] {
            assert_eq!((weights.of(&[255; 3]), weights.of(&[0; 3])), (255, 0));
            assert_eq!(weights.exact(&[255; 3]), 255.0);
        }
    }

    #[test]
    fn squares_are_averaged_and_what_is_left_over_left_out() {
        let image = PageImage {
            width: 5,
            height: 3,
            dpi: 72.0,
            rgb: (0..15).flat_map(|value| [value; 3]).collect(),
        };
        let plane = LumaPlane::reduced(&image, 2).expect("it has pixels");
        assert_eq!((plane.width, plane.values), (2, vec![3, 5]));
    }

    #[test]
    fn an_image_without_its_pixels_has_no_luma() {
        let short = PageImage {
            width: u32::MAX,
            height: u32::MAX,
            dpi: 72.0,
            rgb: vec![0; 9],
        };
        assert!(LumaPlane::of(&short).is_none());
        assert!(LumaPlane::of(&PageImage::default()).is_none());
    }
}
