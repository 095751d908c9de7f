//! Connected components of a binary image: groups of set pixels that touch, also by a corner.
//!
//! Pixels of a row that are next to each other make a run; runs that touch those of the row above
//! join their components (a union-find over runs), so that one pass from top to bottom finds them
//! all.

use super::binary::BinaryImage;

/// Set pixels of one row that are next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PixelRun {
    pub(crate) y: usize,
    /// Column of its first pixel.
    pub(crate) first: usize,
    /// Column of its last pixel.
    pub(crate) last: usize,
}

/// The runs of row `y` from left to right.
pub(crate) fn runs_of_row(y: usize, row: &[u8]) -> impl Iterator<Item = PixelRun> {
    let mut x = 0;
    std::iter::from_fn(move || {
        let first = x + row[x..].iter().position(|&pixel| pixel != 0)?;
        let length = row[first..].iter().position(|&pixel| pixel == 0);
        x = length.map_or(row.len(), |length| first + length);
        let last = x - 1;
        Some(PixelRun { y, first, last })
    })
}

/// A value that a [`ComponentFinder`] keeps for each component.
pub(crate) trait Measurement: Copy {
    /// The value of a component made of two.
    fn joined(self, other: Self) -> Self;
}

/// Nothing is measured.
impl Measurement for () {
    fn joined(self, _other: Self) -> Self {}
}

/// A box of pixels, ends included: the extent of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PixelBox {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) right: usize,
    pub(crate) bottom: usize,
}

impl PixelBox {
    /// The box of a run.
    pub(crate) fn of(run: &PixelRun) -> Self {
        Self {
            left: run.first,
            top: run.y,
            right: run.last,
            bottom: run.y,
        }
    }

    /// Its width in pixels.
    pub(crate) fn width(&self) -> usize {
        self.right - self.left + 1
    }

    /// Its height in pixels.
    pub(crate) fn height(&self) -> usize {
        self.bottom - self.top + 1
    }
}

impl Measurement for PixelBox {
    fn joined(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// Finds connected components row by row.
pub(crate) struct ComponentFinder<M> {
    /// One for each run; that of a component's first run is the component's.
    measurements: Vec<M>,
    /// For each run the number of an earlier run of its component, or its own.
    parents: Vec<usize>,
    /// The runs of the row before, with their numbers.
    above: Vec<(PixelRun, usize)>,
}

impl<M: Measurement> ComponentFinder<M> {
    pub(crate) fn new() -> Self {
        Self {
            measurements: Vec::new(),
            parents: Vec::new(),
            above: Vec::new(),
        }
    }

    /// The number of runs that were added.
    pub(crate) fn run_count(&self) -> usize {
        self.parents.len()
    }

    /// Adds the runs of the next row from left to right, each with its measurement.
    pub(crate) fn add_row(&mut self, runs: impl IntoIterator<Item = (PixelRun, M)>) {
        let above = std::mem::take(&mut self.above);
        let mut candidates = above.iter().peekable();
        let mut current = Vec::new();
        for (run, measurement) in runs {
            let mut component = self.parents.len();
            self.parents.push(component);
            self.measurements.push(measurement);
            let is_before = |(other, _): &&(PixelRun, usize)| other.last + 1 < run.first;
            while candidates.next_if(is_before).is_some() {}
            // The last one that touches this run may touch the next one too.
            for &(_, other) in candidates
                .clone()
                .take_while(|(other, _)| other.first <= run.last + 1)
            {
                component = self.join(component, other);
            }
            current.push((run, component));
        }
        self.above = current;
    }

    /// Makes one component of two; gives its number.
    fn join(&mut self, a: usize, b: usize) -> usize {
        let (a, b) = (self.component_of(a), self.component_of(b));
        if a == b {
            return a;
        }
        // The older one stays, which keeps the chains short.
        let (kept, gone) = (a.min(b), a.max(b));
        self.measurements[kept] = self.measurements[kept].joined(self.measurements[gone]);
        self.parents[gone] = kept;
        kept
    }

    /// The number of the first run of the component that a run belongs to, as far as known;
    /// shortens the way there.
    fn component_of(&mut self, mut run: usize) -> usize {
        while self.parents[run] != run {
            self.parents[run] = self.parents[self.parents[run]];
            run = self.parents[run];
        }
        run
    }

    /// Returns true if a component that has pixels in the last row passes `test`.
    pub(crate) fn any_in_last_row(&mut self, test: impl Fn(&M) -> bool) -> bool {
        (0..self.above.len()).any(|at| {
            let component = self.component_of(self.above[at].1);
            test(&self.measurements[component])
        })
    }

    /// The measurements of the components, by their first pixel from top to bottom.
    pub(crate) fn measurements(&self) -> impl Iterator<Item = &M> {
        let of_runs = self.measurements.iter().zip(&self.parents).enumerate();
        of_runs
            .filter(|(run, (_, parent))| run == *parent)
            .map(|(_, (measurement, _))| measurement)
    }
}

/// The connected components of `image`, each by its runs, from top to bottom by their first pixel.
pub(crate) fn components(image: &BinaryImage) -> Vec<Vec<PixelRun>> {
    let mut finder = ComponentFinder::new();
    let mut runs = Vec::new();
    for (y, row) in image.rows().enumerate() {
        let from = runs.len();
        runs.extend(runs_of_row(y, row));
        finder.add_row(runs[from..].iter().map(|&run| (run, ())));
    }
    let mut places = vec![None; runs.len()];
    let mut components: Vec<Vec<PixelRun>> = Vec::new();
    for (number, run) in runs.into_iter().enumerate() {
        let place = *places[finder.component_of(number)].get_or_insert_with(|| {
            components.push(Vec::new());
            components.len() - 1
        });
        components[place].push(run);
    }
    components
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::fixtures::Xorshift;

    fn found(rows: &[&str]) -> Vec<Vec<PixelRun>> {
        let set = |c: char| u8::from(c == '#');
        components(&BinaryImage {
            pixels: rows.concat().chars().map(set).collect(),
            width: rows[0].len(),
        })
    }

    #[test]
    fn pixels_that_touch_by_a_corner_are_one_component() {
        assert_eq!(found(&["#..", ".#.", "..#"]).len(), 1);
        assert_eq!(found(&["..#", ".#.", "#.."]).len(), 1);
        assert_eq!(found(&["#.#", "...", "#.#"]).len(), 4);
    }

    #[test]
    fn arms_that_meet_further_down_are_one_component() {
        let cup = found(&["#...#...#", "#...#...#", "#########"]);
        assert_eq!(cup.len(), 1);
        let foot = PixelRun {
            y: 2,
            first: 0,
            last: 8,
        };
        assert_eq!(cup[0].last(), Some(&foot));
        assert_eq!(
            found(&["#####", "#...#", "#.#.#", "#...#", "#####"]).len(),
            2
        );
    }

    #[test]
    fn a_row_does_not_go_on_in_the_next() {
        assert_eq!(found(&["..#", "...", "#.."]).len(), 2);
        assert_eq!(found(&["...##", "##..."]).len(), 2);
        assert!(found(&["..."]).is_empty());
    }

    /// Components by flooding, pixel by pixel: the plain way, to hold the runs' against.
    fn flooded(image: &BinaryImage) -> Vec<Vec<usize>> {
        let (width, height) = (image.width, image.height());
        let mut seen = vec![false; image.pixels.len()];
        let mut components = Vec::new();
        for start in 0..image.pixels.len() {
            if image.pixels[start] == 0 || std::mem::replace(&mut seen[start], true) {
                continue;
            }
            let (mut component, mut todo) = (Vec::new(), vec![start]);
            while let Some(at) = todo.pop() {
                component.push(at);
                let (x, y) = (at % width, at / width);
                for ny in y.saturating_sub(1)..(y + 2).min(height) {
                    for nx in x.saturating_sub(1)..(x + 2).min(width) {
                        let next = ny * width + nx;
                        if image.pixels[next] != 0 && !std::mem::replace(&mut seen[next], true) {
                            todo.push(next);
                        }
                    }
                }
            }
            component.sort_unstable();
            components.push(component);
        }
        components
    }

    #[test]
    fn runs_and_flooding_find_the_same_components_in_the_same_order() {
        let mut noise = Xorshift(3);
        for round in 0..200 {
            let width = 1 + noise.below(40) as usize;
            let (height, share) = (noise.below(30) as usize, 1 + round % 9);
            let pixels = (0..width * height).map(|_| u8::from(noise.below(10) < share));
            let image = BinaryImage {
                pixels: pixels.collect(),
                width,
            };
            let pixels_of = |runs: Vec<PixelRun>| -> Vec<usize> {
                let pixels = |run: PixelRun| run.y * width + run.first..=run.y * width + run.last;
                runs.into_iter().flat_map(pixels).collect()
            };
            let by_runs: Vec<_> = components(&image).into_iter().map(pixels_of).collect();
            assert_eq!(by_runs, flooded(&image), "{width}x{height}, round {round}");
        }
    }
}
