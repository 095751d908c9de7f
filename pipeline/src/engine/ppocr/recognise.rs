//! The recogniser: a line's picture to its text.
//!
//! Each line runs alone: its text cannot depend on its neighbours, and nothing is wasted on padding.

use rten_tensor::{NdTensor, NdTensorView, prelude::*};

use super::{
    crop::line_input,
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
    let output: NdTensor<f32, 3> = weights.recogniser.run(input.view(), lane)?;
    let [batch, _, classes] = output.shape();
    if batch != 1 || classes != weights.characters.len() + 1 {
        return Err(format!(
            "the recogniser gave the shape {:?} for {} characters",
            output.shape(),
            weights.characters.len()
        ));
    }
    Ok(decode(output.slice(0), &weights.characters))
}

/// Greedy CTC decoding (Graves et al., 2006): the best class of each step, repeats joined, blanks
/// dropped. `steps`: (steps, classes), probabilities.
fn decode(steps: NdTensorView<f32, 2>, characters: &[String]) -> Text {
    let mut text = String::new();
    let (mut sum, mut classes, mut previous) = (0.0f64, 0usize, BLANK);
    for step in 0..steps.size(0) {
        let row = steps.slice(step);
        let (class, probability) = match row.data() {
            Some(row) => best(row),
            None => best(&row.to_vec()),
        };
        if class != BLANK && class != previous {
            text.push_str(characters.get(class - 1).map_or("", String::as_str));
            sum += f64::from(probability);
            classes += 1;
        }
        previous = class;
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

/// The class with the highest value, and the value; the first of equals.
fn best(row: &[f32]) -> (usize, f32) {
    // The highest of each block first: eighteen thousand classes, most of them nowhere near.
    const BLOCK: usize = 64;
    let mut found = (BLANK, f32::NEG_INFINITY);
    for (block, values) in row.chunks(BLOCK).enumerate() {
        let highest = values
            .iter()
            .fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a });
        if highest > found.1 {
            let at = values.iter().position(|v| *v == highest).unwrap_or(0);
            found = (block * BLOCK + at, highest);
        }
    }
    found
}
