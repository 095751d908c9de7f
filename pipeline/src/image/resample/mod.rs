//! Resampling: pages and lines in another size, by the filter that each reader was made for.
//!
//! A side is scaled by taps: for each target pixel the source pixels that make it, and their
//! weights. [`scale`] takes triangle taps (PP-OCR's detector) and area taps (previews) in floating
//! point; [`rows`] takes triangle taps in integers, a row at a time (image files); [`bicubic`] is
//! Pillow's filter in fixed point (GOT). [`sample`] looks up single places of a page.
//!
//! Inner loops go by index. Iterators over short arrays stay calls unless the compiler optimizes across the whole program,
//! and a call for every pixel costs more than its arithmetic.

pub(crate) mod bicubic;
pub(crate) mod rows;
pub(crate) mod sample;
pub(crate) mod scale;

/// The taps of one side.
pub(crate) struct FilterTaps<W> {
    /// First source pixel of each target pixel.
    first: Vec<usize>,
    /// The weights of all target pixels, one after another.
    weights: Vec<W>,
    /// For each target pixel the end of its weights.
    ends: Vec<usize>,
}

impl<W> FilterTaps<W> {
    /// No taps yet, for `target` target pixels.
    fn with_capacity(target: u32) -> Self {
        Self {
            first: Vec::with_capacity(target as usize),
            weights: Vec::new(),
            ends: Vec::with_capacity(target as usize),
        }
    }

    /// Adds the next target pixel: its first source pixel, and the weights of that and those after
    /// it.
    fn push(&mut self, first: usize, weights: impl IntoIterator<Item = W>) {
        self.first.push(first);
        self.weights.extend(weights);
        self.ends.push(self.weights.len());
    }

    /// The number of target pixels.
    pub(crate) fn len(&self) -> usize {
        self.first.len()
    }

    /// First source pixel and weights of the target pixel `at`; `None` past the last one.
    pub(crate) fn get(&self, at: usize) -> Option<(usize, &[W])> {
        let start = match at {
            0 => 0,
            _ => *self.ends.get(at - 1)?,
        };
        Some((
            *self.first.get(at)?,
            &self.weights[start..*self.ends.get(at)?],
        ))
    }

    /// First source pixel and weights of each target pixel.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[W])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(&self.ends);
        let weights = spans.map(|(start, &end)| &self.weights[start..end]);
        self.first.iter().copied().zip(weights)
    }
}
