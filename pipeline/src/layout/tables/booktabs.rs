//! Booktabs tables: horizontal rules alone, as in books and papers. There is one above the header, one below it, one
//! below the last row, all of one length, and aligned cells between.

use super::tuning::booktabs as tuning;
use super::{
    DetectedTable, empty_cell,
    row_cells::{ColumnExtent, RowCell, has_long_column, row_cells, widened},
    row_starts::{Baseline, CellLine, go_on},
};
use crate::{
    dehyphenate::{HyphenatedWords, join_line},
    image::rulings::{PageRulings, RulingLine},
    layout::{
        baselines::{TextRow, text_rows},
        block::{Cell, Table},
        placed_line::PlacedLine,
    },
    page::Rect,
    text_marks::plain,
};

/// Takes the tables between horizontal rules of one length out of `lines`.
pub(crate) fn take_booktabs_tables<'a>(
    lines: &mut Vec<PlacedLine<'a>>,
    rulings: &PageRulings,
    em: f32,
    hyphenated: &HyphenatedWords,
) -> Vec<DetectedTable<'a>> {
    let mut found = Vec::new();
    for rules in rules_of_one_length(&rulings.horizontal, em) {
        let mut first = 0;
        while first + 2 < rules.len() {
            let last = (first + 1..rules.len())
                .take_while(|&i| is_tabular(lines, &rules[i - 1], &rules[i], em))
                .last();
            // Three rules at least: two alone are a box or a pair of separators.
            let Some(last) = last.filter(|&last| last >= first + 2) else {
                first += 1;
                continue;
            };
            let area = area_between(&rules[first], &rules[last], em);
            if goes_on_outside(lines, &area, em) {
                first = last;
                continue;
            }
            let (inside, outside) = lines.iter().partition(|line| holds(&area, line));
            if let Some(table) = table(inside, &rules[first..=last], area, em, hyphenated) {
                *lines = outside;
                found.push(table);
            }
            first = last;
        }
    }
    found
}

/// Rules with the same ends, from top to bottom.
fn rules_of_one_length(rules: &[RulingLine], em: f32) -> Vec<Vec<RulingLine>> {
    let mut groups: Vec<Vec<RulingLine>> = Vec::new();
    let usable = |r: &&RulingLine| {
        [r.at, r.start, r.end].iter().all(|v| v.is_finite())
            && r.end - r.start > tuning::MIN_RULE_EM * em
    };
    for rule in rules.iter().filter(usable).take(tuning::MAX_RULES) {
        let same_ends = |other: &RulingLine| {
            (other.start - rule.start).abs() < tuning::SAME_END_EM * em
                && (other.end - rule.end).abs() < tuning::SAME_END_EM * em
        };
        match groups.iter_mut().find(|group| same_ends(&group[0])) {
            Some(group) => group.push(*rule),
            None => groups.push(vec![*rule]),
        }
    }
    groups
        .iter_mut()
        .for_each(|group| group.sort_by(|a, b| a.at.total_cmp(&b.at)));
    groups
}

/// The area between two rules, an em wider on both sides.
fn area_between(above: &RulingLine, below: &RulingLine, em: f32) -> Rect {
    Rect {
        left: above.start.min(below.start) - em,
        top: above.at,
        right: above.end.max(below.end) + em,
        bottom: below.at,
    }
}

/// Returns true if the line's center lies between the area's top and bottom.
fn is_level_with(area: &Rect, line: &PlacedLine) -> bool {
    let center = (line.rect.top + line.rect.bottom) / 2.0;
    (area.top..area.bottom).contains(&center)
}

fn holds(area: &Rect, line: &PlacedLine) -> bool {
    line.rect.left >= area.left && line.rect.right <= area.right && is_level_with(area, line)
}

/// Returns true if rows of cells go on above or below the area: then the rules only part a larger table.
fn goes_on_outside(lines: &[PlacedLine], area: &Rect, em: f32) -> bool {
    let cells_in = |top: f32, bottom: f32| {
        let band = Rect {
            top,
            bottom,
            ..*area
        };
        let inside = lines.iter().filter(|line| holds(&band, line));
        text_rows(inside.copied().collect())
            .iter()
            .any(|row| row_cells(row, em).len() >= 2)
    };
    let reach = tuning::OUTSIDE_EM * em;
    cells_in(area.top - reach, area.top) || cells_in(area.bottom, area.bottom + reach)
}

/// Returns true if the lines between two rules may be rows of a table: no running text, none that reaches out.
fn is_tabular(lines: &[PlacedLine], above: &RulingLine, below: &RulingLine, em: f32) -> bool {
    let area = area_between(above, below, em);
    let touching: Vec<PlacedLine> = lines
        .iter()
        .filter(|line| {
            is_level_with(&area, line) && line.rect.left < area.right && line.rect.right > area.left
        })
        .copied()
        .collect();
    if !touching.iter().all(|line| holds(&area, line)) {
        return false;
    }
    let rows = text_rows(touching);
    let single: Vec<&TextRow> = rows
        .iter()
        .filter(|row| row_cells(row, em).len() < 2)
        .collect();
    let has_long = single
        .iter()
        .any(|row| row.text.chars().count() > tuning::MAX_SINGLE_CHARACTERS);
    !has_long
        && (!tuning::SINGLE_ROWS.is_exceeded(single.len(), rows.len())
            || rows.len() <= tuning::FEW_ROWS)
}

/// The table between `rules`, if its columns are clear.
fn table<'a>(
    lines: Vec<PlacedLine<'a>>,
    rules: &[RulingLine],
    rect: Rect,
    em: f32,
    hyphenated: &HyphenatedWords,
) -> Option<DetectedTable<'a>> {
    let rows: Vec<TextRow> = text_rows(lines);
    let cells: Vec<Vec<RowCell>> = rows.iter().map(|row| row_cells(row, em)).collect();
    let columns = table_columns(&cells, em)?;
    let header_rows = rows
        .iter()
        .take_while(|row| row.center_y() < rules[1].at)
        .count();
    let full = cells.iter().filter(|row| row.len() >= 2).count();
    if columns.len() < 2
        || full < 2
        || !tuning::FULL_ROWS.is_reached(full, rows.len())
        || header_rows == 0
        || header_rows == rows.len()
    {
        return None;
    }
    let mut table_lines: Vec<PlacedLine> = Vec::new();
    let mut table = Table {
        rows: Vec::new(),
        head: true,
    };
    let continues = continued_rows(&rows, &cells, &columns, em);
    for (i, row) in cells.iter().enumerate() {
        let mut cells = cells_in_columns(row, &columns, &mut table_lines)?;
        if let Some(above) = table.rows.last_mut()
            && i != header_rows
            && continues[i]
            && continue_row(above, &cells, hyphenated)
        {
            continue;
        }
        if let ([_], Some(above)) = (&row[..], table.rows.last_mut())
            && continue_cell(above, &cells, hyphenated)
        {
            continue;
        }
        // A line that names a part of the table spans all of its columns.
        if let ([_], Some(label)) = (&row[..], cells.iter().find(|cell| cell.columns > 1)) {
            cells = vec![Cell {
                columns: columns.len() as u32,
                ..label.clone()
            }];
        }
        table.rows.push(cells);
    }
    let lengths = |c: usize| {
        let column = table.rows.iter().filter_map(|row| row.get(c));
        column.map(|cell| cell.text.chars().count()).collect()
    };
    (!has_long_column((0..columns.len()).map(lengths))).then_some(DetectedTable {
        table,
        rect,
        lines: table_lines,
    })
}

/// For each row of text, true if it goes on in the cells of the row above.
fn continued_rows(
    rows: &[TextRow],
    cells: &[Vec<RowCell>],
    columns: &[ColumnExtent],
    em: f32,
) -> Vec<bool> {
    let baseline = |(row, cells): (&TextRow, &Vec<RowCell>)| {
        let in_column = |column: &ColumnExtent| {
            let cell = cells.iter().find(|cell| column.meets(cell))?;
            Some(CellLine {
                text: plain(&cell.text).into_owned(),
                width: cell.right - cell.left,
            })
        };
        Baseline {
            top: row.rect.top,
            bottom: row.rect.bottom,
            cells: columns.iter().map(in_column).collect(),
        }
    };
    go_on(
        &rows.iter().zip(cells).map(baseline).collect::<Vec<_>>(),
        em,
    )
}

/// Joins a row that goes on in the cells above to them; not if either has a cell over several columns.
fn continue_row(above: &mut [Cell], row: &[Cell], hyphenated: &HyphenatedWords) -> bool {
    if above.len() != row.len() || above.iter().chain(row).any(|cell| cell.columns > 1) {
        return false;
    }
    for (cell, more) in above.iter_mut().zip(row) {
        if !more.text.is_empty() {
            join_line(&mut cell.text, &more.text, hyphenated);
            cell.lines.extend(&more.lines);
        }
    }
    true
}

/// Joins a row with one cell, not its first, to the row above if that cell goes on.
fn continue_cell(above: &mut [Cell], row: &[Cell], hyphenated: &HyphenatedWords) -> bool {
    let Some(at) = row
        .iter()
        .position(|cell| !cell.text.is_empty())
        .filter(|at| *at > 0)
    else {
        return false;
    };
    let single = row[at].columns == 1 && above.len() == row.len();
    match above
        .get_mut(at)
        .filter(|cell| single && !cell.text.is_empty())
    {
        Some(cell) => {
            join_line(&mut cell.text, &row[at].text, hyphenated);
            cell.lines.extend(&row[at].lines);
            true
        }
        None => false,
    }
}

/// The extents of the columns, by the rows with most cells first, as cells of others may span.
fn table_columns(cells: &[Vec<RowCell>], em: f32) -> Option<Vec<ColumnExtent>> {
    let mut fullest: Vec<&Vec<RowCell>> = cells.iter().collect();
    fullest.sort_by_key(|row| std::cmp::Reverse(row.len()));
    let first = fullest.first()?;
    let mut columns: Vec<ColumnExtent> = first.iter().map(ColumnExtent::of).collect();
    for row in fullest {
        for cell in row {
            let wider = widened(&columns, std::slice::from_ref(cell), em);
            columns = wider
                .filter(|wider| wider.len() == columns.len())
                .unwrap_or(columns);
        }
    }
    Some(columns)
}

/// A row's cells in their columns; a cell over several spans them. `None` if two want one place.
fn cells_in_columns<'a>(
    row: &[RowCell<'a>],
    columns: &[ColumnExtent],
    table_lines: &mut Vec<PlacedLine<'a>>,
) -> Option<Vec<Cell>> {
    let mut cells = Vec::new();
    let mut next = 0;
    for cell in row {
        let first = columns
            .iter()
            .position(|column| column.meets(cell))
            .or_else(|| nearest(columns, cell))?;
        let last = columns
            .iter()
            .rposition(|column| column.meets(cell))
            .unwrap_or(first);
        if first < next {
            return None;
        }
        cells.extend((next..first).map(|_| empty_cell()));
        let start = table_lines.len();
        table_lines.extend(&cell.lines);
        cells.push(Cell {
            text: cell.text.clone(),
            columns: (last - first + 1) as u32,
            lines: (start..table_lines.len()).collect(),
            ..empty_cell()
        });
        next = last + 1;
    }
    cells.extend((next..columns.len()).map(|_| empty_cell()));
    Some(cells)
}

fn nearest(columns: &[ColumnExtent], cell: &RowCell) -> Option<usize> {
    let off = |c: &ColumnExtent| ((c.left + c.right) - (cell.left + cell.right)).abs();
    (0..columns.len()).min_by(|&a, &b| off(&columns[a]).total_cmp(&off(&columns[b])))
}
