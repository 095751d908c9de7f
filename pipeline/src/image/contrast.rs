//! Contrast: pages whose ink hardly differs from their paper, or differs in color alone, and what makes them readable.
//!
//! Carbon copies, pencil and prints in equal tones are as clear to a model as any page once the channel that shows
//! them best is stretched to the full range.

use super::{
    PageImage,
    blank_page::grain,
    luma::{INK_LUMA, LumaWeights},
    tuning::contrast::{EXTREME_PERMILLE, GRAIN_RANGES, MAX_ENHANCED, MIN_ENHANCED, ROW_STEP},
};

/// A page of low contrast, made readable.
#[derive(Debug)]
pub(crate) struct EnhancedPage {
    /// Its bitmap, in gray.
    pub(crate) image: PageImage,
    /// The contrast it had, in levels of 255.
    pub(crate) contrast: u8,
}

/// The channels that a page of equal tones is looked at through.
const CHANNELS: [LumaWeights; 3] = [
    LumaWeights::new(1, 0, 0, 0),
    LumaWeights::new(0, 1, 0, 0),
    LumaWeights::new(0, 0, 1, 0),
];

/// Makes a page of low contrast readable; `None` for one that has enough, or has nothing but grain.
pub(crate) fn enhance(image: &PageImage) -> Option<EnhancedPage> {
    image.check().ok()?;
    let luma = Range::of(image, INK_LUMA)?;
    if luma.width() > MAX_ENHANCED {
        return None;
    }
    let contrast = luma.width();
    // JPEG keeps colors at half the resolution, so that luma is best wherever it shows the ink at all.
    let (weights, best) = if luma.shows_ink() {
        (INK_LUMA, luma)
    } else {
        CHANNELS
            .iter()
            .filter_map(|weights| Some((*weights, Range::of(image, *weights)?)))
            .filter(|(_, range)| range.shows_ink())
            .max_by_key(|(_, range)| range.width())?
    };
    let levels: [u8; 256] = std::array::from_fn(|value| {
        let above = (value as i32 - i32::from(best.low)).max(0) as u32;
        (above * 255 / u32::from(best.width())).min(255) as u8
    });
    let mut rgb = Vec::with_capacity(image.rgb.len());
    for pixel in image.rgb.as_chunks::<3>().0 {
        rgb.extend([levels[usize::from(weights.of(pixel))]; 3]);
    }
    Some(EnhancedPage {
        image: PageImage { rgb, ..*image },
        contrast,
    })
}

/// The levels between which almost all of a page lies.
struct Range {
    low: u8,
    high: u8,
    /// Standard deviation of the paper's grain, in levels.
    grain: f32,
}

impl Range {
    fn of(image: &PageImage, weights: LumaWeights) -> Option<Self> {
        let stride = image.width as usize * 3;
        let rows = || image.rgb.chunks_exact(stride.max(3)).step_by(ROW_STEP);
        let mut counts = [0_u32; 256];
        for row in rows() {
            for pixel in row.as_chunks::<3>().0 {
                counts[usize::from(weights.of(pixel))] += 1;
            }
        }
        let all: u32 = counts.iter().sum();
        let extreme = (u64::from(all) * EXTREME_PERMILLE / 1000) as u32;
        let beyond = |levels: &mut dyn Iterator<Item = usize>| {
            let mut seen = 0;
            for level in levels {
                seen += counts[level];
                if seen > extreme {
                    return Some(level as u8);
                }
            }
            None
        };
        let pairs = rows().flat_map(|row| row.as_chunks::<6>().0);
        let differences = pairs.map(|pair| weights.of(&pair[..3]).abs_diff(weights.of(&pair[3..])));
        Some(Self {
            low: beyond(&mut (0..256))?,
            high: beyond(&mut (0..256).rev())?,
            grain: grain(differences),
        })
    }

    /// Returns true if it is wider than grain makes it.
    fn shows_ink(&self) -> bool {
        self.width() >= MIN_ENHANCED && f32::from(self.width()) >= GRAIN_RANGES * self.grain
    }

    fn width(&self) -> u8 {
        self.high.saturating_sub(self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{blank_page::has_ink, fixtures::Xorshift};

    const SIDE: usize = 600;

    /// Rows of marks as of letters in `ink` on `paper`.
    fn page(paper: [u8; 3], ink: [u8; 3]) -> PageImage {
        let color = |at: usize| {
            let (x, y) = (at % SIDE, at / SIDE);
            let written = (100..500).contains(&x) && y % 40 < 12 && x % 9 < 4;
            if written { ink } else { paper }
        };
        PageImage {
            width: SIDE as u32,
            height: SIDE as u32,
            dpi: 150.0,
            rgb: (0..SIDE * SIDE).flat_map(color).collect(),
        }
    }

    #[test]
    fn pale_type_and_type_of_equal_tone_becomes_black_on_white() {
        let cases = [
            ("carbon copy", [250; 3], [225; 3]),
            ("equal tone", [200, 100, 100], [100, 150, 100]),
        ];
        for (name, paper, ink) in cases {
            let enhanced = enhance(&page(paper, ink)).expect(name).image;
            assert!(has_ink(&enhanced), "{name}");
            let levels: Vec<u8> = enhanced.rgb.iter().copied().step_by(3).collect();
            assert_eq!(
                (levels.iter().min(), levels.iter().max()),
                (Some(&0), Some(&255)),
                "{name}"
            );
        }
    }

    #[test]
    fn ordinary_pages_and_blank_ones_stay_as_they_are() {
        assert!(enhance(&page([250; 3], [40; 3])).is_none());
        assert!(enhance(&page([250; 3], [250; 3])).is_none());
        let mut grain = page([230; 3], [230; 3]);
        let mut noise = Xorshift(3);
        for value in &mut grain.rgb {
            *value = value.saturating_add((0..4).map(|_| noise.below(6) as u8).sum::<u8>());
        }
        assert!(enhance(&grain).is_none());
    }
}
