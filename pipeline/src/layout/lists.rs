//! List items: the markers that begin them, and how deep the items lie.

use super::{
    baselines::TextRow,
    list_markers::{ListMarker, ListMarkerKind, list_marker},
    tuning::lists as tuning,
};

/// The list markers of a column, by row: signs that are only bullets, and dashes and counts that have a neighbor.
///
/// A dash or a number alone is a sign in a sentence, a year or a page number; two under one another are a list.
pub(crate) fn column_markers(rows: &[TextRow], em: f32) -> Vec<Option<ListMarker>> {
    let found: Vec<Option<ListMarker>> = rows.iter().map(|row| list_marker(&row.text)).collect();
    let is_sure = |i: usize, this: &ListMarker| {
        let left = rows[i].rect.left;
        let near =
            i.saturating_sub(tuning::NEIGHBOR_ROWS)..rows.len().min(i + tuning::NEIGHBOR_ROWS + 1);
        let others = || {
            near.clone()
                .filter(|&j| {
                    j != i && (rows[j].rect.left - left).abs() < tuning::SAME_INDENT_EM * em
                })
                .filter_map(|j| found[j].as_ref())
        };
        match this.kind {
            ListMarkerKind::Bullet => true,
            ListMarkerKind::Dash => others().any(|other| other.text == this.text),
            ListMarkerKind::Count { .. } => others().any(|other| this.is_next_to(other)),
        }
    };
    found
        .iter()
        .enumerate()
        .map(|(i, this)| this.clone().filter(|this| is_sure(i, this)))
        .collect()
}

/// The depth of each item, by the left edges of the markers of items that follow one another: 0 for the outermost.
/// `None` in `lefts` ends a list.
pub(crate) fn item_depths(lefts: &[Option<f32>], em: f32) -> Vec<u8> {
    let step = tuning::DEPTH_STEP_EM * em;
    let mut stack: Vec<f32> = Vec::new();
    lefts
        .iter()
        .map(|left| {
            let Some(left) = *left else {
                stack.clear();
                return 0;
            };
            while stack.len() > 1 && stack.last().is_some_and(|&top| left < top - step) {
                stack.pop();
            }
            match stack.last() {
                Some(&top) if left > top + step && stack.len() < tuning::MAX_DEPTH => {
                    stack.push(left);
                }
                None => stack.push(left),
                _ => {}
            }
            (stack.len() - 1) as u8
        })
        .collect()
}
