//! Walk over a page's objects: images, drawn paths, and the properties of its text.

use std::collections::{HashMap, HashSet};

use super::{
    fonts,
    geometry::Affine,
    pdfium::{FontFacts, ObjectKind, PageObject},
};
use crate::image::formulas::math_fonts::{self, MathFont};

/// Depth to which forms within forms are looked into.
const MAX_FORM_DEPTH: u32 = 12;
/// Page objects looked at: more say nothing new, and take time.
const MAX_OBJECTS: u32 = 200_000;
/// Images kept to see what lies under them, the largest ones.
const MAX_IMAGES: usize = 64;
/// Filled paths that are kept to see what lies under them: pages with more are drawings.
const MAX_FILLS: usize = 2_000;
/// Thin paths that are kept to see what they strike out: pages with more are drawings.
const MAX_BARS: usize = 5_000;
/// Thickest of them, in points: of a line through type of 20 points.
const THICKEST_BAR_PT: f64 = 3.0;
/// Cells a side of the grid that tells how much of a page images cover together.
const GRID: usize = 64;
/// Share of the page that an image covers for its resolution to be the page's.
const WHOLE_PAGE: f64 = 0.8;

/// An image as it lies on the displayed page, in the order of painting.
pub(super) struct SeenImage {
    pub order: u32,
    pub bounds: [f64; 4],
    coverage: f64,
    pixels: Option<(u32, u32)>,
}

/// A filled path as it lies on the displayed page.
pub(super) struct OpaqueFill {
    pub order: u32,
    pub bounds: [f64; 4],
}

/// Properties of a text object, once for all its characters.
pub(super) struct SeenText {
    pub order: u32,
    pub hidden: bool,
    /// True if its font calls itself bold.
    pub named_bold: bool,
    /// True if its font calls itself slanted.
    pub italic: bool,
    /// True if its font calls itself one of fixed pitch.
    pub fixed_pitch: bool,
    /// True if its letters are filled and outlined, which makes them bold.
    pub outlined: bool,
    /// Red, green and blue of its fill, if that is one color.
    pub color: Option<[u8; 3]>,
    /// The font of mathematics that it is set in.
    pub math_font: Option<MathFont>,
    /// True if that is a bold one.
    pub math_bold: bool,
    /// The id of the marked content that it belongs to.
    pub marked_content: Option<i32>,
    /// Index of its font among those of the page, in the order they are met.
    pub font: usize,
}

/// Findings of a walk over a page's objects.
pub(super) struct ObjectWalk {
    pub to_display: Affine,
    /// The displayed page, in points.
    pub size: (f64, f64),
    /// Drawn lines, curves and areas.
    pub paths: u32,
    /// The largest images, largest first.
    pub images: Vec<SeenImage>,
    /// Filled paths that hide what is under them, in the order they are painted.
    pub fills: Vec<OpaqueFill>,
    /// Thin paths across the page, in points of the displayed page.
    pub bars: Vec<[f64; 4]>,
    /// Text objects, by [`PageObject::id`].
    pub texts: HashMap<usize, SeenText>,
    /// Names of fonts for which others are drawn.
    pub substituted: HashSet<String>,
    /// Objects looked at.
    pub order: u32,
    grid: Vec<bool>,
    fonts: HashMap<String, usize>,
}

impl ObjectWalk {
    /// Looks at all `objects` of a page of that size in points.
    pub fn over<'p>(
        objects: impl Iterator<Item = PageObject<'p>>,
        to_display: Affine,
        size: (f32, f32),
    ) -> Self {
        let mut walk = Self {
            to_display,
            size: (f64::from(size.0), f64::from(size.1)),
            paths: 0,
            images: Vec::new(),
            fills: Vec::new(),
            bars: Vec::new(),
            texts: HashMap::new(),
            substituted: HashSet::new(),
            order: 0,
            grid: vec![false; GRID * GRID],
            fonts: HashMap::new(),
        };
        for object in objects {
            walk.look(&object, &Affine::IDENTITY, 0);
        }
        walk.images
            .sort_by(|a, b| b.coverage.total_cmp(&a.coverage));
        walk.images.truncate(MAX_IMAGES);
        walk
    }

    fn look(&mut self, object: &PageObject<'_>, to_page: &Affine, depth: u32) {
        self.order += 1;
        if self.order > MAX_OBJECTS {
            return;
        }
        match object.kind() {
            ObjectKind::Path => {
                self.paths += 1;
                self.look_at_bar(object, to_page);
                if self.fills.len() < MAX_FILLS
                    && let Some(bounds) = object.opaque_fill()
                {
                    let bounds = to_page.then(&self.to_display).bounds(bounds);
                    self.fills.push(OpaqueFill {
                        order: self.order,
                        bounds,
                    });
                }
            }
            // The ids inside of forms are the forms' own.
            ObjectKind::Text => self.look_at_text(object, depth == 0),
            ObjectKind::Image => {
                if let Some(matrix) = object.matrix() {
                    self.look_at_image(object, &matrix.then(to_page));
                }
            }
            ObjectKind::Form if depth < MAX_FORM_DEPTH => {
                let matrix = object.matrix().unwrap_or(Affine::IDENTITY);
                let to_page = matrix.then(to_page);
                for child in object.children() {
                    self.look(&child, &to_page, depth + 1);
                }
            }
            ObjectKind::Form | ObjectKind::Other => {}
        }
    }

    /// Keeps a path that is as thin as a line and lies across the page.
    fn look_at_bar(&mut self, object: &PageObject<'_>, to_page: &Affine) {
        if self.bars.len() >= MAX_BARS {
            return;
        }
        if let Some(bounds) = object.drawn_path() {
            self.keep_bar(to_page.then(&self.to_display).bounds(bounds));
        }
    }

    fn keep_bar(&mut self, bounds: [f64; 4]) {
        let (width, height) = (bounds[2] - bounds[0], bounds[3] - bounds[1]);
        if self.bars.len() < MAX_BARS && height <= THICKEST_BAR_PT && width > height {
            self.bars.push(bounds);
        }
    }

    fn look_at_text(&mut self, object: &PageObject<'_>, is_of_page: bool) {
        let mode = object.render_mode();
        // Mode 3 paints nothing, 7 only clips; the other odd ones stroke.
        let fills = matches!(mode, 0 | 2 | 4 | 6);
        let color = object.fill_color();
        let hidden = matches!(mode, 3 | 7)
            || (fills && mode == 0 && color.is_some_and(|color| color[3] == 0));
        let font = object.font();
        let mut named_bold = false;
        let (mut math_font, mut math_bold) = (None, false);
        let mut font_index = 0;
        let (mut italic, mut fixed_pitch) = (false, false);
        if let Some(FontFacts {
            name,
            embedded,
            fixed_pitch: is_fixed,
            italic: is_italic,
        }) = font
        {
            named_bold = fonts::is_bold(&name);
            italic = is_italic || fonts::is_italic(&name);
            fixed_pitch = is_fixed || fonts::is_fixed_pitch(&name);
            math_font = MathFont::of_name(&name);
            math_bold = math_font.is_some() && math_fonts::is_bold(&name);
            let next = self.fonts.len();
            font_index = *self.fonts.entry(name.clone()).or_insert(next);
            if !embedded && !fonts::is_standard(&name) {
                self.substituted.insert(name);
            }
        }
        self.texts.insert(
            object.id(),
            SeenText {
                order: self.order,
                hidden,
                named_bold,
                italic,
                fixed_pitch,
                outlined: mode == 2,
                color: color.map(|[r, g, b, _]| [r, g, b]),
                math_font,
                math_bold,
                marked_content: object.marked_content().filter(|_| is_of_page),
                font: font_index,
            },
        );
    }

    fn look_at_image(&mut self, object: &PageObject<'_>, to_page: &Affine) {
        let to_display = to_page.then(&self.to_display);
        let (width, height) = self.size;
        let [left, top, right, bottom] = to_display.bounds([0.0, 0.0, 1.0, 1.0]);
        let bounds = [
            left.max(0.0),
            top.max(0.0),
            right.min(width),
            bottom.min(height),
        ];
        let area = (bounds[2] - bounds[0]).max(0.0) * (bounds[3] - bounds[1]).max(0.0);
        if area <= 0.0 || area.is_nan() {
            return;
        }
        // Bars of fractions come as images of one pixel from programs that make PDFs of PostScript.
        self.keep_bar(bounds);
        let cell = |at: f64, length: f64| at / length * GRID as f64 - 0.5;
        let cells = |low: f64, high: f64, length: f64| {
            let first = cell(low, length).ceil().max(0.0) as usize;
            let last = cell(high, length).floor().min(GRID as f64 - 1.0);
            (last >= 0.0).then_some(first..=(last as usize))
        };
        if let (Some(columns), Some(rows)) = (
            cells(bounds[0], bounds[2], width),
            cells(bounds[1], bounds[3], height),
        ) {
            for row in rows {
                for column in columns.clone() {
                    if let Some(cell) = self.grid.get_mut(row * GRID + column) {
                        *cell = true;
                    }
                }
            }
        }
        self.images.push(SeenImage {
            order: self.order,
            bounds,
            coverage: area / (width * height),
            pixels: object.image_size(),
        });
    }

    /// Share of the page that images cover together: scans may come in strips.
    pub fn coverage(&self) -> f32 {
        let covered = self.grid.iter().filter(|&&cell| cell).count();
        covered as f32 / (GRID * GRID) as f32
    }

    /// Resolution of the image that is the page, in dots per inch.
    pub fn image_dpi(&self) -> Option<f32> {
        let image = self.images.first()?;
        let (width, height) = image.pixels?;
        let [left, top, right, bottom] = image.bounds;
        // The image may lie on its side.
        let pixels = (f64::from(width) * f64::from(height)).sqrt();
        let inches = ((right - left) * (bottom - top)).sqrt() / 72.0;
        let dpi = (pixels / inches) as f32;
        (image.coverage > WHOLE_PAGE && dpi.is_finite()).then_some(dpi)
    }

    /// The places of the images, in points of the displayed page.
    pub fn image_bounds(&self) -> Vec<[f32; 4]> {
        let bounds = |image: &SeenImage| image.bounds.map(|at| at as f32);
        self.images.iter().map(bounds).collect()
    }
}
