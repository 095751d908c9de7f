//! Bullets before lines: models read the words and leave the bullets out.
//!
//! A bullet is a round or square blob, alone in the white to the left of a line, half-way up its small letters. One
//! may be a speck or an ornament; two under one another before lines of text are a list's.

use crate::{
    image::PageImage,
    page::{Point, Quad, TextLine},
};

use super::{strip::LineStrip, weight::stroke};

/// Largest distance of a bullet before a line's box, in heights of the box...
const REACH: f32 = 2.4;
/// ...and the white that has to be before it.
const WHITE_BEFORE: f32 = 0.8;
/// Largest distance inside the line's box at which a bullet may begin.
const INSIDE: f32 = 0.35;
/// Distance inside the box to which the text is looked for.
const TEXT_WITHIN: f32 = 1.5;
/// White between a bullet and its text, at least.
const LEAST_GAP: f32 = 0.15;
/// A bullet's width and height, in heights of the box: a full stop has 0.1, a small letter 0.4.
const SIDES: std::ops::Range<f32> = 0.125..0.42;
/// Smaller than this is a speck.
const SPECK: f32 = 0.1;
/// Range of a bullet's middle, from the box's top: a full stop's is at 0.7.
const MIDDLE: std::ops::Range<f32> = 0.32..0.66;
/// The share of its box that a bullet fills: a disc has 0.79.
const LEAST_FILL: f32 = 0.62;
/// A bullet is this many times as wide as the strokes of letters.
const STROKES: f32 = 1.5;
/// Most groups of ink that are looked at before one line: more are no white.
const MOST_GROUPS: usize = 64;

/// The character for a bullet in a text.
const BULLET: &str = "•";

/// A bullet found before a line.
#[derive(Clone, Copy, Debug)]
struct BulletMark {
    /// Index of the line.
    line: usize,
    /// Its place on the page.
    at: Point,
    /// Width, in pixels.
    side: f32,
    /// Distance of its left edge before the start of the line's box, in pixels.
    ahead: f32,
    /// Height of the line's box, in pixels.
    height: f32,
}

/// Puts bullets before the lines of lists, and takes out the pieces that a model made of them.
pub(super) fn restore(lines: &mut Vec<TextLine>, strips: &[Option<LineStrip>], image: &PageImage) {
    let found: Vec<BulletMark> = lines
        .iter()
        .zip(strips)
        .enumerate()
        .filter(|(_, (line, _))| line.text.chars().filter(|c| c.is_alphanumeric()).count() >= 2)
        .filter_map(|(i, (line, strip))| find(i, &line.quad, strip.as_ref()?, image))
        .collect();
    let sure: Vec<BulletMark> = found
        .iter()
        .filter(|this| found.iter().any(|other| this.stands_with(other)))
        .copied()
        .collect();
    for bullet in &sure {
        if let Some(line) = lines.get_mut(bullet.line) {
            line.text = marked(&line.text);
            line.quad = lengthened(&line.quad, bullet.ahead + 0.1 * bullet.height);
        }
    }
    lines.retain(|line| !sure.iter().any(|bullet| is_bullet_alone(line, bullet)));
}

impl BulletMark {
    /// Returns true if two bullets are under one another and look alike.
    fn stands_with(&self, other: &Self) -> bool {
        let alike = self.side.max(other.side) < 1.4 * self.side.min(other.side);
        let (dx, dy) = (
            (self.at.x - other.at.x).abs(),
            (self.at.y - other.at.y).abs(),
        );
        self.line != other.line
            && alike
            && dy > 0.5 * self.height
            && dx < 0.5 * self.height + 0.05 * dy
    }
}

/// The text with a bullet before it, in place of what a model may have taken it for.
fn marked(text: &str) -> String {
    let rest = text.trim_start_matches(['•', '·', '●', '▪', '■', '∙', '◦', '.', '*', '°', ' ']);
    let rest = match rest.split_once(' ') {
        Some(("-" | "–" | "o" | "e" | "©", rest)) => rest,
        _ => rest,
    };
    format!("{BULLET} {}", rest.trim_start())
}

/// The corners of a line that starts further left by `by` pixels.
fn lengthened(quad: &Quad, by: f32) -> Quad {
    let [a, b, c, d] = quad.0;
    let length = (b.x - a.x).hypot(b.y - a.y).max(1.0);
    let by = by.max(0.0);
    let back = |p: Point| Point {
        x: p.x - (b.x - a.x) / length * by,
        y: p.y - (b.y - a.y) / length * by,
    };
    Quad([back(a), b, c, back(d)])
}

/// Returns true if a line is nothing but what a model made of the bullet.
fn is_bullet_alone(line: &TextLine, bullet: &BulletMark) -> bool {
    let bounds = line.quad.bounds();
    let over = (bounds.left..=bounds.right).contains(&bullet.at.x)
        && (bounds.top..=bounds.bottom).contains(&bullet.at.y);
    over && line.text.chars().count() == 1 && !line.text.chars().all(|c| c.is_ascii_digit())
}

/// A group of ink that hangs together, in pixels of its strip; ends are exclusive.
#[derive(Clone, Copy, Debug)]
struct InkBlob {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
    area: usize,
}

impl InkBlob {
    fn width(&self) -> f32 {
        (self.right - self.left) as f32
    }

    fn height(&self) -> f32 {
        (self.bottom - self.top) as f32
    }
}

fn find(line: usize, quad: &Quad, strip: &LineStrip, image: &PageImage) -> Option<BulletMark> {
    let height = strip.height as f32;
    let before = REACH + WHITE_BEFORE;
    let area = strip.before(image, quad, before, TEXT_WITHIN)?;
    let start = before * height;
    let mut groups = groups(&area)?;
    groups.retain(|group| {
        let cut = group.top == 0 || group.bottom == area.height;
        let scrap = cut && group.height() < 0.3 * height;
        !scrap && group.width().max(group.height()) >= SPECK * height
    });
    groups.sort_by_key(|group| group.left);
    let least = 1.5_f32.max(STROKES * stroke(strip)?);
    let at = groups.iter().position(|group| {
        (group.left as f32) < start + INSIDE * height && is_round(group, height, least)
    })?;
    let bullet = groups[at];
    let (left, right) = (bullet.left as f32, bullet.right as f32);
    let white = groups[..at]
        .iter()
        .all(|group| group.right as f32 <= left - WHITE_BEFORE * height);
    let text = groups.get(at + 1)?.left as f32;
    let near_text = text > start - 0.3 * height && text - right >= LEAST_GAP * height;
    if !white || !near_text || left < WHITE_BEFORE * height {
        return None;
    }
    let [a, b, _, d] = quad.0;
    let (u, v) = (
        (left + right) / 2.0 - start,
        (bullet.top + bullet.bottom) as f32 / 2.0,
    );
    let step = |p: Point| {
        let length = (p.x - a.x).hypot(p.y - a.y).max(1.0);
        ((p.x - a.x) / length, (p.y - a.y) / length)
    };
    let (along, down) = (step(b), step(d));
    Some(BulletMark {
        line,
        at: Point {
            x: a.x + u * along.0 + v * down.0,
            y: a.y + u * along.1 + v * down.1,
        },
        side: bullet.width(),
        ahead: start - left,
        height,
    })
}

fn is_round(group: &InkBlob, height: f32, least: f32) -> bool {
    let (w, h) = (group.width(), group.height());
    let middle = (group.top + group.bottom) as f32 / 2.0 / height;
    SIDES.contains(&(w / height))
        && SIDES.contains(&(h / height))
        && w.min(h) >= least
        && w.max(h) <= 1.4 * w.min(h)
        && group.area as f32 >= LEAST_FILL * w * h
        && MIDDLE.contains(&middle)
}

/// The groups of ink in a strip, by their eight neighbors; `None` if there are too many.
fn groups(strip: &LineStrip) -> Option<Vec<InkBlob>> {
    let (width, height) = (strip.width, strip.height);
    let mut seen = vec![false; strip.ink.len()];
    let mut groups = Vec::new();
    let mut todo = Vec::new();
    for start in 0..strip.ink.len() {
        if !strip.ink[start] || seen[start] {
            continue;
        }
        if groups.len() >= MOST_GROUPS {
            return None;
        }
        let (x, y) = (start % width, start / width);
        let mut group = InkBlob {
            left: x,
            right: x + 1,
            top: y,
            bottom: y + 1,
            area: 0,
        };
        seen[start] = true;
        todo.push(start);
        while let Some(at) = todo.pop() {
            let (x, y) = (at % width, at / width);
            group.area += 1;
            group.left = group.left.min(x);
            group.right = group.right.max(x + 1);
            group.top = group.top.min(y);
            group.bottom = group.bottom.max(y + 1);
            for ny in y.saturating_sub(1)..(y + 2).min(height) {
                for nx in x.saturating_sub(1)..(x + 2).min(width) {
                    let next = ny * width + nx;
                    if strip.ink[next] && !std::mem::replace(&mut seen[next], true) {
                        todo.push(next);
                    }
                }
            }
        }
        groups.push(group);
    }
    Some(groups)
}
