//! Bullets before lines: models read the words and leave the bullets out.
//!
//! A bullet is a round or square blob, alone in the white to the left of a line, half-way up its
//! small letters. One may be a speck or an ornament; two below one another before lines of text are
//! a list's.

use super::{strip::LineStrip, weight::stroke};
use crate::{
    image::{
        PageImage,
        components::{PixelRun, components},
        tuning::typography::{
            ALIKE, BULLET_MARGIN, INSIDE, MAX_BESIDE, MAX_BESIDE_SLOPE, MAX_GROUPS, MIDDLE,
            MIN_BELOW, MIN_BULLET_PX, MIN_FILL, MIN_GAP, REACH, SCRAP, SIDES, SPECK, STROKES,
            TEXT_BEFORE, TEXT_WITHIN, WHITE_BEFORE,
        },
    },
    page::{Point, Quad, TextLine},
};

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
        .filter(|this| found.iter().any(|other| this.matches(other)))
        .copied()
        .collect();
    for bullet in &sure {
        if let Some(line) = lines.get_mut(bullet.line) {
            line.text = marked(&line.text);
            line.quad = lengthened(&line.quad, bullet.ahead + BULLET_MARGIN * bullet.height);
        }
    }
    lines.retain(|line| !sure.iter().any(|bullet| is_bullet_alone(line, bullet)));
}

impl BulletMark {
    /// Returns true if two bullets are below one another and look alike.
    fn matches(&self, other: &Self) -> bool {
        let alike = self.side.max(other.side) < ALIKE * self.side.min(other.side);
        let (dx, dy) = (
            (self.at.x - other.at.x).abs(),
            (self.at.y - other.at.y).abs(),
        );
        self.line != other.line
            && alike
            && dy > MIN_BELOW * self.height
            && dx < MAX_BESIDE * self.height + MAX_BESIDE_SLOPE * dy
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
    /// The blob of a component's runs, of which there is at least one.
    fn of(runs: &[PixelRun]) -> Self {
        let (left, right) = (
            runs.iter().map(|run| run.first),
            runs.iter().map(|run| run.last),
        );
        Self {
            left: left.min().unwrap_or(0),
            right: right.max().map_or(0, |last| last + 1),
            top: runs.first().map_or(0, |run| run.y),
            bottom: runs.last().map_or(0, |run| run.y + 1),
            area: runs.iter().map(|run| run.last + 1 - run.first).sum(),
        }
    }

    fn width(&self) -> f32 {
        (self.right - self.left) as f32
    }

    fn height(&self) -> f32 {
        (self.bottom - self.top) as f32
    }
}

/// Looks for a bullet before the line with that number and those corners.
fn find(line: usize, quad: &Quad, strip: &LineStrip, image: &PageImage) -> Option<BulletMark> {
    let height = strip.height() as f32;
    let before = REACH + WHITE_BEFORE;
    let area = strip.before(image, quad, before, TEXT_WITHIN)?;
    let start = before * height;
    let groups = blobs(&area, height)?;
    let least = MIN_BULLET_PX.max(STROKES * stroke(strip)?);
    let at = groups.iter().position(|group| {
        (group.left as f32) < start + INSIDE * height && is_round(group, height, least)
    })?;
    let bullet = groups[at];
    let (left, right) = (bullet.left as f32, bullet.right as f32);
    let white = groups[..at]
        .iter()
        .all(|group| group.right as f32 <= left - WHITE_BEFORE * height);
    let text = groups.get(at + 1)?.left as f32;
    let near_text = text > start - TEXT_BEFORE * height && text - right >= MIN_GAP * height;
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

/// The groups of ink of a strip from left to right, without specks and scraps of other lines;
/// `None` if there are too many.
fn blobs(strip: &LineStrip, height: f32) -> Option<Vec<InkBlob>> {
    let components = components(&strip.ink);
    if components.len() > MAX_GROUPS {
        return None;
    }
    let mut blobs: Vec<InkBlob> = components.iter().map(|runs| InkBlob::of(runs)).collect();
    blobs.retain(|blob| {
        let cut = blob.top == 0 || blob.bottom == strip.height();
        let scrap = cut && blob.height() < SCRAP * height;
        !scrap && blob.width().max(blob.height()) >= SPECK * height
    });
    blobs.sort_by_key(|blob| blob.left);
    Some(blobs)
}

/// Returns true if a group of ink has the shape and the place of a bullet before a line whose box
/// is `height` pixels high; `least` is the least width of one, in pixels.
fn is_round(group: &InkBlob, height: f32, least: f32) -> bool {
    let (w, h) = (group.width(), group.height());
    let middle = (group.top + group.bottom) as f32 / 2.0 / height;
    SIDES.contains(&(w / height))
        && SIDES.contains(&(h / height))
        && w.min(h) >= least
        && w.max(h) <= ALIKE * w.min(h)
        && group.area as f32 >= MIN_FILL * w * h
        && MIDDLE.contains(&middle)
}
