//! Pages of a PDF: their inspection, bitmaps and text.

use std::collections::{HashMap, HashSet};

use super::{
    fonts,
    geometry::Affine,
    pdfium::{
        AnnotationKind, ObjectKind, OpenError, PageObject, PdfFile, PdfPage, PdfiumLibrary,
        TextPage,
    },
    pread::PreadFile,
    sandbox,
};
use crate::image::{
    inspection::{PageInspection, TextInspection},
    protocol::{ChildError, TextLayerRequest, WireLine},
    text_layer::{self, Glyph},
};

/// Depth to which forms within forms are looked into.
const MAX_FORM_DEPTH: u32 = 12;
/// Page objects looked at: more say nothing new, and take time.
const MAX_OBJECTS: u32 = 200_000;
/// Characters looked at.
const MAX_CHARACTERS: u32 = 200_000;
/// Images kept to see what lies under them, the largest ones.
const MAX_IMAGES: usize = 64;
/// Cells a side of the grid that tells how much of a page images cover together.
const GRID: usize = 64;
/// Share of the page that an image covers for its resolution to be the page's.
const WHOLE_PAGE: f64 = 0.8;
/// Weight from which a font is bold; 700 is, 600 is "semibold".
const BOLD_WEIGHT: i32 = 600;

/// Opens the PDF in `reader`.
pub(super) fn open(
    lib: PdfiumLibrary,
    reader: PreadFile,
    password: Option<&str>,
) -> Result<PdfFile, ChildError> {
    lib.open(reader, password).map_err(|error| match error {
        OpenError::Password if password.is_some() => ChildError::WrongPassword,
        OpenError::Password => ChildError::Encrypted,
        OpenError::Security => ChildError::Unsupported(
            "the document is encrypted in a way that is not known".to_owned(),
        ),
        OpenError::File => ChildError::Io("the document could not be read".to_owned()),
        OpenError::Format => {
            ChildError::Damaged("it begins like a PDF, but its objects cannot be found".to_owned())
        }
    })
}

/// A page that is loaded and inspected, and may be rendered.
pub(super) struct LoadedPdfPage<'d> {
    page: PdfPage<'d>,
    size: (f32, f32),
    glyphs: Vec<SeenGlyph>,
}

/// A character; `shown` is true if a viewer shows it.
struct SeenGlyph {
    glyph: Glyph,
    shown: bool,
}

impl SeenGlyph {
    fn hinted_space() -> Self {
        Self {
            glyph: Glyph {
                text: text_layer::HINTED_SPACE,
                origin: (0.0, 0.0),
                direction: (1.0, 0.0),
                bounds: [0.0; 4],
                size: 0.0,
                bold: false,
            },
            shown: true,
        }
    }
}

/// An image as it lies on the displayed page, in the order of painting.
struct SeenImage {
    order: u32,
    bounds: [f64; 4],
    coverage: f64,
    pixels: Option<(u32, u32)>,
}

/// Properties of a text object, once for all its characters.
struct SeenText {
    order: u32,
    hidden: bool,
    bold: bool,
}

/// Findings of a walk over a page's objects.
struct ObjectWalk {
    to_display: Affine,
    size: (f64, f64),
    order: u32,
    paths: u32,
    images: Vec<SeenImage>,
    grid: Vec<bool>,
    texts: HashMap<usize, SeenText>,
    substituted: HashSet<String>,
}

/// Loads the zero-based page and looks at it.
pub(super) fn inspect(
    document: &PdfFile,
    index: u32,
) -> Result<(PageInspection, LoadedPdfPage<'_>), ChildError> {
    sandbox::forget_out_of_memory();
    let page = document.page(index).ok_or_else(|| {
        if sandbox::out_of_memory() {
            ChildError::OutOfMemory
        } else {
            ChildError::PageDamaged(
                "it cannot be loaded; its entry in the document is broken".to_owned(),
            )
        }
    })?;
    let size = page.size();
    let no_size = || ChildError::PageDamaged(format!("its size is {} × {} points", size.0, size.1));
    if !(size.0 > 0.0 && size.1 > 0.0 && size.0.is_finite() && size.1.is_finite()) {
        return Err(no_size());
    }
    let to_display = page.to_display().ok_or_else(no_size)?;
    let mut walk = ObjectWalk::new(to_display, size);
    for object in page.objects() {
        walk.look(&object, &Affine::IDENTITY, 0);
    }
    walk.images
        .sort_by(|a, b| b.coverage.total_cmp(&a.coverage));
    walk.images.truncate(MAX_IMAGES);

    let mut text = TextInspection {
        in_annotations: annotations_with_text(&page),
        ..TextInspection::default()
    };
    let mut glyphs = Vec::new();
    if let Some(characters) = page.text() {
        glyphs = read_text(&characters, &walk, &mut text);
    }
    if sandbox::out_of_memory() {
        return Err(ChildError::OutOfMemory);
    }
    let inspection = PageInspection {
        width_pt: size.0,
        height_pt: size.1,
        image_coverage: walk.coverage(),
        image_dpi: walk.image_dpi(),
        image_px: None,
        paths: walk.paths,
        substituted_fonts: u32::try_from(walk.substituted.len()).unwrap_or(u32::MAX),
        text,
    };
    let inspected = LoadedPdfPage { page, size, glyphs };
    Ok((inspection, inspected))
}

impl<'d> LoadedPdfPage<'d> {
    /// The page itself.
    pub fn page(&self) -> &PdfPage<'d> {
        &self.page
    }

    /// Draws the page.
    pub fn render(&self, width: u32, height: u32) -> Result<Vec<u8>, ChildError> {
        let bytes = usize::try_from(u64::from(width) * u64::from(height) * 3)
            .map_err(|_| ChildError::OutOfMemory)?;
        let mut buffer = Vec::new();
        buffer
            .try_reserve_exact(bytes)
            .map_err(|_| ChildError::OutOfMemory)?;
        buffer.resize(bytes, 0xFF);
        sandbox::forget_out_of_memory();
        let drawn = self.page.render_rgb(&mut buffer, width, height);
        if sandbox::out_of_memory() {
            return Err(ChildError::OutOfMemory);
        }
        if !drawn {
            return Err(ChildError::PageDamaged("it cannot be drawn".to_owned()));
        }
        Ok(buffer)
    }

    /// The page's text, in pixels of a bitmap of that size.
    pub fn lines(
        &self,
        width: u32,
        height: u32,
        request: TextLayerRequest,
    ) -> Option<Vec<WireLine>> {
        let all = match request {
            TextLayerRequest::None => return None,
            TextLayerRequest::Visible => false,
            TextLayerRequest::All => true,
        };
        let (sx, sy) = (
            f64::from(width) / f64::from(self.size.0),
            f64::from(height) / f64::from(self.size.1),
        );
        let glyphs: Vec<Glyph> = self
            .glyphs
            .iter()
            .filter(|seen| all || seen.shown)
            .map(|seen| seen.glyph.clone())
            .collect();
        let lines = text_layer::lines(&glyphs).into_iter().map(|line| WireLine {
            quad: line.quad.map(|(x, y)| [(x * sx) as f32, (y * sy) as f32]),
            size: (line.size * (sx * sy).sqrt()) as f32,
            bold: line.bold,
            text: line.text,
        });
        Some(lines.collect())
    }
}

impl ObjectWalk {
    fn new(to_display: Affine, size: (f32, f32)) -> Self {
        Self {
            to_display,
            size: (f64::from(size.0), f64::from(size.1)),
            order: 0,
            paths: 0,
            images: Vec::new(),
            grid: vec![false; GRID * GRID],
            texts: HashMap::new(),
            substituted: HashSet::new(),
        }
    }

    fn look(&mut self, object: &PageObject<'_>, to_page: &Affine, depth: u32) {
        self.order += 1;
        if self.order > MAX_OBJECTS {
            return;
        }
        match object.kind() {
            ObjectKind::Path => self.paths += 1,
            ObjectKind::Text => self.look_at_text(object),
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

    fn look_at_text(&mut self, object: &PageObject<'_>) {
        let mode = object.render_mode();
        // Mode 3 paints nothing, 7 only clips; the other odd ones stroke.
        let fills = matches!(mode, 0 | 2 | 4 | 6);
        let hidden =
            matches!(mode, 3 | 7) || (fills && mode == 0 && object.fill_alpha() == Some(0));
        let font = object.font();
        let mut bold = mode == 2;
        if let Some((name, embedded)) = font {
            bold |= fonts::is_bold(&name);
            if !embedded && !fonts::is_standard(&name) {
                self.substituted.insert(name);
            }
        }
        self.texts.insert(
            object.id(),
            SeenText {
                order: self.order,
                hidden,
                bold,
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
    fn coverage(&self) -> f32 {
        let covered = self.grid.iter().filter(|&&cell| cell).count();
        covered as f32 / (GRID * GRID) as f32
    }

    fn image_dpi(&self) -> Option<f32> {
        let image = self.images.first()?;
        let (width, height) = image.pixels?;
        let [left, top, right, bottom] = image.bounds;
        // The image may lie on its side.
        let pixels = (f64::from(width) * f64::from(height)).sqrt();
        let inches = ((right - left) * (bottom - top)).sqrt() / 72.0;
        let dpi = (pixels / inches) as f32;
        (image.coverage > WHOLE_PAGE && dpi.is_finite()).then_some(dpi)
    }
}

fn annotations_with_text(page: &PdfPage<'_>) -> u32 {
    let count = page
        .annotations()
        .iter()
        .filter(|(kind, text)| *text && *kind != AnnotationKind::Other)
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn read_text(
    text: &TextPage<'_>,
    walk: &ObjectWalk,
    inspection: &mut TextInspection,
) -> Vec<SeenGlyph> {
    let mut glyphs = Vec::new();
    let mut high_surrogate = None;
    for index in 0..text.count().min(MAX_CHARACTERS) {
        let unit = text.unicode(index);
        if text.is_generated(index) {
            // Line feeds are made up too; the ends of lines follow from the characters' places.
            if unit == u32::from(' ') {
                glyphs.push(SeenGlyph::hinted_space());
            }
            continue;
        }
        let (code, index) = match (high_surrogate.take(), unit) {
            (_, 0xD800..=0xDBFF) => {
                high_surrogate = Some((unit, index));
                continue;
            }
            (Some((high, first)), 0xDC00..=0xDFFF) => {
                (0x1_0000 + ((high - 0xD800) << 10) + (unit - 0xDC00), first)
            }
            _ => (unit, index),
        };
        let Some(mut glyph) = glyph(text, index, code, &walk.to_display) else {
            continue;
        };
        if !on_page(&glyph.bounds, walk.size) {
            continue;
        }
        let seen = text
            .object(index)
            .and_then(|object| walk.texts.get(&object.id()));
        glyph.bold |= seen.is_some_and(|seen| seen.bold);
        if glyph.text.is_whitespace() {
            glyphs.push(SeenGlyph { glyph, shown: true });
            continue;
        }
        let hidden = seen.is_some_and(|seen| seen.hidden);
        let covered = !hidden && seen.is_some_and(|seen| is_covered(&glyph, seen, &walk.images));
        let unmapped = is_unmapped(code) && !text.is_hyphen(index) || text.has_map_error(index);
        inspection.characters += 1;
        inspection.hidden += u32::from(hidden);
        inspection.covered += u32::from(covered);
        inspection.unmapped += u32::from(unmapped);
        glyphs.push(SeenGlyph {
            glyph,
            shown: !hidden && !covered,
        });
    }
    glyphs
}

fn glyph(text: &TextPage<'_>, index: u32, code: u32, to_display: &Affine) -> Option<Glyph> {
    let origin = text.origin(index)?;
    let loose = text.loose_box(index)?;
    let matrix = text.matrix(index).unwrap_or(Affine::IDENTITY);
    let (dx, dy) = to_display.vector(matrix.a, matrix.b);
    let length = dx.hypot(dy);
    let direction = if length > 0.0 {
        (dx / length, dy / length)
    } else {
        (1.0, 0.0)
    };
    let (ux, uy) = to_display.vector(matrix.c, matrix.d);
    Some(Glyph {
        text: char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
        origin: to_display.point(origin.0, origin.1),
        direction,
        bounds: to_display.bounds(loose),
        size: text.font_size(index).abs() * ux.hypot(uy),
        bold: text.font_weight(index) >= BOLD_WEIGHT,
    })
}

fn on_page([left, top, right, bottom]: &[f64; 4], page_size: (f64, f64)) -> bool {
    let (width, height) = page_size;
    let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
    (0.0..=width).contains(&x) && (0.0..=height).contains(&y)
}

fn is_covered(glyph: &Glyph, seen: &SeenText, images: &[SeenImage]) -> bool {
    let [left, top, right, bottom] = glyph.bounds;
    let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
    images.iter().any(|image| {
        let [l, t, r, b] = image.bounds;
        image.order > seen.order && (l..=r).contains(&x) && (t..=b).contains(&y)
    })
}

/// Returns true if a code says nothing about the character: none at all, control codes, U+FFFD, private use and
/// noncharacters.
fn is_unmapped(code: u32) -> bool {
    matches!(code, 0..=0x1F | 0x7F..=0x9F | 0xFFFD | 0xE000..=0xF8FF | 0xF_0000.. | 0xFFFE | 0xFFFF)
        || char::from_u32(code).is_none()
}
