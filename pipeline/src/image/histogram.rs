//! Histograms of luma, from which medians and other ranks of many pixels are read.

/// Counts of luma values, in `BINS` bins of equal width (a power of two, at most 256).
#[derive(Clone)]
pub(crate) struct LumaHistogram<const BINS: usize> {
    counts: [u32; BINS],
}

impl<const BINS: usize> LumaHistogram<BINS> {
    /// Luma values that share a bin.
    const BIN_WIDTH: usize = 256 / BINS;

    /// A histogram of nothing.
    pub(crate) const fn new() -> Self {
        Self { counts: [0; BINS] }
    }

    /// The histogram of `values`.
    pub(crate) fn of(values: impl Iterator<Item = u8>) -> Self {
        let mut histogram = Self::new();
        values.for_each(|value| histogram.add(value));
        histogram
    }

    /// Counts `value`.
    #[inline(always)]
    pub(crate) fn add(&mut self, value: u8) {
        self.counts[usize::from(value) / Self::BIN_WIDTH] += 1;
    }

    /// The luma that exactly `rank` values are not above, to the width of a bin: its middle. `None`
    /// if there are no more values than `rank`.
    pub(crate) fn rank(&self, rank: u32) -> Option<u8> {
        let mut seen = 0;
        let bin = self.counts.iter().position(|&count| {
            seen += count;
            seen > rank
        })?;
        Some(Self::middle(bin))
    }

    /// The median of the values; of an even number, the upper one.
    pub(crate) fn median(&self) -> Option<u8> {
        self.rank(self.counts.iter().sum::<u32>() / 2)
    }

    /// The middle of the fullest bin of those from `least` on; of equals, the brightest.
    pub(crate) fn mode_from(&self, least: u8) -> Option<u8> {
        let first = usize::from(least) / Self::BIN_WIDTH;
        let fullest = (first..BINS).max_by_key(|&bin| self.counts[bin]);
        fullest.map(Self::middle)
    }

    fn middle(bin: usize) -> u8 {
        (bin * Self::BIN_WIDTH + Self::BIN_WIDTH / 2) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_medians_are_those_of_the_sorted_values() {
        let values = [9, 200, 3, 3, 77, 250, 14];
        let histogram = LumaHistogram::<256>::of(values.into_iter());
        assert_eq!(histogram.median(), Some(14));
        assert_eq!(histogram.rank(0), Some(3));
        assert_eq!(histogram.rank(6), Some(250));
        assert_eq!(histogram.rank(7), None);
        assert_eq!(LumaHistogram::<256>::new().median(), None);
    }

    #[test]
    fn a_bin_stands_for_its_middle() {
        let histogram = LumaHistogram::<32>::of([240, 241, 247, 8, 9].into_iter());
        assert_eq!(histogram.mode_from(64), Some(244));
        assert_eq!(histogram.mode_from(0), Some(244));
        assert_eq!(LumaHistogram::<64>::of([7].into_iter()).median(), Some(6));
    }
}
