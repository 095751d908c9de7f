//! Edit distance of long texts: how many symbols must be put in, taken out or changed.
//!
//! Bit-parallel after Myers (1999) in the block form of Hyyrö (2003): 64 rows of the table are one step. The table
//! is walked a band of 64 rows at a time over the whole of the other text, so that besides the two texts only one
//! small number for each symbol is kept: a page of 20,000 characters against another takes 6 million steps.

use std::{collections::HashMap, hash::Hash};

/// Rows of the table in one machine word.
const ROWS: usize = 64;

/// The Levenshtein distance of two sequences: of characters, or of words.
///
/// Time grows with `a.len() * b.len() / 64`, memory with `a.len() + b.len()`.
pub fn edit_distance<T: Eq + Hash>(a: &[T], b: &[T]) -> usize {
    let (a, b) = differing(a, b);
    if a.is_empty() || b.is_empty() {
        return a.len().max(b.len());
    }
    let (rows, columns, kinds) = numbered(a, b);
    // For each kind of symbol, the rows of the band where it stands.
    let mut places = vec![0_u64; kinds];
    // What the row above the band adds from one column to the next: -1, 0 or 1. Above the table it is always 1.
    let mut steps = vec![1_i8; columns.len()];
    for band in rows.chunks(ROWS) {
        for (row, &kind) in band.iter().enumerate() {
            places[kind as usize] |= 1 << row;
        }
        walk(band.len(), &columns, &places, &mut steps);
        for &kind in band {
            places[kind as usize] = 0;
        }
    }
    // The last row starts at the length of `a`.
    let change: isize = steps.iter().map(|&step| isize::from(step)).sum();
    a.len().saturating_add_signed(change)
}

/// Both without what they begin and end with alike: it adds nothing to the distance.
fn differing<'t, T: Eq>(a: &'t [T], b: &'t [T]) -> (&'t [T], &'t [T]) {
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[start..], &b[start..]);
    let end = a.iter().rev().zip(b.iter().rev());
    let end = end.take_while(|(x, y)| x == y).count();
    (&a[..a.len() - end], &b[..b.len() - end])
}

/// Equal symbols as equal numbers, and how many numbers there are.
fn numbered<T: Eq + Hash>(a: &[T], b: &[T]) -> (Vec<u32>, Vec<u32>, usize) {
    let mut kinds = HashMap::new();
    let mut number = |symbol| {
        let next = kinds.len() as u32;
        *kinds.entry(symbol).or_insert(next)
    };
    let a = a.iter().map(&mut number).collect();
    let b = b.iter().map(&mut number).collect();
    (a, b, kinds.len())
}

/// Walks a band of rows over all columns. `steps` holds what the row above the band adds from column to column, and
/// then what the band's last row does.
fn walk(rows: usize, columns: &[u32], places: &[u64], steps: &mut [i8]) {
    let last = 1_u64 << (rows - 1);
    // From row to row, where the table rises and where it falls.
    let (mut rises, mut falls) = (!0_u64, 0_u64);
    for (&kind, step) in columns.iter().zip(steps) {
        let same = places[kind as usize];
        let (up, down) = (u64::from(*step > 0), u64::from(*step < 0));
        let vertical = same | falls;
        let same = same | down;
        let diagonal = (((same & rises).wrapping_add(rises)) ^ rises) | same;
        let mut plus = falls | !(diagonal | rises);
        let mut minus = rises & diagonal;
        *step = i8::from(plus & last != 0) - i8::from(minus & last != 0);
        plus = (plus << 1) | up;
        minus = (minus << 1) | down;
        rises = minus | !(vertical | plus);
        falls = plus & vertical;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: the whole table, row by row.
    fn by_definition(a: &[u8], b: &[u8]) -> usize {
        let mut above: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.iter().enumerate() {
            let mut row = vec![i + 1];
            for (j, y) in b.iter().enumerate() {
                let changed = above[j] + usize::from(x != y);
                row.push(changed.min(above[j + 1] + 1).min(row[j] + 1));
            }
            above = row;
        }
        above[b.len()]
    }

    #[test]
    fn equals_the_definition_whatever_the_lengths() {
        let mut state = 7_u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        for _ in 0..600 {
            let letters = 1 + next(5);
            let (long, short) = (next(210), next(140));
            let a: Vec<u8> = (0..long).map(|_| next(letters) as u8).collect();
            let b: Vec<u8> = (0..short).map(|_| next(letters) as u8).collect();
            assert_eq!(edit_distance(&a, &b), by_definition(&a, &b), "{a:?} {b:?}");
            assert_eq!(edit_distance(&b, &a), by_definition(&a, &b), "{b:?} {a:?}");
        }
    }

    #[test]
    fn words_are_symbols_too() {
        let words = |text: &'static str| text.split(' ').collect::<Vec<_>>();
        let (a, b) = (
            words("the cat sat on the mat"),
            words("the cat sat the mats"),
        );
        assert_eq!(edit_distance(&a, &b), 2);
    }

    #[test]
    fn two_long_texts_that_share_nothing_are_as_far_apart_as_they_are_long() {
        let a: Vec<char> = "ab".chars().cycle().take(20_000).collect();
        let b: Vec<char> = "xyz".chars().cycle().take(19_000).collect();
        assert_eq!(edit_distance(&a, &b), 20_000);
    }
}
