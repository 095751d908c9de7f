//! Checks of what a child's reply has become behind the parent's door, for tests and fuzzing.

use recto_schemas::DocumentLimits;

use super::{RenderRequest, TextLayerRequest, bitmap_size::bitmap_size, validate};
use crate::image::{
    inspection::PageInspection,
    protocol::{ChildError, ChildReply, MAX_GLYPHS, MAX_LINES, MAX_PAGES, read_message},
};
use crate::sandbox::SandboxLayer;

/// Sides of the bitmap that was asked for, in pixels.
const BITMAP: (u32, u32) = (100, 80);

/// Reads replies one after another, as far as they are such, and holds each to what this side promises. Gives their number.
pub(crate) fn hold_all(mut bytes: &[u8]) -> usize {
    let mut taken = 0;
    while let Ok(reply) = read_message::<ChildReply>(&mut bytes) {
        hold(reply);
        taken += 1;
    }
    taken
}

/// Holds what a child says of a page.
pub(crate) fn hold_inspection(page: PageInspection) {
    hold(ChildReply::Inspected(page));
}

/// Holds a reply that was understood to what this side promises.
fn hold(reply: ChildReply) {
    let is_sentence = |text: &str| text.chars().count() <= 300 && !text.contains(char::is_control);
    match validate::reply(reply) {
        ChildReply::Confined(report) => {
            for (_, layer) in report.layers() {
                assert!(!matches!(layer, SandboxLayer::Missing(why) if !is_sentence(why)));
            }
        }
        ChildReply::Opened {
            pages, bookmarks, ..
        } => {
            assert!(pages <= MAX_PAGES);
            for bookmark in bookmarks.into_iter().filter_map(validate::bookmark) {
                assert!(is_sentence(&bookmark.title) && bookmark.depth > 0);
            }
        }
        ChildReply::Inspected(page) => {
            hold_bitmap(&page);
            assert!(page.width_pt.is_finite() && page.height_pt.is_finite());
            assert!((0.0..=1.0).contains(&page.image_coverage));
            assert!(
                page.image_dpi
                    .is_none_or(|dpi| dpi.is_finite() && dpi > 0.0)
            );
            let places = page.images.iter().chain(&page.annotations).flatten();
            assert!(places.copied().all(f32::is_finite));
        }
        ChildReply::Rendered { text_layer, .. } => {
            let (width, height) = BITMAP;
            let text = validate::text(text_layer.unwrap_or_default(), width, height);
            assert!(text.lines.len() <= MAX_LINES && text.glyphs.len() <= MAX_GLYPHS);
            assert_eq!(text.lines.len(), text.doubts.len());
            let (width, height) = (width as f32, height as f32);
            for line in &text.lines {
                assert!(!line.text.contains(char::is_control));
                assert!((0.0..=height).contains(&line.size));
                let lead = line.lead.as_ref();
                assert!(lead.is_none_or(|lead| line.text.is_char_boundary(lead.bytes as usize)));
                for corner in line.quad.0 {
                    assert!(
                        (0.0..=width).contains(&corner.x) && (0.0..=height).contains(&corner.y)
                    );
                }
            }
            for glyph in &text.glyphs {
                assert!(
                    (0.0..=width).contains(&glyph.left) && (0.0..=height).contains(&glyph.bottom)
                );
            }
        }
        ChildReply::Failed(error) => match error {
            ChildError::NotADocument(why)
            | ChildError::Damaged(why)
            | ChildError::Unsupported(why)
            | ChildError::TooLarge(why)
            | ChildError::PageDamaged(why)
            | ChildError::PdfiumMissing(why)
            | ChildError::Io(why) => assert!(is_sentence(&why)),
            ChildError::NoPages
            | ChildError::Encrypted
            | ChildError::WrongPassword
            | ChildError::OutOfMemory => {}
        },
    }
}

/// Whatever a page claims to be, its bitmap is within the limits.
fn hold_bitmap(page: &PageInspection) {
    let limits = DocumentLimits::default();
    for text_layer in [TextLayerRequest::None, TextLayerRequest::All] {
        let request = RenderRequest {
            dpi: 200.0,
            max_side_px: 4_000,
            text_layer,
        };
        let Ok(size) = bitmap_size(page, &request, &limits) else {
            continue;
        };
        let (width, height) = (size.width, size.height);
        assert!((1..=4_000).contains(&width) && (1..=4_000).contains(&height));
        assert!(u64::from(width) * u64::from(height) <= limits.max_megapixels.pixels());
        assert!(size.dpi.is_finite() && size.dpi >= 0.0);
    }
}
