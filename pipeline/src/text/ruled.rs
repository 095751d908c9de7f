//! Tables by their ruled lines: cells lie between the lines, and a missing line makes a cell span.

use std::collections::BTreeSet;

use crate::{
    image::rulings::{PageRulings, RulingLine},
    page::Rect,
};

use super::{
    Cell, Table,
    join::HyphenatedWords,
    piece::PlacedLine,
    rows::rows,
    tables::{cell_text, has_head},
};

/// Most lines of either direction that are looked at.
const MOST_LINES: usize = 400;
/// Most columns and rows of a grid.
const MOST_COLUMNS: usize = 40;
const MOST_ROWS: usize = 200;
/// The share of a cell's side that a line must cover to bound it.
const COVERS: f32 = 0.6;

/// A table found by its lines, and what is in it.
#[derive(Debug)]
pub(crate) struct DetectedTable<'a> {
    /// The table; its cells' lines are indices into `pieces`.
    pub table: Table,
    /// Its box.
    pub rect: Rect,
    /// Its pieces.
    pub pieces: Vec<PlacedLine<'a>>,
}

/// Takes the tables that `rulings` make certain out of `pieces`.
pub(crate) fn take_ruled<'a>(
    pieces: &mut Vec<PlacedLine<'a>>,
    rulings: &PageRulings,
    em: f32,
    seen: &HyphenatedWords,
) -> Vec<DetectedTable<'a>> {
    let mut found = Vec::new();
    for grid in grids(rulings, em) {
        let (inside, outside): (Vec<PlacedLine>, Vec<PlacedLine>) =
            pieces.iter().partition(|piece| grid.holds(piece));
        if let Some(table) = grid.table(inside, em, seen) {
            *pieces = outside;
            found.push(table);
        }
    }
    found
}

/// Lines that cross one another.
#[derive(Debug)]
struct LatticeGrid {
    across: Vec<RulingLine>,
    down: Vec<RulingLine>,
    /// The edges of its columns, from left to right.
    xs: Vec<f32>,
    /// The edges of its rows, from top to bottom.
    ys: Vec<f32>,
    slack: f32,
}

fn grids(rulings: &PageRulings, em: f32) -> Vec<LatticeGrid> {
    let slack = (0.45 * em).max(4.0);
    let usable = |lines: &[RulingLine]| -> Vec<RulingLine> {
        let finite = |r: &&RulingLine| [r.at, r.start, r.end].iter().all(|v| v.is_finite());
        lines
            .iter()
            .filter(finite)
            .take(MOST_LINES)
            .copied()
            .collect()
    };
    let (across, down) = (usable(&rulings.horizontal), usable(&rulings.vertical));
    let touch = |h: &RulingLine, v: &RulingLine| {
        let on = |at: f32, line: &RulingLine| (line.start - slack..=line.end + slack).contains(&at);
        on(v.at, h) && on(h.at, v)
    };
    // Groups by walking from line to line: `of_down[j]` is the group of the j-th vertical line.
    let mut of_across: Vec<Option<usize>> = vec![None; across.len()];
    let mut of_down: Vec<Option<usize>> = vec![None; down.len()];
    let mut count = 0;
    for start in 0..across.len() {
        if of_across[start].is_some() {
            continue;
        }
        of_across[start] = Some(count);
        let mut todo = vec![start];
        while let Some(i) = todo.pop() {
            for j in (0..down.len()).filter(|&j| touch(&across[i], &down[j])) {
                if of_down[j].replace(count).is_some() {
                    continue;
                }
                for k in (0..across.len()).filter(|&k| touch(&across[k], &down[j])) {
                    if of_across[k].is_none() {
                        of_across[k] = Some(count);
                        todo.push(k);
                    }
                }
            }
        }
        count += 1;
    }
    let of = |lines: &[RulingLine], groups: &[Option<usize>], group: usize| -> Vec<RulingLine> {
        let member =
            |(line, g): (&RulingLine, &Option<usize>)| (*g == Some(group)).then_some(*line);
        lines.iter().zip(groups).filter_map(member).collect()
    };
    (0..count)
        .filter_map(|g| LatticeGrid::new(of(&across, &of_across, g), of(&down, &of_down, g), slack))
        .collect()
}

impl LatticeGrid {
    fn new(across: Vec<RulingLine>, mut down: Vec<RulingLine>, slack: f32) -> Option<Self> {
        if across.len() < 2 || down.is_empty() {
            return None;
        }
        let ys = merged(across.iter().map(|line| line.at), slack);
        let inner = merged(down.iter().map(|line| line.at), slack);
        // Tables are often open at their sides: there the ends of the lines across bound them.
        let (top, bottom) = (*ys.first()?, *ys.last()?);
        let (first, last) = (*inner.first()?, *inner.last()?);
        let mut side = |ends: Vec<f32>, beyond: &dyn Fn(f32) -> bool| {
            let far: Vec<f32> = ends.into_iter().filter(|&x| beyond(x)).collect();
            if far.len() >= 2 {
                let at = far.iter().sum::<f32>() / far.len() as f32;
                if far.iter().all(|x| (x - at).abs() < 2.0 * slack) {
                    down.push(RulingLine {
                        at,
                        start: top,
                        end: bottom,
                    });
                }
            }
        };
        side(across.iter().map(|l| l.start).collect(), &|x| {
            x < first - 4.0 * slack
        });
        side(across.iter().map(|l| l.end).collect(), &|x| {
            x > last + 4.0 * slack
        });
        let xs = merged(down.iter().map(|line| line.at), slack);
        let sizes =
            (3..=MOST_COLUMNS + 1).contains(&xs.len()) && (3..=MOST_ROWS + 1).contains(&ys.len());
        sizes.then_some(Self {
            across,
            down,
            xs,
            ys,
            slack,
        })
    }

    fn rect(&self) -> Rect {
        let end = |v: &[f32], last: bool| {
            if last { v.last() } else { v.first() }
                .copied()
                .unwrap_or(0.0)
        };
        Rect {
            left: end(&self.xs, false),
            top: end(&self.ys, false),
            right: end(&self.xs, true),
            bottom: end(&self.ys, true),
        }
    }

    fn holds(&self, piece: &PlacedLine) -> bool {
        let (x, y) = middle(&piece.rect);
        let rect = self.rect();
        (rect.left..rect.right).contains(&x) && (rect.top..rect.bottom).contains(&y)
    }

    /// Returns true if a line bounds the cells at the given places: across at `ys[y]` over column `x`.
    fn line_across(&self, x: usize, y: usize) -> bool {
        self.covered(&self.across, self.ys[y], self.xs[x], self.xs[x + 1])
    }

    fn line_down(&self, x: usize, y: usize) -> bool {
        self.covered(&self.down, self.xs[x], self.ys[y], self.ys[y + 1])
    }

    fn covered(&self, lines: &[RulingLine], at: f32, start: f32, end: f32) -> bool {
        let of_line = lines
            .iter()
            .filter(|line| (line.at - at).abs() <= self.slack);
        let length: f32 = of_line
            .map(|line| (line.end.min(end) - line.start.max(start)).max(0.0))
            .sum();
        length >= COVERS * (end - start)
    }

    /// The table, if the cells are rectangles and enough of them hold text.
    fn table<'a>(
        &self,
        pieces: Vec<PlacedLine<'a>>,
        em: f32,
        seen: &HyphenatedWords,
    ) -> Option<DetectedTable<'a>> {
        let areas = self.areas()?;
        let mut held: Vec<Vec<PlacedLine>> = vec![Vec::new(); areas.len()];
        for piece in &pieces {
            let (x, y) = middle(&piece.rect);
            let (x, y) = (slot(&self.xs, x)?, slot(&self.ys, y)?);
            let home = areas.iter().position(|area| area.holds(x, y))?;
            if piece.rect.right > self.xs[areas[home].x1] + 2.5 * em {
                // A line of text runs through the ruled lines: no table's cell does that.
                return None;
            }
            held[home].push(*piece);
        }
        let filled = held.iter().filter(|cell| !cell.is_empty()).count();
        let fullest = held.iter().map(Vec::len).max().unwrap_or(0);
        let lopsided = fullest > 8 && fullest * 2 > pieces.len();
        if filled < 4 || filled * 4 < areas.len() || lopsided {
            return None;
        }
        // Lines that bound no cell are no columns and rows of the table.
        let used = |ends: &dyn Fn(&CellArea) -> [usize; 2]| -> BTreeSet<usize> {
            areas.iter().flat_map(ends).collect()
        };
        let (xs, ys) = (used(&|a| [a.x0, a.x1]), used(&|a| [a.y0, a.y1]));
        let span =
            |edges: &BTreeSet<usize>, from: usize, to: usize| edges.range(from..to).count() as u32;
        let mut table_rows: Vec<Vec<Cell>> = vec![Vec::new(); ys.len() - 1];
        let mut order: Vec<PlacedLine> = Vec::new();
        for (area, cell) in areas.iter().zip(held) {
            let width = self.xs[area.x1] - self.xs[area.x0];
            let first = order.len();
            let cell_rows = rows(cell);
            let text = cell_text(&cell_rows, width, em, seen);
            order.extend(cell_rows.into_iter().flat_map(|row| row.pieces));
            table_rows[ys.range(..area.y0).count()].push(Cell {
                text,
                spans: Vec::new(),
                columns: span(&xs, area.x0, area.x1),
                rows: span(&ys, area.y0, area.y1),
                lines: (first..order.len()).collect(),
            });
        }
        drop_empty_rows(&mut table_rows);
        let mut table = Table {
            rows: table_rows,
            head: false,
        };
        if table.rows.len() < 2 || table.rows.iter().all(|row| row.len() < 2) {
            return None;
        }
        table.head = has_head(&table);
        Some(DetectedTable {
            table,
            rect: self.rect(),
            pieces: order,
        })
    }

    /// The cells, row by row; `None` if missing lines leave shapes that are no rectangles.
    fn areas(&self) -> Option<Vec<CellArea>> {
        let (columns, rows) = (self.xs.len() - 1, self.ys.len() - 1);
        let mut taken = vec![false; columns * rows];
        let mut areas = Vec::new();
        for y0 in 0..rows {
            for x0 in 0..columns {
                if taken[y0 * columns + x0] {
                    continue;
                }
                let x1 = (x0 + 1..columns)
                    .find(|&x| self.line_down(x, y0))
                    .unwrap_or(columns);
                let y1 = (y0 + 1..rows)
                    .find(|&y| self.line_across(x0, y))
                    .unwrap_or(rows);
                let area = CellArea { x0, x1, y0, y1 };
                for y in y0..y1 {
                    for x in x0..x1 {
                        let open =
                            (x > x0 && self.line_down(x, y)) || (y > y0 && self.line_across(x, y));
                        let bounded = (x + 1 < x1 || x1 == columns || self.line_down(x1, y))
                            && (y + 1 < y1 || y1 == rows || self.line_across(x, y1));
                        if open || !bounded || std::mem::replace(&mut taken[y * columns + x], true)
                        {
                            return None;
                        }
                    }
                }
                areas.push(area);
            }
        }
        Some(areas)
    }
}

/// Takes out rows that no text begins in but that cells from above reach over: a short stroke made them, no row does.
fn drop_empty_rows(rows: &mut Vec<Vec<Cell>>) {
    for y in (1..rows.len()).rev() {
        let covers = |above: usize, cell: &Cell| above + cell.rows as usize > y;
        let empty = rows[y]
            .iter()
            .all(|cell| cell.text.is_empty() && cell.rows == 1);
        let filled = |(above, row): (usize, &Vec<Cell>)| {
            row.iter()
                .any(|cell| covers(above, cell) && !cell.text.is_empty())
        };
        if !empty || !rows[..y].iter().enumerate().any(filled) {
            continue;
        }
        rows.remove(y);
        for (above, row) in rows[..y].iter_mut().enumerate() {
            row.iter_mut()
                .filter(|cell| covers(above, cell))
                .for_each(|cell| cell.rows -= 1);
        }
    }
}

/// A cell's place in the grid; ends are exclusive.
#[derive(Clone, Copy, Debug)]
struct CellArea {
    x0: usize,
    x1: usize,
    y0: usize,
    y1: usize,
}

impl CellArea {
    fn holds(&self, x: usize, y: usize) -> bool {
        (self.x0..self.x1).contains(&x) && (self.y0..self.y1).contains(&y)
    }
}

fn middle(rect: &Rect) -> (f32, f32) {
    (
        (rect.left + rect.right) / 2.0,
        (rect.top + rect.bottom) / 2.0,
    )
}

/// Which interval between `edges` holds `at`.
fn slot(edges: &[f32], at: f32) -> Option<usize> {
    let above = edges.partition_point(|&edge| edge <= at);
    (1..edges.len()).contains(&above).then(|| above - 1)
}

/// Places that differ by no more than `slack`, made one.
fn merged(places: impl Iterator<Item = f32>, slack: f32) -> Vec<f32> {
    let mut sorted: Vec<f32> = places.collect();
    sorted.sort_by(f32::total_cmp);
    sorted
        .chunk_by(|a, b| b - a <= slack)
        .map(|group| group.iter().sum::<f32>() / group.len() as f32)
        .collect()
}
