//! Line boxes: rectangles turned by a line's skew, and convex hulls, from which they are made.

use super::tuning::detector::SHORT_RATIO;
use crate::page::{Point, Quad};

/// A rectangle around a line, turned by at most 45 degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LineBox {
    /// Its middle.
    pub(super) center: Point,
    /// Unit vector along its width; points to the right.
    pub(super) along: Point,
    /// Extent along `along`.
    pub(super) width: f32,
    /// Extent across it.
    pub(super) height: f32,
}

impl LineBox {
    /// A rectangle whose sides run along `along` and across it; `None` if that has no direction or
    /// a number is not finite. Width and height are swapped if `along` points up or down.
    pub(super) fn new(center: Point, along: Point, width: f32, height: f32) -> Option<Self> {
        let length = along.x.hypot(along.y);
        let sound = [center.x, center.y, width, height]
            .iter()
            .all(|v| v.is_finite());
        if !(sound && length.is_finite() && length > 0.0) {
            return None;
        }
        let along = Point {
            x: along.x / length,
            y: along.y / length,
        };
        let (along, width, height) = if along.x.abs() >= along.y.abs() {
            (along, width, height)
        } else {
            (
                Point {
                    x: along.y,
                    y: -along.x,
                },
                height,
                width,
            )
        };
        let sign = if along.x < 0.0 { -1.0 } else { 1.0 };
        let along = Point {
            x: along.x * sign,
            y: along.y * sign,
        };
        Some(Self {
            center,
            along,
            width,
            height,
        })
    }

    /// Unit vector across the line; points down.
    fn down(&self) -> Point {
        Point {
            x: -self.along.y,
            y: self.along.x,
        }
    }

    /// Its corners, clockwise from the top left.
    pub(super) fn quad(&self) -> Quad {
        let down = self.down();
        let corner = |sx: f32, sy: f32| {
            let (w, h) = (sx * self.width / 2.0, sy * self.height / 2.0);
            Point {
                x: self.center.x + self.along.x * w + down.x * h,
                y: self.center.y + self.along.y * w + down.y * h,
            }
        };
        Quad([
            corner(-1.0, -1.0),
            corner(1.0, -1.0),
            corner(1.0, 1.0),
            corner(-1.0, 1.0),
        ])
    }

    /// The rectangle moved to the right and down.
    pub(super) fn moved(self, x: f32, y: f32) -> Self {
        let center = Point {
            x: self.center.x + x,
            y: self.center.y + y,
        };
        Self { center, ..self }
    }

    /// The rectangle with every side moved out by `distance`.
    pub(super) fn grown(self, distance: f32) -> Self {
        let by = 2.0 * distance;
        Self {
            width: self.width + by,
            height: self.height + by,
            ..self
        }
    }

    /// The rectangle on an image scaled by these factors, which differ little from each other.
    pub(super) fn scaled(self, x: f32, y: f32) -> Self {
        let along = Point {
            x: self.along.x * x,
            y: self.along.y * y,
        };
        let down = self.down();
        let stretch = along.x.hypot(along.y);
        Self {
            center: Point {
                x: self.center.x * x,
                y: self.center.y * y,
            },
            along: Point {
                x: along.x / stretch,
                y: along.y / stretch,
            },
            width: self.width * stretch,
            height: self.height * (down.x * x).hypot(down.y * y),
        }
    }

    /// Angle in degrees, positive if the line falls to the right.
    pub(super) fn angle_deg(&self) -> f32 {
        self.along.y.atan2(self.along.x).to_degrees()
    }

    /// Returns true if it is too short for its angle to mean anything: the page's own is better.
    pub(super) fn is_short(&self) -> bool {
        self.width.max(self.height) < SHORT_RATIO * self.width.min(self.height)
    }

    /// The leftmost and the rightmost x of the row `y` inside of the rectangle.
    pub(super) fn row_span(&self, y: f32) -> Option<(f32, f32)> {
        let corners = self.quad().0;
        let (mut left, mut right) = (f32::INFINITY, f32::NEG_INFINITY);
        for (i, a) in corners.iter().enumerate() {
            let b = corners[(i + 1) % 4];
            if (a.y - y) * (b.y - y) > 0.0 {
                continue;
            }
            let rise = b.y - a.y;
            let xs = if rise == 0.0 {
                [a.x, b.x]
            } else {
                [a.x + (y - a.y) / rise * (b.x - a.x); 2]
            };
            left = left.min(xs[0]).min(xs[1]);
            right = right.max(xs[0]).max(xs[1]);
        }
        (left <= right).then_some((left, right))
    }
}

/// The smallest rectangle around a convex hull, turned to whatever angle suits; `None` without
/// corners.
///
/// One of its sides lies along a side of the convex hull (Freeman and Shapira, 1975), so all of
/// those are tried.
pub(super) fn smallest_rectangle(hull: &[(i32, i32)]) -> Option<LineBox> {
    let &(x, y) = hull.first()?;
    if hull.len() < 2 {
        let center = Point {
            x: x as f32,
            y: y as f32,
        };
        return LineBox::new(center, Point { x: 1.0, y: 0.0 }, 0.0, 0.0);
    }
    let sides = hull.iter().zip(hull.iter().cycle().skip(1));
    sides
        .filter_map(|(a, b)| rectangle_along(hull, ((b.0 - a.0) as f32, (b.1 - a.1) as f32)))
        .min_by(|a, b| (a.width * a.height).total_cmp(&(b.width * b.height)))
}

/// The smallest rectangle around the hull with sides along and across `direction`.
pub(super) fn rectangle_along(hull: &[(i32, i32)], direction: (f32, f32)) -> Option<LineBox> {
    let length = direction.0.hypot(direction.1);
    let (ux, uy) = (direction.0 / length, direction.1 / length);
    let mut low = (f32::INFINITY, f32::INFINITY);
    let mut high = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    for &(x, y) in hull {
        let (x, y) = (x as f32, y as f32);
        let (along, across) = (x * ux + y * uy, y * ux - x * uy);
        low = (low.0.min(along), low.1.min(across));
        high = (high.0.max(along), high.1.max(across));
    }
    let (along, across) = ((low.0 + high.0) / 2.0, (low.1 + high.1) / 2.0);
    let center = Point {
        x: along * ux - across * uy,
        y: along * uy + across * ux,
    };
    LineBox::new(
        center,
        Point { x: ux, y: uy },
        high.0 - low.0,
        high.1 - low.1,
    )
}

/// The corners of the convex hull of `points` (x, y), in order (Andrew's monotone chain, 1979).
pub(super) fn convex_hull(mut points: Vec<(i32, i32)>) -> Vec<(i32, i32)> {
    points.sort_unstable();
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let mut hull = half_hull(points.iter().copied());
    hull.extend(half_hull(points.iter().rev().copied()));
    hull
}

/// One side of the hull of sorted points, without its last corner.
fn half_hull(points: impl Iterator<Item = (i32, i32)>) -> Vec<(i32, i32)> {
    let mut hull: Vec<(i32, i32)> = Vec::new();
    for p in points {
        while let [.., a, b] = hull[..] {
            let turn = i64::from(b.0 - a.0) * i64::from(p.1 - a.1)
                - i64::from(b.1 - a.1) * i64::from(p.0 - a.0);
            if turn > 0 {
                break;
            }
            hull.pop();
        }
        hull.push(p);
    }
    hull.pop();
    hull
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f32, b: f32, by: f32) -> bool {
        (a - b).abs() <= by
    }

    #[test]
    fn the_box_of_an_upright_block_is_the_block() {
        let points = (10..=210).flat_map(|x| [(x, 20), (x, 30)]).collect();
        let b = smallest_rectangle(&convex_hull(points)).expect("has points");
        assert_eq!((b.width, b.height), (200.0, 10.0));
        assert_eq!((b.center.x, b.center.y), (110.0, 25.0));
    }

    #[test]
    fn the_box_of_a_slanted_line_follows_it_and_keeps_its_height() {
        // The edges of a bar 600 long and 12 high that falls by 3 degrees, on whole pixels.
        let slope = 3.0f32.to_radians().tan();
        let points = (0..600)
            .flat_map(|x| {
                let y = (x as f32 * slope) as i32;
                [(x, y), (x, y + 12)]
            })
            .collect();
        let b = smallest_rectangle(&convex_hull(points)).expect("has points");
        assert!(close(b.angle_deg(), 3.0, 0.2), "{b:?}");
        assert!(
            close(b.height, 12.0, 1.5) && close(b.width, 600.0, 4.0),
            "{b:?}"
        );
    }

    #[test]
    fn boxes_of_a_point_and_of_no_points() {
        assert_eq!(smallest_rectangle(&[]), None);
        let b = smallest_rectangle(&[(7, 9)]).expect("has a point");
        assert_eq!(
            (b.center.x, b.center.y, b.width, b.height),
            (7.0, 9.0, 0.0, 0.0)
        );
        let line = smallest_rectangle(&[(0, 0), (0, 9)]).expect("has points");
        assert_eq!((line.width, line.height), (0.0, 9.0));
    }

    #[test]
    fn corners_run_clockwise_from_the_top_left_whatever_the_direction_given() {
        for direction in [(1.0, 0.1), (-1.0, -0.1), (-0.1, 1.0), (0.1, -1.0)] {
            let along = Point {
                x: direction.0,
                y: direction.1,
            };
            let (width, height) = if direction.0.abs() > 0.5 {
                (100.0, 20.0)
            } else {
                (20.0, 100.0)
            };
            let b = LineBox::new(Point { x: 50.0, y: 50.0 }, along, width, height).expect("sound");
            assert_eq!((b.width, b.height), (100.0, 20.0));
            let [p0, p1, p2, p3] = b.quad().0;
            assert!(p0.x < p1.x && p3.x < p2.x && p0.y < p3.y && p1.y < p2.y);
            assert!(close(b.angle_deg(), 5.71, 0.01));
        }
    }

    #[test]
    fn numbers_that_are_none_make_no_box() {
        let along = Point { x: 1.0, y: 0.0 };
        assert_eq!(
            LineBox::new(
                Point {
                    x: f32::NAN,
                    y: 0.0
                },
                along,
                1.0,
                1.0
            ),
            None
        );
        assert_eq!(
            LineBox::new(along, Point { x: 0.0, y: 0.0 }, 1.0, 1.0),
            None
        );
    }

    #[test]
    fn a_row_runs_through_a_slanted_box_between_its_edges() {
        let along = Point { x: 1.0, y: 1.0 };
        let b = LineBox::new(Point { x: 0.0, y: 0.0 }, along, 20.0, 10.0).expect("sound");
        let (left, right) = b.row_span(0.0).expect("through the middle");
        assert!(close(left, -7.07, 0.01) && close(right, 7.07, 0.01));
        assert_eq!(b.row_span(11.0), None);
    }
}
