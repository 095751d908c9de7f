//! TIFF: each directory a page. Fax compressions, JPEG 2000 and JPEG of the old kind are left to PDFium.

pub(super) mod directories;
mod ccitt;
mod chunks;
mod embedded;
mod samples;
mod stored;

use std::io::BufReader;

use tiff::{TiffError, decoder::Decoder, tags::Tag};

use self::{ccitt::CcittImage, chunks::ChunkGrid, directories::Directories, stored::StoredChunks};
use super::{
    bitmap::{BitmapWriter, DrawnPage, Placement, Samples},
    image_file::ImageHeader,
    pdfium::PdfiumLibrary,
    pread::PreadFile,
};
use crate::image::{
    inspection::PageInspection,
    protocol::{ChildError, PictureCut},
};

/// `Compression` of modified Huffman, G3 and G4 (TIFF 6.0, sections 10 and 11).
const CCITT: std::ops::RangeInclusive<u16> = 2..=4;

/// A TIFF and the directories that are its pages.
pub(super) struct TiffFile {
    lib: PdfiumLibrary,
    directories: Directories,
    /// The file's length in bytes.
    length: u64,
}

impl TiffFile {
    /// Finds the pages in `reader`; decoding one may take `max_bytes` of memory.
    pub fn open(lib: PdfiumLibrary, reader: PreadFile, max_bytes: u64) -> Result<Self, ChildError> {
        Ok(Self {
            lib,
            length: reader.length(),
            directories: Directories::find(reader, max_bytes)?,
        })
    }

    /// Number of pages.
    pub fn pages(&self) -> u32 {
        self.directories.pages()
    }

    /// Inspects the zero-based page without decoding it.
    pub fn inspect(&mut self, index: u32) -> Result<PageInspection, ChildError> {
        self.directories.header(index)?.inspection()
    }

    /// Decodes the page, upright, to a bitmap of that size.
    pub fn render(&mut self, index: u32, size: (u32, u32)) -> Result<DrawnPage, ChildError> {
        let header = self.directories.header(index)?;
        let decoder = &mut self.directories.decoder;
        let placement = Placement {
            orientation: header.orientation,
            size,
        };
        let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression);
        let mut page = match compression.ok().flatten().unwrap_or(1) {
            fax if CCITT.contains(&fax) => fax_page(self.lib, decoder, fax, header, placement)?,
            embedded::OLD_JPEG => embedded::draw_jpeg(self.lib, decoder, placement)?,
            code if embedded::JPEG_2000.contains(&code) => {
                let picture = embedded::Jpeg2000Chunks::find(decoder, code, header.size)?;
                picture.draw(self.lib, decoder, placement)?
            }
            _ => ChunkGrid::new(decoder, header.size)?.draw(placement)?,
        };
        // Decoders may take a chunk without its end for a whole one.
        let is_cut = StoredChunks::find(decoder).is_ok_and(|chunks| chunks.is_cut_at(self.length));
        if is_cut && page.cut.is_none() {
            page.cut = Some(PictureCut { rows: None });
        }
        Ok(page)
    }
}

fn fax_page(
    lib: PdfiumLibrary,
    decoder: &mut Decoder<BufReader<PreadFile>>,
    compression: u16,
    header: ImageHeader,
    placement: Placement,
) -> Result<DrawnPage, ChildError> {
    let image = CcittImage::read(decoder, compression, header.size).map_err(|e| page_error(&e))?;
    let mut writer = BitmapWriter::new(Samples::Gray, header.size, placement)?;
    image.draw(lib, decoder, &mut writer)?;
    Ok(writer.finish())
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
