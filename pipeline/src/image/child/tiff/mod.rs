//! TIFF: each directory a page. Fax compressions, JPEG 2000 and JPEG of the old kind are left to PDFium.

mod ccitt;
mod chunks;
mod embedded;
mod samples;
mod stored;

use std::io::BufReader;

use image::metadata::Orientation;
use tiff::{
    TiffError,
    decoder::{Decoder, Limits},
    tags::Tag,
};

use self::{ccitt::CcittImage, chunks::ChunkGrid, stored::StoredChunks};
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
    /// The file's length in bytes.
    length: u64,
}

impl TiffFile {
    /// Finds the pages in `reader`; decoding one may take `max_bytes` of memory.
    pub fn open(lib: PdfiumLibrary, reader: PreadFile, max_bytes: u64) -> Result<Self, ChildError> {
        let bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        let mut limits = Limits::default();
        limits.decoding_buffer_size = bytes;
        limits.intermediate_buffer_size = bytes;
        let length = reader.length();
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
            length,
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
    pub fn render(&mut self, index: u32, size: (u32, u32)) -> Result<DrawnPage, ChildError> {
        let header = self.head(index)?;
        let placement = Placement {
            orientation: header.orientation,
            size,
        };
        let compression = self.decoder.find_tag_unsigned::<u16>(Tag::Compression);
        let mut page = match compression.ok().flatten().unwrap_or(1) {
            fax if CCITT.contains(&fax) => self.fax(fax, header.size, placement)?,
            embedded::OLD_JPEG => embedded::draw_jpeg(self.lib, &mut self.decoder, placement)?,
            code if embedded::JPEG_2000.contains(&code) => {
                let picture = embedded::Jpeg2000Chunks::find(&mut self.decoder, code, header.size)?;
                picture.draw(self.lib, &mut self.decoder, placement)?
            }
            _ => ChunkGrid::new(&mut self.decoder, header.size)?.draw(placement)?,
        };
        // Decoders may take a chunk without its end for a whole one.
        let is_cut =
            StoredChunks::find(&mut self.decoder).is_ok_and(|chunks| chunks.is_cut_at(self.length));
        if is_cut && page.cut.is_none() {
            page.cut = Some(PictureCut { rows: None });
        }
        Ok(page)
    }

    fn fax(
        &mut self,
        compression: u16,
        size: (u32, u32),
        placement: Placement,
    ) -> Result<DrawnPage, ChildError> {
        let image =
            CcittImage::read(&mut self.decoder, compression, size).map_err(|e| page_error(&e))?;
        let mut writer = BitmapWriter::new(Samples::Gray, size, placement)?;
        image.draw(self.lib, &mut self.decoder, &mut writer)?;
        Ok(writer.finish())
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
