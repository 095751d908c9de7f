//! Line blocks: short lines that each end on purpose, such as an address or a verse, kept as one paragraph with its
//! lines.

use std::ops::Range;

use super::{body::BodyPart, paragraphs::Paragraph, tuning::line_blocks as tuning};

/// The runs of single lines under one another that belong together: short, close, flush left, of one size.
/// `is_text` says of each part if it is a paragraph and no heading.
pub(crate) fn line_blocks(parts: &[BodyPart], is_text: &[bool], em: f32) -> Vec<Range<usize>> {
    let line = |i: usize| match &parts[i] {
        BodyPart::Paragraph(this)
            if is_text[i] && this.marker.is_none() && this.rows.len() == 1 =>
        {
            let row = &this.rows[0];
            let whole = row
                .widest_gap()
                .is_none_or(|gap| gap.width() < tuning::MAX_GAP_EM * em);
            (whole && row.text.chars().count() <= tuning::MAX_CHARACTERS).then_some(this)
        }
        _ => None,
    };
    let mut found = Vec::new();
    let mut start = 0;
    for end in 1..=parts.len() {
        let goes_on = end < parts.len()
            && matches!((line(end - 1), line(end)), (Some(a), Some(b)) if follows(a, b, em));
        if !goes_on {
            if tuning::LINES.contains(&(end - start)) {
                found.push(start..end);
            }
            start = end;
        }
    }
    found
}

/// Returns true if two single lines are close under one another, flush left, of one size.
fn follows(above: &Paragraph, below: &Paragraph, em: f32) -> bool {
    let (above, below) = (&above.rows[0], &below.rows[0]);
    let size_ratio =
        above.size.max(below.size) / above.size.min(below.size).max(tuning::MIN_SIZE_PX);
    let space = (below.rect.top - above.rect.bottom) / em;
    (below.rect.left - above.rect.left).abs() < tuning::FLUSH_EM * em
        && size_ratio < tuning::SAME_SIZE
        && space < tuning::MAX_SPACE_EM
        && below.rect.top > above.rect.top
}
