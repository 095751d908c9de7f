//! The orientation of a page, by evidence: the shapes of its boxes, and how surely a few lines
//! read.

use std::cmp::Ordering;

use super::{
    geometry::LineBox,
    model_files::LineRecognizer,
    recognize::{RecognizedText, recognize},
    tuning::orientation::{
        CLEAR_RATIO, LEAST_READ, MARGIN, MOSTLY_DOWN, PROBES, SKEW_RATIO, SURE, TALL_RATIO,
    },
};
use crate::{
    image::{PageImage, skew::skew_of_lines},
    page::{Point, Quad},
};

/// Returns true if most of the lines, by their length, run up or down the page.
pub(super) fn lines_run_down(boxes: &[LineBox]) -> bool {
    let (mut tall, mut wide) = (0.0f32, 0.0f32);
    for b in boxes {
        if b.height > CLEAR_RATIO * b.width {
            tall += b.height;
        } else if b.width > CLEAR_RATIO * b.height {
            wide += b.width;
        }
    }
    tall > MOSTLY_DOWN * wide
}

/// The result of [`probe`].
pub(super) struct OrientationProbe {
    /// True if the page is upside down.
    pub(super) upside_down: bool,
    /// The text that was read upright, by index into the boxes.
    pub(super) texts: Vec<(usize, RecognizedText)>,
}

/// Reads a few long lines as they are, and upside down if they do not read well: the way that reads
/// surer is up.
///
pub(super) fn probe(
    recognizer: &mut LineRecognizer,
    image: &PageImage,
    boxes: &[LineBox],
) -> Result<OrientationProbe, String> {
    let chosen = probe_lines(boxes);
    let mut texts = Vec::with_capacity(chosen.len());
    for &i in &chosen {
        texts.push((i, recognize(recognizer, image, &boxes[i].quad())?));
    }
    let upright = mean_confidence(texts.iter().map(|(_, text)| text));
    let mut upside_down = false;
    if !chosen.is_empty() && upright < SURE {
        let mut reversed = Vec::with_capacity(chosen.len());
        for &i in &chosen {
            reversed.push(recognize(
                recognizer,
                image,
                &rotated_by_180(boxes[i].quad()),
            )?);
        }
        // In a script that the model does not know, look-alikes are surer one way or the other by chance.
        upside_down = mean_confidence(reversed.iter()) > upright + MARGIN
            && read_share(&reversed) >= LEAST_READ;
    }
    Ok(OrientationProbe { upside_down, texts })
}

/// The longest line of each of [`PROBES`] bands of the page, from top to bottom.
fn probe_lines(boxes: &[LineBox]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len())
        .filter(|i| boxes[*i].width > boxes[*i].height)
        .collect();
    order.sort_by(|a, b| {
        boxes[*a]
            .center
            .y
            .total_cmp(&boxes[*b].center.y)
            .then(a.cmp(b))
    });
    let band = order.len().div_ceil(PROBES).max(1);
    order
        .chunks(band)
        .filter_map(|part| part.iter().copied().max_by(|a, b| by_width(boxes, *a, *b)))
        .collect()
}

fn by_width(boxes: &[LineBox], a: usize, b: usize) -> Ordering {
    boxes[a].width.total_cmp(&boxes[b].width).then(b.cmp(&a))
}

/// Mean over the characters of all lines; a line without any counts as one of confidence 0.
fn mean_confidence<'a>(texts: impl Iterator<Item = &'a RecognizedText>) -> f32 {
    let (mut sum, mut count) = (0.0f32, 0usize);
    for text in texts {
        sum += text.confidence * text.classes as f32;
        count += text.classes.max(1);
    }
    if count == 0 { 0.0 } else { sum / count as f32 }
}

/// The share of the lines' ink that was read, 0 to 1; 1 if there is none.
fn read_share(texts: &[RecognizedText]) -> f32 {
    let length: f32 = texts.iter().map(|text| text.ink.length).sum();
    let unread: f32 = texts.iter().map(|text| text.ink.unread).sum();
    if length > 0.0 {
        1.0 - unread / length
    } else {
        1.0
    }
}

/// The same corners for text that is upside down.
fn rotated_by_180(quad: Quad) -> Quad {
    let [a, b, c, d] = quad.0;
    Quad([c, d, a, b])
}

/// Skew of the lines in degrees, positive if they fall to the right, by the long ones; 0 without
/// any.
pub(super) fn skew_deg(boxes: &[LineBox]) -> f32 {
    let long = boxes.iter().filter(|b| b.width > SKEW_RATIO * b.height);
    skew_of_lines(long.map(|b| (b.angle_deg(), b.width)))
}

/// The ways in which the text of a box may be on a page that is upright: as it lies, or along the
/// side of a box taller than wide, read from below or from above.
pub(super) fn orientation_candidates(b: &LineBox) -> Vec<Quad> {
    let quad = b.quad();
    let [p0, p1, p2, p3]: [Point; 4] = quad.0;
    if b.height < CLEAR_RATIO * b.width {
        return vec![quad];
    }
    let sideways = [Quad([p3, p0, p1, p2]), Quad([p1, p2, p3, p0])];
    if b.height < TALL_RATIO * b.width {
        vec![quad, sideways[0], sideways[1]]
    } else {
        sideways.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(sizes: &[(f32, f32, f32)]) -> Vec<LineBox> {
        let one = |(width, height, angle): &(f32, f32, f32)| {
            let (y, x) = angle.to_radians().sin_cos();
            LineBox::new(Point::default(), Point { x, y }, *width, *height).expect("sound")
        };
        sizes.iter().map(one).collect()
    }

    #[test]
    fn lines_run_down_only_where_most_of_them_do() {
        assert!(lines_run_down(&boxes(&[
            (20.0, 400.0, 0.0),
            (20.0, 300.0, 0.0),
            (90.0, 20.0, 0.0)
        ])));
        assert!(!lines_run_down(&boxes(&[
            (20.0, 400.0, 0.0),
            (300.0, 20.0, 0.0)
        ])));
        assert!(!lines_run_down(&boxes(&[(20.0, 22.0, 0.0)])));
        assert!(!lines_run_down(&[]));
    }

    #[test]
    fn skew_is_that_of_the_long_lines() {
        let page = boxes(&[
            (900.0, 30.0, 3.0),
            (800.0, 30.0, 3.1),
            (200.0, 30.0, -9.0),
            (40.0, 30.0, 40.0),
        ]);
        assert!((skew_deg(&page) - 3.0).abs() < 0.11, "{}", skew_deg(&page));
        assert_eq!(skew_deg(&[]), 0.0);
    }

    #[test]
    fn tall_boxes_are_tried_sideways_and_wide_ones_are_not() {
        assert_eq!(
            orientation_candidates(&boxes(&[(300.0, 30.0, 0.0)])[0]).len(),
            1
        );
        assert_eq!(
            orientation_candidates(&boxes(&[(30.0, 60.0, 0.0)])[0]).len(),
            3
        );
        assert_eq!(
            orientation_candidates(&boxes(&[(30.0, 300.0, 0.0)])[0]).len(),
            2
        );
    }
}
