//! METEOR (Lavie and Agarwal, 2007) of one text against one reference, as nltk's `meteor_score` computes it, but for
//! synonyms: words match that are equal, without regard to case, or have the same stem. nltk also takes words of one
//! meaning for equal, which needs WordNet's data; without it nltk gives the values given here. In a comparison of
//! predictions of the same page the difference is small: a misread word is seldom a synonym.

use std::collections::HashMap;

use super::porter::stem;

/// Weight of precision against recall.
const ALPHA: f64 = 0.9;
/// Exponent with which the penalty grows with the number of pieces.
const BETA: i32 = 3;
/// The largest penalty.
const GAMMA: f64 = 0.5;

/// METEOR: the share of words that two texts have in common, and in how few pieces they are in the same order; 0 to 1.
pub(super) fn meteor(reference: &[&str], candidate: &[&str]) -> f64 {
    let pairs = aligned(reference, candidate);
    if pairs.is_empty() {
        return 0.0;
    }
    let matched = pairs.len() as f64;
    let (precision, recall) = (
        matched / candidate.len() as f64,
        matched / reference.len() as f64,
    );
    let mean = precision * recall / (ALPHA * precision + (1.0 - ALPHA) * recall);
    let in_a_row =
        |pair: &[(usize, usize)]| pair[1].0 == pair[0].0 + 1 && pair[1].1 == pair[0].1 + 1;
    let pieces = 1 + pairs.windows(2).filter(|pair| !in_a_row(pair)).count();
    (1.0 - GAMMA * (pieces as f64 / matched).powi(BETA)) * mean
}

/// A word and its place.
type IndexedWord = (usize, String);

/// Which word of the candidate goes with which of the reference, in the candidate's order: equal words first, then of
/// those that are left words with the same stem.
fn aligned(reference: &[&str], candidate: &[&str]) -> Vec<(usize, usize)> {
    let lower = |words: &[&str]| -> Vec<IndexedWord> {
        let words = words.iter().map(|word| word.to_lowercase());
        words.enumerate().collect()
    };
    let stems = |words: Vec<IndexedWord>| -> Vec<IndexedWord> {
        let words = words.into_iter();
        words.map(|(place, word)| (place, stem(&word))).collect()
    };
    let mut pairs = Vec::new();
    let (reference, candidate) = matched(lower(reference), lower(candidate), &mut pairs);
    matched(stems(reference), stems(candidate), &mut pairs);
    pairs.sort_unstable();
    pairs
}

/// Pairs equal words, from the end, and gives back what is left of the reference and of the candidate.
fn matched(
    reference: Vec<IndexedWord>,
    candidate: Vec<IndexedWord>,
    pairs: &mut Vec<(usize, usize)>,
) -> (Vec<IndexedWord>, Vec<IndexedWord>) {
    let mut free: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, word) in reference {
        free.entry(word).or_default().push(place);
    }
    let mut alone = Vec::new();
    for (place, word) in candidate.into_iter().rev() {
        match free.get_mut(&word).and_then(Vec::pop) {
            Some(other) => pairs.push((place, other)),
            None => alone.push((place, word)),
        }
    }
    alone.reverse();
    let mut left: Vec<IndexedWord> = free
        .into_iter()
        .flat_map(|(word, places)| places.into_iter().map(move |place| (place, word.clone())))
        .collect();
    left.sort_unstable();
    (left, alone)
}
