//! Protocol between rasterizer and child: a length, then JSON; after [`ChildReply::Rendered`] the pixels.
//!
//! The child works on hostile bytes, so the parent trusts nothing it sends: lengths are checked before
//! memory is allocated, numbers before they are used, and the parent alone decides the size of a bitmap.

use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::inspection::{LineDoubt, PageInspection, StructureTag};
use crate::sandbox::{SandboxLayers, SandboxReport};

/// Longest message in bytes; the text of a dense page is a few hundred thousand.
const MAX_MESSAGE_BYTES: u32 = 32 << 20;

/// Exit code of a child that was told something it cannot make sense of.
pub(super) const EXIT_PROTOCOL: i32 = 87;
/// Exit code of a child whose code panicked.
pub(super) const EXIT_PANIC: i32 = 88;

/// A message from parent to child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ChildRequest {
    /// The first: load PDFium, set limits, enter the sandbox. Answer: [`ChildReply::Confined`].
    Confine(ConfineRequest),
    /// The second: open the document. Answer: [`ChildReply::Opened`].
    Open(OpenRequest),
    /// Load a page and look at it. Answer: [`ChildReply::Inspected`].
    Inspect {
        /// Its one-based number.
        page: u32,
    },
    /// Make a bitmap of the page inspected last. Answer: [`ChildReply::Rendered`], then the pixels.
    Render {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// The part of its own text that comes with it.
        text_layer: TextLayerRequest,
    },
}

/// The part of a page's own text that is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextLayerRequest {
    /// None.
    None,
    /// The text that a viewer shows.
    Visible,
    /// All, hidden text too: for `--text-layer always`.
    All,
}

/// Bounds of a child's whole life.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ConfineRequest {
    /// Process id of the parent, to notice if it ended before the child could ask to be killed with it.
    pub parent: u32,
    /// PDFium's library.
    pub pdfium: PathBuf,
    /// The only folders it may open files in.
    pub font_dirs: Vec<PathBuf>,
    /// The layers of its sandbox that are tried.
    pub layers: SandboxLayers,
    /// Limit on its address space, in bytes.
    pub max_memory_bytes: u64,
    /// Processor time in seconds until the parent allows it more; a backstop, the deadline is the parent's.
    pub cpu_s: u64,
    /// Processor time in seconds that it may ever have.
    pub max_cpu_s: u64,
}

/// Options of opening a document.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OpenRequest {
    /// The document's password.
    pub password: Option<String>,
    /// True if its bookmarks are wanted: once a document, whatever children it has.
    pub with_bookmarks: bool,
}

/// A message from child to parent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ChildReply {
    /// The child is in its sandbox, and has seen nothing of the document.
    Confined(SandboxReport),
    /// The document is open.
    Opened {
        /// Its format.
        format: DocumentFormat,
        /// Number of pages.
        pages: u32,
        /// True if it is encrypted.
        encrypted: bool,
        /// Its bookmarks, in the order of its outline.
        bookmarks: Vec<WireBookmark>,
    },
    /// The page is loaded.
    Inspected(PageInspection),
    /// The bitmap; `width * height * 3` bytes of RGB follow.
    Rendered {
        /// The page's own text if it was requested.
        text_layer: Option<WireText>,
        /// Set if a picture of the page ends too early.
        cut: Option<PictureCut>,
    },
    /// The request could not be done.
    Failed(ChildError),
}

/// A bookmark of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireBookmark {
    /// Its depth in the outline, 1 for the outermost.
    pub depth: u8,
    /// Its title.
    pub title: String,
    /// The one-based page that it leads to, if that was looked up.
    pub page: Option<u32>,
}

/// A picture that ends before its last row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PictureCut {
    /// Rows that were read and rows that it should have, if they can be counted.
    pub rows: Option<(u32, u32)>,
}

/// A document format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum DocumentFormat {
    Pdf,
    Png,
    Jpeg,
    Tiff,
    WebP,
    Gif,
    Bmp,
    Jpeg2000,
}

impl DocumentFormat {
    /// Its name in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Jpeg2000 => "jp2",
        }
    }
}

/// The reason for which a child could not do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ChildError {
    NotADocument(String),
    Damaged(String),
    NoPages,
    Encrypted,
    WrongPassword,
    Unsupported(String),
    TooLarge(String),
    PageDamaged(String),
    OutOfMemory,
    PdfiumMissing(String),
    Io(String),
}

/// A page's own text, in pixels of the bitmap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct WireText {
    pub lines: Vec<WireLine>,
    /// Left, top, right and bottom of each visible glyph's outline.
    pub glyphs: Vec<[i32; 4]>,
    /// Characters that were left out because nobody can see them.
    pub unseen: u32,
}

/// A line of a page's own text, in pixels of the bitmap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WireLine {
    pub text: String,
    pub quad: [[f32; 2]; 4],
    pub size: f32,
    pub bold: bool,
    pub italic: bool,
    pub fixed_pitch: bool,
    #[serde(default)]
    pub tag: Option<StructureTag>,
    /// Bytes of the bold words that it begins with, where they end, and where the rest begins.
    #[serde(default)]
    pub lead: Option<(u32, f32, f32)>,
    pub doubt: Option<LineDoubt>,
    /// Numbers and LaTeX of the formulas that are marked in the text.
    #[serde(default)]
    pub formulas: Vec<(u32, String)>,
}

/// Writes one message.
pub(super) fn write_message(mut to: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4)
        .ok()
        .filter(|&length| length <= MAX_MESSAGE_BYTES)
        .ok_or_else(|| io::Error::other("the message is too long"))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&bytes)?;
    to.flush()
}

/// Reads one message.
pub(super) fn read_message<M: DeserializeOwned>(mut from: impl Read) -> io::Result<M> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > MAX_MESSAGE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a message of {length} bytes was announced"),
        ));
    }
    // Grows with what arrives, not with what was announced.
    let mut bytes = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut bytes)?;
    if bytes.len() < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let mut pipe = Vec::new();
        write_message(
            &mut pipe,
            &ChildReply::Failed(ChildError::Damaged("x".to_owned())),
        )
        .unwrap();
        write_message(&mut pipe, &ChildRequest::Inspect { page: 7 }).unwrap();
        let mut from = pipe.as_slice();
        assert!(matches!(
            read_message::<ChildReply>(&mut from).unwrap(),
            ChildReply::Failed(ChildError::Damaged(why)) if why == "x"
        ));
        assert!(matches!(
            read_message::<ChildRequest>(&mut from).unwrap(),
            ChildRequest::Inspect { page: 7 }
        ));
        assert!(from.is_empty());
    }

    #[test]
    fn lies_about_lengths_and_contents_are_errors() {
        let too_long = u32::MAX.to_le_bytes();
        let cut = [4, 0, 0, 0, b'"'];
        let no_json = [2, 0, 0, 0, 0xFF, 0xFE];
        let no_number = *b"\x31\0\0\0{\"Inspected\":{\"width_pt\":1e999,\"height_pt\":null}}";
        for (bytes, kind) in [
            (&too_long[..], io::ErrorKind::InvalidData),
            (&cut, io::ErrorKind::UnexpectedEof),
            (&no_json, io::ErrorKind::InvalidData),
            (&no_number, io::ErrorKind::InvalidData),
        ] {
            assert_eq!(read_message::<ChildReply>(bytes).unwrap_err().kind(), kind);
        }
    }
}
