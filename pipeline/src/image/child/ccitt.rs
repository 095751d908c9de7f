//! CCITT fax compressions of TIFF (modified Huffman, G3 in one and two dimensions, G4), decoded by PDFium:
//! each strip becomes a PDF of one image, drawn pixel for pixel.

use std::{
    fmt::Write as _,
    io::{BufReader, Read, Seek, SeekFrom},
};

use image::GrayImage;
use tiff::{TiffError, TiffResult, decoder::Decoder, tags::Tag};

use super::{
    pdfium::{PdfPage, PdfiumLibrary},
    pread::PreadFile,
};
use crate::image::protocol::ChildError;

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
    rows_per_strip: u32,
    strips: Vec<Vec<u8>>,
}

impl CcittImage {
    /// Reads the strips of the decoder's current directory.
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
        let offsets = decoder.get_tag_u64_vec(Tag::StripOffsets)?;
        let counts = decoder.get_tag_u64_vec(Tag::StripByteCounts)?;
        let mut strips = Vec::new();
        for (&offset, &count) in offsets.iter().zip(&counts) {
            let mut strip = Vec::new();
            let reader = decoder.inner();
            reader
                .seek(SeekFrom::Start(offset))
                .map_err(TiffError::from)?;
            reader
                .take(count)
                .read_to_end(&mut strip)
                .map_err(TiffError::from)?;
            if fill_order == Some(LOW_BIT_FIRST) {
                strip
                    .iter_mut()
                    .for_each(|byte| *byte = byte.reverse_bits());
            }
            strips.push(strip);
        }
        Ok(Self {
            width,
            height,
            k,
            byte_aligned,
            inverted: photometric == Some(BLACK_IS_ZERO),
            rows_per_strip: rows.unwrap_or(height).clamp(1, height.max(1)),
            strips,
        })
    }

    /// Draws the strips one below the other.
    pub fn decode(self, lib: PdfiumLibrary) -> Result<GrayImage, ChildError> {
        let damaged = |why: &str| ChildError::PageDamaged(why.to_owned());
        let width = self.width as usize;
        let mut pixels = vec![0xFF; width * self.height as usize];
        let mut left = self.height;
        let mut rest = pixels.as_mut_slice();
        for strip in &self.strips {
            let rows = left.min(self.rows_per_strip);
            if rows == 0 {
                break;
            }
            let (target, below) = rest.split_at_mut(width * rows as usize);
            let document = lib
                .open_bytes(self.wrap(strip, rows))
                .map_err(|_| damaged("its fax data cannot be read"))?;
            let drawn = document
                .page(0)
                .is_some_and(|page: PdfPage<'_>| page.render_gray(target, self.width, rows));
            if !drawn {
                return Err(damaged("its fax data cannot be drawn"));
            }
            rest = below;
            left -= rows;
        }
        if self.inverted {
            pixels.iter_mut().for_each(|pixel| *pixel = 255 - *pixel);
        }
        GrayImage::from_raw(self.width, self.height, pixels)
            .ok_or_else(|| damaged("its size is wrong"))
    }

    /// A PDF of one page that shows the strip, a point for each pixel.
    fn wrap(&self, strip: &[u8], rows: u32) -> Vec<u8> {
        let Self {
            width,
            k,
            byte_aligned,
            ..
        } = self;
        let content = format!("{width} 0 0 {rows} 0 0 cm /I Do");
        let page = format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {rows}]/Contents 5 0 R\
             /Resources<</XObject<</I 4 0 R>>>>>>"
        );
        let image = format!(
            "<</Type/XObject/Subtype/Image/Width {width}/Height {rows}/ColorSpace/DeviceGray\
             /BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms<</K {k}/Columns {width}\
             /Rows {rows}/EncodedByteAlign {byte_aligned}/EndOfBlock false>>/Length {}>>",
            strip.len()
        );
        let content_head = format!("<</Length {}>>", content.len());
        write_pdf(&[
            (b"<</Type/Catalog/Pages 2 0 R>>", None),
            (b"<</Type/Pages/Kids[3 0 R]/Count 1>>", None),
            (page.as_bytes(), None),
            (image.as_bytes(), Some(strip)),
            (content_head.as_bytes(), Some(content.as_bytes())),
        ])
    }
}

/// `T4Options`.
const T4_OPTIONS: u16 = 292;

/// A PDF of these objects, each a dictionary and perhaps a stream, the first being the catalog.
fn write_pdf(objects: &[(&[u8], Option<&[u8]>)]) -> Vec<u8> {
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (number, (dictionary, stream)) in (1..).zip(objects) {
        offsets.push(pdf.len());
        pdf.extend(format!("{number} 0 obj\n").bytes());
        pdf.extend_from_slice(dictionary);
        if let Some(stream) = stream {
            pdf.extend_from_slice(b"\nstream\n");
            pdf.extend_from_slice(stream);
            pdf.extend_from_slice(b"\nendstream");
        }
        pdf.extend_from_slice(b"\nendobj\n");
    }
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1);
    for offset in &offsets {
        let _ = writeln!(table, "{offset:010} 00000 n ");
    }
    let _ = write!(
        table,
        "trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{}\n%%EOF\n",
        offsets.len() + 1,
        pdf.len()
    );
    pdf.extend(table.bytes());
    pdf
}
