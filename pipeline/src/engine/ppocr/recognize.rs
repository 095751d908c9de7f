//! The recognizer: a line's picture to its text.
//!
//! Each line runs alone: its text cannot depend on its neighbors, and nothing is wasted on padding.

use super::{
    crop::line_input,
    ink::{LineInk, StepInk, StepReading},
    model_files::LineRecognizer,
    script_prior::{LatinReading, ReadCharacter, latin_text},
};
use crate::{image::PageImage, page::Quad, script::is_square};

/// Class of the CTC blank.
const BLANK: usize = 0;

/// The recognizer's text of a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RecognizedText {
    /// The characters.
    pub(super) text: String,
    /// The characters if the line is on a page of Latin text, where they are others.
    pub(super) latin: Option<String>,
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
    let (characters, latin) = (&recognizer.characters, &recognizer.latin_classes);
    let input = line_input(image, quad);
    let take = |shape: &[usize], values: &[f32]| match *shape {
        [1, _, classes] if classes == characters.len() + 1 => {
            let steps: Vec<Step> = values
                .chunks_exact(classes)
                .map(|probabilities| Step::of(probabilities, characters, latin))
                .collect();
            let mut text = decode(&steps, characters);
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

/// The recognizer's output at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    /// The best class.
    best: BestClass,
    /// If that is set in a square, the best of those that are not.
    latin: Option<BestClass>,
}

impl Step {
    fn of(probabilities: &[f32], characters: &[String], latin: &[usize]) -> Self {
        let best = best(probabilities);
        let is_square = character(best.class, characters).chars().any(is_square);
        let latin = latin
            .iter()
            .filter(|_| is_square)
            .map(|&class| BestClass {
                class,
                probability: probabilities[class],
            })
            .reduce(|a, b| if b.probability > a.probability { b } else { a });
        Self { best, latin }
    }
}

/// The text of a class; empty for the blank.
fn character(class: usize, characters: &[String]) -> &str {
    let index = class.checked_sub(1);
    index
        .and_then(|index| characters.get(index))
        .map_or("", String::as_str)
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
fn decode(steps: &[Step], characters: &[String]) -> RecognizedText {
    let mut read = Vec::new();
    let mut previous = BLANK;
    for step in steps {
        let BestClass { class, probability } = step.best;
        if class != BLANK && class != previous {
            read.push(ReadCharacter {
                text: character(class, characters),
                probability,
                latin: step.latin.map(|latin| LatinReading {
                    text: character(latin.class, characters),
                    probability: latin.probability,
                }),
            });
        }
        previous = class;
    }
    let text: String = read.iter().map(|character| character.text).collect();
    let sum: f64 = read.iter().map(|c| f64::from(c.probability)).sum();
    let confidence = if read.is_empty() {
        0.0
    } else {
        (sum / read.len() as f64) as f32
    };
    RecognizedText {
        text: text.trim().to_owned(),
        latin: latin_text(&read),
        confidence,
        classes: read.len(),
        ink: LineInk::default(),
    }
}

/// The reading at each step; `None` where that is nothing, or a space, which has no ink.
fn readings(steps: &[Step], characters: &[String]) -> Vec<Option<StepReading>> {
    let reading = |step: &Step| {
        let first = character(step.best.class, characters)
            .trim()
            .chars()
            .next()?;
        Some(StepReading {
            probability: step.best.probability,
            is_square: is_square(first),
        })
    };
    steps.iter().map(reading).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(classes: &[usize]) -> Vec<Step> {
        let step = |&class: &usize| Step {
            best: BestClass {
                class,
                probability: 0.9,
            },
            latin: None,
        };
        classes.iter().map(step).collect()
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
        decode(&steps(classes), &characters).text
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
    fn a_step_that_reads_an_ideograph_has_the_best_other_character_too() {
        let characters = ["a", "十", "+", " "].map(str::to_owned);
        let probabilities = [0.05, 0.04, 0.7, 0.2, 0.01];
        let step = Step::of(&probabilities, &characters, &[1, 3]);
        assert_eq!(step.best.class, 2);
        assert_eq!(step.latin.map(|latin| latin.class), Some(3));
        assert_eq!(decode(&[step], &characters).latin.as_deref(), Some("+"));
        assert_eq!(
            Step::of(&[0.1, 0.9, 0.0, 0.0, 0.0], &characters, &[1, 3]).latin,
            None
        );
    }

    #[test]
    fn a_line_of_blanks_has_no_text_and_no_confidence() {
        let read = decode(&steps(&[0, 0, 0]), &[]);
        assert_eq!(
            (read.text.as_str(), read.confidence, read.classes),
            ("", 0.0, 0)
        );
    }
}
