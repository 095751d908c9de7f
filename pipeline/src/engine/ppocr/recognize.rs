//! The recognizer: a line's picture to its text.
//!
//! Each line runs alone: its text cannot depend on its neighbors, and nothing is wasted on padding.

use super::{
    crop::line_input,
    ink::{LineInk, StepInk, StepReading},
    model_files::LineRecognizer,
};
use crate::{image::PageImage, page::Quad, script::is_square};

/// Class of the CTC blank.
const BLANK: usize = 0;

/// The recognizer's text of a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RecognizedText {
    /// The characters.
    pub(super) text: String,
    /// Mean confidence over them, 0 to 1; 0 if there are none.
    pub(super) confidence: f32,
    /// Number of classes that were read.
    pub(super) classes: usize,
    /// The line's ink, and how much of it was read.
    pub(super) ink: LineInk,
}

/// Reads the line with these corners, clockwise from the text's top left.
pub(super) fn recognize(
    recognizer: &mut LineRecognizer,
    image: &PageImage,
    quad: &Quad,
) -> Result<RecognizedText, String> {
    let characters = &recognizer.characters;
    let input = line_input(image, quad);
    let take = |shape: &[usize], values: &[f32]| match *shape {
        [1, _, classes] if classes == characters.len() + 1 => {
            let steps: Vec<BestClass> = values.chunks_exact(classes).map(best).collect();
            let mut text = decode(steps.iter().copied(), characters);
            text.ink = StepInk::of(&input, steps.len()).read_by(&readings(&steps, characters));
            Ok(text)
        }
        _ => Err(format!(
            "the recognizer gave the shape {shape:?} for {} characters",
            characters.len()
        )),
    };
    recognizer.network.run(&input.tensor, take)
}

/// The best class of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
struct BestClass {
    /// The class; the first of equals.
    class: usize,
    /// Its probability, 0 to 1.
    probability: f32,
}

/// The best of a step's classes.
fn best(probabilities: &[f32]) -> BestClass {
    // Several at a time, so that it goes as fast as memory does: there are thousands of classes.
    let mut high = [0.0f32; 16];
    let blocks = probabilities.chunks_exact(high.len());
    let rest = blocks.remainder();
    for block in blocks.chain([rest]) {
        for (high, p) in high.iter_mut().zip(block) {
            *high = if *p > *high { *p } else { *high };
        }
    }
    let probability = high.into_iter().fold(0.0, f32::max);
    let class = probabilities.iter().position(|p| *p == probability);
    BestClass {
        class: class.unwrap_or(BLANK),
        probability,
    }
}

/// Greedy CTC decoding (Graves et al., 2006): the best class of each step, repeats joined, blanks
/// dropped.
fn decode(steps: impl Iterator<Item = BestClass>, characters: &[String]) -> RecognizedText {
    let mut text = String::new();
    let (mut sum, mut classes, mut previous) = (0.0f64, 0usize, BLANK);
    for best in steps {
        if best.class != BLANK && best.class != previous {
            text.push_str(characters.get(best.class - 1).map_or("", String::as_str));
            sum += f64::from(best.probability);
            classes += 1;
        }
        previous = best.class;
    }
    let confidence = if classes == 0 {
        0.0
    } else {
        (sum / classes as f64) as f32
    };
    RecognizedText {
        text: text.trim().to_owned(),
        confidence,
        classes,
        ink: LineInk::default(),
    }
}

/// The reading at each step; `None` where that is nothing, or a space, which has no ink.
fn readings(steps: &[BestClass], characters: &[String]) -> Vec<Option<StepReading>> {
    let reading = |best: &BestClass| {
        let character = characters.get(best.class.checked_sub(1)?)?;
        let first = character.trim().chars().next()?;
        Some(StepReading {
            probability: best.probability,
            is_square: is_square(first),
        })
    };
    steps.iter().map(reading).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(classes: &[usize]) -> impl Iterator<Item = BestClass> {
        classes.iter().map(|&class| BestClass {
            class,
            probability: 0.9,
        })
    }

    #[test]
    fn the_best_class_is_the_likeliest_wherever_it_stands() {
        for class in [0, 15, 16, 18_000, 18_709] {
            let mut probabilities = vec![1e-5; 18_710];
            probabilities[class] = 0.7;
            let probability = 0.7;
            assert_eq!(best(&probabilities), BestClass { class, probability });
        }
    }

    fn text(classes: &[usize]) -> String {
        let characters = ["a", "b", "木", " "].map(str::to_owned);
        decode(steps(classes), &characters).text
    }

    #[test]
    fn repeats_join_unless_a_blank_parts_them() {
        assert_eq!(text(&[1, 1, 0, 1, 2, 2, 0, 0, 3]), "aab木");
    }

    #[test]
    fn spaces_stay_between_words_and_go_around_the_line() {
        assert_eq!(text(&[4, 1, 4, 4, 2, 0, 4]), "a b");
    }

    #[test]
    fn a_line_of_blanks_has_no_text_and_no_confidence() {
        let read = decode(steps(&[0, 0, 0]), &[]);
        assert_eq!(
            (read.text.as_str(), read.confidence, read.classes),
            ("", 0.0, 0)
        );
    }
}
