//! Text-layer policy: one pure table decides if a page's own text is used in place of OCR.
//!
//! A document's own text is better than any OCR as long as it is the text that a person sees. It is not if a scanner
//! program laid its OCR invisibly over (or under) the scan, if characters have no meaning (fonts without a mapping to
//! Unicode), or if a part of the visible text is missing in it (images of text, outlines of letters, form fields). In
//! doubt the page goes to OCR: that costs time, not text.
//!
//! With `--text-layer auto`, the first row that fits decides:
//!
//! | on the page | source | kind |
//! |---|---|---|
//! | no text | OCR | `no-text-layer` |
//! | over 30 % of the characters without a meaning | OCR | `unmapped-characters` |
//! | hidden or covered text on a page that images cover | OCR | `hidden-text-over-image` |
//! | over half of the text hidden or covered otherwise | OCR | `hidden-text` |
//! | images cover the page, and under 500 characters are visible | OCR | `image-may-hold-text` |
//! | anything else | text layer | `sound-text-layer` |
//!
//! With the text layer, an engine that reads parts of a page also reads what the text does not explain: pictures,
//! drawings, annotations, lines with lost letters. For one that reads whole pages alone the text must be all there is,
//! so that these rows come before the last, with 2 % in the second and 5 % in the fourth:
//!
//! | on the page | source | kind |
//! |---|---|---|
//! | form fields or free-text notes with text of their own | OCR | `text-in-annotations` |
//! | images cover over 30 % of it, and under 200 characters are visible | OCR | `image-may-hold-text` |
//! | over 300 drawn paths, and under 100 characters are visible | OCR | `drawn-text` |

use recto_schemas::{Reason, TextLayer, TextReason};

use super::inspection::PageInspection;

/// Share of characters without a meaning from which text is not trusted...
const MAX_UNMAPPED_SHARE: f32 = 0.02;
/// ...or from which reading the lines with lost letters is as good as reading the page.
const MOSTLY_UNMAPPED_SHARE: f32 = 0.3;
/// Share of hidden characters from which text is not trusted. A few are common: an invisible space, a
/// word for screen readers.
const MAX_HIDDEN_SHARE: f32 = 0.05;
/// The same if what is visible can be read apart.
const MOSTLY_HIDDEN_SHARE: f32 = 0.5;
/// Share of the page from which an image is the page.
const WHOLE_PAGE_SHARE: f32 = 0.8;
/// Characters that a page covered by images must show to be more than a stamp on a scan, such as
/// "Downloaded from …": a background picture under a page of text.
const MIN_CHARACTERS_ON_IMAGE: u32 = 500;
/// Share of the page from which an image may hold text that counts.
const LARGE_IMAGE_SHARE: f32 = 0.3;
/// Characters beside a large image that make a page of text.
const MIN_CHARACTERS_BESIDE_IMAGE: u32 = 200;
/// Drawn paths that may be the outlines of letters.
const MANY_PATHS: u32 = 300;
/// Visible characters beside so many paths that make outlines unlikely.
const MIN_CHARACTERS_BESIDE_PATHS: u32 = 100;

/// The source of a page's text, and the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextSource {
    /// The page's own text.
    TextLayer(Reason),
    /// Its image, read by the engine.
    Ocr(Reason),
}

/// Chooses the source of a page's text, for an engine that reads parts of a page or one that does not.
///
/// ```
/// use recto_pipeline::image::{
///     inspection::{PageInspection, TextInspection},
///     text_layer_policy::{TextSource, text_source},
/// };
/// use recto_schemas::TextLayer;
///
/// let mut page = PageInspection {
///     text: TextInspection { characters: 2_500, ..TextInspection::default() },
///     ..PageInspection::default()
/// };
/// assert!(matches!(text_source(&page, TextLayer::Auto, true), TextSource::TextLayer(_)));
///
/// // A scan, with the OCR of a scanner program behind it.
/// page.image_coverage = 1.0;
/// page.text.hidden = page.text.characters;
/// assert!(matches!(text_source(&page, TextLayer::Auto, true), TextSource::Ocr(_)));
/// ```
pub fn text_source(
    inspection: &PageInspection,
    choice: TextLayer,
    reads_parts: bool,
) -> TextSource {
    let text = &inspection.text;
    match choice {
        TextLayer::Never => ocr(
            TextReason::TextLayerNever,
            "--text-layer never was asked for",
        ),
        _ if text.characters == 0 => {
            ocr(TextReason::NoTextLayer, "the page has no text of its own")
        }
        TextLayer::Always => TextSource::TextLayer(Reason::new(
            TextReason::TextLayerAlways,
            "--text-layer always was asked for",
        )),
        TextLayer::Auto => distrust(inspection, reads_parts).unwrap_or_else(|| {
            TextSource::TextLayer(Reason::new(
                TextReason::SoundTextLayer,
                "the page's own text is visible and mapped to Unicode",
            ))
        }),
    }
}

/// OCR with the reason not to trust the text layer, if there is one.
fn distrust(inspection: &PageInspection, reads_parts: bool) -> Option<TextSource> {
    let text = &inspection.text;
    let unseen = text.hidden.saturating_add(text.covered);
    let share = |part: u32| part as f32 / text.characters.max(1) as f32;
    let whole_page = inspection.image_coverage > WHOLE_PAGE_SHARE;
    let (max_unmapped, max_hidden) = if reads_parts {
        (MOSTLY_UNMAPPED_SHARE, MOSTLY_HIDDEN_SHARE)
    } else {
        (MAX_UNMAPPED_SHARE, MAX_HIDDEN_SHARE)
    };
    if share(text.unmapped) > max_unmapped {
        return Some(ocr(
            TextReason::UnmappedCharacters,
            &format!(
                "{} of the text's {} characters have no meaning in Unicode",
                text.unmapped, text.characters
            ),
        ));
    }
    if unseen > 0 && whole_page {
        return Some(ocr(
            TextReason::HiddenTextOverImage,
            "the page is an image with hidden text, as a scanner program writes it",
        ));
    }
    if share(unseen) > max_hidden {
        return Some(ocr(
            TextReason::HiddenText,
            "a part of the page's own text is not visible",
        ));
    }
    if whole_page && text.visible() < MIN_CHARACTERS_ON_IMAGE {
        return Some(image_may_hold_text());
    }
    if reads_parts {
        None
    } else {
        distrust_parts(inspection)
    }
}

/// The same for an engine that reads whole pages alone, so that the text must be all that is written.
fn distrust_parts(inspection: &PageInspection) -> Option<TextSource> {
    let seen = inspection.text.visible();
    if inspection.text.in_annotations > 0 {
        Some(ocr(
            TextReason::TextInAnnotations,
            "form fields or notes show text that is not in the page's own",
        ))
    } else if inspection.image_coverage > LARGE_IMAGE_SHARE && seen < MIN_CHARACTERS_BESIDE_IMAGE {
        Some(image_may_hold_text())
    } else if inspection.paths > MANY_PATHS && seen < MIN_CHARACTERS_BESIDE_PATHS {
        Some(ocr(
            TextReason::DrawnText,
            "much is drawn on the page, which may be outlines of letters",
        ))
    } else {
        None
    }
}

fn image_may_hold_text() -> TextSource {
    ocr(
        TextReason::ImageMayHoldText,
        "images cover much of the page, and there is little text beside them",
    )
}

fn ocr(kind: TextReason, message: &str) -> TextSource {
    TextSource::Ocr(Reason::new(kind, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::inspection::TextInspection;

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
                truncated: false,
            },
            ..PageInspection::default()
        }
    }

    fn verdict(inspection: &PageInspection, choice: TextLayer) -> (bool, &'static str) {
        verdict_of(inspection, choice, false)
    }

    fn verdict_of(
        inspection: &PageInspection,
        choice: TextLayer,
        reads_parts: bool,
    ) -> (bool, &'static str) {
        match text_source(inspection, choice, reads_parts) {
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
    fn what_can_be_read_apart_leaves_the_rest_of_the_text() {
        let sound = [
            page([120, 0, 0, 0, 0], 0.5, 0),
            page([2500, 0, 0, 600, 0], 0.0, 0),
            page([2500, 0, 900, 0, 0], 0.4, 0),
            page([2500, 0, 0, 0, 7], 0.0, 50),
            page([3, 0, 0, 0, 0], 0.0, 2400),
        ];
        for inspection in sound {
            let verdict = verdict_of(&inspection, TextLayer::Auto, true);
            assert_eq!(verdict, (true, "sound-text-layer"), "{inspection:?}");
        }
        let unsound = [
            page([2500, 0, 0, 1000, 0], 0.0, 0),
            page([2500, 0, 2000, 0, 0], 0.4, 0),
            page([180, 0, 0, 0, 0], 0.95, 0),
            page([2500, 2500, 0, 0, 0], 1.0, 0),
        ];
        for inspection in unsound {
            assert!(
                !verdict_of(&inspection, TextLayer::Auto, true).0,
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
