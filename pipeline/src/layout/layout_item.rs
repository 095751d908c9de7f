//! Layout items: the lines, tables and figures of a page that have a place in the reading order.

use super::{placed_line::PlacedLine, tables::DetectedTable, tuning::reading_order as tuning};
use crate::page::Rect;

/// A line, a table or a figure, as reading order sees it.
#[derive(Clone, Debug)]
pub(crate) enum LayoutItem<'a> {
    /// A line, or a part of one.
    Text(PlacedLine<'a>),
    /// A table or a figure found beforehand, by its index, and its box.
    Whole(usize, Rect),
    /// A table found while the page is cut into columns.
    Table(Box<DetectedTable<'a>>),
}

impl<'a> LayoutItem<'a> {
    /// Its box.
    pub fn rect(&self) -> Rect {
        match self {
            Self::Text(line) => line.rect,
            Self::Whole(_, rect) => *rect,
            Self::Table(table) => table.rect,
        }
    }

    /// The margin of its box left and right of its ink, in ems: boxes that a model finds are drawn with one, which would
    /// close narrow gutters.
    pub fn margin(&self) -> f32 {
        match self {
            Self::Text(line) if line.is_ocr => tuning::OCR_BOX_MARGIN_EM,
            _ => tuning::TEXT_BOX_MARGIN_EM,
        }
    }

    /// The x of its center.
    pub fn center_x(&self) -> f32 {
        let rect = self.rect();
        (rect.left + rect.right) / 2.0
    }

    /// The y of its center.
    pub fn center_y(&self) -> f32 {
        let rect = self.rect();
        (rect.top + rect.bottom) / 2.0
    }

    /// The line, if it is one.
    pub fn line(&self) -> Option<&PlacedLine<'a>> {
        match self {
            Self::Text(line) => Some(line),
            Self::Whole(..) | Self::Table(_) => None,
        }
    }
}
