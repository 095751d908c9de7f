//! Sample of pages to cross-check with PP-OCR: a share of them, the same ones in each run.

use crate::image::PageImage;

/// Pixels that are hashed: enough to tell pages apart, few enough to cost nothing.
const PIXELS: usize = 4096;
/// Offset basis of the 64-bit FNV-1a hash.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
/// Prime of the 64-bit FNV-1a hash.
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// Returns true if a page is in the sample of `share` (0 to 1) of all pages, which its content
/// decides.
pub(super) fn is_sampled(page: &PageImage, share: f64) -> bool {
    if share >= 1.0 {
        return true;
    }
    // The upper 53 bits as a fraction of 1.
    let place = (hash(page) >> 11) as f64 / (1u64 << 53) as f64;
    place < share
}

fn hash(page: &PageImage) -> u64 {
    let size = [page.width.to_le_bytes(), page.height.to_le_bytes()];
    let stride = (page.rgb.len() / 3 / PIXELS).max(1);
    let pixels = page.rgb.chunks_exact(3).step_by(stride).flatten();
    let fnv = size
        .iter()
        .flatten()
        .chain(pixels)
        .fold(FNV_BASIS, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
        });
    // FNV's upper bits change little for short inputs, so they are mixed as MurmurHash3 does at its
    // end.
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ink: u8) -> PageImage {
        PageImage {
            width: 20,
            height: 20,
            dpi: 72.0,
            rgb: vec![ink; 1200],
        }
    }

    #[test]
    fn none_all_and_about_a_share() {
        let count = |share| {
            (0..=255)
                .filter(|&ink| is_sampled(&page(ink), share))
                .count()
        };
        assert_eq!(count(0.0), 0);
        assert_eq!(count(1.0), 256);
        assert!((40..=90).contains(&count(0.25)), "{}", count(0.25));
        assert!((100..=156).contains(&count(0.5)), "{}", count(0.5));
    }

    #[test]
    fn the_same_pages_each_time_and_more_with_a_larger_share() {
        for ink in 0..=255 {
            assert_eq!(is_sampled(&page(ink), 0.3), is_sampled(&page(ink), 0.3));
            assert!(!is_sampled(&page(ink), 0.3) || is_sampled(&page(ink), 0.6));
        }
    }
}
