//! Affine maps between the spaces of a page.

/// `x' = a x + c y + e`, `y' = b x + d y + f`, as in PDF.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    pub a: f64,
    pub b: f64,
    pub c: f64,
    pub d: f64,
    pub e: f64,
    pub f: f64,
}

impl Affine {
    /// Leaves all as it is.
    pub const IDENTITY: Self = Self {
        a: 1.0,
        b: 0.0,
        c: 0.0,
        d: 1.0,
        e: 0.0,
        f: 0.0,
    };

    /// First this map, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        let (e, f) = next.point(self.e, self.f);
        let (a, b) = next.vector(self.a, self.b);
        let (c, d) = next.vector(self.c, self.d);
        Self { a, b, c, d, e, f }
    }

    /// Maps a point.
    pub fn point(&self, x: f64, y: f64) -> (f64, f64) {
        let (vx, vy) = self.vector(x, y);
        (vx + self.e, vy + self.f)
    }

    /// Maps a direction.
    pub fn vector(&self, x: f64, y: f64) -> (f64, f64) {
        (self.a * x + self.c * y, self.b * x + self.d * y)
    }

    /// The smallest upright box around a box, as left, top, right, bottom with left < right, top < bottom.
    pub fn bounds(&self, [x0, y0, x1, y1]: [f64; 4]) -> [f64; 4] {
        let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)].map(|(x, y)| self.point(x, y));
        corners.iter().fold(
            [f64::MAX, f64::MAX, f64::MIN, f64::MIN],
            |[l, t, r, b], &(x, y)| [l.min(x), t.min(y), r.max(x), b.max(y)],
        )
    }
}

impl From<[f32; 6]> for Affine {
    fn from(m: [f32; 6]) -> Self {
        let [a, b, c, d, e, f] = m.map(f64::from);
        Self { a, b, c, d, e, f }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_follow_one_another() {
        let twice = Affine {
            a: 2.0,
            d: 2.0,
            ..Affine::IDENTITY
        };
        let quarter_turn = Affine {
            a: 0.0,
            b: 1.0,
            c: -1.0,
            d: 0.0,
            e: 10.0,
            f: 0.0,
        };
        assert_eq!(twice.then(&quarter_turn).point(1.0, 3.0), (4.0, 2.0));
        assert_eq!(
            quarter_turn.bounds([0.0, 0.0, 1.0, 3.0]),
            [7.0, 0.0, 10.0, 1.0]
        );
    }
}
