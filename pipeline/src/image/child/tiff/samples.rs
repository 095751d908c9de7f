//! Samples of a TIFF: of any width and kind, as bytes of gray or RGB.

use tiff::{ColorType, tags::SampleFormat};

use crate::image::child::bitmap::Samples;

/// The color, width and kind of a picture's samples.
#[derive(Clone, Debug)]
pub(super) struct SampleKind {
    pub color: ColorType,
    pub format: SampleFormat,
    /// The values that are black and white, for samples whose width does not say it.
    pub range: ValueRange,
}

/// The values that become 0 and 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ValueRange {
    pub low: f64,
    pub high: f64,
}

impl ValueRange {
    /// The range that holds nothing.
    pub const EMPTY: Self = Self {
        low: f64::INFINITY,
        high: f64::NEG_INFINITY,
    };

    /// The range that values of `low` to `high` are meant in: programs write 0 to 1, or the range of whole numbers
    /// that they had before.
    pub fn meant(self, is_float: bool) -> Self {
        let whole = [1.0, 255.0, 65_535.0];
        let from = usize::from(!is_float);
        let fitting = whole[from..].iter().find(|most| self.high <= **most);
        match fitting {
            Some(&high) if self.low >= 0.0 => Self { low: 0.0, high },
            _ => self,
        }
    }

    fn byte(self, value: f64) -> u8 {
        // What is no number becomes 0.
        ((value - self.low) / (self.high - self.low) * 255.0).round() as u8
    }
}

impl SampleKind {
    /// Samples of a pixel as decoded.
    pub fn count(&self) -> usize {
        usize::from(self.color.num_samples())
    }

    /// Returns true if black and white follow from the values alone.
    pub fn needs_range(&self) -> bool {
        self.format != SampleFormat::Uint || self.color.bit_depth() > 16
    }

    /// Widens `range` to the values of a row.
    pub fn measure(&self, row: &[u8], range: &mut ValueRange) {
        self.each_value(row, |value| {
            if value.is_finite() {
                range.low = range.low.min(value);
                range.high = range.high.max(value);
            }
        });
    }

    /// Appends a row's samples as bytes; `row` has them in the machine's byte order, `most` at most.
    pub fn bytes(&self, row: &[u8], most: usize, out: &mut Vec<u8>) {
        match (self.color.bit_depth(), self.format) {
            (8, SampleFormat::Uint) => out.extend_from_slice(row.get(..most).unwrap_or(row)),
            (16, SampleFormat::Uint) => {
                let words = row.as_chunks::<2>().0.iter();
                out.extend(words.map(|word| (u16::from_ne_bytes(*word) >> 8) as u8));
            }
            (bits @ 1..8, SampleFormat::Uint) => unpack(row, bits, most, out),
            _ => self.each_value(row, |value| out.push(self.range.byte(value))),
        }
    }

    fn each_value(&self, row: &[u8], mut take: impl FnMut(f64)) {
        macro_rules! values {
            ($kind:ty) => {
                row.as_chunks::<{ size_of::<$kind>() }>()
                    .0
                    .iter()
                    .for_each(|bytes| take(<$kind>::from_ne_bytes(*bytes) as f64))
            };
        }
        match (self.format, self.color.bit_depth()) {
            (SampleFormat::IEEEFP, 16) => row
                .as_chunks::<2>()
                .0
                .iter()
                .for_each(|bytes| take(half(u16::from_ne_bytes(*bytes)))),
            (SampleFormat::IEEEFP, 32) => values!(f32),
            (SampleFormat::IEEEFP, 64) => values!(f64),
            (SampleFormat::Int, 8) => values!(i8),
            (SampleFormat::Int, 16) => values!(i16),
            (SampleFormat::Int, 32) => values!(i32),
            (SampleFormat::Int, 64) => values!(i64),
            (_, 32) => values!(u32),
            (_, 64) => values!(u64),
            _ => {}
        }
    }

    /// The samples of the page; `None` for colors that are not known.
    pub fn drawn(&self) -> Option<Samples> {
        match self.color {
            ColorType::Gray(_) | ColorType::Multiband { .. } => Some(Samples::Gray),
            ColorType::GrayA(_) => Some(Samples::GrayAlpha),
            ColorType::RGB(_) | ColorType::CMYK(_) | ColorType::CMYKA(_) | ColorType::YCbCr(_) => {
                Some(Samples::Rgb)
            }
            ColorType::RGBA(_) => Some(Samples::Rgba),
            _ => None,
        }
    }

    /// Makes a row of drawn samples of a row of bytes.
    pub fn colors(&self, row: &[u8], out: &mut Vec<u8>) {
        out.clear();
        match self.color {
            ColorType::Multiband { .. } => out.extend(row.iter().step_by(self.count().max(1))),
            ColorType::CMYK(_) => {
                out.extend(
                    row.as_chunks::<4>()
                        .0
                        .iter()
                        .flat_map(|&inks| from_cmyk(inks)),
                );
            }
            ColorType::CMYKA(_) => {
                let pixels = row.as_chunks::<5>().0.iter();
                out.extend(pixels.flat_map(|&[c, m, y, k, _]| from_cmyk([c, m, y, k])));
            }
            ColorType::YCbCr(_) => {
                out.extend(
                    row.as_chunks::<3>()
                        .0
                        .iter()
                        .flat_map(|&ycc| from_ycbcr(ycc)),
                );
            }
            _ => out.extend_from_slice(row),
        }
    }
}

/// Unfolds samples of fewer than 8 bits: the first one is in the highest bits.
fn unpack(row: &[u8], bits: u8, most: usize, out: &mut Vec<u8>) {
    let per_byte = 8 / bits;
    let largest = (1_u16 << bits) - 1;
    let samples = row.iter().flat_map(|&byte| {
        (0..per_byte).map(move |at| u16::from(byte >> (8 - bits * (at + 1))) & largest)
    });
    out.extend(
        samples
            .take(most)
            .map(|value| (value * 255 / largest) as u8),
    );
}

/// The value of a number of 16 bits (IEEE 754, binary16).
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3FF);
    sign * match (bits >> 10) & 0x1F {
        0 => fraction * 2_f64.powi(-24),
        0x1F if fraction == 0.0 => f64::INFINITY,
        0x1F => f64::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2_f64.powi(i32::from(exponent) - 15),
    }
}

fn from_cmyk([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    [c, m, y].map(|ink| (u16::from(255 - ink) * u16::from(255 - k) / 255) as u8)
}

/// ITU-T T.871, section 7.
pub(super) fn from_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [
        y + 1.402 * cr,
        y - 0.344_136 * cb - 0.714_136 * cr,
        y + 1.772 * cb,
    ]
    .map(|value| value.round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(color: ColorType, format: SampleFormat) -> SampleKind {
        SampleKind {
            color,
            format,
            range: ValueRange {
                low: 0.0,
                high: 1.0,
            },
        }
    }

    fn bytes(kind: &SampleKind, row: &[u8], most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        kind.bytes(row, most, &mut out);
        out
    }

    #[test]
    fn packed_samples_unfold() {
        let gray = |bits| kind(ColorType::Gray(bits), SampleFormat::Uint);
        assert_eq!(bytes(&gray(1), &[0b1010_0000], 3), [255, 0, 255]);
        assert_eq!(bytes(&gray(4), &[0x1F, 0x20], 3), [17, 255, 34]);
    }

    #[test]
    fn numbers_of_any_kind_become_bytes() {
        let float = kind(ColorType::Gray(32), SampleFormat::IEEEFP);
        let row = [0.0_f32, 0.5, 1.0, f32::NAN, 7.0]
            .map(f32::to_ne_bytes)
            .concat();
        assert_eq!(bytes(&float, &row, 5), [0, 128, 255, 0, 255]);
        let halves = kind(ColorType::Gray(16), SampleFormat::IEEEFP);
        let row = [0x3C00_u16, 0x3800, 0x8000].map(u16::to_ne_bytes).concat();
        assert_eq!(bytes(&halves, &row, 3), [255, 128, 0]);
    }

    #[test]
    fn values_are_taken_in_the_range_that_was_meant() {
        let range = |low, high| ValueRange { low, high };
        assert_eq!(range(0.1, 0.9).meant(true), range(0.0, 1.0));
        assert_eq!(range(0.0, 251.0).meant(true), range(0.0, 255.0));
        assert_eq!(range(0.0, 1.0).meant(false), range(0.0, 255.0));
        assert_eq!(range(-5.0, 3.0).meant(true), range(-5.0, 3.0));
    }

    #[test]
    fn inks_become_colors() {
        let mut out = Vec::new();
        kind(ColorType::CMYK(8), SampleFormat::Uint).colors(&[0, 255, 255, 0], &mut out);
        assert_eq!(out, [255, 0, 0]);
        assert_eq!(from_ycbcr([255, 128, 128]), [255, 255, 255]);
    }
}
