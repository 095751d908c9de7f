//! Image preprocessing settings: the members of the reference's image processor.

use std::path::Path;

use serde_json::{Map, Value};

use super::{
    ProcessorConfig, RowConfig, VisionConfig, image_tokens,
    reader::{self, ConfigReader},
};
use crate::engine::got::error::GotError;

/// Pillow's number for bicubic resampling.
const BICUBIC: u64 = 3;
/// CLIP's mean and standard deviation of each channel.
const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// Default side of an input image in pixels.
const SIDE: usize = 384;
/// Maximum side of an input image in pixels; it must equal the encoder's anyway.
const MAX_SIDE: usize = 1 << 16;
/// Maximum tiles of a page.
const MAX_TILES: usize = 64;
/// Default em of rows of text, in pixels.
const ROW_EM: f64 = 36.0;
/// Maximum em of rows of text, in pixels.
const MAX_ROW_EM: f64 = 512.0;
/// Maximum tiles of a page in the authors' demo (`run_ocr_2.0_crop.py`).
const ORIGINAL_TILES: u32 = 6;

/// The preprocessing in the authors' code, for input images with sides of `image` pixels.
pub(super) fn original(image: usize) -> ProcessorConfig {
    let side = u32::try_from(image).unwrap_or(u32::MAX);
    ProcessorConfig {
        width: side,
        height: side,
        mean: MEAN,
        std: STD,
        rescale: 1.0 / 255.0,
        rows: None,
        min_patches: 1,
        max_patches: ORIGINAL_TILES,
    }
}

/// Reads `processor_config.json` (newer) or `preprocessor_config.json` in `folder`.
pub(super) fn hub(folder: &Path, vision: &VisionConfig) -> Result<ProcessorConfig, GotError> {
    let newer_path = folder.join("processor_config.json");
    let path = folder.join("preprocessor_config.json");
    let older = reader::read(&path)?;
    if let Some(map) = reader::read(&newer_path)? {
        let file = ConfigReader::new(&newer_path, &map);
        if file.get("image_processor").is_some() {
            let mut found = pixels(&file.object("image_processor", &map)?, vision)?;
            // Saving again with transformers may move all but this member into the newer file.
            if let (None, Some(map)) = (found.rows, &older) {
                found.rows = rows(&ConfigReader::new(&path, map), vision)?;
            }
            return Ok(found);
        }
    }
    let Some(map) = older else {
        let message = "is not there, nor a `processor_config.json` with `image_processor`; put the \
                       checkpoint's own into the folder";
        return Err(reader::config_error(&path, message));
    };
    pixels(&ConfigReader::new(&path, &map), vision)
}

fn pixels(reader: &ConfigReader<'_>, vision: &VisionConfig) -> Result<ProcessorConfig, GotError> {
    for step in ["do_resize", "do_rescale", "do_normalize"] {
        reader.require_one_of(step, &[true.into()])?;
    }
    for step in ["do_center_crop", "do_pad"] {
        reader.require_one_of(step, &[false.into()])?;
    }
    reader.require_one_of("resample", &[BICUBIC.into()])?;
    let (width, height) = size(reader, vision.image)?;
    let max = reader.size("max_patches", 12, 1..=MAX_TILES)?;
    let min = reader.size("min_patches", 1, 1..=MAX_TILES)?;
    if min > max {
        let message = format!("it must be at most `max_patches`, {max}");
        return Err(reader.invalid("min_patches", &message));
    }
    let std = channels(reader, "image_std", STD)?;
    if std.iter().any(|value| *value <= 0.0) {
        return Err(reader.invalid("image_std", "numbers above 0 would do"));
    }
    Ok(ProcessorConfig {
        width,
        height,
        mean: channels(reader, "image_mean", MEAN)?,
        std,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the reference computes in f32"
        )]
        rescale: reader.positive("rescale_factor", 1.0 / 255.0, 1e6)? as f32,
        rows: rows(reader, vision)?,
        min_patches: u32::try_from(min).unwrap_or(u32::MAX),
        max_patches: u32::try_from(max).unwrap_or(u32::MAX),
    })
}

/// The rows of text, if `rows` asks for them: a member of GOT-nano's own, which the reference's
/// processor ignores.
fn rows(reader: &ConfigReader<'_>, vision: &VisionConfig) -> Result<Option<RowConfig>, GotError> {
    if reader.get("rows").is_none() {
        return Ok(None);
    }
    let nothing = Map::new();
    let rows = reader.object("rows", &nothing)?;
    let all = image_tokens(vision).isqrt().max(1);
    let rows_per_image = rows.size("per_view", all, 1..=all)?;
    #[expect(clippy::cast_possible_truncation, reason = "a size of at most 512")]
    Ok(Some(RowConfig {
        em: rows.positive("em", ROW_EM, MAX_ROW_EM)? as f32,
        rows_per_image: u32::try_from(rows_per_image).unwrap_or(u32::MAX),
    }))
}

/// Width and height of an input image, which must be the encoder's.
fn size(reader: &ConfigReader<'_>, image: usize) -> Result<(u32, u32), GotError> {
    let nothing = Map::new();
    let size = reader.object("size", &nothing)?;
    let side = |name| size.size(name, SIDE, 1..=MAX_SIDE);
    let (width, height) = (side("width")?, side("height")?);
    if (width, height) != (image, image) {
        let message = format!(
            "`vision_config.image_size` says views of {image} by {image} pixels; both must be the same"
        );
        return Err(reader.invalid("size", &message));
    }
    let side = u32::try_from(image).unwrap_or(u32::MAX);
    Ok((side, side))
}

/// A number of magnitude 1,000 or less for each of the three channels.
fn channels(
    reader: &ConfigReader<'_>,
    name: &str,
    default: [f32; 3],
) -> Result<[f32; 3], GotError> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the reference computes in f32"
    )]
    let number = |value: &Value| {
        let number = value.as_f64().filter(|number| number.abs() <= 1000.0);
        number.map(|number| number as f32)
    };
    match reader.get(name) {
        None => Ok(default),
        Some(value) => value
            .as_array()
            .and_then(|list| list.iter().map(number).collect::<Option<Vec<_>>>())
            .and_then(|list| list.try_into().ok())
            .ok_or_else(|| reader.invalid(name, "a list of three numbers would do")),
    }
}
