//! Figures: pictures whose lines are labels, which make no sense in a row with the text.

use super::{
    body::{BodyContext, BodyPart, body_parts},
    placed_line::PlacedLine,
    tuning::figures as tuning,
};
use crate::image::rulings::PageRulings;

/// The lines of those `pictures` that are figures. Lines of the others go to the `body`.
pub(crate) fn figures<'a>(
    pictures: Vec<Vec<PlacedLine<'a>>>,
    body: &mut Vec<PlacedLine<'a>>,
    rulings: &PageRulings,
    context: BodyContext<'_>,
) -> Vec<Vec<PlacedLine<'a>>> {
    let mut found = Vec::new();
    for lines in pictures {
        if is_text(&lines, rulings, context) {
            body.extend(lines);
        } else {
            found.push(lines);
        }
    }
    found
}

/// Returns true if most of a picture's characters, laid out by themselves, stand in paragraphs of several lines or in
/// tables.
fn is_text(lines: &[PlacedLine], rulings: &PageRulings, context: BodyContext<'_>) -> bool {
    let count = |lines: &mut dyn Iterator<Item = &PlacedLine>| -> usize {
        lines.map(|line| line.text.chars().count()).sum()
    };
    let all = count(&mut lines.iter());
    let in_order = |part: &BodyPart| match part {
        BodyPart::Paragraph(paragraph) if paragraph.rows.len() >= tuning::PARAGRAPH_ROWS => {
            count(&mut paragraph.rows.iter().flat_map(|row| &row.lines))
        }
        BodyPart::Table(_, lines) => count(&mut lines.iter()),
        _ => 0,
    };
    let parts = body_parts(lines.to_vec(), Vec::new(), rulings, context);
    tuning::TEXT.is_reached(parts.iter().map(in_order).sum(), all)
}
