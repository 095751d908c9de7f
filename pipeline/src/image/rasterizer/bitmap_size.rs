//! Size of a page's bitmap: the request, held to the limits before any memory is allocated.

use recto_schemas::{DocumentLimits, ReadWarning, WarningKind};

use super::{RasterError, RenderRequest, TextLayerRequest};
use crate::image::inspection::PageInspection;

/// Below this resolution type of ordinary size cannot be read; the lowest that may be asked for
/// ([`recto_schemas::Options::dpi`]).
const LEAST_READABLE_DPI: f64 = 36.0;
/// Shortest side of a bitmap that was scaled down: less holds no line of type.
const LEAST_SIDE_PX: f64 = 16.0;
/// The largest side of any bitmap, in pixels: PDFium counts in 32 bits.
const MAX_SIDE_PX: f64 = 32_767.0;
/// Sizes that a page can have, in points. PDF allows 14,400; broken documents claim anything.
const MAX_SIDE_PT: f32 = 1e6;

/// Longest side, in inches, of a page that is one picture whose size is not believed: a wrong unit makes a page small.
/// A business card of this size is drawn with its own pixels too, which does no harm.
const DOUBTED_SIZE_IN: f64 = 6.0;
/// Longest side of an ordinary page, in inches: A4.
const USUAL_LONG_SIDE_IN: f64 = 11.7;

/// Share of the wanted resolution below which a bitmap's was lowered, not only rounded.
const ROUNDING: f64 = 0.999;

/// Size and resolution of a bitmap.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BitmapSize {
    pub width: u32,
    pub height: u32,
    pub dpi: f32,
    pub warning: Option<ReadWarning>,
}

/// The resolution of a bitmap, and two that it might have had.
struct Resolutions {
    dpi: f64,
    /// Without the pixel limit.
    wanted: f64,
    /// Without the limit on the longest side either.
    preferred: f64,
}

/// The size of the bitmap of a page.
pub(super) fn bitmap_size(
    inspection: &PageInspection,
    request: &RenderRequest,
    limits: &DocumentLimits,
) -> Result<BitmapSize, RasterError> {
    let (width_pt, height_pt) = (inspection.width_pt, inspection.height_pt);
    let possible = |side: f32| side > 0.0 && side < MAX_SIDE_PT;
    if !possible(width_pt) || !possible(height_pt) {
        return Err(RasterError::PageTooLarge(format!(
            "the page claims to be {width_pt} × {height_pt} points"
        )));
    }
    let inches = (f64::from(width_pt) / 72.0, f64::from(height_pt) / 72.0);
    let mut preferred = f64::from(request.dpi).max(1.0);
    if let Some((width, height)) = inspection.image_px {
        // A picture has all its pixels at its own resolution.
        let own = (f64::from(width) / inches.0).max(f64::from(height) / inches.1);
        preferred = preferred.min(own);
    }
    let longest = inches.0.max(inches.1);
    if let Some(own) = inspection
        .image_dpi
        .filter(|_| inspection.image_px.is_none())
        && longest < DOUBTED_SIZE_IN
    {
        // A picture that is the whole of a very small page: its pixels say how large the page was.
        let usual = preferred * USUAL_LONG_SIDE_IN / longest;
        preferred = preferred.max(f64::from(own).min(usual));
    }
    let side = f64::from(request.max_side_px).clamp(1.0, MAX_SIDE_PX);
    let wanted = preferred.min(side / longest);
    let most = limits.max_megapixels.pixels() as f64;
    let dpi = wanted.min((most / (inches.0 * inches.1)).sqrt());
    // Text of the page's own needs no bitmap that can be read, and a picture is what it is.
    if request.text_layer == TextLayerRequest::None && inspection.image_px.is_none() {
        let lowered_by_limit = dpi < wanted && dpi < LEAST_READABLE_DPI;
        let shortest = inches.0.min(inches.1) * dpi;
        if lowered_by_limit || (dpi < preferred && shortest < LEAST_SIDE_PX) {
            return Err(unreadable(inspection, dpi, lowered_by_limit));
        }
    }
    let pixels = |inches: f64| (inches * dpi).round().clamp(1.0, MAX_SIDE_PX) as u32;
    let (mut width, mut height) = (pixels(inches.0), pixels(inches.1));
    // Rounding up may pass the limit by a row.
    while u64::from(width) * u64::from(height) > limits.max_megapixels.pixels().max(1) {
        if width > height {
            width -= 1;
        } else {
            height -= 1;
        }
    }
    Ok(BitmapSize {
        width,
        height,
        // More digits are noise from sizes that are told in points.
        dpi: ((dpi * 100.0).round() / 100.0) as f32,
        warning: warning(
            inspection,
            &Resolutions {
                dpi,
                wanted,
                preferred,
            },
            limits,
        ),
    })
}

fn warning(
    inspection: &PageInspection,
    resolutions: &Resolutions,
    limits: &DocumentLimits,
) -> Option<ReadWarning> {
    let &Resolutions {
        dpi,
        wanted,
        preferred,
    } = resolutions;
    let message = if dpi < wanted * ROUNDING {
        format!(
            "rasterized at {dpi:.0} instead of {wanted:.0} dpi, to stay within \
             --max-megapixels {}",
            limits.max_megapixels
        )
    } else if dpi < preferred && dpi < LEAST_READABLE_DPI {
        format!(
            "rasterized at {dpi:.0} dpi, because the page is {:.0} × {:.0} inches; small type may \
             be lost",
            inspection.width_pt / 72.0,
            inspection.height_pt / 72.0
        )
    } else {
        return None;
    };
    Some(ReadWarning {
        first_page: None,
        pages: 0,
        kind: WarningKind::DpiLowered,
        message,
    })
}

fn unreadable(inspection: &PageInspection, dpi: f64, by_pixels: bool) -> RasterError {
    let advice = if by_pixels {
        "; raise --max-megapixels"
    } else {
        ""
    };
    RasterError::PageTooLarge(format!(
        "the page is {} × {} points; a bitmap of it would have {dpi:.1} dpi, too few to read{advice}",
        inspection.width_pt, inspection.height_pt,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(width_pt: f32, height_pt: f32) -> PageInspection {
        PageInspection {
            width_pt,
            height_pt,
            ..PageInspection::default()
        }
    }

    fn request(dpi: f32, max_side_px: u32) -> RenderRequest {
        RenderRequest {
            dpi,
            max_side_px,
            text_layer: TextLayerRequest::None,
        }
    }

    fn size(inspection: &PageInspection, request: &RenderRequest) -> (u32, u32, u32, bool) {
        let size = bitmap_size(inspection, request, &DocumentLimits::default()).unwrap();
        (
            size.width,
            size.height,
            size.dpi.round() as u32,
            size.warning.is_some(),
        )
    }

    #[test]
    fn ordinary_pages_get_the_resolution_that_is_wanted() {
        let a4 = page(595.0, 842.0);
        assert_eq!(size(&a4, &request(200.0, 4000)), (1653, 2339, 200, false));
        assert_eq!(size(&a4, &request(200.0, 1000)), (707, 1000, 86, false));
    }

    #[test]
    fn a_tiny_page_that_is_one_picture_has_the_pictures_pixels() {
        let mut stamp = page(83.0, 117.0);
        stamp.image_dpi = Some(1079.0);
        assert_eq!(size(&stamp, &request(200.0, 4000)).0, 1244);
        stamp.image_dpi = Some(20_000.0);
        assert_eq!(size(&stamp, &request(200.0, 4000)).1, 2340);
        let mut a4 = page(595.0, 842.0);
        a4.image_dpi = Some(600.0);
        assert_eq!(size(&a4, &request(200.0, 4000)).2, 200);
    }

    #[test]
    fn posters_are_lowered_to_the_pixel_limit_and_say_so() {
        let a0 = page(2384.0, 3370.0);
        let (width, height, dpi, warned) = size(&a0, &request(200.0, 20_000));
        assert!(u64::from(width) * u64::from(height) <= 40_000_000);
        assert_eq!((dpi, warned), (161, true));
    }

    #[test]
    fn pages_that_no_bitmap_can_show_say_why() {
        let limits = DocumentLimits::default();
        let cases = [
            (
                page(14_400.0, 14_400.0),
                20_000,
                "the page is 14400 × 14400 points; a bitmap of it would have 31.6 dpi, too few to \
                 read; raise --max-megapixels",
            ),
            (
                page(1.0, 100_000.0),
                4000,
                "the page is 1 × 100000 points; a bitmap of it would have 2.9 dpi, too few to read",
            ),
            (
                page(f32::NAN, 5.0),
                4000,
                "the page claims to be NaN × 5 points",
            ),
            (
                page(1e9, 5.0),
                4000,
                "the page claims to be 1000000000 × 5 points",
            ),
        ];
        for (inspection, side, message) in cases {
            let error = bitmap_size(&inspection, &request(200.0, side), &limits).unwrap_err();
            assert_eq!(error.kind(), recto_schemas::FailureKind::PageTooLarge);
            assert_eq!(error.to_string(), message);
        }
        // Drawings of that size have large type; what an engine makes no use of is no loss.
        let drawing =
            bitmap_size(&page(10_976.0, 7_102.0), &request(200.0, 4000), &limits).unwrap();
        assert_eq!(drawing.width, 4000);
        assert_eq!(
            drawing.warning.unwrap().message,
            "rasterized at 26 dpi, because the page is 152 × 99 inches; small type may be lost"
        );
        // What the person asked for is readable to them.
        assert!(bitmap_size(&page(595.0, 842.0), &request(20.0, 4000), &limits).is_ok());
    }

    #[test]
    fn a_page_with_text_of_its_own_may_have_any_bitmap() {
        let mut request = request(200.0, 4000);
        request.text_layer = TextLayerRequest::Visible;
        assert_eq!(
            size(&page(14_400.0, 14_400.0), &request),
            (4000, 4000, 20, true)
        );
    }

    #[test]
    fn pictures_are_never_scaled_up() {
        let mut picture = page(612.0, 792.0);
        picture.image_px = Some((850, 1100));
        assert_eq!(
            size(&picture, &request(300.0, 4000)),
            (850, 1100, 100, false)
        );
        assert_eq!(size(&picture, &request(50.0, 4000)), (425, 550, 50, false));
    }

    #[test]
    fn sides_and_products_stay_in_bounds() {
        let limits = DocumentLimits {
            max_megapixels: 1e-5.try_into().unwrap(),
            ..DocumentLimits::default()
        };
        let mut request = request(1200.0, u32::MAX);
        request.text_layer = TextLayerRequest::All;
        for inspection in [
            page(999_999.0, 0.001),
            page(3.0, 3.0),
            page(900_000.0, 900_000.0),
        ] {
            let size = bitmap_size(&inspection, &request, &limits).unwrap();
            assert!(size.width >= 1 && size.height >= 1);
            assert!(size.width * size.height <= 10, "{size:?}");
        }
    }
}
