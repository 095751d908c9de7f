//! PNG, row by row.

use std::io::BufReader;

use png::{ColorType, DecodingError, Transformations};

use crate::image::{
    child::{
        bitmap::{BitmapWriter, DrawnPage, Placement, Samples},
        pread::PreadFile,
    },
    protocol::ChildError,
};

/// Draws the picture; `None` if it is interlaced. One that ends too early is drawn as far as it goes.
pub(super) fn draw(
    file: BufReader<PreadFile>,
    placement: Placement,
    max_bytes: u64,
) -> Result<Option<DrawnPage>, ChildError> {
    let limits = png::Limits {
        bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
    };
    let mut decoder = png::Decoder::new_with_limits(file, limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|e| png_error(&e))?;
    if reader.info().interlaced {
        return Ok(None);
    }
    let samples = match reader.output_color_type().0 {
        ColorType::Grayscale => Samples::Gray,
        ColorType::GrayscaleAlpha => Samples::GrayAlpha,
        ColorType::Rgb | ColorType::Indexed => Samples::Rgb,
        ColorType::Rgba => Samples::Rgba,
    };
    let size = reader.info().size();
    let mut writer = BitmapWriter::new(samples, size, placement)?;
    while writer.rows() < size.1 {
        match reader.next_row() {
            Ok(Some(row)) => writer.push(row.data()),
            Ok(None) => break,
            Err(error) if writer.rows() == 0 => return Err(png_error(&error)),
            Err(_) => break,
        }
    }
    Ok(Some(writer.finish()))
}

fn png_error(error: &DecodingError) -> ChildError {
    match error {
        DecodingError::LimitsExceeded => ChildError::TooLarge(
            "the picture has more pixels than can be decoded; raise --rasterizer-memory".to_owned(),
        ),
        other => ChildError::Damaged(other.to_string()),
    }
}
