//! The background of a page: the luma of the paper, from which ink differs.
//!
//! It is the median of each small cell, so that colored or dark paper, uneven light and shadows are
//! background.

use super::{histogram::LumaHistogram, luma::LumaPlane};

/// The luma of the background, cell by cell, in steps of 4.
pub(crate) struct BackgroundGrid {
    /// Medians, row by row.
    cells: Vec<u8>,
    columns: usize,
    /// Side of a cell, in pixels.
    cell: usize,
}

impl BackgroundGrid {
    /// The background of `plane` in cells of `cell` by `cell` pixels; each cell's from every
    /// `step`th pixel of every `step`th row.
    pub(crate) fn of(plane: &LumaPlane, cell: usize, step: usize) -> Self {
        let columns = plane.width.div_ceil(cell);
        let mut cells = Vec::new();
        for band in plane.values.chunks(cell * plane.width) {
            let mut histograms = vec![LumaHistogram::<64>::new(); columns];
            for row in band.chunks_exact(plane.width).step_by(step) {
                for (values, histogram) in row.chunks(cell).zip(&mut histograms) {
                    for &value in values.iter().step_by(step) {
                        histogram.add(value);
                    }
                }
            }
            let medians = histograms.iter().map(LumaHistogram::median);
            cells.extend(medians.map(|median| median.unwrap_or(u8::MAX)));
        }
        Self {
            cells,
            columns,
            cell,
        }
    }

    /// Gives cells near the page's edge the background of the nearest cell further in, so that a
    /// scanner's dark edge is not taken for dark paper. `edge_share` is the share of each side that
    /// is near the edge.
    pub(crate) fn spread_inner_cells(&mut self, edge_share: f32) {
        let rows = self.cells.len() / self.columns;
        let inner = |count: usize| {
            let edge = ((count as f32 * edge_share).ceil() as usize).min((count - 1) / 2);
            (edge, count - 1 - edge)
        };
        let ((left, right), (top, bottom)) = (inner(self.columns), inner(rows));
        for y in 0..rows {
            for x in 0..self.columns {
                let source = y.clamp(top, bottom) * self.columns + x.clamp(left, right);
                self.cells[y * self.columns + x] = self.cells[source];
            }
        }
    }

    /// Returns true if two cells side by side, or one below the other, differ by more than `step`
    /// gray levels.
    pub(crate) fn has_step(&self, step: u8) -> bool {
        let differ = |a: u8, b: u8| a.abs_diff(b) > step;
        let mut below = self.cells.iter().zip(self.cells.iter().skip(self.columns));
        let rows = self.cells.chunks_exact(self.columns);
        let mut beside = rows.flat_map(|row| row.windows(2));
        below.any(|(&a, &b)| differ(a, b)) || beside.any(|pair| differ(pair[0], pair[1]))
    }

    /// Adds the ink of row `y` of the page, whose luma is `values`, to `ink`: 1 for each pixel that
    /// differs from the background by more than `contrast` gray levels, else 0.
    pub(crate) fn push_ink_of_row(&self, y: usize, values: &[u8], contrast: u8, ink: &mut Vec<u8>) {
        let backgrounds = &self.cells[y / self.cell * self.columns..][..self.columns];
        for (values, &background) in values.chunks(self.cell).zip(backgrounds) {
            ink.extend(
                values
                    .iter()
                    .map(|value| u8::from(value.abs_diff(background) > contrast)),
            );
        }
    }
}
