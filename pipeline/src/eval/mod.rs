//! Evaluation of a text that was read: a prediction against its reference.
//!
//! [`score`] gives character and word error rates and the measures that GOT-OCR 2.0's evaluation prints; [`normalize`] makes
//! alike what should not count; [`worst_page`] shows the worst cases beside their images. Pure: texts in, numbers out.

mod words;
mod porter;
mod bleu;
mod meteor;
mod got;
mod normalize;
mod worst;

use std::collections::HashSet;

use recto_schemas::{ErrorRate, EvalCase, EvalTotal, GotMeasures};

pub use crate::edit_distance::edit_distance;
pub use got::got_measures;
pub use normalize::{MarkupSyntax, normalize};
pub use worst::{WorstCase, worst_page};

/// The scores of one text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextScores {
    /// Characters inserted, deleted or substituted, over the reference's, white space counted.
    pub characters: ErrorRate,
    /// The same of words; if there is Chinese, words are what jieba makes of the text.
    pub words: ErrorRate,
    /// The measures of GOT's evaluation; `None` if one of the texts is empty.
    pub got: Option<GotMeasures>,
}

/// Scores a prediction against its reference, both as they are to be compared (see [`normalize`]).
///
/// # Examples
///
/// ```
/// let scores = recto_pipeline::eval::score("the first volume", "the frst volume");
/// assert_eq!((scores.characters.errors, scores.characters.of), (1, 16));
/// assert_eq!((scores.words.errors, scores.words.of), (1, 3));
/// ```
pub fn score(reference: &str, prediction: &str) -> TextScores {
    let characters = |text: &str| text.chars().collect::<Vec<_>>();
    let (wanted, read) = words::of_both(reference, prediction);
    TextScores {
        characters: errors(&characters(reference), &characters(prediction)),
        words: errors(&wanted, &read),
        got: got_measures(reference, prediction),
    }
}

/// All cases together: rates over all characters and words, means of GOT's measures.
pub fn total(cases: &[EvalCase]) -> EvalTotal {
    let got: Vec<GotMeasures> = cases.iter().filter_map(|case| case.got).collect();
    let documents: HashSet<u64> = cases.iter().map(|case| case.index).collect();
    EvalTotal {
        documents: documents.len() as u64,
        cases: cases.len() as u64,
        failed: cases.iter().filter(|case| case.failure.is_some()).count() as u64,
        characters: sum(cases.iter().map(|case| case.characters)),
        words: sum(cases.iter().map(|case| case.words)),
        got_cases: got.len() as u64,
        got: (!got.is_empty()).then(|| means(&got)),
    }
}

fn errors<T: Eq + std::hash::Hash>(reference: &[T], prediction: &[T]) -> ErrorRate {
    let count = |number: usize| number as u64;
    rated(
        count(edit_distance(reference, prediction)),
        count(reference.len()),
    )
}

fn sum(all: impl Iterator<Item = ErrorRate>) -> ErrorRate {
    let add = |(errors, of), more: ErrorRate| (errors + more.errors, of + more.of);
    let (errors, of) = all.fold((0, 0), add);
    rated(errors, of)
}

fn rated(errors: u64, of: u64) -> ErrorRate {
    ErrorRate {
        errors,
        of,
        rate: errors as f64 / of.max(1) as f64,
    }
}

fn means(all: &[GotMeasures]) -> GotMeasures {
    let mean = |of: fn(&GotMeasures) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    GotMeasures {
        bleu: mean(|measures| measures.bleu),
        meteor: mean(|measures| measures.meteor),
        f_measure: mean(|measures| measures.f_measure),
        precision: mean(|measures| measures.precision),
        recall: mean(|measures| measures.recall),
        edit_dist: mean(|measures| measures.edit_dist),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    /// Largest difference of a value from nltk's.
    const TOLERANCE: f64 = 1e-9;

    /// The output of `tests/reference/make_eval.py`.
    #[derive(Deserialize)]
    struct Expected {
        cases: Vec<Case>,
        stems: BTreeMap<String, String>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        reference: String,
        prediction: String,
        measures: Option<GotMeasures>,
    }

    fn expected() -> Expected {
        let text = include_str!("../../../tests/reference/expected/eval.json");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_measures_are_those_of_gots_evaluation() {
        let cases = expected().cases;
        assert!(cases.len() >= 25);
        for case in cases {
            let found = got_measures(&case.reference, &case.prediction);
            let (Some(found), Some(wanted)) = (found, case.measures) else {
                assert_eq!(found, case.measures, "{}", case.name);
                continue;
            };
            for (what, found, wanted) in [
                ("bleu", found.bleu, wanted.bleu),
                ("meteor", found.meteor, wanted.meteor),
                ("f_measure", found.f_measure, wanted.f_measure),
                ("precision", found.precision, wanted.precision),
                ("recall", found.recall, wanted.recall),
                ("edit_dist", found.edit_dist, wanted.edit_dist),
            ] {
                let apart = (found - wanted).abs();
                assert!(
                    apart < TOLERANCE,
                    "{} {what}: {found}, not {wanted}",
                    case.name
                );
            }
        }
    }

    #[test]
    fn stems_are_nltks() {
        let stems = expected().stems;
        assert!(stems.len() > 100);
        for (word, wanted) in stems {
            assert_eq!(porter::stem(&word), wanted, "{word}");
        }
    }

    #[test]
    fn an_empty_prediction_loses_every_character_and_word() {
        let scores = score("two words", "");
        assert_eq!((scores.characters.errors, scores.characters.of), (9, 9));
        assert_eq!((scores.words.errors, scores.words.of), (2, 2));
        assert_eq!(scores.got, None);
        // On an empty page every character read is an error; nothing is divided by nothing.
        assert_eq!(score("", "ab").characters.rate, 2.0);
        assert_eq!(score("", "").characters.rate, 0.0);
    }

    #[test]
    fn chinese_words_are_segmented() {
        let scores = score("今天 天气很好", "今天 天气很坏");
        assert_eq!(scores.characters.errors, 1);
        assert!(scores.words.of >= 3, "{:?}", scores.words);
    }

    /// A page without a name, scored.
    pub(super) fn scored(reference: &str, prediction: &str) -> EvalCase {
        let scores = score(reference, prediction);
        EvalCase {
            index: 0,
            name: String::new(),
            page: None,
            path: String::new(),
            rotation: 0,
            failure: None,
            reference: reference.to_owned(),
            prediction: prediction.to_owned(),
            characters: scores.characters,
            words: scores.words,
            got: scores.got,
        }
    }

    #[test]
    fn totals_weigh_characters_and_not_pages() {
        let case = |index, reference: &str, prediction: &str| EvalCase {
            index,
            ..scored(reference, prediction)
        };
        let cases = [
            case(0, "abcdefghi", "abcdefghi"),
            case(0, "x", "y"),
            case(1, "z", ""),
        ];
        let total = total(&cases);
        assert_eq!((total.documents, total.cases, total.got_cases), (2, 3, 2));
        assert_eq!((total.characters.errors, total.characters.of), (2, 11));
        assert_eq!(total.got.map(|got| got.edit_dist), Some(0.5));
    }
}
