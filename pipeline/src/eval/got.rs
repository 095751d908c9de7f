//! The measures that GOT-OCR 2.0's evaluation prints for plain text (`GOT/eval/pyevaltools/eval_ocr.py`, in the words
//! of Nougat's evaluation), computed as it computes them.
//!
//! That script hands the reference to nltk as the text to be judged and the prediction as the reference. Edit distance
//! and F1 are the same both ways; **precision and recall are exchanged** against their usual meaning, and BLEU and METEOR
//! punish a prediction that is longer than the reference. Followed here, so that figures can be laid beside those that
//! others got with the script.

use std::collections::HashSet;

use recto_schemas::GotMeasures;

use super::{bleu::bleu, meteor::meteor, words::cut_like};
use crate::edit_distance::edit_distance;

/// The measures of one page. `None` if one of the texts is empty or has no word: the script leaves such pages out
/// of its means.
pub fn got_measures(reference: &str, prediction: &str) -> Option<GotMeasures> {
    let cut = cut_like(reference, prediction);
    // The other way round, as the script has it.
    let (judged_by, judged) = (cut(prediction), cut(reference));
    if judged_by.is_empty() || judged.is_empty() {
        return None;
    }
    let (all, asked): (HashSet<&str>, HashSet<&str>) = (
        judged_by.iter().copied().collect(),
        judged.iter().copied().collect(),
    );
    let common = all.intersection(&asked).count() as f64;
    let (precision, recall) = (common / asked.len() as f64, common / all.len() as f64);
    let f_measure = match common > 0.0 {
        true => 1.0 / (0.5 / precision + 0.5 / recall),
        false => 0.0,
    };
    Some(GotMeasures {
        bleu: bleu(&judged_by, &judged),
        meteor: meteor(&judged_by, &judged),
        f_measure,
        precision,
        recall,
        edit_dist: normalized_distance(reference, prediction),
    })
}

/// Edit distance over the length of the longer text, both in characters.
fn normalized_distance(reference: &str, prediction: &str) -> f64 {
    let (reference, prediction): (Vec<char>, Vec<char>) =
        (reference.chars().collect(), prediction.chars().collect());
    let longer = reference.len().max(prediction.len());
    edit_distance(&reference, &prediction) as f64 / longer as f64
}
