//! Lattice tables: cells lie between ruled lines that cross, and a missing line makes a cell span.

use std::collections::{BTreeMap, BTreeSet};

use super::row_cells::row_cells;
use super::ruled_text::part_at_rulings;
use super::tuning::lattice as tuning;
use super::unruled_rows::row_breaks;
use super::{DetectedTable, cell_text, empty_cell, has_header_row};
use crate::{
    dehyphenate::HyphenatedWords,
    image::rulings::{PageRulings, RulingLine},
    layout::{
        baselines::text_rows,
        block::{Cell, Table},
        placed_line::PlacedLine,
    },
    page::{Point, Rect},
};

/// Takes the tables that `rulings` make certain out of `lines`.
pub(crate) fn take_lattice_tables<'a>(
    lines: &mut Vec<PlacedLine<'a>>,
    rulings: &PageRulings,
    em: f32,
    hyphenated: &HyphenatedWords,
) -> Vec<DetectedTable<'a>> {
    let mut found = Vec::new();
    for mut grid in grids(rulings, em) {
        let (inside, outside): (Vec<PlacedLine>, Vec<PlacedLine>) =
            lines.iter().partition(|line| grid.holds(line));
        let inside = part_at_rulings(&inside, &grid.down);
        if grid.lacks_columns(&inside, em) {
            continue;
        }
        grid.split_rows(&inside, em);
        if let Some(table) = grid.table(inside, em, hyphenated) {
            *lines = outside;
            found.push(table);
        }
    }
    found
}

/// Ruled lines that cross one another.
#[derive(Debug)]
struct LatticeGrid {
    across: Vec<RulingLine>,
    down: Vec<RulingLine>,
    /// The edges of its columns, from left to right.
    xs: Vec<f32>,
    /// The edges of its rows, from top to bottom.
    ys: Vec<f32>,
    /// Distance of lines that still meet, in pixels.
    slack: f32,
}

/// The grids that ruled lines make: lines that cross one another, directly or by way of others.
fn grids(rulings: &PageRulings, em: f32) -> Vec<LatticeGrid> {
    let slack = (tuning::SLACK_EM * em).max(tuning::MIN_SLACK_PX);
    let usable = |lines: &[RulingLine]| -> Vec<RulingLine> {
        let finite = |r: &&RulingLine| [r.at, r.start, r.end].iter().all(|v| v.is_finite());
        lines
            .iter()
            .filter(finite)
            .take(tuning::MAX_RULINGS)
            .copied()
            .collect()
    };
    let (across, down) = (usable(&rulings.horizontal), usable(&rulings.vertical));
    let groups = CrossingGroups::of(&across, &down, slack);
    let member = |lines: &[RulingLine], groups: &[Option<usize>], group: usize| {
        let of_group = lines.iter().zip(groups).filter(|(_, g)| **g == Some(group));
        of_group.map(|(line, _)| *line).collect::<Vec<_>>()
    };
    (0..groups.count)
        .filter_map(|group| {
            let across = member(&across, &groups.across, group);
            let down = member(&down, &groups.down, group);
            LatticeGrid::new(across, down, slack)
        })
        .collect()
}

/// The group of each ruled line, by its index; `None` for a vertical line that crosses nothing.
struct CrossingGroups {
    across: Vec<Option<usize>>,
    down: Vec<Option<usize>>,
    count: usize,
}

impl CrossingGroups {
    /// Walks from line to line over their crossings.
    fn of(across: &[RulingLine], down: &[RulingLine], slack: f32) -> Self {
        let cross = |h: &RulingLine, v: &RulingLine| {
            let on =
                |at: f32, line: &RulingLine| (line.start - slack..=line.end + slack).contains(&at);
            on(v.at, h) && on(h.at, v)
        };
        let mut groups = Self {
            across: vec![None; across.len()],
            down: vec![None; down.len()],
            count: 0,
        };
        for start in 0..across.len() {
            if groups.across[start].is_some() {
                continue;
            }
            groups.across[start] = Some(groups.count);
            let mut todo = vec![start];
            while let Some(i) = todo.pop() {
                for j in (0..down.len()).filter(|&j| cross(&across[i], &down[j])) {
                    if groups.down[j].replace(groups.count).is_some() {
                        continue;
                    }
                    for k in (0..across.len()).filter(|&k| cross(&across[k], &down[j])) {
                        if groups.across[k].is_none() {
                            groups.across[k] = Some(groups.count);
                            todo.push(k);
                        }
                    }
                }
            }
            groups.count += 1;
        }
        groups
    }
}

impl LatticeGrid {
    /// `None` if the lines are too few, or too many, for a table.
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
            // Most of the lines end there; others do not reach so far.
            let Some(at) = common_place(far, tuning::OPEN_SIDE_SLACK * slack) else {
                return;
            };
            down.push(RulingLine {
                at,
                start: top,
                end: bottom,
            });
        };
        side(across.iter().map(|l| l.start).collect(), &|x| {
            x < first - tuning::OPEN_SIDE_BEYOND * slack
        });
        side(across.iter().map(|l| l.end).collect(), &|x| {
            x > last + tuning::OPEN_SIDE_BEYOND * slack
        });
        let xs = merged(down.iter().map(|line| line.at), slack);
        // Three edges are two columns; between two edges there may be rows without lines between them.
        let sizes = (3..=tuning::MAX_COLUMNS + 1).contains(&xs.len())
            && (2..=tuning::MAX_ROWS + 1).contains(&ys.len());
        sizes.then_some(Self {
            across,
            down,
            xs,
            ys,
            slack,
        })
    }

    /// Returns true if rows of text in one of its cells are cut by wide white: the table has more columns than ruled
    /// lines between them.
    fn lacks_columns(&self, lines: &[PlacedLine], em: f32) -> bool {
        let place = |line: &PlacedLine| {
            let center = center(&line.rect);
            Some((interval(&self.xs, center.x)?, interval(&self.ys, center.y)?))
        };
        let mut cells: BTreeMap<(usize, usize), Vec<PlacedLine>> = BTreeMap::new();
        for line in lines {
            if let Some(place) = place(line) {
                cells.entry(place).or_default().push(*line);
            }
        }
        cells.into_values().any(|cell| {
            let rows = text_rows(cell);
            let cut = rows
                .iter()
                .filter(|row| row_cells(row, em).len() > 1)
                .count();
            rows.len() >= tuning::CUT_ROWS && tuning::MOSTLY_CUT.is_reached(cut, rows.len())
        })
    }

    /// Adds lines between rows of text that have none.
    fn split_rows(&mut self, lines: &[PlacedLine], em: f32) {
        let mut added = Vec::new();
        for edges in self.ys.windows(2) {
            let of_row = lines.iter().filter(|line| {
                let y = center(&line.rect).y;
                (edges[0]..edges[1]).contains(&y)
            });
            let column = |line: &PlacedLine| {
                let column = interval(&self.xs, center(&line.rect).x)?;
                let fits = line.rect.left >= self.xs[column] - self.slack
                    && line.rect.right <= self.xs[column + 1] + self.slack;
                fits.then_some(column)
            };
            let breaks = row_breaks(of_row.copied().collect(), self.xs.len() - 1, em, column);
            for &x in &breaks.columns {
                added.extend(breaks.at.iter().map(|&at| RulingLine {
                    at,
                    start: self.xs[x],
                    end: self.xs[x + 1],
                }));
            }
        }
        if !added.is_empty() {
            self.across.extend(added);
            self.ys = merged(self.across.iter().map(|line| line.at), self.slack);
        }
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

    fn holds(&self, line: &PlacedLine) -> bool {
        let center = center(&line.rect);
        let rect = self.rect();
        (rect.left..rect.right).contains(&center.x) && (rect.top..rect.bottom).contains(&center.y)
    }

    /// Returns true if a ruled line lies at `ys[y]` over column `x`.
    fn line_across(&self, x: usize, y: usize) -> bool {
        self.covered(&self.across, self.ys[y], self.xs[x], self.xs[x + 1])
    }

    /// Returns true if a ruled line lies at `xs[x]` beside row `y`.
    fn line_down(&self, x: usize, y: usize) -> bool {
        self.covered(&self.down, self.xs[x], self.ys[y], self.ys[y + 1])
    }

    /// Returns true if `lines` cover enough of the stretch from `start` to `end`: lines of a scan are broken.
    fn covered(&self, lines: &[RulingLine], at: f32, start: f32, end: f32) -> bool {
        let of_line = lines
            .iter()
            .filter(|line| (line.at - at).abs() <= self.slack);
        let length: f32 = of_line
            .map(|line| (line.end.min(end) - line.start.max(start)).max(0.0))
            .sum();
        length >= tuning::COVERED * (end - start)
    }

    /// The table, if the cells are rectangles and enough of them hold text: a frame around a page or a drawing is none.
    fn table<'a>(
        &self,
        lines: Vec<PlacedLine<'a>>,
        em: f32,
        hyphenated: &HyphenatedWords,
    ) -> Option<DetectedTable<'a>> {
        if !(3..=tuning::MAX_ROWS + 1).contains(&self.ys.len()) {
            return None;
        }
        let areas = self.areas()?;
        let held = self.lines_by_cell(&areas, &lines, em)?;
        let filled = held.iter().filter(|cell| !cell.is_empty()).count();
        let fullest = held.iter().map(Vec::len).max().unwrap_or(0);
        let lopsided = fullest > tuning::FULL_CELL_LINES
            && tuning::FULLEST_CELL.is_exceeded(fullest, lines.len());
        if filled < tuning::MIN_FILLED_CELLS
            || !tuning::FILLED_CELLS.is_reached(filled, areas.len())
            || lopsided
        {
            return None;
        }
        // Lines that bound no cell are no columns and rows of the table.
        let used = |ends: &dyn Fn(&CellArea) -> [usize; 2]| -> BTreeSet<usize> {
            areas.iter().flat_map(ends).collect()
        };
        let (xs, ys) = (used(&|a| [a.x0, a.x1]), used(&|a| [a.y0, a.y1]));
        let span =
            |edges: &BTreeSet<usize>, from: usize, to: usize| edges.range(from..to).count() as u32;
        let mut rows: Vec<Vec<Cell>> = vec![Vec::new(); ys.len() - 1];
        let mut table_lines: Vec<PlacedLine> = Vec::new();
        for (area, cell) in areas.iter().zip(held) {
            let width = self.xs[area.x1] - self.xs[area.x0];
            let first = table_lines.len();
            let cell_rows = text_rows(cell);
            let text = cell_text(&cell_rows, width, em, hyphenated);
            table_lines.extend(cell_rows.into_iter().flat_map(|row| row.lines));
            rows[ys.range(..area.y0).count()].push(Cell {
                text,
                columns: span(&xs, area.x0, area.x1),
                rows: span(&ys, area.y0, area.y1),
                lines: (first..table_lines.len()).collect(),
                ..empty_cell()
            });
        }
        drop_empty_rows(&mut rows);
        if rows.len() < 2 || rows.iter().all(|row| row.len() < 2) {
            return None;
        }
        let mut table = Table { rows, head: false };
        table.head = has_header_row(&table);
        Some(DetectedTable {
            table,
            rect: self.rect(),
            lines: table_lines,
        })
    }

    /// The lines of each cell; `None` if a line is in none, or runs through the ruled lines, which no table's cell does.
    fn lines_by_cell<'a>(
        &self,
        areas: &[CellArea],
        lines: &[PlacedLine<'a>],
        em: f32,
    ) -> Option<Vec<Vec<PlacedLine<'a>>>> {
        let mut held: Vec<Vec<PlacedLine>> = vec![Vec::new(); areas.len()];
        for line in lines {
            let center = center(&line.rect);
            let (x, y) = (interval(&self.xs, center.x)?, interval(&self.ys, center.y)?);
            let home = areas.iter().position(|area| area.holds(x, y))?;
            if line.rect.right > self.xs[areas[home].x1] + tuning::CELL_OVERHANG_EM * em {
                return None;
            }
            held[home].push(*line);
        }
        Some(held)
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

/// Takes out rows in which no text begins but that cells from above reach over: a short stroke made them, not a row of
/// the table.
fn drop_empty_rows(rows: &mut Vec<Vec<Cell>>) {
    for y in (1..rows.len()).rev() {
        let covers = |above: usize, cell: &Cell| above + cell.rows as usize > y;
        let empty = rows[y]
            .iter()
            .all(|cell| cell.text.is_empty() && cell.rows == 1);
        let mut above = rows[..y].iter().enumerate();
        let reached_over = above.any(|(above, row)| {
            row.iter()
                .any(|cell| covers(above, cell) && !cell.text.is_empty())
        });
        if !empty || !reached_over {
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

fn center(rect: &Rect) -> Point {
    Point {
        x: (rect.left + rect.right) / 2.0,
        y: (rect.top + rect.bottom) / 2.0,
    }
}

/// The index of the interval between `edges` that holds `at`.
fn interval(edges: &[f32], at: f32) -> Option<usize> {
    let above = edges.partition_point(|&edge| edge <= at);
    (1..edges.len()).contains(&above).then(|| above - 1)
}

/// The place that most of `places` are at, within `slack`; `None` if there is none.
fn common_place(mut places: Vec<f32>, slack: f32) -> Option<f32> {
    places.sort_by(f32::total_cmp);
    let middle = *places.get(places.len() / 2)?;
    let near: Vec<f32> = places
        .iter()
        .copied()
        .filter(|x| (x - middle).abs() < slack)
        .collect();
    let at = near.iter().sum::<f32>() / near.len() as f32;
    (near.len() >= 2 && tuning::OPEN_SIDE_ENDS.is_reached(near.len(), places.len())).then_some(at)
}

/// Places, those that differ by no more than `slack` made one.
fn merged(places: impl Iterator<Item = f32>, slack: f32) -> Vec<f32> {
    let mut sorted: Vec<f32> = places.collect();
    sorted.sort_by(f32::total_cmp);
    sorted
        .chunk_by(|a, b| b - a <= slack)
        .map(|group| group.iter().sum::<f32>() / group.len() as f32)
        .collect()
}
