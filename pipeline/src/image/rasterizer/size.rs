//! How large a bitmap becomes: the plan's wish, held to the limits before any memory is taken.

use recto_schemas::{DocumentLimits, ReadWarning};

use super::{RasterError, RenderRequest, TextLayerRequest};
use crate::image::facts::PageInspection;

/// Below this resolution type of ordinary size cannot be read; the lowest that may be asked for
/// ([`recto_schemas::Options::dpi`]).
const LEAST_READABLE_DPI: f64 = 36.0;
/// Shortest side of a bitmap that was scaled down: less holds no line of type.
const LEAST_SIDE_PX: f64 = 16.0;
/// The largest side of any bitmap, in pixels: PDFium counts in 32 bits.
const MAX_SIDE_PX: f64 = 32_767.0;
/// Sizes that a page can have, in points. PDF allows 14,400; broken documents claim anything.
const MAX_SIDE_PT: f32 = 1e6;

/// Size and resolution of a bitmap.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BitmapSize {
    pub width: u32,
    pub height: u32,
    pub dpi: f32,
    pub warning: Option<ReadWarning>,
}

/// The size of the bitmap of a page.
pub(super) fn bitmap_size(
    facts: &PageInspection,
    plan: &RenderRequest,
    limits: &DocumentLimits,
) -> Result<BitmapSize, RasterError> {
    let (width_pt, height_pt) = (facts.width_pt, facts.height_pt);
    let possible = |side: f32| side > 0.0 && side < MAX_SIDE_PT;
    if !possible(width_pt) || !possible(height_pt) {
        return Err(RasterError::PageTooLarge(format!(
            "the page claims to be {width_pt} × {height_pt} points"
        )));
    }
    let inches = (f64::from(width_pt) / 72.0, f64::from(height_pt) / 72.0);
    let mut wish = f64::from(plan.dpi).max(1.0);
    if let Some((width, height)) = facts.picture_px {
        // A picture has all its pixels at its own resolution.
        let own = (f64::from(width) / inches.0).max(f64::from(height) / inches.1);
        wish = wish.min(own);
    }
    let longest = inches.0.max(inches.1);
    let side = f64::from(plan.max_side_px).clamp(1.0, MAX_SIDE_PX);
    let wanted = wish.min(side / longest);
    let most = limits.max_megapixels.pixels() as f64;
    let dpi = wanted.min((most / (inches.0 * inches.1)).sqrt());
    // Text of the page's own needs no bitmap that can be read, and a picture is what it is.
    if plan.text == TextLayerRequest::None && facts.picture_px.is_none() {
        let lowered_by_limit = dpi < wanted && dpi < LEAST_READABLE_DPI;
        let shortest = inches.0.min(inches.1) * dpi;
        if lowered_by_limit || (dpi < wish && shortest < LEAST_SIDE_PX) {
            return Err(unreadable(facts, dpi, lowered_by_limit));
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
        warning: warning(facts, (dpi, wanted, wish), limits),
    })
}

fn warning(
    facts: &PageInspection,
    (dpi, wanted, wish): (f64, f64, f64),
    limits: &DocumentLimits,
) -> Option<ReadWarning> {
    let message = if dpi < wanted * 0.999 {
        format!(
            "rasterized at {dpi:.0} instead of {wanted:.0} dpi, to stay within \
             --max-megapixels {}",
            limits.max_megapixels
        )
    } else if dpi < wish && dpi < LEAST_READABLE_DPI {
        format!(
            "rasterized at {dpi:.0} dpi, because the page is {:.0} × {:.0} inches; small type may \
             be lost",
            facts.width_pt / 72.0,
            facts.height_pt / 72.0
        )
    } else {
        return None;
    };
    Some(ReadWarning {
        first_page: None,
        pages: 0,
        kind: "dpi-lowered".to_owned(),
        message,
    })
}

fn unreadable(facts: &PageInspection, dpi: f64, by_pixels: bool) -> RasterError {
    let advice = if by_pixels {
        "; raise --max-megapixels"
    } else {
        ""
    };
    RasterError::PageTooLarge(format!(
        "the page is {} × {} points; a bitmap of it would have {dpi:.1} dpi, too few to read{advice}",
        facts.width_pt, facts.height_pt,
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

    fn plan(dpi: f32, max_side_px: u32) -> RenderRequest {
        RenderRequest {
            dpi,
            max_side_px,
            text: TextLayerRequest::None,
        }
    }

    fn size(facts: &PageInspection, plan: &RenderRequest) -> (u32, u32, u32, bool) {
        let size = bitmap_size(facts, plan, &DocumentLimits::default()).unwrap();
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
        assert_eq!(size(&a4, &plan(200.0, 4000)), (1653, 2339, 200, false));
        assert_eq!(size(&a4, &plan(200.0, 1000)), (707, 1000, 86, false));
    }

    #[test]
    fn posters_are_lowered_to_the_pixel_limit_and_say_so() {
        let a0 = page(2384.0, 3370.0);
        let (width, height, dpi, warned) = size(&a0, &plan(200.0, 20_000));
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
        for (facts, side, message) in cases {
            let error = bitmap_size(&facts, &plan(200.0, side), &limits).unwrap_err();
            assert_eq!(error.kind(), "page-too-large");
            assert_eq!(error.to_string(), message);
        }
        // Drawings of that size have large type; what an engine makes no use of is no loss.
        let drawing = bitmap_size(&page(10_976.0, 7_102.0), &plan(200.0, 4000), &limits).unwrap();
        assert_eq!(drawing.width, 4000);
        assert_eq!(
            drawing.warning.unwrap().message,
            "rasterized at 26 dpi, because the page is 152 × 99 inches; small type may be lost"
        );
        // What the person asked for is readable to them.
        assert!(bitmap_size(&page(595.0, 842.0), &plan(20.0, 4000), &limits).is_ok());
    }

    #[test]
    fn a_page_with_text_of_its_own_may_have_any_bitmap() {
        let mut plan = plan(200.0, 4000);
        plan.text = TextLayerRequest::Visible;
        assert_eq!(
            size(&page(14_400.0, 14_400.0), &plan),
            (4000, 4000, 20, true)
        );
    }

    #[test]
    fn pictures_are_never_scaled_up() {
        let mut picture = page(612.0, 792.0);
        picture.picture_px = Some((850, 1100));
        assert_eq!(size(&picture, &plan(300.0, 4000)), (850, 1100, 100, false));
        assert_eq!(size(&picture, &plan(50.0, 4000)), (425, 550, 50, false));
    }

    #[test]
    fn sides_and_products_stay_in_bounds() {
        let limits = DocumentLimits {
            max_megapixels: 1e-5.try_into().unwrap(),
            ..DocumentLimits::default()
        };
        let mut plan = plan(1200.0, u32::MAX);
        plan.text = TextLayerRequest::All;
        for facts in [
            page(999_999.0, 0.001),
            page(3.0, 3.0),
            page(900_000.0, 900_000.0),
        ] {
            let size = bitmap_size(&facts, &plan, &limits).unwrap();
            assert!(size.width >= 1 && size.height >= 1);
            assert!(size.width * size.height <= 10, "{size:?}");
        }
    }
}
