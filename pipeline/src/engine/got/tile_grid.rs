//! Tile grid of a page.
//!
//! As the reference's `get_optimal_tiled_canvas`, with its order of candidates and its comparisons
//! in 64-bit floating point: another order would choose another grid if two fit equally well.

/// The number of tiles that a page is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileGrid {
    /// Tiles side by side.
    pub columns: u32,
    /// Tiles one above the other.
    pub rows: u32,
}

impl TileGrid {
    /// The whole page in one input image.
    pub const ONE: Self = Self {
        columns: 1,
        rows: 1,
    };

    /// Input images of a page: the tiles and, if there are several, the whole page after them.
    pub fn image_count(self) -> u32 {
        let tiles = self.columns * self.rows;
        if tiles > 1 { tiles + 1 } else { 1 }
    }
}

/// The grid of `min` to `max` tiles whose aspect ratio is closest to that of an image of `size`
/// (width, height).
///
/// Of grids equally close, one with more tiles is taken while the image has more than half the
/// pixels of all its tiles, each of `tile` (width, height) pixels.
pub(super) fn grid(size: (u32, u32), tile: (u32, u32), min: u32, max: u32) -> TileGrid {
    let (width, height) = (f64::from(size.0.max(1)), f64::from(size.1.max(1)));
    let (ratio, area) = (width / height, width * height);
    let tile_area = f64::from(tile.0) * f64::from(tile.1);
    let (mut best, mut closest) = (TileGrid::ONE, f64::INFINITY);
    for candidate in candidates(min, max) {
        let (columns, rows) = (f64::from(candidate.columns), f64::from(candidate.rows));
        let apart = (ratio - columns / rows).abs();
        let has_pixels = area > 0.5 * tile_area * columns * rows;
        if apart < closest || (apart == closest && has_pixels) {
            (best, closest) = (candidate, apart);
        }
    }
    best
}

/// All grids of `min` to `max` tiles, those with fewer tiles first, then those with fewer columns.
fn candidates(min: u32, max: u32) -> Vec<TileGrid> {
    let sides = |columns| (1..=max / columns).map(move |rows| TileGrid { columns, rows });
    let mut grids: Vec<TileGrid> = (1..=max).flat_map(sides).collect();
    grids.retain(|grid| grid.columns * grid.rows >= min);
    grids.sort_by_key(|grid| grid.columns * grid.rows);
    grids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_the_references_on_a_thousand_sizes() {
        let table = crate::engine::got::fixtures::folder().join("expected/grids.csv");
        let table = std::fs::read_to_string(table).unwrap();
        let mut rows = 0;
        for line in table.lines().skip(1) {
            let numbers: Vec<u32> = line.split(',').map(|n| n.parse().unwrap()).collect();
            let [width, height, tile, most, columns, expected] = numbers[..] else {
                panic!("{line}")
            };
            let got = grid((width, height), (tile, tile), 1, most);
            assert_eq!((got.columns, got.rows), (columns, expected), "{line}");
            rows += 1;
        }
        assert_eq!(rows, 1000);
    }

    #[test]
    fn grids_are_the_references() {
        // Image size, grid of at most 12 tiles, and of at most 6.
        let cases = [
            ((1654, 2339), [2, 3], [2, 3]),
            ((1700, 2200), [3, 4], [2, 3]),
            ((1024, 1024), [1, 1], [1, 1]),
            ((700, 700), [1, 1], [1, 1]),
            ((1500, 1500), [2, 2], [2, 2]),
            ((2048, 2048), [2, 2], [2, 2]),
            ((4000, 4000), [3, 3], [2, 2]),
            ((800, 3200), [1, 4], [1, 4]),
            ((100, 9000), [1, 12], [1, 6]),
            ((9000, 100), [12, 1], [6, 1]),
            ((1448, 724), [2, 1], [2, 1]),
            ((640, 480), [4, 3], [3, 2]),
            ((1, 1), [1, 1], [1, 1]),
            ((1000, 999), [1, 1], [1, 1]),
        ];
        for (size, twelve, six) in cases {
            for (most, [columns, rows]) in [(12, twelve), (6, six)] {
                let found = grid(size, (1024, 1024), 1, most);
                assert_eq!(found, TileGrid { columns, rows }, "{size:?}, {most}");
            }
        }
    }

    #[test]
    fn bounds_and_tile_sizes_are_kept() {
        let (columns, rows) = (5, 2);
        assert_eq!(
            grid((700, 300), (384, 448), 2, 12),
            TileGrid { columns, rows }
        );
        assert_eq!(grid((0, 0), (1024, 1024), 1, 12), TileGrid::ONE);
        assert_eq!(grid((500, 500), (1024, 1024), 0, 0), TileGrid::ONE);
    }

    #[test]
    fn several_tiles_bring_an_overview() {
        let (columns, rows) = (2, 3);
        assert_eq!(TileGrid { columns, rows }.image_count(), 7);
        assert_eq!(TileGrid::ONE.image_count(), 1);
    }
}
