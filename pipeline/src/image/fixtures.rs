//! Pages drawn at random for tests: the same ones in every run.

use super::PageImage;

/// Marsaglia's xorshift.
pub(crate) struct Xorshift(pub(crate) u64);

impl Xorshift {
    /// The next number, of 53 bits.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        (self.number() % u64::from(end.max(1))) as u32
    }
}

/// A page with uneven light, grain, letters, rules across and down, and blots.
pub(crate) fn scan(width: u32, height: u32, seed: u64) -> PageImage {
    let mut noise = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let paper: [u32; 3] = std::array::from_fn(|_| 150 + noise.below(100));
    let grain = 1 + noise.below(20);
    let mut rgb = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let shade = (x * 20 / width.max(1)) + (y * 15 / height.max(1));
            let change = noise.below(grain);
            rgb.extend(paper.map(|value| (value - shade - change.min(value - shade)) as u8));
        }
    }
    let mut image = PageImage {
        width,
        height,
        dpi: 200.0,
        rgb,
    };
    for _ in 0..width * height / 2_000 {
        let size = match noise.below(40) {
            0 => (noise.below(width), 1 + noise.below(3)),
            1 => (1 + noise.below(3), noise.below(height)),
            2 => (noise.below(40), noise.below(40)),
            _ => (1 + noise.below(12), 1 + noise.below(14)),
        };
        let corner = (noise.below(width), noise.below(height));
        let color = noise.below(160) as u8;
        fill(&mut image, corner, size, [color, color / 2 + 20, color]);
    }
    image
}

/// Fills a rectangle, given by its top left corner and its size, as far as it lies on the page.
fn fill(image: &mut PageImage, corner: (u32, u32), size: (u32, u32), color: [u8; 3]) {
    for y in corner.1..(corner.1 + size.1).min(image.height) {
        for x in corner.0..(corner.0 + size.0).min(image.width) {
            let at = ((y * image.width + x) * 3) as usize;
            image.rgb[at..at + 3].copy_from_slice(&color);
        }
    }
}

/// A picture that a script can make too, to be scaled by Pillow.
pub(crate) fn pillow_page(width: u32, height: u32) -> PageImage {
    let value = |x: u64, y: u64, channel: u64| {
        let n = x * 7_919 + y * 104_729 + channel * 1_299_709;
        ((n * n) >> 5) as u8
    };
    let mut rgb = Vec::new();
    for y in 0..u64::from(height) {
        for x in 0..u64::from(width) {
            rgb.extend((0..3).map(|channel| value(x, y, channel)));
        }
    }
    PageImage {
        width,
        height,
        dpi: 200.0,
        rgb,
    }
}

/// 64-bit FNV-1a.
pub(crate) fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
