//! Blocks side by side, such as the sender and the particulars at the head of a letter or an invoice: rows of two parts
//! that are far apart, which are read block by block.

use super::{
    baselines::{RowGap, TextRow, row_of},
    tables::is_amount,
    tuning::side_by_side as tuning,
};

/// Rows in groups that are read one after another: the left and the right parts of blocks side by side are groups of
/// their own.
pub(crate) fn row_groups(rows: Vec<TextRow>, em: f32) -> Vec<Vec<TextRow>> {
    let gaps: Vec<Option<RowGap>> = rows.iter().map(|row| block_gap(row, em)).collect();
    let mut groups: Vec<Vec<TextRow>> = Vec::new();
    let mut rest: Vec<TextRow> = Vec::new();
    let mut rows = rows.into_iter();
    let mut at = 0;
    while at < gaps.len() {
        let count = run_length(&gaps[at..], em);
        let run: Vec<TextRow> = rows.by_ref().take(count.max(1)).collect();
        at += run.len();
        if count < tuning::MIN_ROWS || !are_blocks(&run) {
            rest.extend(run);
            continue;
        }
        if !rest.is_empty() {
            groups.push(std::mem::take(&mut rest));
        }
        let (left, right) = run.into_iter().map(split).unzip();
        groups.push(left);
        groups.push(right);
    }
    if !rest.is_empty() {
        groups.push(rest);
    }
    groups
}

/// The gap between the two parts of a row, if it has one that is wide, and no other.
fn block_gap(row: &TextRow, em: f32) -> Option<RowGap> {
    let mut wide = row.gaps().filter(|gap| gap.width() > tuning::GAP_EM * em);
    let gap = wide.next()?;
    wide.next().is_none().then_some(gap)
}

/// The number of rows from the first on whose right parts begin at one place, with white before it in all of them.
fn run_length(gaps: &[Option<RowGap>], em: f32) -> usize {
    let Some(Some(first)) = gaps.first() else {
        return 0;
    };
    let mut white = *first;
    gaps.iter()
        .take_while(|gap| {
            let Some(gap) = gap else { return false };
            let same = (gap.right - first.right).abs() < tuning::SAME_EDGE_EM * em;
            white.left = white.left.max(gap.left);
            white.right = white.right.min(gap.right);
            same && white.width() > tuning::GAP_EM * em
        })
        .count()
}

/// Returns true if the parts of rows belong to those above and below them, not to one another: on the left are no labels
/// of what is on the right, and on the right no amounts.
fn are_blocks(rows: &[TextRow]) -> bool {
    let texts = |right: bool| {
        rows.iter().filter_map(move |row| {
            let parts = row.lines.split_at(split_at(row));
            let line = if right {
                parts.1.first()
            } else {
                parts.0.last()
            };
            line.map(|line| line.text)
        })
    };
    let is_label = |text: &str| text.ends_with([':', '.', '?', '…', '_']);
    let labels = texts(false).filter(|text| is_label(text)).count();
    let amounts = texts(true).filter(|text| is_amount(text)).count();
    let own_labels = texts(true).filter(|text| text.contains(':')).count();
    let apart = own_labels * 2 > rows.len() || rows.len() >= tuning::MANY_ROWS;
    labels * tuning::FEW_ONE_IN < rows.len() && amounts * 2 < rows.len() && apart
}

/// The index of the first line of a row's right part.
fn split_at(row: &TextRow) -> usize {
    let widest = row
        .gaps()
        .enumerate()
        .max_by(|a, b| a.1.width().total_cmp(&b.1.width()));
    widest.map_or(row.lines.len(), |(index, _)| index + 1)
}

fn split(row: TextRow) -> (TextRow, TextRow) {
    let at = split_at(&row);
    let mut left = row.lines;
    let right = left.split_off(at);
    (row_of(left), row_of(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{layout::placed_line::PlacedLine, page::Rect};

    fn row<'a>(i: usize, left: &'a str, right: &'a str) -> TextRow<'a> {
        let part = |text: &'a str, x: f32| PlacedLine {
            text,
            rect: Rect {
                left: x,
                top: 20.0 * i as f32,
                right: x + 6.0 * text.len() as f32,
                bottom: 20.0 * i as f32 + 12.0,
            },
            size: 12.0,
            ..PlacedLine::default()
        };
        row_of(vec![part(left, 0.0), part(right, 400.0)])
    }

    fn texts(rows: &[(&str, &str)]) -> Vec<Vec<String>> {
        let rows = rows.iter().enumerate();
        let rows = rows.map(|(i, (left, right))| row(i, left, right)).collect();
        let groups = row_groups(rows, 12.0);
        let text = |group: &Vec<TextRow>| group.iter().map(|row| row.text.clone()).collect();
        groups.iter().map(text).collect()
    }

    #[test]
    fn a_sender_and_particulars_are_two_blocks() {
        let groups = texts(&[
            ("Hollis & Daughters Ltd", "Invoice no.: 2021-118"),
            ("4 Quay Street", "Date: 14 May 2021"),
            ("LW4 9AB", "Due: 28 May 2021"),
        ]);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0][1], "4 Quay Street");
        assert_eq!(groups[1][1], "Date: 14 May 2021");
    }

    #[test]
    fn labels_stay_with_their_values() {
        for rows in [
            [
                ("Name:", "Anna Weber"),
                ("Born:", "4 May 1961"),
                ("Town:", "Lower Wending"),
            ],
            [
                ("Rope", "48.00"),
                ("Shackles", "45.00"),
                ("Delivery", "12.00"),
            ],
        ] {
            assert_eq!(texts(&rows).len(), 1);
        }
    }
}
