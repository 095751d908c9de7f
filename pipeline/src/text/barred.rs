//! Tables by horizontal lines alone, as in books and papers: a line above the head, one below it, one below the
//! last row, all of one length, and aligned cells between.

use crate::{
    image::rulings::{PageRulings, RulingLine},
    page::Rect,
};

use super::{
    Cell, Table,
    aligned::{LONGEST_CELL, RowCell, spans, widened},
    join::{HyphenatedWords, join_line},
    piece::PlacedLine,
    rows::{TextRow, rows},
    ruled::DetectedTable,
};

/// Most lines that are looked at.
const MOST_LINES: usize = 200;

/// Takes the tables between horizontal lines of one length out of `pieces`.
pub(crate) fn take_barred<'a>(
    pieces: &mut Vec<PlacedLine<'a>>,
    rulings: &PageRulings,
    em: f32,
    seen: &HyphenatedWords,
) -> Vec<DetectedTable<'a>> {
    let mut found = Vec::new();
    for bars in groups(&rulings.horizontal, em) {
        let mut first = 0;
        while first + 2 < bars.len() {
            let last = (first + 1..bars.len())
                .take_while(|&i| is_tabular(pieces, &bars[i - 1], &bars[i], em))
                .last();
            match last.filter(|&last| last >= first + 2) {
                Some(last) => {
                    let area = between(&bars[first], &bars[last], em);
                    if goes_on(pieces, &area, em) {
                        first = last;
                        continue;
                    }
                    let (inside, outside) = pieces.iter().partition(|piece| holds(&area, piece));
                    if let Some(table) = table(inside, &bars[first..=last], area, em, seen) {
                        *pieces = outside;
                        found.push(table);
                    }
                    first = last;
                }
                None => first += 1,
            }
        }
    }
    found
}

/// Lines with the same ends, from top to bottom.
fn groups(lines: &[RulingLine], em: f32) -> Vec<Vec<RulingLine>> {
    let mut groups: Vec<Vec<RulingLine>> = Vec::new();
    let usable = |r: &&RulingLine| {
        [r.at, r.start, r.end].iter().all(|v| v.is_finite()) && r.end - r.start > 8.0 * em
    };
    for line in lines.iter().filter(usable).take(MOST_LINES) {
        let near = |other: &RulingLine| {
            (other.start - line.start).abs() < 1.2 * em && (other.end - line.end).abs() < 1.2 * em
        };
        match groups.iter_mut().find(|group| near(&group[0])) {
            Some(group) => group.push(*line),
            None => groups.push(vec![*line]),
        }
    }
    groups
        .iter_mut()
        .for_each(|group| group.sort_by(|a, b| a.at.total_cmp(&b.at)));
    groups
}

fn between(above: &RulingLine, below: &RulingLine, em: f32) -> Rect {
    Rect {
        left: above.start.min(below.start) - em,
        top: above.at,
        right: above.end.max(below.end) + em,
        bottom: below.at,
    }
}

fn holds(area: &Rect, piece: &PlacedLine) -> bool {
    let middle = (piece.rect.top + piece.rect.bottom) / 2.0;
    piece.rect.left >= area.left
        && piece.rect.right <= area.right
        && (area.top..area.bottom).contains(&middle)
}

/// Whether rows of cells go on above or below: then the lines only part a larger table.
fn goes_on(pieces: &[PlacedLine], area: &Rect, em: f32) -> bool {
    let cells_in = |from: f32, to: f32| {
        let band = Rect {
            top: from,
            bottom: to,
            ..*area
        };
        let inside: Vec<PlacedLine> = pieces
            .iter()
            .filter(|piece| holds(&band, piece))
            .copied()
            .collect();
        rows(inside).iter().any(|row| spans(row, em).len() >= 2)
    };
    cells_in(area.top - 1.8 * em, area.top) || cells_in(area.bottom, area.bottom + 1.8 * em)
}

/// Whether what stands between two lines may be rows of a table: no running text, nothing that reaches out.
fn is_tabular(pieces: &[PlacedLine], above: &RulingLine, below: &RulingLine, em: f32) -> bool {
    let area = between(above, below, em);
    let touching: Vec<PlacedLine> = pieces
        .iter()
        .filter(|piece| {
            let middle = (piece.rect.top + piece.rect.bottom) / 2.0;
            (area.top..area.bottom).contains(&middle)
                && piece.rect.left < area.right
                && piece.rect.right > area.left
        })
        .copied()
        .collect();
    if !touching.iter().all(|piece| holds(&area, piece)) {
        return false;
    }
    let rows = rows(touching);
    let single = rows.iter().filter(|row| spans(row, em).len() < 2).count();
    let long = rows
        .iter()
        .filter(|row| spans(row, em).len() < 2 && row.text.chars().count() > 60)
        .count();
    long == 0 && (single * 2 <= rows.len() || rows.len() <= 2)
}

/// The table between `bars`, where its columns are clear.
fn table<'a>(
    pieces: Vec<PlacedLine<'a>>,
    bars: &[RulingLine],
    rect: Rect,
    em: f32,
    seen: &HyphenatedWords,
) -> Option<DetectedTable<'a>> {
    let rows: Vec<TextRow> = rows(pieces);
    let cells: Vec<Vec<RowCell>> = rows.iter().map(|row| spans(row, em)).collect();
    let columns = columns(&cells, em)?;
    let head = rows
        .iter()
        .take_while(|row| row.middle() < bars[1].at)
        .count();
    let full = cells.iter().filter(|row| row.len() >= 2).count();
    if columns.len() < 2 || full < 2 || full * 2 < rows.len() || head == 0 || head == rows.len() {
        return None;
    }
    let mut order: Vec<PlacedLine> = Vec::new();
    let mut table = Table {
        rows: Vec::new(),
        head: true,
    };
    for row in &cells {
        let mut cells = placed(row, &columns, &mut order)?;
        if let ([_], Some(above)) = (&row[..], table.rows.last_mut())
            && go_on(above, &cells, seen)
        {
            continue;
        }
        // A line that names a part of the table stands over all of its columns.
        if let ([_], Some(label)) = (&row[..], cells.iter().find(|cell| cell.columns > 1)) {
            cells = vec![Cell {
                columns: columns.len() as u32,
                ..label.clone()
            }];
        }
        table.rows.push(cells);
    }
    let long = (0..columns.len()).any(|c| {
        let mut lengths: Vec<usize> = table
            .rows
            .iter()
            .filter_map(|row| row.get(c))
            .map(|cell| cell.text.chars().count())
            .collect();
        lengths.sort_unstable();
        lengths
            .get(lengths.len() / 2)
            .is_some_and(|&n| n > LONGEST_CELL)
    });
    (!long).then_some(DetectedTable {
        table,
        rect,
        pieces: order,
    })
}

/// Joins a row with one cell, not its first, to the row above, where that cell goes on.
fn go_on(above: &mut [Cell], row: &[Cell], seen: &HyphenatedWords) -> bool {
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
            join_line(&mut cell.text, &row[at].text, seen);
            cell.lines.extend(&row[at].lines);
            true
        }
        None => false,
    }
}

/// Where the columns lie: by the rows with most cells first, as others may span.
fn columns(cells: &[Vec<RowCell>], em: f32) -> Option<Vec<(f32, f32)>> {
    let mut rich: Vec<&Vec<RowCell>> = cells.iter().collect();
    rich.sort_by_key(|row| std::cmp::Reverse(row.len()));
    let first = rich.first()?;
    let mut columns: Vec<(f32, f32)> = first.iter().map(|cell| (cell.left, cell.right)).collect();
    for row in rich {
        for cell in row {
            let wider = widened(&columns, std::slice::from_ref(cell), em);
            columns = wider
                .filter(|wider| wider.len() == columns.len())
                .unwrap_or(columns);
        }
    }
    Some(columns)
}

/// A row's cells in their columns; a cell over several spans them. `None` where two want one place.
fn placed<'a>(
    row: &[RowCell<'a>],
    columns: &[(f32, f32)],
    order: &mut Vec<PlacedLine<'a>>,
) -> Option<Vec<Cell>> {
    let empty = || Cell {
        text: String::new(),
        spans: Vec::new(),
        columns: 1,
        rows: 1,
        lines: Vec::new(),
    };
    let mut cells = Vec::new();
    let mut next = 0;
    for span in row {
        let over = |c: &(f32, f32)| span.left < c.1 && c.0 < span.right;
        let first = columns
            .iter()
            .position(over)
            .or_else(|| nearest(columns, span))?;
        let last = columns.iter().rposition(over).unwrap_or(first);
        if first < next {
            return None;
        }
        cells.extend((next..first).map(|_| empty()));
        let start = order.len();
        order.extend(&span.pieces);
        cells.push(Cell {
            text: span.text.clone(),
            spans: Vec::new(),
            columns: (last - first + 1) as u32,
            rows: 1,
            lines: (start..order.len()).collect(),
        });
        next = last + 1;
    }
    cells.extend((next..columns.len()).map(|_| empty()));
    Some(cells)
}

fn nearest(columns: &[(f32, f32)], span: &RowCell) -> Option<usize> {
    let off = |c: &(f32, f32)| ((c.0 + c.1) - (span.left + span.right)).abs();
    (0..columns.len()).min_by(|&a, &b| off(&columns[a]).total_cmp(&off(&columns[b])))
}
