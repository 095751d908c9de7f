//! Tests of quantized products against exact ones.

use super::*;

/// Pseudo-random numbers, distributed about as weights are.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count)
        .map(|_| (0..6).map(|_| uniform()).sum())
        .collect()
}

fn exact(x: &[f32], weight: &[f32], k: usize) -> Vec<f32> {
    let rows = x.chunks_exact(k);
    rows.flat_map(|x| {
        weight.chunks_exact(k).map(|w| {
            let products = x.iter().zip(w).map(|(a, b)| f64::from(*a) * f64::from(*b));
            products.sum::<f64>() as f32
        })
    })
    .collect()
}

fn relative_error(got: &[f32], expected: &[f32]) -> f32 {
    let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|x| x * x).sum::<f32>().sqrt();
    let off = norm(&mut got.iter().zip(expected).map(|(a, b)| a - b));
    off / norm(&mut expected.iter().copied())
}

#[test]
fn products_are_close_for_any_number_of_rows_and_outputs() {
    for (bits, bound) in [(WeightBits::Eight, 0.011), (WeightBits::Four, 0.095)] {
        for (m, n, k) in [(1, 40, 96), (3, 16, 256), (8, 33, 64), (21, 70, 128)] {
            let (x, weight) = (noise(m * k, 1), noise(n * k, 2));
            let packed = PackedWeights::new(&weight, k, bits);
            let (got, expected) = (packed.matmul(&x), exact(&x, &weight, k));
            assert_eq!(got.len(), m * n);
            let error = relative_error(&got, &expected);
            assert!(error < bound, "{bits:?} {m} {n} {k}: {error}");
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_neighbors() {
    let (k, n) = (128, 50);
    for bits in [WeightBits::Eight, WeightBits::Four] {
        let packed = PackedWeights::new(&noise(n * k, 3), k, bits);
        let x = noise(19 * k, 4);
        let all = packed.matmul(&x);
        for (row, x) in x.chunks_exact(k).enumerate() {
            assert_eq!(packed.matmul(x), all[row * n..][..n]);
        }
    }
}

#[test]
fn every_processor_gives_the_same() {
    let (k, n, m) = (96, 16, 5);
    for bits in [WeightBits::Eight, WeightBits::Four] {
        let packed = PackedWeights::new(&noise(n * k, 5), k, bits);
        let x = quantize_activations(&noise(m * k, 6), k);
        let panel = WeightPanel {
            bits,
            weights: &packed.weights,
            scales: &packed.scales,
        };
        let rows = ActivationRows {
            values: &x.values,
            scales: &x.scales,
            sums: &x.sums,
        };
        let mut portable = [0.0; 5 * PANEL];
        portable_block(&panel, &rows, &mut portable);
        #[cfg(target_arch = "x86_64")]
        {
            let mut fast = [0.0; 5 * PANEL];
            if vnni::block(&panel, &rows, &mut fast) {
                assert_eq!(fast, portable);
            }
        }
        assert!(portable.iter().any(|x| *x != 0.0));
    }
}

#[test]
fn zeros_stay_zeros() {
    let packed = PackedWeights::new(&[0.0; 64], 32, WeightBits::Four);
    assert_eq!(packed.matmul(&[0.0; 32]), [0.0; 2]);
    assert_eq!(packed.matmul(&noise(32, 1)), [0.0; 2]);
}
