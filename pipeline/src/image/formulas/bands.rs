//! Bands: the rows that signs and bars stand in, one below the other.

use super::{
    structure::Bar,
    symbols::{self, SignKind},
};
use crate::image::text_layer::Glyph;

/// Gap between the rows of formulas one below the other, in ems: limits are at most 0.2 from their operator, rows
/// at least 0.4 from one another.
const ROW_GAP: f64 = 0.27;
/// Largest distance of a numerator's and a denominator's ink from their bar, in ems: letters without ascenders leave
/// that much.
const BAR_REACH: f64 = 0.5;
/// The same of a limit from its operator, beyond the gap that rows have.
const LIMIT_REACH: f64 = 0.12;

/// Tops and bottoms of the rows that signs and bars stand in.
pub(super) fn bands(signs: &[&Glyph], bars: &[Bar], em: f64) -> Vec<(f64, f64)> {
    let reach = |bar: &Bar| {
        if is_fraction_bar(bar, signs, em) {
            BAR_REACH * em
        } else {
            0.0
        }
    };
    let bars = bars
        .iter()
        .map(|bar| (bar[1] - reach(bar), bar[3] + reach(bar)));
    let signs = signs.iter().map(|sign| {
        let more = if symbols::kind(sign.text) == SignKind::LargeOperator {
            LIMIT_REACH * em
        } else {
            0.0
        };
        (sign.outline[1] - more, sign.outline[3] + more)
    });
    let mut inks: Vec<(f64, f64)> = signs.chain(bars).collect();
    inks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut bands: Vec<(f64, f64)> = Vec::new();
    for (top, bottom) in inks {
        match bands.last_mut() {
            Some(band) if top < band.1 + ROW_GAP * em => band.1 = band.1.max(bottom),
            _ => bands.push((top, bottom)),
        }
    }
    bands
}

/// Returns true if a sign stands close over a bar that is no root's.
fn is_fraction_bar(bar: &Bar, signs: &[&Glyph], em: f64) -> bool {
    let is_root = signs.iter().any(|sign| {
        let [_, top, right, _] = sign.outline;
        sign.text == '√' && (right - bar[0]).abs() < 0.2 * em && (top - bar[1]).abs() < 0.2 * em
    });
    let over = |sign: &&Glyph| {
        let [left, _, right, bottom] = sign.outline;
        let gap = bar[1] - bottom;
        (bar[0]..=bar[2]).contains(&((left + right) / 2.0))
            && (-0.1 * em..BAR_REACH * em).contains(&gap)
    };
    !is_root && signs.iter().any(over)
}

/// Returns true if a bar lies within the ink of signs.
pub(super) fn is_bar_of(bar: &Bar, ink: [f64; 4]) -> bool {
    let middle = (bar[1] + bar[3]) / 2.0;
    ink[0] - 3.0 < bar[0] && bar[2] < ink[2] + 3.0 && ink[1] - 3.0 < middle && middle < ink[3] + 3.0
}
