//! The measures that GOT-OCR 2.0's evaluation prints for plain text (`GOT/eval/pyevaltools/eval_ocr.py`, in the words
//! of Nougat's evaluation), computed as it computes them.
//!
//! That script hands the truth to nltk as the text to be judged and the reading as the reference. Edit distance
//! and F1 are the same both ways; **precision and recall are exchanged** against their usual meaning, and BLEU and METEOR
//! punish a reading that is longer than the truth. Followed here, so that figures can be laid beside those that others
//! got with the script.

use std::collections::HashSet;

use recto_schemas::GotMeasures;

use super::{bleu::bleu, meteor::meteor, words::cut_like};
use crate::edit_distance::edit_distance;

/// The measures of one page. `None` where one of the texts is empty or has no word: the script leaves such pages out
/// of its means.
pub fn got_measures(truth: &str, reading: &str) -> Option<GotMeasures> {
    let cut = cut_like(truth, reading);
    let (reference, candidate) = (cut(reading), cut(truth));
    if reference.is_empty() || candidate.is_empty() {
        return None;
    }
    let (all, asked): (HashSet<&str>, HashSet<&str>) = (
        reference.iter().copied().collect(),
        candidate.iter().copied().collect(),
    );
    let common = all.intersection(&asked).count() as f64;
    let (precision, recall) = (common / asked.len() as f64, common / all.len() as f64);
    let f_measure = match common > 0.0 {
        true => 1.0 / (0.5 / precision + 0.5 / recall),
        false => 0.0,
    };
    Some(GotMeasures {
        bleu: bleu(&reference, &candidate),
        meteor: meteor(&reference, &candidate),
        f_measure,
        precision,
        recall,
        edit_dist: normalised(truth, reading),
    })
}

/// Edit distance over the length of the longer text, both in characters.
fn normalised(truth: &str, reading: &str) -> f64 {
    let (truth, reading): (Vec<char>, Vec<char>) =
        (truth.chars().collect(), reading.chars().collect());
    edit_distance(&truth, &reading) as f64 / truth.len().max(reading.len()) as f64
}
