//! Boxes and lines of a page. All coordinates are pixels of the upright page image, x to the right, y down.

use serde::{Deserialize, Serialize};

use crate::image::inspection::StructureTag;

/// A point, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Down.
    pub y: f32,
}

/// An axis-aligned box, in pixels; `left <= right`, `top <= bottom`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Right edge.
    pub right: f32,
    /// Bottom edge.
    pub bottom: f32,
}

impl Rect {
    /// Width in pixels.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    /// Height in pixels.
    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// The box on an image `factor` times as large.
    pub(crate) fn scaled(&self, factor: f32) -> Self {
        Self {
            left: self.left * factor,
            top: self.top * factor,
            right: self.right * factor,
            bottom: self.bottom * factor,
        }
    }

    /// Returns true if the middle of `other` lies in the box.
    pub(crate) fn holds_middle_of(&self, other: &Self) -> bool {
        let (x, y) = (
            (other.left + other.right) / 2.0,
            (other.top + other.bottom) / 2.0,
        );
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    /// The box with so many pixels more left and right, and above and below.
    pub(crate) fn widened(&self, across: f32, down: f32) -> Self {
        Self {
            left: self.left - across,
            top: self.top - down,
            right: self.right + across,
            bottom: self.bottom + down,
        }
    }

    /// The smallest box around both.
    pub fn union(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// Four corners, clockwise from the text's top left.
///
/// ```
/// use recto_pipeline::page::{Quad, Rect};
///
/// let word = Rect { left: 10.0, top: 20.0, right: 90.0, bottom: 32.0 };
/// let mut quad = Quad::from(word);
/// assert_eq!(quad.bounds(), word);
///
/// // The text rises to the right.
/// quad.0[1].y -= 5.0;
/// assert_eq!(quad.bounds(), Rect { top: 15.0, ..word });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quad(pub [Point; 4]);

impl Quad {
    /// The smallest upright box around the corners.
    pub fn bounds(&self) -> Rect {
        let first = self.0[0];
        let start = Rect {
            left: first.x,
            top: first.y,
            right: first.x,
            bottom: first.y,
        };
        self.0.iter().fold(start, |all, p| {
            all.union(&Rect {
                left: p.x,
                top: p.y,
                right: p.x,
                bottom: p.y,
            })
        })
    }
}

impl From<Rect> for Quad {
    fn from(r: Rect) -> Self {
        let corner = |x, y| Point { x, y };
        Self([
            corner(r.left, r.top),
            corner(r.right, r.top),
            corner(r.right, r.bottom),
            corner(r.left, r.bottom),
        ])
    }
}

/// The ink of a page's lines that an engine did not read, where that is so much that somebody has to
/// know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnreadInk {
    /// Share of the ink of all lines, 0 to 1.
    pub share: f32,
    /// The lines of which most was not read; none if what is missing is spread over the page.
    pub lines: Vec<UnreadLine>,
}

/// A line of which most was not read.
#[derive(Clone, Debug, PartialEq)]
pub struct UnreadLine {
    /// Its corners.
    pub quad: Quad,
    /// The text that was read of it, mostly look-alikes in another script; often empty.
    pub text: String,
    /// Share of its ink that was not read, 0 to 1.
    pub share: f32,
}

/// One line of text as an engine or a text layer gives it. A "line" may be one cell of a table or one
/// column's part of a row: pieces that are far apart are separate lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextLine {
    /// The text, in Unicode, one line, without surrounding white space.
    pub text: String,
    /// Its corners.
    pub quad: Quad,
    /// Mean confidence over its characters, 0 to 1; `None` for a document's own text.
    pub confidence: Option<f32>,
    /// Height of the type in pixels: the font's size if it is known (text layer), else the quad's
    /// short side.
    pub size: f32,
    /// Its type.
    pub style: TypeStyle,
    /// The structure element that it belongs to, if the document is tagged.
    pub tag: Option<StructureTag>,
    /// The bold words that it begins with, if the rest of it is not bold.
    pub lead: Option<BoldLead>,
    /// The second reader that read it; `None` if the engine did, or a text layer has it.
    pub read_by: Option<LineReader>,
    /// The LaTeX of the formulas that are marked in its text.
    pub formulas: Vec<LineFormula>,
    /// The region of the page that a layout model sees it in; `None` if none looked, or it lies in none.
    pub region: Option<LineRegion>,
}

/// A formula of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineFormula {
    /// The number that it has in its page's text.
    pub number: u32,
    /// Its LaTeX, without delimiters.
    pub latex: String,
}

/// The region that a line lies in, as a layout model sees the page: evidence beside type and place, never more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineRegion {
    /// The kind of region.
    pub kind: RegionKind,
    /// The model's score of it, 0 to 1.
    pub score: f32,
    /// Its box, in pixels of the page: lines with the same one lie in the same region.
    pub rect: Rect,
}

/// The kinds of regions that layout models tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegionKind {
    /// Running text, a list, a footnote.
    Text,
    /// A title or a heading.
    Title,
    /// A picture or a drawing.
    Figure,
    /// A figure's caption.
    FigureCaption,
    /// A table.
    Table,
    /// A table's caption.
    TableCaption,
    /// A running head.
    Header,
    /// A running foot.
    Footer,
    /// An entry of a list of references.
    Reference,
    /// A formula on lines of its own.
    Equation,
}

/// The type of most of a line; `None` for what is not known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeStyle {
    /// True if it is bold, by the width of its strokes.
    pub bold: Option<bool>,
    /// True if it is slanted.
    pub italic: Option<bool>,
    /// True if all its characters are of one width, as in program code.
    pub fixed_pitch: Option<bool>,
}

impl TypeStyle {
    /// Type of which only the weight is known.
    pub fn of_weight(bold: bool) -> Self {
        Self {
            bold: Some(bold),
            ..Self::default()
        }
    }
}

/// The bold words at the start of a line that goes on in other type.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoldLead {
    /// Their length, in bytes of the line's text.
    pub bytes: u32,
    /// Their right edge, in pixels.
    pub right: f32,
    /// Left edge of what follows, in pixels.
    pub next: f32,
}

/// A second reader of lines, and how it read one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineReader {
    /// Its name.
    pub name: String,
    /// The language it read in, as it names it.
    pub language: String,
}
