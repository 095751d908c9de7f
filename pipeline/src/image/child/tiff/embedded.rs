//! Files of another format inside a TIFF, which PDFium decodes: JPEG of the old kind, and JPEG 2000.

use std::io::BufReader;

use tiff::{decoder::Decoder, tags::Tag};

use super::{
    page_error,
    samples::from_ycbcr,
    stored::{self, StoredChunks},
};
use crate::image::{
    child::{
        bitmap::{BitmapWriter, DrawnPage, Placement, Samples},
        one_picture::{PictureCode, PicturePdf},
        pdfium::PdfiumLibrary,
        pread::PreadFile,
    },
    protocol::ChildError,
};

/// `Compression` of JPEG as TIFF 6.0 has it in section 22, before its supplement 2.
pub(super) const OLD_JPEG: u16 = 6;
/// `Compression` of JPEG 2000: Aperio's with YCbCr and RGB, and libtiff's.
pub(super) const JPEG_2000: [u16; 3] = [YCBCR_JPEG_2000, 33_005, 34_712];
const YCBCR_JPEG_2000: u16 = 33_003;

/// `JPEGInterchangeFormat` and its length: a whole JPEG (TIFF 6.0, section 22).
const INTERCHANGE: Tag = Tag::Unknown(513);
const INTERCHANGE_LENGTH: Tag = Tag::Unknown(514);
/// `PhotometricInterpretation` of RGB.
const RGB: u16 = 2;

/// Draws a JPEG of the old kind: the interchange stream if the scan is in it, or else that stream's tables with the first
/// strip's scan.
pub(super) fn draw_jpeg(
    lib: PdfiumLibrary,
    decoder: &mut Decoder<BufReader<PreadFile>>,
    placement: Placement,
) -> Result<DrawnPage, ChildError> {
    let photometric = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation);
    let members = match photometric.ok().flatten() {
        Some(RGB) => "/DecodeParms<</ColorTransform 0>>",
        _ => "",
    };
    let data = old_jpeg(decoder)?;
    let code = PictureCode::jpeg_with(&data, members).ok_or_else(|| {
        ChildError::Unsupported("JPEG of the old kind without a frame header".to_owned())
    })?;
    PicturePdf::open(lib, &code, data)?.draw(placement)
}

fn old_jpeg(decoder: &mut Decoder<BufReader<PreadFile>>) -> Result<Vec<u8>, ChildError> {
    /// The marker before a scan (ITU-T T.81, B.1.1.3).
    const SCAN: [u8; 2] = [0xFF, 0xDA];
    let strips = StoredChunks::strips(decoder).map_err(|e| page_error(&e))?;
    let start = decoder.find_tag_unsigned::<u64>(INTERCHANGE);
    let length = decoder.find_tag_unsigned::<u64>(INTERCHANGE_LENGTH);
    let Some(offset) = start.ok().flatten() else {
        // Some writers have only strips that are files of their own.
        return strips.read(decoder, 0);
    };
    // A length that is missing or wrong is no reason to read nothing.
    let length = length.ok().flatten().filter(|length| *length > 0);
    let mut data = stored::read_at(decoder, offset, length.unwrap_or(u64::MAX))?;
    if !data.windows(2).any(|bytes| bytes == SCAN) {
        for index in 0..strips.len() {
            data.extend(strips.read(decoder, index)?);
        }
    }
    Ok(data)
}

/// A picture whose chunks are JPEG 2000 codestreams.
pub(super) struct Jpeg2000Chunks {
    chunks: StoredChunks,
    size: (u32, u32),
    chunk: (u32, u32),
    is_ycbcr: bool,
}

impl Jpeg2000Chunks {
    /// The chunks of the decoder's current directory.
    pub fn find(
        decoder: &mut Decoder<BufReader<PreadFile>>,
        compression: u16,
        size: (u32, u32),
    ) -> Result<Self, ChildError> {
        Ok(Self {
            chunks: StoredChunks::find(decoder).map_err(|e| page_error(&e))?,
            size,
            chunk: decoder.chunk_dimensions(),
            is_ycbcr: compression == YCBCR_JPEG_2000,
        })
    }

    /// Draws the picture: a single chunk at the resolution level that the bitmap needs.
    pub fn draw(
        &self,
        lib: PdfiumLibrary,
        decoder: &mut Decoder<BufReader<PreadFile>>,
        placement: Placement,
    ) -> Result<DrawnPage, ChildError> {
        if self.chunks.len() == 1 && self.chunk == self.size && !self.is_ycbcr {
            let data = self.chunks.read(decoder, 0)?;
            return PicturePdf::open(lib, &PictureCode::jpeg2000(self.size), data)?.draw(placement);
        }
        let (width, height) = self.size;
        let across = width.div_ceil(self.chunk.0.max(1));
        let down = height.div_ceil(self.chunk.1.max(1));
        let mut writer = BitmapWriter::new(Samples::Rgb, self.size, placement)?;
        let row_bytes = width as usize * 3;
        for row in 0..down {
            let rows = self.chunk.1.min(height - row * self.chunk.1);
            let mut band = vec![0xFF; row_bytes * rows as usize];
            for column in 0..across {
                let data = self
                    .chunks
                    .read(decoder, (row * across + column) as usize)?;
                let left = (column * self.chunk.0) as usize * 3;
                self.draw_chunk(lib, data, &mut band[left..], row_bytes)?;
            }
            band.chunks_exact(row_bytes)
                .for_each(|row| writer.push(row));
        }
        Ok(writer.finish())
    }

    /// Draws a chunk to the beginnings of the rows of `band`.
    fn draw_chunk(
        &self,
        lib: PdfiumLibrary,
        data: Vec<u8>,
        band: &mut [u8],
        row_bytes: usize,
    ) -> Result<(), ChildError> {
        // The last strip is as high as its rows, the last tile as all tiles.
        let head = &data[..data.len().min(256)];
        let size = crate::image::child::image_file::jp2_size(head).unwrap_or(self.chunk);
        let chunk = PicturePdf::open(lib, &PictureCode::jpeg2000(size), data)?;
        let mut rows = band.chunks_mut(row_bytes);
        chunk.rows(Samples::Rgb, |row| {
            let Some(to) = rows.next() else { return };
            for (to, from) in to
                .as_chunks_mut::<3>()
                .0
                .iter_mut()
                .zip(row.as_chunks::<3>().0)
            {
                *to = if self.is_ycbcr {
                    from_ycbcr(*from)
                } else {
                    *from
                };
            }
        })
    }
}
