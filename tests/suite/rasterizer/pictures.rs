//! Pictures of each kind that is read, of archive size, and such as end too early.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};
use recto_schemas::WarningKind;

use super::{tiffs::TiffPicture, *};

/// Black on its left half, white on its right.
fn halves(width: u32, height: u32) -> DynamicImage {
    let half = |x| image::Rgb(if x < width / 2 { BLACK } else { WHITE });
    image::RgbImage::from_fn(width, height, |x, _| half(x)).into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The first page in the picture's own size.
fn native(bytes: &[u8]) -> Result<RasterPage, RasterError> {
    let rasterizer = rasterizer(1, 100);
    let document = open(&rasterizer, bytes, None, &DocumentLimits::default())?;
    let native = RenderRequest {
        dpi: 600.0,
        ..REQUEST
    };
    rasterize(&document, 1, &native, &CancelToken::new())
}

fn assert_halves(page: &RasterPage, what: &str) {
    let (width, height) = (page.image.width, page.image.height);
    assert_eq!((width, height), (64, 32), "{what}");
    for (x, y) in [(4, 2), (27, 30), (36, 2), (60, 30)] {
        let [r, g, b] = pixel(&page.image, x, y);
        let is_right = match x < 32 {
            true => r.max(g).max(b) < 12,
            false => r.min(g).min(b) > 243,
        };
        assert!(is_right, "{what}: {:?} at {x}, {y}", [r, g, b]);
    }
    assert!(page.warnings.is_empty(), "{what}: {:?}", page.warnings);
}

#[test]
fn pictures_are_read_whatever_their_format() {
    let image = halves(64, 32);
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Bmp,
    ] {
        assert_halves(
            &native(&encoded(&image, format)).unwrap(),
            &format!("{format:?}"),
        );
    }
    let jp2 = include_bytes!("halves.jp2");
    assert_halves(&native(jp2).unwrap(), "JPEG 2000");
    let codestream = jp2
        .windows(4)
        .position(|bytes| bytes == b"\xFF\x4F\xFF\x51");
    assert_halves(
        &native(&jp2[codestream.unwrap()..]).unwrap(),
        "bare JPEG 2000",
    );
}

#[test]
fn tiffs_are_read_whatever_they_hold() {
    let tags = |compression: u32, photometric: u32, more: &[(u16, Vec<u32>)]| {
        let mut tags = vec![(259, vec![compression]), (262, vec![photometric])];
        tags.extend_from_slice(more);
        tags
    };
    let rgb = || vec![(258, vec![8, 8, 8]), (277, vec![3])];
    let gray = |bits| vec![(258, vec![bits]), (277, vec![1])];
    let row = |black: &[u8], white: &[u8]| [black.repeat(32), white.repeat(32)].concat();
    let strip = |row: Vec<u8>, rows: usize| row.repeat(rows);
    let picture = |rows_per_strip, tags, strip| TiffPicture {
        width: 64,
        height: 32,
        rows_per_strip,
        tags,
        strips: vec![strip],
    };
    let planes = [rgb(), vec![(284, vec![2])]].concat();
    let float = |values: [f32; 2]| row(&values[0].to_le_bytes(), &values[1].to_le_bytes());
    let floats = [gray(32), vec![(339, vec![3])]].concat();
    let webp = encoded(&halves(64, 32), ImageFormat::WebP);
    let jpeg = encoded(&halves(64, 32), ImageFormat::Jpeg);
    let old_jpeg = [rgb(), vec![(513, vec![0]), (514, vec![jpeg.len() as u32])]].concat();
    let jp2 = include_bytes!("halves.jp2").to_vec();
    let cases = [
        (
            "planes",
            picture(8, tags(1, 2, &planes), strip(row(&[0], &[255]), 8)),
        ),
        (
            "float",
            picture(16, tags(1, 1, &floats), strip(float([0.0, 1.0]), 16)),
        ),
        (
            "float of bytes",
            picture(16, tags(1, 1, &floats), strip(float([0.0, 255.0]), 16)),
        ),
        (
            "Zstandard",
            picture(
                2,
                tags(50_000, 1, &gray(8)),
                tiffs::zstd(&strip(row(&[0], &[255]), 2)),
            ),
        ),
        ("WebP", picture(32, tags(50_001, 2, &rgb()), webp)),
        ("old JPEG", picture(32, tags(6, 6, &old_jpeg), jpeg)),
        ("JPEG 2000", picture(32, tags(34_712, 2, &rgb()), jp2)),
        (
            "16 bits",
            picture(
                4,
                tags(1, 1, &gray(16)),
                strip(row(&[0, 0], &[255, 255]), 4),
            ),
        ),
        (
            "white is zero",
            picture(4, tags(1, 0, &gray(8)), strip(row(&[255], &[0]), 4)),
        ),
    ];
    for (what, picture) in cases {
        let page = native(&picture.write()).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_halves(&page, what);
    }
}

#[test]
fn white_on_nothing_is_shown_on_black() {
    let on_nothing = |ink: u8| {
        let picture = image::RgbaImage::from_fn(64, 32, |x, _| {
            image::Rgba(if x < 32 { [ink, ink, ink, 255] } else { [0; 4] })
        });
        let page = native(&encoded(&picture.into(), ImageFormat::Png)).unwrap();
        (pixel(&page.image, 10, 10), pixel(&page.image, 50, 10))
    };
    assert_eq!(on_nothing(255), (WHITE, BLACK));
    assert_eq!(on_nothing(0), (BLACK, WHITE), "as viewers show it");
}

/// As large as an A2 page at 600 dpi. Its strips are one and the same, so that the file is small.
#[test]
fn memory_does_not_grow_with_the_resolution_of_a_file() {
    const SIDE: (u32, u32) = (9_920, 14_032);
    let limits = DocumentLimits {
        rasterizer_memory: "200MiB".parse().unwrap(),
        ..DocumentLimits::default()
    };
    let fits = |what: &str, bytes: &[u8]| {
        let rasterizer = rasterizer(1, 100);
        let document = open(&rasterizer, bytes, None, &limits).unwrap();
        let request = RenderRequest {
            dpi: 1200.0,
            max_side_px: 1754,
            text_layer: TextLayerRequest::None,
        };
        let page = rasterize(&document, 1, &request, &CancelToken::new())
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!((page.image.width, page.image.height), (1240, 1754));
        let row = [10, 600, 640, 1200].map(|x| pixel(&page.image, x, 900));
        assert_eq!(row, [BLACK, BLACK, WHITE, WHITE], "{what}");
    };
    let half = SIDE.0 as usize / 2;
    let row = [vec![0; half * 3], vec![255; half * 3]].concat();
    let color = TiffPicture {
        width: SIDE.0,
        height: SIDE.1,
        rows_per_strip: 16,
        tags: vec![
            (258, vec![8, 8, 8]),
            (259, vec![1]),
            (262, vec![2]),
            (277, vec![3]),
        ],
        strips: vec![row.repeat(16)],
    };
    fits("TIFF", &color.write());
    let fax = documents::half_black_strip(4, false);
    let lines = TiffPicture {
        width: 128,
        height: 16,
        rows_per_strip: 16,
        tags: vec![
            (258, vec![1]),
            (259, vec![4]),
            (262, vec![0]),
            (277, vec![1]),
        ],
        strips: vec![fax],
    };
    assert!(native(&lines.write()).is_ok());
    let gray = image::GrayImage::from_fn(SIDE.0, SIDE.1, |x, _| {
        image::Luma([if (x as usize) < half { 0 } else { 255 }])
    });
    fits("PNG", &encoded(&gray.into(), ImageFormat::Png));
}

/// A picture with lines all over it, so that no row is like the next one.
fn lined() -> DynamicImage {
    image::RgbImage::from_fn(320, 400, |x, y| {
        image::Rgb([
            ((x * 7 + y * 13) % 256) as u8,
            (y % 256) as u8,
            (x % 256) as u8,
        ])
    })
    .into()
}

fn warning(bytes: &[u8]) -> Option<String> {
    let page = native(bytes).unwrap();
    let mut warnings = page.warnings.into_iter();
    let warning = warnings.find(|warning| warning.kind == WarningKind::PictureCutShort);
    warning.map(|warning| warning.message)
}

#[test]
fn a_picture_that_ends_too_early_is_read_as_far_as_it_goes_and_said() {
    let cut = |bytes: &[u8]| bytes[..bytes.len() * 3 / 5].to_vec();
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Bmp,
        ImageFormat::Gif,
    ] {
        let whole = encoded(&lined(), format);
        assert_eq!(warning(&whole), None, "{format:?}");
        let told = warning(&cut(&whole)).unwrap_or_else(|| panic!("{format:?} says nothing"));
        assert!(
            told.contains("of its 400 rows could be read"),
            "{format:?}: {told}"
        );
        let page = native(&cut(&whole)).unwrap();
        let (top, blank) = if format == ImageFormat::Bmp {
            (390, 5)
        } else {
            (5, 390)
        };
        assert_ne!(pixel(&page.image, 100, top), WHITE, "{format:?}");
        assert_eq!(pixel(&page.image, 100, blank), WHITE, "{format:?}");
    }
    // Without its last two bytes it lacks nothing.
    let jpeg = encoded(&lined(), ImageFormat::Jpeg);
    assert_eq!(warning(&jpeg[..jpeg.len() - 2]), None);
}

#[test]
fn a_tiff_that_ends_too_early_is_read_strip_by_strip() {
    let row: Vec<u8> = (0..192).map(|at| (at % 251) as u8 + 1).collect();
    let picture = |compression, strip: Vec<u8>, rows_per_strip| TiffPicture {
        width: 64,
        height: 32,
        rows_per_strip,
        tags: vec![
            (258, vec![8, 8, 8]),
            (259, vec![compression]),
            (262, vec![2]),
            (277, vec![3]),
        ],
        strips: vec![strip; 32 / rows_per_strip as usize],
    };
    let strips = picture(1, row.repeat(4), 4).write();
    assert_eq!(warning(&strips), None);
    let told = warning(&strips[..strips.len() - 5000]).unwrap();
    // Two rows of the seventh strip are there besides the first five... each of 192 bytes.
    assert!(told.contains("of its 32 rows"), "{told}");
    let one = picture(1, row.repeat(32), 32).write();
    let told = warning(&one[..one.len() - 192 * 10]).unwrap();
    assert!(told.contains(": 2"), "{told}");
}

#[test]
fn a_picture_without_enough_data_is_no_blank_page() {
    let jp2 = include_bytes!("halves.jp2");
    let error = native(&jp2[..jp2.len() * 3 / 5]).unwrap_err();
    assert_eq!(error.kind().as_str(), "page-damaged", "{error}");
    let white = image::RgbImage::from_pixel(64, 32, image::Rgb(WHITE));
    let old_jpeg = TiffPicture {
        width: 64,
        height: 32,
        rows_per_strip: 32,
        tags: vec![
            (258, vec![8, 8, 8]),
            (259, vec![6]),
            (262, vec![6]),
            (277, vec![3]),
        ],
        strips: vec![encoded(&white.into(), ImageFormat::Jpeg)],
    };
    let page = native(&old_jpeg.write()).unwrap();
    assert_eq!(pixel(&page.image, 10, 10), WHITE);
}

/// A PDF whose only page is a JPEG.
fn scan(jpeg: &[u8]) -> Vec<u8> {
    let image = "<</Type/XObject/Subtype/Image/Width 320/Height 400/ColorSpace/DeviceRGB\
                 /BitsPerComponent 8/Filter/DCTDecode>>";
    let page = "/MediaBox[0 0 320 400]/Resources<</XObject<</I 6 0 R>>>>";
    documents::page_with(page, b"320 0 0 400 0 0 cm /I Do", &[(image, Some(jpeg))])
}

#[test]
fn a_scan_in_a_pdf_that_ends_too_early_is_said() {
    let jpeg = encoded(&lined(), ImageFormat::Jpeg);
    assert_eq!(warning(&scan(&jpeg)), None);
    assert_eq!(
        warning(&scan(&jpeg[..jpeg.len() - 2])),
        None,
        "only its end marker is missing"
    );
    let told = warning(&scan(&jpeg[..jpeg.len() * 3 / 5])).unwrap();
    assert!(told.contains("its end is missing"), "{told}");
}
