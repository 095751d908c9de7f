//! Drawn regions: the figures and formulas that a layout model sees on a page, checked against the page's ink.
//!
//! A layout model takes forms, code and handwriting for figures, too. In those nearly all ink is type; in a figure most
//! is not.

use crate::{
    image::{PageImage, drawn_share::drawn_share},
    page::{LineRegion, Rect, RegionKind, TextLine},
};

/// Score of a region, 0 to 1, from which it is a figure: most plots and pictures come to 0.9, a letter's end with its
/// signature to 0.77.
const FIGURE_SCORE: f32 = 0.8;
/// Score from which it is a formula: nine of ten display formulas of papers come to more.
const EQUATION_SCORE: f32 = 0.6;
/// Share of a figure's ink, 0 to 1, that is not of its lines of text. Plots and photographs come to 0.5 and more, forms
/// and framed text to 0.2.
const DRAWN_SHARE: f32 = 0.35;
/// Most figures of a page whose ink is looked at: bounds the work on a page that is taken for nothing else.
const MAX_FIGURES: usize = 32;
/// Share of the page, 0 to 1, from which a region is most of it: of pages of handwriting and of many columns the model
/// takes most for a figure.
const PAGE_SHARE: f32 = 0.6;
/// Letters of a word of running text, and such words from which a line is no formula: `otherwise` and `where n is odd` are
/// part of one, `On the other hand, this gives` is not.
const WORD_LETTERS: usize = 3;
const PROSE_WORDS: usize = 3;

/// The lines of each figure and formula on `image`, as indices into `lines`. Lines that a model sees in a figure which is
/// none, and sentences in a formula, are text afterwards.
pub(super) fn drawn_regions(lines: &mut [TextLine], image: &PageImage) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    let boxes: Vec<Rect> = lines.iter().map(|line| line.quad.bounds()).collect();
    let mut looked_at = 0;
    for (region, members) in regions(lines) {
        looked_at += usize::from(region.kind == RegionKind::Figure);
        let is_small = region.rect.width() * region.rect.height()
            < PAGE_SHARE * image.width as f32 * image.height as f32;
        let (drawn, text): (Vec<usize>, Vec<usize>) = match region.kind {
            RegionKind::Figure
                if is_small
                    && looked_at <= MAX_FIGURES
                    && drawn_share(image, &region.rect, &boxes) >= DRAWN_SHARE =>
            {
                (members, Vec::new())
            }
            RegionKind::Figure => (Vec::new(), members),
            RegionKind::Equation => members
                .into_iter()
                .partition(|&at| region.score >= EQUATION_SCORE && !is_prose(&lines[at].text)),
            _ => continue,
        };
        for at in text {
            lines[at].region = is_small.then_some(LineRegion {
                kind: RegionKind::Text,
                ..region
            });
        }
        let is_sure = region.kind == RegionKind::Equation || region.score >= FIGURE_SCORE;
        if is_sure && !drawn.is_empty() {
            found.push(drawn);
        }
    }
    found
}

/// The regions of lines, each with the indices of its lines.
fn regions(lines: &[TextLine]) -> Vec<(LineRegion, Vec<usize>)> {
    let mut found: Vec<(LineRegion, Vec<usize>)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(region) = line.region else { continue };
        match found.iter_mut().find(|(known, _)| *known == region) {
            Some((_, members)) => members.push(at),
            None => found.push((region, vec![at])),
        }
    }
    found
}

/// Returns true if a line has several words.
fn is_prose(text: &str) -> bool {
    let is_word = |word: &&str| word.chars().filter(|c| c.is_alphabetic()).count() >= WORD_LETTERS;
    text.split_whitespace().filter(is_word).count() >= PROSE_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Rect = Rect {
        left: 10.0,
        top: 10.0,
        right: 190.0,
        bottom: 140.0,
    };

    fn line(top: f32, text: &str, kind: RegionKind) -> TextLine {
        let rect = Rect {
            left: 20.0,
            top,
            right: 60.0,
            bottom: top + 10.0,
        };
        TextLine {
            text: text.to_owned(),
            quad: rect.into(),
            region: Some(LineRegion {
                kind,
                score: 0.9,
                rect: BOX,
            }),
            ..TextLine::default()
        }
    }

    /// A page of 200 × 200 pixels: the boxes of lines at 20 and 40 are black, and a square of that many pixels a side.
    fn page(square: u32) -> PageImage {
        let is_black = |x: u32, y: u32| {
            let of_line = (20..60).contains(&x) && ((20..30).contains(&y) || (40..50).contains(&y));
            of_line || (100..100 + square).contains(&x) && (100..100 + square).contains(&y)
        };
        let pixels = (0..200).flat_map(|y| (0..200).map(move |x| (x, y)));
        PageImage {
            width: 200,
            height: 200,
            dpi: 200.0,
            rgb: pixels
                .flat_map(|(x, y)| [if is_black(x, y) { 0 } else { 255 }; 3])
                .collect(),
        }
    }

    #[test]
    fn a_figure_has_ink_that_is_no_type() {
        let labels = || {
            [
                line(20.0, "epochs", RegionKind::Figure),
                line(40.0, "loss", RegionKind::Figure),
            ]
        };
        let mut lines = labels();
        assert_eq!(drawn_regions(&mut lines, &page(40)), [vec![0, 1]]);
        assert!(lines.iter().all(|line| line.region.is_some()));
        // A form or code that the model takes for a figure.
        let mut lines = labels();
        assert!(drawn_regions(&mut lines, &page(10)).is_empty());
        let is_text = |line: &TextLine| line.region.is_some_and(|r| r.kind == RegionKind::Text);
        assert!(lines.iter().all(is_text));
    }

    #[test]
    fn the_crumbs_of_a_formula_stay_together_and_sentences_in_its_box_do_not() {
        let mut lines = [
            line(
                20.0,
                "But letting m = 1 in (10) gives",
                RegionKind::Equation,
            ),
            line(40.0, "2 2 if n is odd", RegionKind::Equation),
            line(60.0, "Other text", RegionKind::Text),
        ];
        assert_eq!(drawn_regions(&mut lines, &page(0)), [vec![1]]);
        assert_eq!(lines[0].region.map(|r| r.kind), Some(RegionKind::Text));
    }
}
