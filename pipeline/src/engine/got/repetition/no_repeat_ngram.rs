//! Logits filter against repeated n-grams, as the reference's `no_repeat_ngram_size` (transformers'
//! `NoRepeatNGramLogitsProcessor`).

use std::collections::HashMap;

/// The n-grams of one sequence, including its prompt. Takes about `4 * n` bytes a token.
#[derive(Debug)]
pub(in crate::engine::got) struct NoRepeatNgram {
    n: usize,
    tokens: Vec<u32>,
    /// Tokens that followed each `n - 1` tokens, each once.
    followers: HashMap<Vec<u32>, Vec<u32>>,
}

impl NoRepeatNgram {
    /// A filter for a sequence that begins with `prompt`; an `n` of 0 bans nothing.
    pub(in crate::engine::got) fn new(n: usize, prompt: &[u32]) -> Self {
        let mut block = Self {
            n,
            tokens: Vec::with_capacity(prompt.len()),
            followers: HashMap::new(),
        };
        for token in prompt {
            block.push(*token);
        }
        block
    }

    /// Appends a token.
    pub(in crate::engine::got) fn push(&mut self, token: u32) {
        if let Some(prefix) = prefix(&self.tokens, self.n) {
            match self.followers.get_mut(prefix) {
                Some(followers) if followers.contains(&token) => {}
                Some(followers) => followers.push(token),
                None => {
                    self.followers.insert(prefix.to_vec(), vec![token]);
                }
            }
        }
        self.tokens.push(token);
    }

    /// Tokens that would repeat an n-gram of the sequence, each once.
    pub(in crate::engine::got) fn banned(&self) -> &[u32] {
        prefix(&self.tokens, self.n)
            .and_then(|prefix| self.followers.get(prefix))
            .map_or(&[], Vec::as_slice)
    }
}

/// The last `n - 1` tokens, which the next one completes to an n-gram.
fn prefix(tokens: &[u32], n: usize) -> Option<&[u32]> {
    let length = n.checked_sub(1)?;
    tokens.get(tokens.len().checked_sub(length)?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the reference does it: every window again.
    fn by_windows(n: usize, tokens: &[u32]) -> Vec<u32> {
        if tokens.len() < n {
            return Vec::new();
        }
        let prefix = &tokens[tokens.len() + 1 - n..];
        let repeats = tokens.windows(n).filter(|w| &w[..n - 1] == prefix);
        let mut banned: Vec<u32> = repeats.map(|w| w[n - 1]).collect();
        banned.sort_unstable();
        banned.dedup();
        banned
    }

    #[test]
    fn equals_the_reference_at_every_length() {
        let mut state = 7_u32;
        let tokens: Vec<u32> = (0..300)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) % 4
            })
            .collect();
        for n in 1..6 {
            for prompt in [0, 1, 5, 50] {
                let mut block = NoRepeatNgram::new(n, &tokens[..prompt]);
                for at in prompt..tokens.len() {
                    let mut banned = block.banned().to_vec();
                    banned.sort_unstable();
                    assert_eq!(banned, by_windows(n, &tokens[..at]), "n {n}, {at} tokens");
                    block.push(tokens[at]);
                }
            }
        }
    }

    #[test]
    fn a_run_of_image_tokens_bans_only_itself() {
        let mut block = NoRepeatNgram::new(3, &[9; 256]);
        assert_eq!(block.banned(), [9]);
        block.push(1);
        assert!(block.banned().is_empty());
    }

    #[test]
    fn zero_blocks_nothing() {
        let mut block = NoRepeatNgram::new(0, &[1, 1, 1]);
        block.push(1);
        assert!(block.banned().is_empty());
    }
}
