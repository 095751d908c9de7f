//! Statistics of measured values: medians and quantiles.

use std::{iter::Sum, ops::Add};

/// The value with half of the weight on either side; of two, the smaller one. `None` without
/// values. Each value comes with its weight.
pub(crate) fn weighted_median<W>(mut values: Vec<(f32, W)>) -> Option<f32>
where
    W: Copy + Default + PartialOrd + Add<Output = W> + Sum<W>,
{
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all: W = values.iter().map(|(_, weight)| *weight).sum();
    let mut passed = W::default();
    values.into_iter().find_map(|(value, weight)| {
        passed = passed + weight;
        (passed + passed >= all).then_some(value)
    })
}

/// The value with that share of the weight, 0 to 1, at or below it. Each value comes with its weight.
pub(crate) fn weighted_quantile(mut values: Vec<(f32, f64)>, share: f64) -> Option<f32> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let goal = values.iter().map(|(_, weight)| weight).sum::<f64>() * share;
    let mut passed = 0.0;
    values.into_iter().find_map(|(value, weight)| {
        passed += weight;
        (passed >= goal).then_some(value)
    })
}

/// The middle one of `values`; of two, the smaller one.
pub(crate) fn median(values: impl Iterator<Item = f32>) -> Option<f32> {
    weighted_median(values.map(|value| (value, 1.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_weight_is_on_either_side() {
        assert_eq!(
            weighted_median(vec![(3.0, 1.0f64), (1.0, 5.0), (2.0, 1.0)]),
            Some(1.0)
        );
        assert_eq!(
            weighted_median(vec![(3.0, 4.0f32), (1.0, 1.0), (2.0, 1.0)]),
            Some(3.0)
        );
        assert_eq!(weighted_median::<f64>(Vec::new()), None);
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()), Some(2.0));
    }
}
