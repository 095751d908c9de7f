//! Ruled lines on a page: what makes a table certain.

use super::PageImage;

/// One straight ruled line, horizontal or vertical, in pixels of the upright page image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ruling {
    /// Where it lies: y of a horizontal line's middle, x of a vertical one's.
    pub at: f32,
    /// Where it starts, along its direction.
    pub start: f32,
    /// Where it ends, along its direction.
    pub end: f32,
}

/// The ruled lines of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rulings {
    /// Lines across the page, from top to bottom.
    pub horizontal: Vec<Ruling>,
    /// Lines down the page, from left to right.
    pub vertical: Vec<Ruling>,
}

/// Finds the ruled lines of `image`, whose lines are skewed by `skew_deg` (positive: falling to the right).
pub fn find(_image: &PageImage, _skew_deg: f32) -> Rulings {
    Rulings::default()
}
