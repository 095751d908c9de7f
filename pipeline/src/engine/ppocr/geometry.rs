//! [`LineBox`]: the rectangle of a line, turned by its skew.

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
    /// A rectangle whose sides run along `along` and across it; `None` where that has no direction or
    /// a number is not finite. Width and height are swapped where `along` points up or down.
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

    /// Angle in degrees, positive where the line falls to the right.
    pub(super) fn angle_deg(&self) -> f32 {
        self.along.y.atan2(self.along.x).to_degrees()
    }

    /// From where to where the row `y` runs through the rectangle.
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
