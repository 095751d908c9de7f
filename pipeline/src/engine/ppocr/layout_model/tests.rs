//! Tests of the way from a network's output to the regions of lines.

use super::*;
use crate::page::{Point, Quad, TextLine};

const SIZE: InputSize = InputSize {
    width: 64,
    height: 32,
};
/// Cells of PicoDet's heads on that input, at strides of 8, 16, 32 and 64 pixels.
const CELLS: [usize; 4] = [32, 8, 2, 1];
const CLASSES: usize = 2;
const BINS: usize = 8;

/// The values of PicoDet's heads: scores and distance logits of each stride.
struct Heads {
    scores: Vec<Vec<f32>>,
    distances: Vec<Vec<f32>>,
}

impl Heads {
    fn empty() -> Self {
        Self {
            scores: CELLS.map(|cells| vec![0.0; cells * CLASSES]).into(),
            distances: CELLS.map(|cells| vec![0.0; cells * 4 * BINS]).into(),
        }
    }

    /// Marks a region at a cell, its sides so many strides away.
    fn mark(&mut self, level: usize, cell: usize, class: usize, score: f32, sides: [usize; 4]) {
        self.scores[level][cell * CLASSES + class] = score;
        for (side, bin) in sides.into_iter().enumerate() {
            self.distances[level][(cell * 4 + side) * BINS + bin] = 40.0;
        }
    }

    fn decoded(&self) -> Vec<DetectedRegion> {
        let tensor = |values: &'static str, level: usize| match values {
            "scores" => OutputTensor {
                shape: vec![1, CELLS[level], CLASSES],
                values: &self.scores[level],
            },
            _ => OutputTensor {
                shape: vec![1, CELLS[level], 4 * BINS],
                values: &self.distances[level],
            },
        };
        let scores = (0..4).map(|level| tensor("scores", level));
        let tensors: Vec<OutputTensor> = scores
            .chain((0..4).map(|level| tensor("distances", level)))
            .collect();
        picodet(&tensors, SIZE, CLASSES).unwrap()
    }
}

fn rect(left: f32, top: f32, right: f32, bottom: f32) -> Rect {
    Rect {
        left,
        top,
        right,
        bottom,
    }
}

fn is_near(a: Rect, b: Rect) -> bool {
    let off = |a: f32, b: f32| (a - b).abs() < 0.1;
    off(a.left, b.left) && off(a.top, b.top) && off(a.right, b.right) && off(a.bottom, b.bottom)
}

#[test]
fn a_cell_stands_for_a_box_around_its_middle() {
    let mut heads = Heads::empty();
    // Row 1, column 2 of the cells of 8 pixels: its middle is at (20, 12).
    heads.mark(0, 8 + 2, 1, 0.9, [2, 1, 3, 0]);
    // Its box reaches beyond the image.
    heads.mark(3, 0, 0, 0.7, [7, 7, 7, 7]);
    heads.mark(1, 0, 0, 0.2, [1, 1, 1, 1]);
    let found = heads.decoded();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].class, found[0].score), (1, 0.9));
    assert!(
        is_near(found[0].rect, rect(4.0, 4.0, 44.0, 12.0)),
        "{found:?}"
    );
    assert!(
        is_near(found[1].rect, rect(0.0, 0.0, 64.0, 32.0)),
        "{found:?}"
    );
}

#[test]
fn outputs_of_another_shape_are_refused() {
    let values = vec![0.0; 64];
    let tensor = |shape: &[usize]| OutputTensor {
        shape: shape.to_vec(),
        values: &values,
    };
    let refused = |tensors: &[OutputTensor]| picodet(tensors, SIZE, CLASSES).unwrap_err();
    assert!(refused(&[]).contains("0 outputs"));
    assert!(refused(&[tensor(&[1, 32, 2])]).contains("1 outputs"));
    let other = [tensor(&[1, 32, 3]), tensor(&[1, 32, 32])];
    assert!(refused(&other).contains("stride 8"));
    assert!(boxes(&[tensor(&[8, 8])]).unwrap_err().contains("[8, 8]"));
}

#[test]
fn rows_of_a_detector_are_regions() {
    let rows = [
        [1.0, 0.8, 1.0, 2.0, 30.0, 9.0],
        [0.0, 0.1, 1.0, 2.0, 30.0, 9.0],
        [-1.0, 0.9, 0.0, 0.0, 0.0, 0.0],
        [0.0, f32::NAN, 1.0, 2.0, 30.0, 9.0],
    ]
    .concat();
    let tensor = OutputTensor {
        shape: vec![4, 6],
        values: &rows,
    };
    let found = boxes(&[tensor]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].class, found[0].rect),
        (1, rect(1.0, 2.0, 30.0, 9.0))
    );
}

#[test]
fn of_boxes_that_lie_on_one_another_the_surest_stays() {
    let region = |class, score, rect| DetectedRegion { class, score, rect };
    let found = without_doubles(vec![
        region(0, 0.6, rect(0.0, 0.0, 100.0, 20.0)),
        region(0, 0.9, rect(4.0, 1.0, 104.0, 21.0)),
        region(1, 0.5, rect(0.0, 0.0, 100.0, 20.0)),
        region(0, 0.7, rect(0.0, 200.0, 100.0, 220.0)),
        region(0, 0.9, rect(50.0, 0.0, 40.0, 20.0)),
        region(0, 0.9, rect(f32::NAN, 0.0, 40.0, 20.0)),
    ]);
    let kept: Vec<(usize, f32)> = found.iter().map(|r| (r.class, r.score)).collect();
    assert_eq!(kept, [(0, 0.9), (0, 0.7), (1, 0.5)]);
}

#[test]
fn a_line_lies_in_the_region_that_fits_it_best() {
    let line = |rect: Rect| TextLine {
        quad: rect.into(),
        ..TextLine::default()
    };
    let region = |kind, score, rect| PageRegion { kind, score, rect };
    let regions = [
        region(RegionKind::Text, 0.6, rect(0.0, 0.0, 300.0, 200.0)),
        region(RegionKind::Title, 0.9, rect(5.0, 12.0, 180.0, 28.0)),
    ];
    let mut lines = [
        line(rect(10.0, 10.0, 170.0, 30.0)),
        line(rect(10.0, 40.0, 290.0, 60.0)),
        line(rect(250.0, 40.0, 690.0, 60.0)),
        line(rect(f32::NAN, 0.0, f32::INFINITY, 1.0)),
        TextLine {
            quad: Quad([Point::default(); 4]),
            ..TextLine::default()
        },
    ];
    assign_regions(&mut lines, &regions);
    let kinds = lines.map(|line| line.region.map(|region| region.kind));
    assert_eq!(
        kinds,
        [
            Some(RegionKind::Title),
            Some(RegionKind::Text),
            None,
            None,
            None
        ]
    );
}

#[test]
fn classes_are_known_by_the_names_that_data_sets_give_them() {
    assert_eq!(kind("Section-header"), Some(RegionKind::Title));
    assert_eq!(kind("paragraph_title"), Some(RegionKind::Title));
    assert_eq!(kind("isolate_formula"), Some(RegionKind::Equation));
    assert_eq!(kind("seal"), None);
}
