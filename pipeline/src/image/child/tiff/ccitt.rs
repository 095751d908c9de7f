//! CCITT fax compressions of TIFF (modified Huffman, G3 in one and two dimensions, G4), decoded by PDFium:
//! each strip becomes a PDF of one image, drawn pixel for pixel.

use std::io::BufReader;

use tiff::{TiffResult, decoder::Decoder, tags::Tag};

use super::stored::StoredChunks;
use crate::image::{
    child::{
        bitmap::{BitmapWriter, Samples},
        one_picture::{PictureCode, PicturePdf},
        pdfium::PdfiumLibrary,
        pread::PreadFile,
    },
    protocol::ChildError,
};

/// `T4Options` bit for two-dimensional coding (TIFF 6.0, section 11).
const TWO_DIMENSIONAL: u32 = 1;
/// `PhotometricInterpretation` of pictures whose zeros are black.
const BLACK_IS_ZERO: u16 = 1;
/// `FillOrder` of bytes that are filled from their lowest bit.
const LOW_BIT_FIRST: u16 = 2;

/// A page of a TIFF in fax compression.
pub(super) struct CcittImage {
    width: u32,
    height: u32,
    /// `/K` of the PDF filter: below 0 for G4, 0 for G3 in one dimension, above 0 for G3 in two.
    k: i32,
    /// True if rows begin on whole bytes.
    byte_aligned: bool,
    inverted: bool,
    low_bit_first: bool,
    rows_per_strip: u32,
    strips: StoredChunks,
}

impl CcittImage {
    /// The picture of the decoder's current directory.
    pub fn read(
        decoder: &mut Decoder<BufReader<PreadFile>>,
        compression: u16,
        size: (u32, u32),
    ) -> TiffResult<Self> {
        let (width, height) = size;
        let options = decoder
            .find_tag_unsigned::<u32>(Tag::Unknown(T4_OPTIONS))?
            .unwrap_or(0);
        let (k, byte_aligned) = match compression {
            4 => (-1, false),
            3 if options & TWO_DIMENSIONAL != 0 => (1, false),
            3 => (0, false),
            _ => (0, true),
        };
        let photometric = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)?;
        let fill_order = decoder.find_tag_unsigned::<u16>(Tag::FillOrder)?;
        let rows = decoder.find_tag_unsigned::<u32>(Tag::RowsPerStrip)?;
        Ok(Self {
            width,
            height,
            k,
            byte_aligned,
            inverted: photometric == Some(BLACK_IS_ZERO),
            low_bit_first: fill_order == Some(LOW_BIT_FIRST),
            rows_per_strip: rows.unwrap_or(height).clamp(1, height.max(1)),
            strips: StoredChunks::strips(decoder)?,
        })
    }

    /// Gives the rows to `writer`, as far as the file has data for them.
    pub fn draw(
        &self,
        lib: PdfiumLibrary,
        decoder: &mut Decoder<BufReader<PreadFile>>,
        writer: &mut BitmapWriter,
    ) -> Result<(), ChildError> {
        let mut left = self.height;
        for index in 0..self.strips.len() {
            let rows = left.min(self.rows_per_strip);
            if rows == 0 {
                break;
            }
            let mut strip = self.strips.read(decoder, index)?;
            if strip.is_empty() {
                break;
            }
            if self.low_bit_first {
                strip
                    .iter_mut()
                    .for_each(|byte| *byte = byte.reverse_bits());
            }
            let mut inverted_row = Vec::new();
            PicturePdf::open(lib, &self.code(rows), strip)?.rows(Samples::Gray, |row| {
                if self.inverted {
                    inverted_row.clear();
                    inverted_row.extend(row.iter().map(|gray| 255 - gray));
                    writer.push(&inverted_row);
                } else {
                    writer.push(row);
                }
            })?;
            left -= rows;
        }
        Ok(())
    }

    fn code(&self, rows: u32) -> PictureCode {
        let Self {
            width,
            k,
            byte_aligned,
            ..
        } = self;
        PictureCode {
            size: (*width, rows),
            members: format!(
                "/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms<</K {k}\
                 /Columns {width}/Rows {rows}/EncodedByteAlign {byte_aligned}/EndOfBlock false>>"
            ),
        }
    }
}

/// `T4Options`.
const T4_OPTIONS: u16 = 292;
