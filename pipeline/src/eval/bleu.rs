//! BLEU (Papineni et al., 2002) of one text against one reference, as `nltk.translate.bleu` computes it: sequences of
//! one to four words, no smoothing.

use std::collections::HashMap;

/// Longest sequence of words that is counted; all lengths weigh the same.
const MAX_SEQUENCE_WORDS: usize = 4;

/// The share of `candidate`'s sequences of words that `reference` has, 0 to 1. A candidate without any common sequence of
/// some length, or shorter than it, gets next to 0: nltk puts the smallest number there, so that its logarithm exists.
pub(super) fn bleu(reference: &[&str], candidate: &[&str]) -> f64 {
    let shares: Vec<(usize, usize)> = (1..=MAX_SEQUENCE_WORDS)
        .map(|length| common(reference, candidate, length))
        .collect();
    if shares[0].0 == 0 {
        return 0.0;
    }
    let logarithms = shares.iter().map(|&(common, all)| match common {
        0 => f64::MIN_POSITIVE.ln(),
        _ => (common as f64 / all as f64).ln(),
    });
    let mean = logarithms.sum::<f64>() / MAX_SEQUENCE_WORDS as f64;
    brevity(reference.len(), candidate.len()) * mean.exp()
}

/// Number of the candidate's sequences of `length` words that the reference has, each counted as often as the reference has
/// it at most; and how many there are, at least 1.
fn common(reference: &[&str], candidate: &[&str], length: usize) -> (usize, usize) {
    let mut left: HashMap<&[&str], usize> = HashMap::new();
    for sequence in reference.windows(length) {
        *left.entry(sequence).or_default() += 1;
    }
    let (mut common, mut all) = (0, 0);
    for sequence in candidate.windows(length) {
        all += 1;
        if let Some(count) = left.get_mut(sequence).filter(|count| **count > 0) {
            *count -= 1;
            common += 1;
        }
    }
    (common, all.max(1))
}

/// The penalty of a candidate that is shorter than the reference.
fn brevity(reference: usize, candidate: usize) -> f64 {
    match candidate {
        0 => 0.0,
        _ if candidate > reference => 1.0,
        _ => (1.0 - reference as f64 / candidate as f64).exp(),
    }
}
