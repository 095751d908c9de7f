//! Running headers, running footers and page numbers, recognized by comparing a page with its neighbors.
//!
//! Nothing of the body may be taken for one, as running headers can be left out of the Markdown: a row is taken only if
//! it is no row of a table, comes again at the same place of another page by itself, and is apart from the text.

pub(crate) mod tuning;
mod row_pattern;
mod page_edges;
mod single_page;

use recto_schemas::LineRole;

pub(crate) use self::page_edges::{PageEdges, PageFrame, page_edges};
use self::{
    page_edges::{EdgeRow, NumberLine},
    row_pattern::Repeat,
};

/// The edge rows of another page, at the same edge.
struct NeighborEdge<'e> {
    page: u32,
    rows: &'e [EdgeRow],
}

/// A row of another page.
struct NeighborRow<'e> {
    page: u32,
    row: &'e EdgeRow,
}

/// The rows at one edge of a page, and at the same edge of its neighbors.
struct ComparedEdge<'e> {
    page: u32,
    rows: &'e [EdgeRow],
    neighbors: Vec<NeighborEdge<'e>>,
    role: LineRole,
}

/// The lines of page `this` that run through its neighbors, by index, with their roles.
pub(crate) fn running_lines(this: &PageEdges, neighbors: &[&PageEdges]) -> Vec<(usize, LineRole)> {
    let edge = |rows: fn(&PageEdges) -> &[EdgeRow], role| {
        let neighbors = neighbors.iter().filter(|page| !page.is_empty());
        ComparedEdge {
            page: this.number,
            rows: rows(this),
            neighbors: neighbors
                .map(|page| NeighborEdge {
                    page: page.number,
                    rows: rows(page),
                })
                .collect(),
            role,
        }
    };
    let above = edge(|page| &page.top, LineRole::Header);
    let below = edge(|page| &page.bottom, LineRole::Footer);
    let stamps = this.stamps.iter().map(|line| (*line, LineRole::Footer));
    above
        .running()
        .chain(below.running())
        .chain(stamps)
        .collect()
}

impl ComparedEdge<'_> {
    /// The lines of its running rows: those from the edge inwards that all run, up to the last one that is apart from
    /// what follows. Rows that repeat without white below them are the first of a form that is filled in on each page.
    fn running(&self) -> impl Iterator<Item = (usize, LineRole)> {
        let mut found: Vec<Vec<(usize, LineRole)>> = Vec::new();
        let (mut apart, mut ended) = (0, false);
        for (i, row) in self.rows.iter().enumerate() {
            let Some(lines) = self.running_row(i, row) else {
                break;
            };
            // White ends a running header, but a page number may stand beyond it: further out are a printer's marks.
            if ended && !row.lone_number {
                break;
            }
            found.push(lines);
            if row.is_apart || self.is_set_off(i) || shows_page_number(row, &found[i]) {
                apart = found.len();
            }
            ended |= row.gap > tuning::END_GAP;
        }
        if self.is_copied() {
            apart = 0;
        }
        found.truncate(apart);
        found.into_iter().flatten()
    }

    /// Returns true if the text itself repeats, up to rows that go on into the page: forms and copies of one sheet.
    /// Nothing tells their running rows from the rest.
    fn is_copied(&self) -> bool {
        self.rows.len() >= tuning::MIN_COPIED_ROWS
            && self.rows.last().is_some_and(|row| !row.is_apart)
            && self
                .rows
                .iter()
                .all(|row| self.repeat(row) == Some(Repeat::Same))
    }

    /// Returns true if the rows up to the `i`th are closer together than to what follows.
    fn is_set_off(&self, i: usize) -> bool {
        let gap = self.rows[i].gap;
        let closer = |row: &EdgeRow| row.gap < tuning::SET_OFF_CLOSER * gap;
        i > 0 && gap > tuning::SET_OFF_GAP && self.rows[..i].iter().all(closer)
    }

    /// The lines of `row`, the `i`th from the edge, with their roles; `None` if it is part of the body.
    fn running_row(&self, i: usize, row: &EdgeRow) -> Option<Vec<(usize, LineRole)>> {
        if row.is_ruled {
            return None;
        }
        let counts = |number: &&NumberLine| self.counts_on(row, number);
        let counting: Vec<usize> = row
            .numbers
            .iter()
            .filter(counts)
            .map(|number| number.line)
            .collect();
        if row.lone_number && (!counting.is_empty() || self.is_styled_foot(i, row)) {
            return Some(vec![(row.lines[0], LineRole::PageNumber)]);
        }
        if self.neighbors.is_empty() {
            return self.single_row(i, row);
        }
        let repeat = self.repeat(row)?;
        // Slides on one matter have one title.
        if self.role == LineRole::Header && row.relative_size > tuning::TITLE_SIZE {
            return None;
        }
        // A row that names columns does not count with the pages.
        if row.lone_number || row.is_aligned && repeat != Repeat::Counting {
            return None;
        }
        let role = |line: &usize| match counting.contains(line) {
            true => LineRole::PageNumber,
            false => self.role,
        };
        Some(row.lines.iter().map(|line| (*line, role(line))).collect())
    }

    /// Returns true if a neighbor has a number at the same place that is as much smaller or larger as pages lie between.
    fn counts_on(&self, row: &EdgeRow, number: &NumberLine) -> bool {
        self.neighbors.iter().any(|neighbor| {
            let rows = neighbor
                .rows
                .iter()
                .filter(|other| row.is_level_with(other));
            rows.flat_map(|other| &other.numbers).any(|other| {
                i64::from(number.value) - i64::from(other.value) == self.pages_after(neighbor.page)
                    && number.is_placed_as(other)
            })
        })
    }

    /// The lines of the `i`th row from the edge, if they run by what the document's only page shows.
    fn single_row(&self, i: usize, row: &EdgeRow) -> Option<Vec<(usize, LineRole)>> {
        if !self.is_outermost(i) {
            return None;
        }
        if !row.shows_by_itself(self.role == LineRole::Header) {
            return Some(vec![(row.corner_number()?, LineRole::PageNumber)]);
        }
        let is_number = |line: usize| row.numbers.iter().any(|number| number.line == line);
        let role = |line: usize| match is_number(line) {
            true => LineRole::PageNumber,
            false => self.role,
        };
        Some(row.lines.iter().map(|line| (*line, role(*line))).collect())
    }

    /// Returns true if there is nothing but stamps beyond the `i`th row from the edge.
    fn is_outermost(&self, i: usize) -> bool {
        let beyond = &self.rows[..i];
        beyond.iter().all(|row| row.is_stamp || row.names_source)
    }

    /// Returns true if a number alone at the foot is the page's by its place and style. A bare number is believed if
    /// there is no other page to compare it with, or if it is the page's place in the document.
    fn is_styled_foot(&self, i: usize, row: &EdgeRow) -> bool {
        let [number] = &row.numbers[..] else {
            return false;
        };
        self.role == LineRole::Footer
            && self.is_outermost(i)
            && !row.is_aligned
            && row.gap > tuning::FOOT_NUMBER_GAP
            && (number.styled || self.neighbors.is_empty() || number.value == self.page)
    }

    /// The way `row` comes again at the same place of a neighbor; `None` if it does not.
    fn repeat(&self, row: &EdgeRow) -> Option<Repeat> {
        let exact: Vec<Repeat> = self
            .rows_like(row)
            .filter_map(|other| row.repeats(other.row, self.pages_after(other.page)))
            .collect();
        let misread = || {
            let near = |other: &NeighborRow| {
                let repeat = row
                    .pattern
                    .nearly_repeats(&other.row.pattern, self.pages_after(other.page))?;
                self.is_said_again(row, other).then_some(repeat)
            };
            self.rows_like(row).filter_map(|other| near(&other)).max()
        };
        match exact.iter().max() {
            Some(Repeat::SameFew) if exact.len() < tuning::MIN_SHORT_REPEATS => None,
            Some(repeat) => Some(*repeat),
            None if row.is_ocr => misread(),
            None => None,
        }
    }

    /// Returns true if what `other` says at the place of `row` is said there by another neighbor too. Two rows of a list
    /// may differ by as little as misread letters make: what is misread on one page must be right on two others.
    fn is_said_again(&self, row: &EdgeRow, other: &NeighborRow) -> bool {
        self.rows_like(row).any(|again| {
            let pages = i64::from(other.page) - i64::from(again.page);
            pages != 0 && other.row.repeats(again.row, pages).is_some()
        })
    }

    /// The rows of neighbors at the place of `row`, of its size.
    fn rows_like(&self, row: &EdgeRow) -> impl Iterator<Item = NeighborRow<'_>> {
        self.neighbors.iter().flat_map(move |neighbor| {
            let like = neighbor.rows.iter().filter(|other| row.is_like(other));
            like.map(|row| NeighborRow {
                page: neighbor.page,
                row,
            })
        })
    }

    /// By how many pages this page comes after that one.
    fn pages_after(&self, page: u32) -> i64 {
        i64::from(self.page) - i64::from(page)
    }
}

/// Returns true if a page's number stands beside what is the same on each page: that needs no white to be told from a
/// text, but in a table, whose rows may be numbered.
fn shows_page_number(row: &EdgeRow, lines: &[(usize, LineRole)]) -> bool {
    let is_number = |(_, role): &(usize, LineRole)| *role == LineRole::PageNumber;
    !row.is_aligned && lines.iter().any(is_number)
}

impl EdgeRow {
    /// The way it repeats a row `pages` pages before it.
    fn repeats(&self, other: &Self, pages: i64) -> Option<Repeat> {
        let facing = || self.pattern.repeats(&other.mirrored, pages);
        self.pattern.repeats(&other.pattern, pages).or_else(facing)
    }

    /// Returns true if this and `other`, on another page, are at the same height.
    fn is_level_with(&self, other: &Self) -> bool {
        (self.position - other.position).abs() < tuning::SAME_POSITION
    }

    /// Returns true if they are also of the same size.
    fn is_like(&self, other: &Self) -> bool {
        self.is_level_with(other) && (self.size / other.size - 1.0).abs() < tuning::SAME_SIZE
    }
}

impl NumberLine {
    /// Returns true if this and `other`, on another page, are at the same place across the page, or at that of a facing
    /// page.
    fn is_placed_as(&self, other: &Self) -> bool {
        let near = |a: f32, b: f32| (a - b).abs() < tuning::SAME_PLACE_ACROSS;
        near(self.left, other.left)
            || near(self.right, other.right)
            || near(self.left, 1.0 - other.right)
            || near(self.right, 1.0 - other.left)
    }
}
