//! A text's words as GOT's evaluation takes them: what is between white space, or, if the text or the one it is
//! compared with has Chinese in it, what jieba makes of it.

use std::sync::OnceLock;

use jieba_rs::Jieba;

use crate::script::is_got_evaluation_han;

/// The words of two texts that are compared, those of white space alone left out.
pub(super) fn of_both<'t>(reference: &'t str, prediction: &'t str) -> (Vec<&'t str>, Vec<&'t str>) {
    let cut = |text: &'t str| -> Vec<&'t str> {
        let mut words = cut_like(reference, prediction)(text);
        words.retain(|word| !word.chars().all(is_space));
        words
    };
    (cut(reference), cut(prediction))
}

/// The function that cuts both of two texts into words.
pub(super) fn cut_like(reference: &str, prediction: &str) -> fn(&str) -> Vec<&str> {
    match has_chinese(reference) || has_chinese(prediction) {
        true => segmented,
        false => spaced,
    }
}

/// Returns true if a text has a Chinese character, by the range that GOT's evaluation looks for.
fn has_chinese(text: &str) -> bool {
    text.chars().any(is_got_evaluation_han)
}

/// The text cut at white space.
fn spaced(text: &str) -> Vec<&str> {
    text.split(is_space)
        .filter(|word| !word.is_empty())
        .collect()
}

/// The text cut by jieba's dictionary, white space and punctuation being words of their own. The dictionary takes
/// some 60 MB from its first use on.
fn segmented(text: &str) -> Vec<&str> {
    static JIEBA: OnceLock<Jieba> = OnceLock::new();
    let tokens = JIEBA.get_or_init(Jieba::new).cut(text, true);
    tokens.into_iter().map(|token| token.word).collect()
}

/// White space as Python's `str.split` has it: four separators more than Unicode's list.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}
