//! Typography: weight and size of type, bullets, boxes to tick and stray periods, from the image of
//! lines that a model has read.
//!
//! Models give words and leave these out, or take specks for full stops.

mod strip;
mod weight;
mod bullets;
mod stray_periods;
mod tick_boxes;

use crate::page::TextLine;

#[cfg(feature = "ppocr")]
pub(crate) use self::tick_boxes::places as tick_boxes;

use self::strip::LineStrip;
use super::{PageImage, luma::whole_pixels, tuning::typography::MAX_LINES};

/// Annotates `lines`, which a model has read from `image`: sets their weight ([`TextLine::style`]) and
/// [`TextLine::size`] if they can be measured, puts bullets before their lines and boxes to tick where
/// they are drawn, and takes out full stops that are none.
pub fn annotate(lines: &mut Vec<TextLine>, image: &PageImage) {
    if lines.len() > MAX_LINES || whole_pixels(image).is_none() {
        return;
    }
    let strips: Vec<Option<LineStrip>> = lines
        .iter()
        .map(|line| LineStrip::of(image, &line.quad))
        .collect();
    weight::measure(lines, &strips);
    lines.iter_mut().for_each(stray_periods::remove);
    bullets::restore(lines, &strips, image);
    tick_boxes::restore(lines, image);
}

#[cfg(test)]
mod tests;
