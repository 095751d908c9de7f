//! Tests of the KV cache against the definition of attention.

use super::*;

const SHAPE: KvCacheShape = KvCacheShape {
    layers: 1,
    heads: 4,
    kv_heads: 2,
    dim: 8,
    slots: 3,
    context: 200,
};

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i + 7 * seed) * 37 % 101) as f32 / 50.0 - 1.0)
        .collect()
}

fn close(a: &[f32], b: &[f32], bound: f32) {
    assert_eq!(a.len(), b.len());
    let most = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(most < bound, "{most}");
}

#[test]
fn a_run_is_the_same_as_step_after_step() {
    let rows = 150;
    let qkv = numbers(rows * SHAPE.qkv_width(), 1);
    let mut whole = KvCache::new(SHAPE, KvPrecision::F32, 1e4);
    // In two chunks, as in the prefill of a long prompt.
    let (one, two) = qkv.split_at(70 * SHAPE.qkv_width());
    let mut expected = whole.attend(0, one, ForwardPass::Prefill { slot: 1, first: 0 });
    expected.extend(whole.attend(0, two, ForwardPass::Prefill { slot: 1, first: 70 }));
    let mut single = KvCache::new(SHAPE, KvPrecision::F32, 1e4);
    let steps = qkv.chunks_exact(SHAPE.qkv_width()).enumerate();
    let steps: Vec<f32> = steps
        .flat_map(|(position, row)| single.attend(0, row, ForwardPass::Decode(&[(2, position)])))
        .collect();
    close(&steps, &expected, 1e-5);
    let mut half = KvCache::new(SHAPE, KvPrecision::F16, 1e4);
    close(
        &half.attend(0, &qkv, ForwardPass::Prefill { slot: 0, first: 0 }),
        &expected,
        2e-2,
    );
}

#[test]
fn sequences_do_not_see_one_another() {
    let row = numbers(SHAPE.qkv_width(), 3);
    let other = numbers(SHAPE.qkv_width(), 4);
    let mut alone = KvCache::new(SHAPE, KvPrecision::F16, 1e4);
    let mut mixed = KvCache::new(SHAPE, KvPrecision::F16, 1e4);
    for position in 0..40 {
        let expected = alone.attend(0, &row, ForwardPass::Decode(&[(0, position)]));
        let both = [&other[..], &row[..]].concat();
        let got = mixed.attend(
            0,
            &both,
            ForwardPass::Decode(&[(2, position + 5), (1, position)]),
        );
        assert_eq!(got[SHAPE.heads * SHAPE.dim..], expected);
    }
}

#[test]
fn attention_is_as_defined() {
    let mut cache = KvCache::new(SHAPE, KvPrecision::F32, 1e4);
    let rows = 5;
    let qkv = numbers(rows * SHAPE.qkv_width(), 9);
    let got = cache.attend(0, &qkv, ForwardPass::Prefill { slot: 0, first: 0 });
    let turn = |vector: &[f32], position: usize| -> Vec<f64> {
        let half = SHAPE.dim / 2;
        let at = |i: usize| f64::from(vector[i]);
        (0..SHAPE.dim)
            .map(|i| {
                let angle = position as f64 / 1e4f64.powf((i % half) as f64 / half as f64);
                let other = if i < half {
                    -at(i + half)
                } else {
                    at(i - half)
                };
                at(i) * angle.cos() + other * angle.sin()
            })
            .collect()
    };
    let (heads, kv_heads, dim) = (SHAPE.heads, SHAPE.kv_heads, SHAPE.dim);
    for row in 0..rows {
        for head in 0..heads {
            let query = turn(&qkv[row * SHAPE.qkv_width() + head * dim..][..dim], row);
            let kv = head * kv_heads / heads;
            let (mut sum, mut value) = (0.0, vec![0.0; dim]);
            for past in 0..=row {
                let from = &qkv[past * SHAPE.qkv_width() + heads * dim..];
                let key = turn(&from[kv * dim..][..dim], past);
                let score: f64 = query.iter().zip(&key).map(|(a, b)| a * b).sum();
                let weight = (score / (dim as f64).sqrt()).exp();
                sum += weight;
                for (value, v) in value.iter_mut().zip(&from[(kv_heads + kv) * dim..]) {
                    *value += weight * f64::from(*v);
                }
            }
            let expected: Vec<f32> = value.iter().map(|v| (v / sum) as f32).collect();
            close(&got[(row * heads + head) * dim..][..dim], &expected, 1e-5);
        }
    }
}
