//! Which marks begin items of lists, and how deep the items lie.

use super::{
    marks::{ListMarker, ListMarkerKind, mark},
    rows::TextRow,
};

/// Rows within which a neighbouring mark is looked for.
const REACH: usize = 60;

/// The list marks of a column, by row: signs that are only bullets, dashes and counts that do not stand alone.
pub(crate) fn list_marks(rows: &[TextRow], em: f32) -> Vec<Option<ListMarker>> {
    let found: Vec<Option<ListMarker>> = rows.iter().map(|row| mark(&row.text)).collect();
    let sure = |i: usize, this: &ListMarker| {
        let left = rows[i].rect.left;
        let near = i.saturating_sub(REACH)..rows.len().min(i + REACH + 1);
        let others = || {
            near.clone()
                .filter(|&j| j != i && (rows[j].rect.left - left).abs() < 1.5 * em)
                .filter_map(|j| found[j].as_ref())
        };
        match this.kind {
            ListMarkerKind::Bullet => true,
            ListMarkerKind::Dash => others().any(|other| other.text == this.text),
            ListMarkerKind::Count { .. } => others().any(|other| this.neighbours(other)),
        }
    };
    found
        .iter()
        .enumerate()
        .map(|(i, this)| this.clone().filter(|this| sure(i, this)))
        .collect()
}

/// The depth of each item, by the places of the marks of items that follow one another: 0 for the outermost.
/// `None` in `lefts` ends a list.
pub(crate) fn depths(lefts: &[Option<f32>], em: f32) -> Vec<u8> {
    let mut stack: Vec<f32> = Vec::new();
    lefts
        .iter()
        .map(|left| {
            let Some(left) = *left else {
                stack.clear();
                return 0;
            };
            while stack.len() > 1 && stack.last().is_some_and(|&top| left < top - 0.7 * em) {
                stack.pop();
            }
            match stack.last() {
                Some(&top) if left > top + 0.7 * em && stack.len() < 6 => stack.push(left),
                None => stack.push(left),
                _ => {}
            }
            (stack.len() - 1) as u8
        })
        .collect()
}
