//! Inspection of a page before any bitmap is made: [`text_layer_policy`](crate::image::text_layer_policy) decides on
//! it where the page's text comes from, and with it the bitmap that is needed.

use serde::{Deserialize, Serialize};

use super::protocol::{MAX_PICTURES, at_most};

/// A child's inspection of one page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PageInspection {
    /// Width as displayed, after `/Rotate` or EXIF orientation, in points (1/72 inch).
    pub width_pt: f32,
    /// Height as displayed, in points.
    pub height_pt: f32,
    /// Largest share of the page that one image covers, 0 to 1; 1 for image files.
    pub image_coverage: f32,
    /// Resolution of the image that covers the page (or of the image file), in dots per inch; `None` if
    /// no single image covers most of the page.
    pub image_dpi: Option<f32>,
    /// Size as displayed in pixels, for image files; `None` for PDF pages, which have no size of their own.
    pub image_px: Option<(u32, u32)>,
    /// Left, top, right and bottom of the largest images on the page as displayed, in points.
    #[serde(deserialize_with = "at_most::<_, _, MAX_PICTURES>")]
    pub images: Vec<[f32; 4]>,
    /// The same of annotations that are drawn beside the text: stamps, notes, drawings.
    #[serde(deserialize_with = "at_most::<_, _, MAX_PICTURES>")]
    pub annotations: Vec<[f32; 4]>,
    /// Drawn lines, curves and areas.
    pub paths: u32,
    /// Fonts that are neither in the document nor built into PDFium, so that substitutes are drawn.
    pub substituted_fonts: u32,
    /// True if viewers that know XFA show a form in place of the document's pages.
    #[serde(default)]
    pub is_xfa_form: bool,
    /// Its text.
    pub text: TextInspection,
}

/// A child's inspection of a page's own text. Counts leave out white space and text off the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextInspection {
    /// Characters on the page.
    pub characters: u32,
    /// Of these, characters that no viewer shows: render mode 3 or 7, or fully transparent.
    pub hidden: u32,
    /// Of these, characters that lie under an image painted after them.
    pub covered: u32,
    /// Of these, characters without a mapping to Unicode that can be trusted: U+FFFD, private use,
    /// control characters, or PDFium's word that there is none.
    pub unmapped: u32,
    /// True if the page has more characters than are looked at.
    #[serde(default)]
    pub truncated: bool,
    /// Form fields and free-text annotations whose text viewers show, but which is not in the page's text.
    pub in_annotations: u32,
}

impl TextInspection {
    /// Characters that a viewer shows.
    pub fn visible(&self) -> u32 {
        self.characters
            .saturating_sub(self.hidden)
            .saturating_sub(self.covered)
    }
}

/// The structure element of a tagged PDF that a text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StructureTag {
    /// Its role.
    pub role: TagRole,
    /// Tells the elements of a page apart.
    pub element: u32,
}

/// The role of a structure element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagRole {
    /// A heading of that level, 1 to 6.
    Heading(u8),
    /// Any other text.
    Text,
}

/// The reason to doubt a line of a page's own text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineDoubt {
    /// A character without a meaning, or of a foreign script, stands amid the letters of a word.
    LostLetter,
    /// The text of its font is no text in any language: its mapping to Unicode may be wrong.
    Implausible,
}
