//! TIFF: each directory a page. Fax compressions are left to PDFium ([`super::ccitt`]).

use std::io::BufReader;

use image::{DynamicImage, GrayImage, RgbImage, metadata::Orientation};
use tiff::{
    ColorType, TiffError,
    decoder::{Decoder, DecodingResult, Limits},
    tags::Tag,
};

use super::{
    ccitt,
    image_file::{ImageHeader, fit, too_large},
    pdfium::PdfiumLibrary,
    pread::PreadFile,
};
use crate::image::{inspection::PageInspection, protocol::ChildError};

/// Directories looked at.
const MAX_DIRECTORIES: usize = 50_000;
/// `NewSubfileType` bit of a picture's small copy (TIFF 6.0, section 8).
const REDUCED: u32 = 1;
/// `Compression` of modified Huffman, G3 and G4 (TIFF 6.0, sections 10 and 11).
const CCITT: std::ops::RangeInclusive<u16> = 2..=4;

/// A TIFF and the directories that are its pages.
pub(super) struct TiffFile {
    lib: PdfiumLibrary,
    decoder: Decoder<BufReader<PreadFile>>,
    pages: Vec<usize>,
    max_bytes: u64,
}

impl TiffFile {
    /// Finds the pages in `reader`; decoding one may take `max_bytes` of memory.
    pub fn open(lib: PdfiumLibrary, reader: PreadFile, max_bytes: u64) -> Result<Self, ChildError> {
        let bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        let mut limits = Limits::default();
        limits.decoding_buffer_size = bytes;
        limits.intermediate_buffer_size = bytes;
        let mut decoder = Decoder::new(BufReader::new(reader))
            .map_err(|e| open_error(&e))?
            .with_limits(limits);
        let mut pages = Vec::new();
        for index in 0..MAX_DIRECTORIES {
            let kind = decoder.find_tag_unsigned::<u32>(Tag::NewSubfileType);
            if kind.ok().flatten().unwrap_or(0) & REDUCED == 0 {
                pages.push(index);
            }
            // What follows a broken directory is lost; what came before it is not.
            if !decoder.more_images() || decoder.next_image().is_err() {
                break;
            }
        }
        if pages.is_empty() {
            pages.push(0);
        }
        Ok(Self {
            lib,
            decoder,
            pages,
            max_bytes,
        })
    }

    /// Number of pages.
    pub fn pages(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX)
    }

    /// Inspects the zero-based page without decoding it.
    pub fn inspect(&mut self, index: u32) -> Result<PageInspection, ChildError> {
        self.head(index)?.inspection()
    }

    /// Decodes the page, upright, to a bitmap of that size.
    pub fn render(&mut self, index: u32, width: u32, height: u32) -> Result<Vec<u8>, ChildError> {
        let head = self.head(index)?;
        let compression = self
            .decoder
            .find_tag_unsigned::<u16>(Tag::Compression)
            .ok()
            .flatten()
            .unwrap_or(1);
        let image = if CCITT.contains(&compression) {
            let pixels = u64::from(head.size.0) * u64::from(head.size.1);
            if pixels > self.max_bytes {
                return Err(too_large(head.size));
            }
            let image = ccitt::CcittImage::read(&mut self.decoder, compression, head.size)
                .map_err(|e| page_error(&e))?;
            image.decode(self.lib)?.into()
        } else {
            self.decode(head.size)?
        };
        Ok(fit(image, head.orientation, (width, height)))
    }

    fn head(&mut self, index: u32) -> Result<ImageHeader, ChildError> {
        let directory = usize::try_from(index)
            .ok()
            .and_then(|index| self.pages.get(index))
            .ok_or_else(|| ChildError::PageDamaged("there is no such page".to_owned()))?;
        self.decoder
            .seek_to_image(*directory)
            .map_err(|e| page_error(&e))?;
        let size = self.decoder.dimensions().map_err(|e| page_error(&e))?;
        let orientation = self
            .decoder
            .find_tag_unsigned::<u8>(Tag::Orientation)
            .ok()
            .flatten()
            .and_then(Orientation::from_exif)
            .unwrap_or(Orientation::NoTransforms);
        Ok(ImageHeader {
            size,
            orientation,
            dpi: self.dpi(),
        })
    }

    fn dpi(&mut self) -> Option<(f64, f64)> {
        const CENTIMETERS_PER_INCH: f64 = 2.54;
        let x = self.decoder.get_tag_f64(Tag::XResolution).ok()?;
        let y = self.decoder.get_tag_f64(Tag::YResolution).ok()?;
        let unit = self.decoder.find_tag_unsigned::<u16>(Tag::ResolutionUnit);
        match unit.ok().flatten().unwrap_or(2) {
            2 => Some((x, y)),
            3 => Some((x * CENTIMETERS_PER_INCH, y * CENTIMETERS_PER_INCH)),
            _ => None,
        }
    }

    fn decode(&mut self, size: (u32, u32)) -> Result<DynamicImage, ChildError> {
        let color = self.decoder.colortype().map_err(|e| page_error(&e))?;
        let palette = match color {
            ColorType::Palette(_) => self
                .decoder
                .get_tag_u16_vec(Tag::ColorMap)
                .map_err(|e| page_error(&e))?,
            _ => Vec::new(),
        };
        let planar = self
            .decoder
            .find_tag_unsigned::<u16>(Tag::PlanarConfiguration);
        if planar.ok().flatten() == Some(2) && color.num_samples() > 1 {
            return Err(ChildError::Unsupported(
                "colours in separate planes".to_owned(),
            ));
        }
        let samples = match self.decoder.read_image().map_err(|e| page_error(&e))? {
            DecodingResult::U8(bytes) => bytes,
            DecodingResult::U16(words) => words.iter().map(|word| (word >> 8) as u8).collect(),
            _ => return Err(ChildError::Unsupported("samples of that kind".to_owned())),
        };
        to_image(&samples, size, color, &palette)
            .ok_or_else(|| ChildError::Unsupported(format!("{color:?} in a TIFF")))
    }
}

/// Makes an image of 8-bit samples, or of packed ones if there are fewer bits.
fn to_image(
    samples: &[u8],
    size: (u32, u32),
    color: ColorType,
    palette: &[u16],
) -> Option<DynamicImage> {
    let (width, height) = size;
    let unpacked = |bits: u8| unpack(samples, size, bits);
    let rgb = |pixels: Vec<u8>| RgbImage::from_raw(width, height, pixels).map(DynamicImage::from);
    match color {
        ColorType::Gray(bits @ (1 | 2 | 4 | 8 | 16)) => {
            let most = (1_u16 << bits.min(8)) - 1;
            let gray = unpacked(bits)?
                .into_iter()
                .map(|value| (u16::from(value) * 255 / most) as u8)
                .collect();
            GrayImage::from_raw(width, height, gray).map(DynamicImage::from)
        }
        ColorType::Palette(bits @ (1 | 2 | 4 | 8)) => {
            let entries = palette.len() / 3;
            let mut pixels = Vec::new();
            for index in unpacked(bits)? {
                for band in 0..3 {
                    let entry = palette.get(band * entries + usize::from(index));
                    pixels.push((entry.copied().unwrap_or(0) >> 8) as u8);
                }
            }
            rgb(pixels)
        }
        ColorType::RGB(8 | 16) => rgb(samples.to_vec()),
        ColorType::RGBA(8 | 16) => {
            image::RgbaImage::from_raw(width, height, samples.to_vec()).map(DynamicImage::from)
        }
        ColorType::GrayA(8 | 16) => {
            image::GrayAlphaImage::from_raw(width, height, samples.to_vec()).map(DynamicImage::from)
        }
        ColorType::CMYK(8 | 16) => rgb(samples
            .as_chunks::<4>()
            .0
            .iter()
            .flat_map(|&[c, m, y, k]| {
                [c, m, y].map(|ink| (u16::from(255 - ink) * u16::from(255 - k) / 255) as u8)
            })
            .collect()),
        ColorType::YCbCr(8) => rgb(samples
            .as_chunks::<3>()
            .0
            .iter()
            .flat_map(|&ycc| from_ycbcr(ycc))
            .collect()),
        _ => None,
    }
}

/// One byte for each sample of rows that begin on whole bytes.
fn unpack(samples: &[u8], size: (u32, u32), bits: u8) -> Option<Vec<u8>> {
    if bits >= 8 {
        return Some(samples.to_vec());
    }
    let (width, height) = (size.0 as usize, size.1 as usize);
    let row_bytes = (width * usize::from(bits)).div_ceil(8);
    let per_byte = 8 / usize::from(bits);
    let mask = (1_u8 << bits) - 1;
    let mut out = Vec::with_capacity(width * height);
    for row in 0..height {
        let row = samples.get(row * row_bytes..(row + 1) * row_bytes)?;
        out.extend((0..width).map(|x| {
            let shift = 8 - usize::from(bits) * (x % per_byte + 1);
            (row[x / per_byte] >> shift) & mask
        }));
    }
    Some(out)
}

/// ITU-T T.871, section 7.
fn from_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [
        y + 1.402 * cr,
        y - 0.344_136 * cb - 0.714_136 * cr,
        y + 1.772 * cb,
    ]
    .map(|value| value.round() as u8)
}

fn open_error(error: &TiffError) -> ChildError {
    match error {
        TiffError::UnsupportedError(e) => ChildError::Unsupported(e.to_string()),
        other => ChildError::Damaged(other.to_string()),
    }
}

fn page_error(error: &TiffError) -> ChildError {
    match error {
        TiffError::LimitsExceeded => ChildError::TooLarge(
            "the picture has more pixels than can be decoded; raise --rasterizer-memory".to_owned(),
        ),
        TiffError::UnsupportedError(e) => ChildError::Unsupported(e.to_string()),
        other => ChildError::PageDamaged(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_samples_unfold_row_by_row() {
        // Two rows of three: the rest of each byte is padding.
        assert_eq!(
            unpack(&[0b1010_0000, 0b0110_0000], (3, 2), 1).unwrap(),
            [1, 0, 1, 0, 1, 1]
        );
        assert_eq!(unpack(&[0x1F, 0x20], (3, 1), 4).unwrap(), [1, 15, 2]);
        assert_eq!(unpack(&[0], (3, 2), 1), None, "too few bytes");
    }

    #[test]
    fn palettes_and_inks_become_colors() {
        let palette = [0xFFFF, 0, 0, 0xFFFF, 0, 0];
        let image = to_image(&[0b1000_0000], (2, 1), ColorType::Palette(1), &palette).unwrap();
        assert_eq!(image.into_rgb8().into_raw(), [0, 255, 0, 255, 0, 0]);
        let image = to_image(&[0, 255, 255, 0], (1, 1), ColorType::CMYK(8), &[]).unwrap();
        assert_eq!(image.into_rgb8().into_raw(), [255, 0, 0]);
        assert_eq!(from_ycbcr([255, 128, 128]), [255, 255, 255]);
    }
}
