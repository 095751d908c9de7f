//! Squares of four thin straight sides on a page.

use super::TickBox;
use crate::{
    image::{
        binary::BinaryImage,
        components::{ComponentFinder, PixelBox, runs_of_row},
        luma::LumaPlane,
        tuning::tick_boxes::{
            DEFAULT_DPI, MAX_BESIDE, MAX_REACH, MAX_RUNS, MAX_SIDE_IN, MAX_SIDES_RATIO,
            MIN_CONTRAST, MIN_COVERAGE, MIN_SIDE_IN, MIN_SIDE_PX, MIN_TICK, THICKEST_SIDE,
        },
    },
    page::Rect,
};

/// The boxes of a page.
pub(super) fn find(ink: &BinaryImage, plane: &LumaPlane, dpi: f32) -> Vec<TickBox> {
    let dpi = if dpi > 0.0 { dpi } else { DEFAULT_DPI };
    let (least, most) = ((MIN_SIDE_IN * dpi).max(MIN_SIDE_PX), MAX_SIDE_IN * dpi);
    let mut finder = ComponentFinder::new();
    for (y, row) in ink.rows().enumerate() {
        if finder.run_count() > MAX_RUNS {
            return Vec::new();
        }
        finder.add_row(runs_of_row(y, row).map(|run| (run, PixelBox::of(&run))));
    }
    let size = least..most * MAX_REACH;
    let found: Vec<TickBox> = finder
        .measurements()
        .filter(|extent| {
            size.contains(&(extent.width() as f32)) && size.contains(&(extent.height() as f32))
        })
        .filter_map(|extent| square(ink, *extent, least, most))
        .filter(|tick_box| is_on_paper(plane, &tick_box.bounds))
        .collect();
    alike(found)
}

/// Those boxes that have another of their size on the page: a form has several, and a single square is a logo.
fn alike(found: Vec<TickBox>) -> Vec<TickBox> {
    let size = |tick_box: &TickBox| tick_box.bounds.width().max(tick_box.bounds.height());
    let is_like = |a: &TickBox, b: &TickBox| {
        let (a, b) = (size(a), size(b));
        a.max(b) <= MAX_SIDES_RATIO * a.min(b)
    };
    let has_other = |(at, this): &(usize, &TickBox)| {
        let mut others = found.iter().enumerate().filter(|(other, _)| other != at);
        others.any(|(_, other)| is_like(this, other))
    };
    found
        .iter()
        .enumerate()
        .filter(has_other)
        .map(|(_, tick_box)| *tick_box)
        .collect()
}

/// The box in a component's `extent`, if there is one with sides of `least` to `most` pixels.
fn square(ink: &BinaryImage, extent: PixelBox, least: f32, most: f32) -> Option<TickBox> {
    let is_ink = |x: usize, y: usize| ink.pixels[y * ink.width + x] != 0;
    let (rows, columns) = (extent.top..=extent.bottom, extent.left..=extent.right);
    let bar =
        (extent.width().min(extent.height()) as f32 / MAX_REACH).max(least * MIN_COVERAGE) as usize;
    let is_row = |y: &usize| longest_run(columns.clone().map(|x| is_ink(x, *y))) >= bar;
    let is_column = |x: &usize| longest_run(rows.clone().map(|y| is_ink(*x, y))) >= bar;
    let (top, bottom) = (rows.clone().find(is_row)?, rows.clone().rfind(is_row)?);
    let (left, right) = (
        columns.clone().find(is_column)?,
        columns.clone().rfind(is_column)?,
    );
    let (width, height) = ((right + 1 - left) as f32, (bottom + 1 - top) as f32);
    let sides = least..most;
    if !sides.contains(&width)
        || !sides.contains(&height)
        || width.max(height) > MAX_SIDES_RATIO * width.min(height)
    {
        return None;
    }
    let thickest = (THICKEST_SIDE * width.min(height)).ceil() as usize;
    let (across, down) = (left..=right, top..=bottom);
    // A skewed side runs through two rows of pixels at most.
    let is_straight = |length: f32, side: &dyn Fn(usize) -> usize| {
        (0..=thickest).any(|step| side(step) as f32 >= MIN_COVERAGE * length)
    };
    let row = |y: usize, next: usize| {
        longest_run(across.clone().map(|x| is_ink(x, y) || is_ink(x, next)))
    };
    let column =
        |x: usize, next: usize| longest_run(down.clone().map(|y| is_ink(x, y) || is_ink(next, y)));
    // Beside a side there is nothing but what reaches out of a tick; a letter's round parts go on.
    let rows_beside = [top.checked_sub(2), Some(bottom + 2)];
    let columns_beside = [left.checked_sub(2), Some(right + 2)];
    let beside = |ink: usize, side: f32| ink as f32 <= MAX_BESIDE * side;
    let is_framed = is_straight(width, &|step| row(top + step, top + step + 1))
        && is_straight(width, &|step| row(bottom - step, bottom - step - 1))
        && is_straight(height, &|step| column(left + step, left + step + 1))
        && is_straight(height, &|step| column(right - step, right - step - 1))
        && rows_beside
            .into_iter()
            .flatten()
            .filter(|y| rows.contains(y))
            .all(|y| beside(across.clone().filter(|&x| is_ink(x, y)).count(), width))
        && columns_beside
            .into_iter()
            .flatten()
            .filter(|x| columns.contains(x))
            .all(|x| beside(down.clone().filter(|&y| is_ink(x, y)).count(), height));
    // A box is drawn with thinner lines than bold letters.
    let thin = |depths: Vec<usize>| median(depths) <= thickest;
    let depth = |ink: &mut dyn Iterator<Item = bool>| {
        let ink = ink.skip_while(|ink| !ink);
        ink.take_while(|ink| *ink).count()
    };
    let is_thin = || {
        thin(
            down.clone()
                .map(|y| depth(&mut across.clone().map(|x| is_ink(x, y))))
                .collect(),
        ) && thin(
            down.clone()
                .map(|y| depth(&mut across.clone().rev().map(|x| is_ink(x, y))))
                .collect(),
        ) && thin(
            across
                .clone()
                .map(|x| depth(&mut down.clone().map(|y| is_ink(x, y))))
                .collect(),
        ) && thin(
            across
                .clone()
                .map(|x| depth(&mut down.clone().rev().map(|y| is_ink(x, y))))
                .collect(),
        )
    };
    if !is_framed || !is_thin() {
        return None;
    }
    let (inner_x, inner_y) = (
        left + thickest..=right.checked_sub(thickest)?,
        top + thickest..=bottom.checked_sub(thickest)?,
    );
    let area = inner_x.clone().count() * inner_y.clone().count();
    let inked = inner_y
        .map(|y| inner_x.clone().filter(|&x| is_ink(x, y)).count())
        .sum::<usize>();
    let share = inked as f32 / area.max(1) as f32;
    (area > 0 && share < MIN_COVERAGE).then_some(TickBox {
        bounds: Rect {
            left: left as f32,
            top: top as f32,
            right: (right + 1) as f32,
            bottom: (bottom + 1) as f32,
        },
        ticked: share >= MIN_TICK,
    })
}

/// Returns true if a box is darker than what is around it: in a cell of the background that is mostly ink, paper counts
/// as ink.
fn is_on_paper(plane: &LumaPlane, bounds: &Rect) -> bool {
    let (across, down) = (bounds.width() / 2.0, bounds.height() / 2.0);
    let (x, y) = (bounds.left + across, bounds.top + down);
    let darkest = |steps: std::ops::RangeInclusive<i32>, (dx, dy): (f32, f32)| {
        let at = |step: i32| {
            let (x, y) = (
                x + dx * (1.0 + step as f32 / across),
                y + dy * (1.0 + step as f32 / down),
            );
            let index = y as usize * plane.width + x as usize;
            let on_page = x >= 0.0 && y >= 0.0 && (x as usize) < plane.width;
            on_page.then(|| plane.values.get(index).copied()).flatten()
        };
        steps.filter_map(at).min()
    };
    let directions = [(across, 0.0), (-across, 0.0), (0.0, down), (0.0, -down)];
    let is_darker = |direction: &(f32, f32)| {
        let side = darkest(-3..=0, *direction).unwrap_or(u8::MAX);
        let paper = darkest(2..=3, *direction).unwrap_or(u8::MAX);
        paper > side.saturating_add(MIN_CONTRAST / 2)
    };
    // A tick may reach out on one side.
    directions
        .iter()
        .filter(|direction| is_darker(direction))
        .count()
        >= 3
}

/// The middle one of some values.
fn median(mut values: Vec<usize>) -> usize {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The length of the longest row of true values, over single gaps.
fn longest_run(values: impl Iterator<Item = bool>) -> usize {
    let (mut longest, mut current, mut gap) = (0, 0, false);
    for value in values {
        if value {
            current += 1 + usize::from(gap);
            gap = false;
        } else if gap || current == 0 {
            current = 0;
            gap = false;
        } else {
            gap = true;
        }
        longest = longest.max(current);
    }
    longest
}
