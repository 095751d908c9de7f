//! The text-layer policy: one pure table decides if a page's own text is used in place of OCR.
//!
//! A document's text is better than any reading of its image where it is what a person sees. It is not
//! where a scanner program laid what it had read invisibly over (or under) the scan, where characters have no meaning
//! (fonts without a mapping to Unicode), or where a part of what is seen is not in it (pictures of text,
//! outlines of letters, form fields). On doubt the page is read: that costs time, not text.
//!
//! With `--text-layer auto`, the first row that fits decides:
//!
//! | what is on the page | verdict | kind |
//! |---|---|---|
//! | no text | read | `no-text-layer` |
//! | over 2 % of the characters without a meaning | read | `unmapped-characters` |
//! | hidden or covered text on a page that images cover | read | `hidden-text-over-image` |
//! | over 5 % of the text hidden or covered otherwise | read | `hidden-text` |
//! | form fields or free-text notes with text of their own | read | `text-in-annotations` |
//! | images cover the page, and under 500 characters are seen | read | `image-may-hold-text` |
//! | images cover over 30 % of it, and under 200 characters are seen | read | `image-may-hold-text` |
//! | over 300 drawn paths, and under 100 characters are seen | read | `drawn-text` |
//! | anything else | use | `sound-text-layer` |

use recto_schemas::{Reason, TextLayer, TextReason};

use super::inspection::{PageInspection, TextInspection};

/// Share of characters without a meaning from which text is not trusted.
const MOST_UNMAPPED: f32 = 0.02;
/// Share of hidden characters from which text is not trusted. A few are common: an invisible space, a
/// word for screen readers.
const MOST_HIDDEN: f32 = 0.05;
/// Share of the page from which an image is the page.
const WHOLE_PAGE: f32 = 0.8;
/// Characters that a page covered by images must show to be more than a stamp on a scan, such as
/// "Downloaded from …": a background picture under a page of text.
const MORE_THAN_A_STAMP: u32 = 500;
/// Share of the page from which an image may hold text that counts.
const LARGE_IMAGE: f32 = 0.3;
/// Characters beside a large image that make a page of text.
const BESIDE_A_LARGE_IMAGE: u32 = 200;
/// Drawn paths that may be the outlines of letters, and characters that make this unlikely.
const MANY_PATHS: u32 = 300;
const BESIDE_MANY_PATHS: u32 = 100;

/// The source of a page's text, and the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextSource {
    /// The page's own text.
    TextLayer(Reason),
    /// Its image, read by the engine.
    Ocr(Reason),
}

/// Chooses the source of a page's text.
pub fn text_source(inspection: &PageInspection, choice: TextLayer) -> TextSource {
    let text = &inspection.text;
    match choice {
        TextLayer::Never => read(
            TextReason::TextLayerNever,
            "--text-layer never was asked for",
        ),
        _ if text.characters == 0 => {
            read(TextReason::NoTextLayer, "the page has no text of its own")
        }
        TextLayer::Always => TextSource::TextLayer(Reason::new(
            TextReason::TextLayerAlways,
            "--text-layer always was asked for",
        )),
        TextLayer::Auto => doubt(inspection).unwrap_or_else(|| {
            TextSource::TextLayer(Reason::new(
                TextReason::SoundTextLayer,
                "the page's own text is visible and mapped to Unicode",
            ))
        }),
    }
}

fn doubt(inspection: &PageInspection) -> Option<TextSource> {
    let text = &inspection.text;
    let unseen = text.hidden.saturating_add(text.covered);
    let share = |part: u32| part as f32 / text.characters.max(1) as f32;
    let seen = TextInspection::visible(text);
    let whole_page = inspection.image_coverage > WHOLE_PAGE;
    let doubt = if share(text.unmapped) > MOST_UNMAPPED {
        read(
            TextReason::UnmappedCharacters,
            &format!(
                "{} of the text's {} characters have no meaning in Unicode",
                text.unmapped, text.characters
            ),
        )
    } else if unseen > 0 && whole_page {
        read(
            TextReason::HiddenTextOverImage,
            "the page is an image with hidden text, as a scanner program writes it",
        )
    } else if share(unseen) > MOST_HIDDEN {
        read(
            TextReason::HiddenText,
            "a part of the page's own text is not visible",
        )
    } else if text.in_annotations > 0 {
        read(
            TextReason::TextInAnnotations,
            "form fields or notes show text that is not in the page's own",
        )
    } else if (whole_page && seen < MORE_THAN_A_STAMP)
        || (inspection.image_coverage > LARGE_IMAGE && seen < BESIDE_A_LARGE_IMAGE)
    {
        read(
            TextReason::ImageMayHoldText,
            "images cover much of the page, and there is little text beside them",
        )
    } else if inspection.paths > MANY_PATHS && seen < BESIDE_MANY_PATHS {
        read(
            TextReason::DrawnText,
            "much is drawn on the page, which may be outlines of letters",
        )
    } else {
        return None;
    };
    Some(doubt)
}

fn read(kind: TextReason, message: &str) -> TextSource {
    TextSource::Ocr(Reason::new(kind, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters, hidden, covered, unmapped, in annotations; image coverage; paths.
    fn page(
        [characters, hidden, covered, unmapped, in_annotations]: [u32; 5],
        image_coverage: f32,
        paths: u32,
    ) -> PageInspection {
        PageInspection {
            image_coverage,
            paths,
            text: TextInspection {
                characters,
                hidden,
                covered,
                unmapped,
                in_annotations,
            },
            ..PageInspection::default()
        }
    }

    fn verdict(inspection: &PageInspection, choice: TextLayer) -> (bool, &'static str) {
        match text_source(inspection, choice) {
            TextSource::TextLayer(reason) => (true, reason.kind.as_str()),
            TextSource::Ocr(reason) => (false, reason.kind.as_str()),
        }
    }

    #[test]
    fn auto_follows_the_table() {
        let cases = [
            // A page of a book, typeset.
            (page([2500, 0, 0, 0, 0], 0.0, 10), true, "sound-text-layer"),
            // A figure above text; a few hidden words for screen readers; a stray private-use bullet.
            (page([900, 0, 0, 0, 0], 0.5, 0), true, "sound-text-layer"),
            (page([900, 20, 0, 0, 0], 0.1, 0), true, "sound-text-layer"),
            (page([900, 0, 0, 10, 0], 0.0, 0), true, "sound-text-layer"),
            // A slide full of text on a background picture.
            (page([700, 0, 0, 0, 0], 1.0, 0), true, "sound-text-layer"),
            // A short letter, a title page.
            (page([15, 0, 0, 0, 0], 0.0, 3), true, "sound-text-layer"),
            (page([0, 0, 0, 0, 0], 1.0, 0), false, "no-text-layer"),
            // A scan with what a scanner program read, over it and under it, and with a visible stamp.
            (
                page([2500, 2500, 0, 0, 0], 1.0, 0),
                false,
                "hidden-text-over-image",
            ),
            (
                page([2500, 0, 2500, 0, 0], 1.0, 0),
                false,
                "hidden-text-over-image",
            ),
            (
                page([2500, 2400, 0, 0, 0], 0.95, 0),
                false,
                "hidden-text-over-image",
            ),
            // A scan with nothing but the stamp.
            (
                page([180, 0, 0, 0, 0], 0.95, 0),
                false,
                "image-may-hold-text",
            ),
            // A picture of a table with its caption.
            (
                page([120, 0, 0, 0, 0], 0.5, 0),
                false,
                "image-may-hold-text",
            ),
            // A font without a mapping.
            (
                page([2500, 0, 0, 600, 0], 0.0, 0),
                false,
                "unmapped-characters",
            ),
            // Half a page is white-out over text that is still there.
            (page([2500, 0, 900, 0, 0], 0.4, 0), false, "hidden-text"),
            // A filled-in form.
            (
                page([2500, 0, 0, 0, 7], 0.0, 50),
                false,
                "text-in-annotations",
            ),
            // Letters as outlines, with a page number as text.
            (page([3, 0, 0, 0, 0], 0.0, 2400), false, "drawn-text"),
        ];
        for (inspection, uses, kind) in cases {
            let expected = (uses, kind);
            assert_eq!(
                verdict(&inspection, TextLayer::Auto),
                expected,
                "{inspection:?}"
            );
        }
    }

    #[test]
    fn always_and_never_are_what_they_say() {
        let scan = page([2500, 2500, 0, 900, 0], 1.0, 0);
        let typeset = page([2500, 0, 0, 0, 0], 0.0, 0);
        let bare = page([0; 5], 1.0, 0);
        assert!(verdict(&scan, TextLayer::Always).0);
        assert!(!verdict(&typeset, TextLayer::Never).0);
        assert_eq!(verdict(&bare, TextLayer::Always), (false, "no-text-layer"));
    }
}
