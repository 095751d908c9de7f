//! Pictures that have to be decoded whole, because their rows do not come in order or not one by one.

use image::{ColorType, ImageDecoder};

use super::image_error;
use crate::image::{
    child::bitmap::{BitmapWriter, DrawnPage, Placement, Samples},
    protocol::{ChildError, PictureCut},
};

/// Gray of a JPEG's pixels for which there is no data: all its coefficients are zero.
const NO_DATA: u8 = 128;
/// Rows that are decoded together in any JPEG.
const BLOCK_ROWS: u32 = 8;

/// A decoded picture.
pub(super) struct Decoded {
    color: ColorType,
    size: (u32, u32),
    bytes: Vec<u8>,
    /// The rows from the first to the last one that was decoded.
    rows: std::ops::Range<u32>,
    /// Number of rows that were decoded: those of an interlaced picture do not come in order.
    read: u32,
}

impl Decoded {
    /// Decodes a picture as far as it goes.
    pub fn read(decoder: impl ImageDecoder) -> Result<Self, ChildError> {
        let (color, size) = (decoder.color_type(), decoder.dimensions());
        let length = usize::try_from(decoder.total_bytes()).map_err(|_| ChildError::OutOfMemory)?;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length)
            .map_err(|_| ChildError::OutOfMemory)?;
        bytes.resize(length, 0);
        let mut picture = Self {
            color,
            size,
            rows: 0..size.1,
            read: size.1,
            bytes: Vec::new(),
        };
        if let Err(error) = decoder.read_image(&mut bytes) {
            picture.bytes = bytes;
            // A row that was not reached is still zero.
            picture.narrow(0);
            picture.read = picture.rows_with_data(0);
            if picture.rows.is_empty() {
                return Err(image_error(&error));
            }
            return Ok(picture);
        }
        picture.bytes = bytes;
        Ok(picture)
    }

    /// Leaves out the gray rows at the end of a JPEG without an end: they had no data.
    pub fn cut_where_gray(&mut self) {
        let whole = self.rows.clone();
        self.narrow(NO_DATA);
        self.rows.start = whole.start;
        let gray = whole.end.saturating_sub(self.rows.end);
        if gray < BLOCK_ROWS.min(self.size.1) {
            self.rows = whole;
        }
        self.read = self.rows.len() as u32;
    }

    /// Leaves out the rows at both ends of which all bytes are `empty`.
    fn narrow(&mut self, empty: u8) {
        let rows = self.rows.clone();
        let holds = |row: &u32| self.row(*row).iter().any(|&byte| byte != empty);
        let start = rows.clone().find(holds).unwrap_or(rows.end);
        let end = rows.rev().find(holds).map_or(start, |last| last + 1);
        self.rows = start..end;
    }

    fn rows_with_data(&self, empty: u8) -> u32 {
        let rows = self.rows.clone();
        let with_data = rows.filter(|row| self.row(*row).iter().any(|&byte| byte != empty));
        with_data.count() as u32
    }

    fn row(&self, row: u32) -> &[u8] {
        let length = self.size.0 as usize * usize::from(self.color.bytes_per_pixel());
        &self.bytes[row as usize * length..][..length]
    }

    /// Scales it to its bitmap.
    pub fn draw(self, placement: Placement) -> Result<DrawnPage, ChildError> {
        let samples = match self.color.channel_count() {
            1 => Samples::Gray,
            2 => Samples::GrayAlpha,
            3 => Samples::Rgb,
            _ => Samples::Rgba,
        };
        let mut writer = BitmapWriter::new(samples, self.size, placement)?;
        let sample_bytes =
            usize::from(self.color.bytes_per_pixel()) / usize::from(self.color.channel_count());
        let blank = vec![0xFF; self.size.0 as usize * samples.bytes()];
        let mut narrowed = Vec::new();
        for row in 0..self.size.1 {
            if !self.rows.contains(&row) {
                writer.push(&blank);
            } else if sample_bytes == 1 {
                writer.push(self.row(row));
            } else {
                // Two bytes in the machine's order; the decoders in use give no wider ones.
                let (words, _) = self.row(row).as_chunks::<2>();
                narrowed.clear();
                narrowed.extend(
                    words
                        .iter()
                        .map(|word| (u16::from_ne_bytes(*word) >> 8) as u8),
                );
                writer.push(&narrowed);
            }
        }
        let mut page = writer.finish();
        let read = self.read;
        page.cut = (read < self.size.1).then_some(PictureCut {
            rows: Some((read, self.size.1)),
        });
        Ok(page)
    }
}
