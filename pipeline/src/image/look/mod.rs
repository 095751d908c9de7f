//! What a page's image says of lines that a model has read, and the model does not: how heavy and how large
//! their type is, bullets before them, and specks that were taken for full stops.

mod strip;
mod weight;
mod bullets;
mod specks;

use crate::page::TextLine;

use self::strip::LineStrip;
use super::PageImage;

/// Most lines of a page that are looked at.
const MOST_LINES: usize = 2_000;

/// Completes `lines`, which a model has read from `image`: sets [`TextLine::bold`] and [`TextLine::size`] where they can be
/// measured, puts bullets before their lines, and takes out full stops that are none.
pub fn complete(lines: &mut Vec<TextLine>, image: &PageImage) {
    let enough = (image.width as usize)
        .checked_mul(image.height as usize)
        .and_then(|n| n.checked_mul(3));
    if lines.len() > MOST_LINES || enough.is_none_or(|n| image.rgb.len() < n) {
        return;
    }
    let strips: Vec<Option<LineStrip>> = lines
        .iter()
        .map(|line| LineStrip::of(image, &line.quad))
        .collect();
    weight::measure(lines, &strips);
    lines.iter_mut().for_each(specks::drop_stops);
    bullets::restore(lines, &strips, image);
}

#[cfg(test)]
mod tests;
