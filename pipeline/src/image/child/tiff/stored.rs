//! Chunks of a TIFF as they are stored: strips or tiles, for decoders other than the `tiff` crate's.

use std::io::{BufReader, Read, Seek, SeekFrom};

use tiff::{TiffResult, decoder::Decoder, tags::Tag};

use crate::image::{child::pread::PreadFile, protocol::ChildError};

/// The places in the file of one picture's chunks.
pub(super) struct StoredChunks {
    /// Offset and length of each, in bytes.
    places: Vec<(u64, u64)>,
}

impl StoredChunks {
    /// The strips of the decoder's current directory.
    pub fn strips(decoder: &mut Decoder<BufReader<PreadFile>>) -> TiffResult<Self> {
        Self::read_places(decoder, Tag::StripOffsets, Tag::StripByteCounts)
    }

    /// The strips or else the tiles of the decoder's current directory.
    pub fn find(decoder: &mut Decoder<BufReader<PreadFile>>) -> TiffResult<Self> {
        Self::strips(decoder)
            .or_else(|_| Self::read_places(decoder, Tag::TileOffsets, Tag::TileByteCounts))
    }

    fn read_places(
        decoder: &mut Decoder<BufReader<PreadFile>>,
        offsets: Tag,
        counts: Tag,
    ) -> TiffResult<Self> {
        let offsets = decoder.get_tag_u64_vec(offsets)?;
        let counts = decoder.get_tag_u64_vec(counts)?;
        Ok(Self {
            places: offsets.into_iter().zip(counts).collect(),
        })
    }

    /// Number of chunks.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns true if a file of `length` bytes ends before one of them does.
    pub fn is_cut_at(&self, length: u64) -> bool {
        self.places
            .iter()
            .any(|(offset, count)| offset.saturating_add(*count) > length)
    }

    /// The bytes of a chunk, as far as the file has them.
    pub fn read(
        &self,
        decoder: &mut Decoder<BufReader<PreadFile>>,
        index: usize,
    ) -> Result<Vec<u8>, ChildError> {
        let Some(&(offset, count)) = self.places.get(index) else {
            return Ok(Vec::new());
        };
        read_at(decoder, offset, count)
    }
}

/// `count` bytes from `offset`, or as many as the file has.
pub(super) fn read_at(
    decoder: &mut Decoder<BufReader<PreadFile>>,
    offset: u64,
    count: u64,
) -> Result<Vec<u8>, ChildError> {
    let io = |e: std::io::Error| ChildError::Io(e.to_string());
    let mut bytes = Vec::new();
    let reader = decoder.inner();
    reader.seek(SeekFrom::Start(offset)).map_err(io)?;
    reader.take(count).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}
