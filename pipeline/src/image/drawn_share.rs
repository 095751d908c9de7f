//! Drawn share: how much of the ink in a part of a page is no type.

use super::{
    PageImage,
    luma::LumaPlane,
    tuning::drawn_share::{INK_CONTRAST, PAPER_SHARE, TYPE_MARGIN_SHARE},
};
use crate::page::Rect;

/// Share of the ink in `area` that lies outside the boxes of the lines of text, 0 to 1; 0 if there is none.
pub(crate) fn drawn_share(image: &PageImage, area: &Rect, lines: &[Rect]) -> f32 {
    let pixel = |at: f32, most: u32| (at.max(0.0) as u32).min(most);
    let (left, right) = (
        pixel(area.left, image.width),
        pixel(area.right, image.width),
    );
    let (top, bottom) = (
        pixel(area.top, image.height),
        pixel(area.bottom, image.height),
    );
    if left >= right || top >= bottom {
        return 0.0;
    }
    let Some(plane) = LumaPlane::of(&image.cropped(left, top, right, bottom)) else {
        return 0.0;
    };
    let limit = paper(&plane.values).saturating_sub(INK_CONTRAST);
    let boxes: Vec<Rect> = lines
        .iter()
        .map(|line| line.widened(0.0, TYPE_MARGIN_SHARE * line.height()))
        .filter(|line| line.right > area.left && line.left < area.right)
        .filter(|line| line.bottom > area.top && line.top < area.bottom)
        .collect();
    let (mut all, mut drawn) = (0u64, 0u64);
    for (y, row) in plane.rows().enumerate() {
        let y = top as f32 + y as f32;
        let spans: Vec<(f32, f32)> = boxes
            .iter()
            .filter(|line| (line.top..=line.bottom).contains(&y))
            .map(|line| (line.left, line.right))
            .collect();
        for (x, _) in row.iter().enumerate().filter(|(_, value)| **value < limit) {
            let x = left as f32 + x as f32;
            all += 1;
            drawn += u64::from(!spans.iter().any(|(from, to)| (*from..=*to).contains(&x)));
        }
    }
    if all == 0 {
        return 0.0;
    }
    drawn as f32 / all as f32
}

/// The luma of paper: what a good part of the area's pixels are lighter than.
fn paper(values: &[u8]) -> u8 {
    let mut counts = [0usize; 256];
    values
        .iter()
        .for_each(|value| counts[usize::from(*value)] += 1);
    let wanted = (values.len() as f32 * PAPER_SHARE) as usize;
    let mut passed = 0;
    for value in (0..=u8::MAX).rev() {
        passed += counts[usize::from(value)];
        if passed > wanted {
            return value;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(left: f32, top: f32, right: f32, bottom: f32) -> Rect {
        Rect {
            left,
            top,
            right,
            bottom,
        }
    }

    /// A white page of 100 × 100 pixels with black boxes.
    fn page(black: &[Rect]) -> PageImage {
        let is_black = |x: u32, y: u32| {
            let (x, y) = (x as f32, y as f32);
            let inside = |r: &Rect| x >= r.left && x < r.right && y >= r.top && y < r.bottom;
            black.iter().any(inside)
        };
        let pixels = (0..100).flat_map(|y| (0..100).map(move |x| (x, y)));
        PageImage {
            width: 100,
            height: 100,
            dpi: 200.0,
            rgb: pixels
                .flat_map(|(x, y)| [if is_black(x, y) { 0 } else { 255 }; 3])
                .collect(),
        }
    }

    #[test]
    fn ink_beside_the_lines_is_drawn() {
        let (line, drawing) = (rect(10.0, 10.0, 50.0, 20.0), rect(10.0, 40.0, 50.0, 70.0));
        let image = page(&[line, drawing]);
        let whole = rect(0.0, 0.0, 100.0, 100.0);
        assert!((drawn_share(&image, &whole, &[line]) - 0.75).abs() < 0.02);
        assert!(drawn_share(&image, &whole, &[line, drawing]) < 0.01);
        assert_eq!(drawn_share(&page(&[]), &whole, &[]), 0.0);
    }

    #[test]
    fn areas_beyond_the_page_are_cut_off() {
        let image = page(&[rect(0.0, 0.0, 10.0, 10.0)]);
        let far = rect(-50.0, -50.0, 1e9, 1e9);
        assert_eq!(drawn_share(&image, &far, &[]), 1.0);
        assert_eq!(drawn_share(&image, &rect(300.0, 0.0, 400.0, 9.0), &[]), 0.0);
        let odd = rect(f32::NAN, 0.0, f32::NAN, 10.0);
        assert_eq!(drawn_share(&image, &odd, &[]), 0.0);
    }
}
