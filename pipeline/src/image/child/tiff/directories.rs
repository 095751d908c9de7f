//! Directories of a TIFF: which of them are pages, and the header of each.

use std::io::BufReader;

use image::metadata::Orientation;
use tiff::{
    TiffError,
    decoder::{Decoder, Limits},
    tags::Tag,
};

use super::page_error;
use crate::image::{
    child::{image_file::ImageHeader, pread::PreadFile},
    protocol::ChildError,
};

/// Directories looked at.
const MAX_DIRECTORIES: usize = 50_000;
/// `NewSubfileType` bit of a picture's small copy (TIFF 6.0, section 8).
const REDUCED: u32 = 1;

/// The directories of a TIFF that are its pages, and the decoder that goes from one to the other.
pub(in crate::image::child) struct Directories {
    pub(super) decoder: Decoder<BufReader<PreadFile>>,
    pages: Vec<usize>,
}

impl Directories {
    /// Finds the pages in `reader`; decoding one may take `max_bytes` of memory.
    pub fn find(reader: PreadFile, max_bytes: u64) -> Result<Self, ChildError> {
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
        Ok(Self { decoder, pages })
    }

    /// Number of pages.
    pub fn pages(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX)
    }

    /// Goes to the zero-based page and reads its header.
    pub fn header(&mut self, index: u32) -> Result<ImageHeader, ChildError> {
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

    /// Reads where the chunks of the page last gone to are, and how they are coded.
    #[cfg(any(test, fuzzing))]
    pub fn look_at_chunks(&mut self, header: ImageHeader) {
        use super::{CCITT, CcittImage, ChunkGrid, StoredChunks, embedded};
        let compression = self.decoder.find_tag_unsigned::<u16>(Tag::Compression);
        let code = compression.ok().flatten().unwrap_or(1);
        let decoder = &mut self.decoder;
        if CCITT.contains(&code) {
            let _ = CcittImage::read(decoder, code, header.size);
        } else if embedded::JPEG_2000.contains(&code) {
            let _ = embedded::Jpeg2000Chunks::find(decoder, code, header.size);
        } else {
            let _ = ChunkGrid::new(decoder, header.size);
        }
        let _ = StoredChunks::find(decoder).map(|chunks| chunks.is_cut_at(0));
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
