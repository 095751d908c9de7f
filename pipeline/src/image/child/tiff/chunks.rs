//! Chunks of a TIFF that the `tiff` crate decodes: one strip, or one row of tiles, at a time.

use std::io::BufReader;

use tiff::{
    TiffError,
    decoder::{Decoder, DecodingResult},
    tags::{SampleFormat, Tag},
};

use super::{
    page_error,
    samples::{SampleKind, ValueRange},
};
use crate::image::{
    child::{
        bitmap::{BitmapWriter, DrawnPage, Placement},
        pread::PreadFile,
    },
    protocol::{ChildError, PictureCut},
};

/// `PlanarConfiguration` of pictures whose colors are in chunks of their own.
const SEPARATE_PLANES: u16 = 2;

/// The chunks of a picture and how they make it up.
pub(super) struct ChunkGrid<'d> {
    decoder: &'d mut Decoder<BufReader<PreadFile>>,
    kind: SampleKind,
    size: (u32, u32),
    /// Width and height of a chunk.
    chunk: (u32, u32),
    across: u32,
    down: u32,
    planes: u32,
}

/// A decoded chunk.
struct Chunk {
    bytes: Vec<u8>,
    /// Bytes from row to row.
    stride: usize,
    /// Bytes of a row.
    row_bytes: usize,
    /// Samples of a row.
    samples: usize,
    /// Rows that were decoded.
    rows: u32,
}

impl<'d> ChunkGrid<'d> {
    /// The chunks of the decoder's current directory.
    pub fn new(
        decoder: &'d mut Decoder<BufReader<PreadFile>>,
        size: (u32, u32),
    ) -> Result<Self, ChildError> {
        let color = decoder.colortype().map_err(|e| page_error(&e))?;
        let planar = decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration);
        let is_planar = planar.ok().flatten() == Some(SEPARATE_PLANES);
        let layout = decoder
            .image_chunk_buffer_layout(0)
            .map_err(|e| page_error(&e))?;
        let chunk = decoder.chunk_dimensions();
        let kind = SampleKind {
            color,
            format: layout.sample_format,
            range: ValueRange {
                low: 0.0,
                high: 1.0,
            },
        };
        Ok(Self {
            decoder,
            size,
            chunk,
            across: size.0.div_ceil(chunk.0.max(1)),
            down: size.1.div_ceil(chunk.1.max(1)),
            planes: if is_planar { kind.count() as u32 } else { 1 },
            kind,
        })
    }

    /// Draws the picture. Chunks that cannot be decoded are blank, unless none can.
    pub fn draw(mut self, placement: Placement) -> Result<DrawnPage, ChildError> {
        let samples = self
            .kind
            .drawn()
            .ok_or_else(|| ChildError::Unsupported(format!("{:?} in a TIFF", self.kind.color)))?;
        if self.kind.needs_range() {
            self.measure()?;
        }
        let mut writer = BitmapWriter::new(samples, self.size, placement)?;
        let mut first_error = None;
        let (mut bytes, mut colors) = (Vec::new(), Vec::new());
        let mut read = 0;
        for row in 0..self.down {
            let (chunks, error) = self.row_of_chunks(row);
            first_error = first_error.or(error);
            let rows = self.chunk.1.min(self.size.1 - row * self.chunk.1);
            let whole = chunks.iter().map(|chunk| chunk.rows).min().unwrap_or(0);
            read += whole.min(rows);
            for at in 0..rows {
                if self.across == 1 && at >= whole {
                    writer.push_blank();
                    continue;
                }
                self.gather(&chunks, at, &mut bytes);
                self.kind.colors(&bytes, &mut colors);
                writer.push(&colors);
            }
        }
        match first_error {
            Some(error) if read == 0 => Err(error),
            error => {
                let mut page = writer.finish();
                page.cut = error.map(|_| PictureCut {
                    rows: Some((read, self.size.1)),
                });
                Ok(page)
            }
        }
    }

    /// Finds the range of the values of the whole picture.
    fn measure(&mut self) -> Result<(), ChildError> {
        let mut range = ValueRange::EMPTY;
        for index in 0..self.across * self.down * self.planes {
            // What cannot be decoded is told when it is drawn.
            let Ok(chunk) = self.decode(index) else {
                continue;
            };
            for row in 0..chunk.rows {
                self.kind.measure(chunk.row(row), &mut range);
            }
        }
        self.kind.range = range.meant(self.kind.format == SampleFormat::IEEEFP);
        Ok(())
    }

    /// The chunks that the rows of one row of chunks are in, plane by plane, and the first error.
    fn row_of_chunks(&mut self, row: u32) -> (Vec<Chunk>, Option<ChildError>) {
        let mut chunks = Vec::new();
        let mut first_error = None;
        for plane in 0..self.planes {
            for column in 0..self.across {
                let index = (plane * self.down + row) * self.across + column;
                let chunk = self.decode(index).unwrap_or_else(|error| {
                    first_error.get_or_insert(page_error(&error));
                    self.decode_beginning(index)
                });
                chunks.push(chunk);
            }
        }
        (chunks, first_error)
    }

    fn decode(&mut self, index: u32) -> Result<Chunk, TiffError> {
        let layout = self.decoder.image_chunk_buffer_layout(index)?;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(layout.len)
            .map_err(|_| TiffError::LimitsExceeded)?;
        bytes.resize(layout.len, 0);
        self.decoder.read_chunk_bytes(index, &mut bytes)?;
        let mut chunk = self.empty_chunk(index);
        chunk.stride = chunk.row_bytes;
        chunk.bytes = bytes;
        Ok(chunk)
    }

    /// As many rows of a strip as can be decoded.
    fn decode_beginning(&mut self, index: u32) -> Chunk {
        /// Bytes between rows, so that the decoder finishes each row before the next one: the largest sample.
        const GAP: usize = 8;
        let mut chunk = self.empty_chunk(index);
        let mut result = DecodingResult::U8(Vec::new());
        chunk.stride = (chunk.row_bytes / GAP + 2) * GAP;
        let rows = std::mem::take(&mut chunk.rows);
        let decoded = self
            .decoder
            .read_chunk_to_buffer(&mut result, index, chunk.stride);
        if decoded.is_ok() || self.across > 1 {
            return chunk;
        }
        chunk.bytes = result.as_buffer(0).as_bytes().to_vec();
        // A row that was not reached is still zero.
        let has_data = |row: &u32| chunk.row(*row).iter().any(|&byte| byte != 0);
        chunk.rows = (0..rows).rev().find(has_data).map_or(0, |last| last);
        chunk
    }

    fn empty_chunk(&self, index: u32) -> Chunk {
        let (width, rows) = self.decoder.chunk_data_dimensions(index);
        let samples = width as usize * self.kind.count() / self.planes as usize;
        let row_bytes = (samples * usize::from(self.kind.color.bit_depth())).div_ceil(8);
        Chunk {
            bytes: Vec::new(),
            stride: row_bytes,
            row_bytes,
            samples,
            rows,
        }
    }

    /// Puts the samples of a row of the picture together.
    fn gather(&self, chunks: &[Chunk], row: u32, out: &mut Vec<u8>) {
        out.clear();
        if self.planes == 1 {
            for chunk in chunks {
                self.append(chunk, row, out);
            }
            return;
        }
        let planes = self.planes as usize;
        out.resize(self.size.0 as usize * planes, 0xFF);
        let mut of_plane = Vec::new();
        for (plane, chunks) in chunks.chunks(self.across as usize).enumerate() {
            of_plane.clear();
            for chunk in chunks {
                self.append(chunk, row, &mut of_plane);
            }
            let places = out.iter_mut().skip(plane).step_by(planes);
            places.zip(&of_plane).for_each(|(to, from)| *to = *from);
        }
    }

    fn append(&self, chunk: &Chunk, row: u32, out: &mut Vec<u8>) {
        let end = out.len() + chunk.samples;
        if row < chunk.rows {
            self.kind.bytes(chunk.row(row), chunk.samples, out);
        }
        out.resize(end, 0xFF);
    }
}

impl Chunk {
    fn row(&self, row: u32) -> &[u8] {
        let start = row as usize * self.stride;
        self.bytes
            .get(start..start + self.row_bytes)
            .unwrap_or_default()
    }
}
