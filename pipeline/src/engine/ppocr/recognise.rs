//! The recogniser: a line's picture to its text.
//!
//! Each line runs alone: its text cannot depend on its neighbours, and nothing is wasted on padding.

use rten_tensor::{NdTensor, prelude::*};

use super::{
    crop::line_input,
    head::Best,
    weights::{Lane, Weights},
};
use crate::{image::PageImage, page::Quad};

/// Class of the CTC blank.
const BLANK: usize = 0;

/// What the recogniser read on a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Text {
    /// The characters.
    pub(super) text: String,
    /// Mean confidence over them, 0 to 1; 0 where there are none.
    pub(super) confidence: f32,
    /// How many classes were read.
    pub(super) classes: usize,
}

/// Reads the line with these corners, clockwise from the text's top left.
pub(super) fn recognise(
    weights: &Weights,
    lane: &Lane,
    image: &PageImage,
    quad: &Quad,
) -> Result<Text, String> {
    let input = line_input(image, quad);
    lane.run(|| {
        let features: NdTensor<f32, 3> = weights.recogniser.run(input.view(), lane)?;
        if features.size(0) != 1 {
            return Err(format!(
                "the recogniser gave the shape {:?}",
                features.shape()
            ));
        }
        Ok(decode(
            &weights.head.best(features.slice(0))?,
            &weights.characters,
        ))
    })
}

/// Greedy CTC decoding (Graves et al., 2006): the best class of each step, repeats joined, blanks
/// dropped.
fn decode(steps: &[Best], characters: &[String]) -> Text {
    let mut text = String::new();
    let (mut sum, mut classes, mut previous) = (0.0f64, 0usize, BLANK);
    for best in steps {
        if best.class != BLANK && best.class != previous {
            text.push_str(characters.get(best.class - 1).map_or("", String::as_str));
            sum += f64::from(best.probability());
            classes += 1;
        }
        previous = best.class;
    }
    let confidence = if classes == 0 {
        0.0
    } else {
        (sum / classes as f64) as f32
    };
    Text {
        text: text.trim().to_owned(),
        confidence,
        classes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(classes: &[usize]) -> Vec<Best> {
        classes.iter().map(|class| Best::sure(*class)).collect()
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
    fn a_line_of_blanks_has_no_text_and_no_confidence() {
        let read = decode(&steps(&[0, 0, 0]), &[]);
        assert_eq!(
            (read.text.as_str(), read.confidence, read.classes),
            ("", 0.0, 0)
        );
    }
}
