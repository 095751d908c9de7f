//! Image files: faxes, photos, and what is no document.

use super::*;

#[test]
fn faxes_decode_whatever_their_compression() {
    let strip = documents::half_black_strip;
    let reversed = |strip: Vec<u8>| strip.into_iter().map(u8::reverse_bits).collect::<Vec<_>>();
    let fax = |compression, t4_options, strips| FaxPage {
        compression,
        t4_options,
        photometric: 0,
        fill_order: 1,
        strips,
    };
    let bytes = documents::tiff(&[
        fax(4, 0, vec![strip(4, false); 2]),
        fax(3, 0, vec![strip(3, false); 2]),
        fax(3, 1, vec![strip(3, true)]),
        fax(2, 0, vec![strip(2, false)]),
        FaxPage {
            fill_order: 2,
            ..fax(4, 0, vec![reversed(strip(4, false))])
        },
        FaxPage {
            photometric: 1,
            ..fax(4, 0, vec![strip(4, false)])
        },
    ]);
    let rasterizer = rasterizer(1, 100);
    let document = open(&rasterizer, &bytes, None, &DocumentLimits::default()).unwrap();
    assert_eq!((document.info().format, document.info().pages), ("tiff", 6));
    let native = RenderRequest {
        dpi: 600.0,
        ..REQUEST
    };
    for number in 1..=6 {
        let page = rasterize(&document, number, &native, &CancelToken::new()).unwrap();
        let height = if number <= 2 { 32 } else { 16 };
        assert_eq!(
            (page.image.width, page.image.height),
            (128, height),
            "never scaled up"
        );
        let (left, right) = if number == 6 {
            (BLACK, WHITE)
        } else {
            (WHITE, BLACK)
        };
        for y in 0..height {
            let row = [0, 63, 64, 127].map(|x| pixel(&page.image, x, y));
            assert_eq!(row, [left, left, right, right], "page {number}, row {y}");
        }
    }
}

#[test]
fn a_photo_stands_as_its_camera_says() {
    // Left half black; taken with the camera on its side.
    let image = image::RgbImage::from_fn(64, 32, |x, _| {
        image::Rgb(if x < 32 { BLACK } else { WHITE })
    });
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95)
        .encode_image(&image)
        .unwrap();
    let rasterizer = rasterizer(1, 100);
    let native = RenderRequest {
        dpi: 600.0,
        ..REQUEST
    };
    let turned = documents::with_orientation(&jpeg, 6);
    let document = open(&rasterizer, &turned, None, &DocumentLimits::default()).unwrap();
    assert_eq!(document.info().format, "jpeg");
    let page = rasterize(&document, 1, &native, &CancelToken::new()).unwrap();
    assert_eq!((page.image.width, page.image.height), (32, 64));
    assert_eq!(page.image.dpi, 200.0, "assumed");
    assert!(pixel(&page.image, 16, 8)[0] < 20, "the left is up");
    assert!(pixel(&page.image, 16, 56)[0] > 235);
}

#[test]
fn what_is_no_document_is_named_by_how_it_begins() {
    let rasterizer = rasterizer(1, 100);
    let tell = |bytes: &[u8]| {
        let error = open(&rasterizer, bytes, None, &DocumentLimits::default()).unwrap_err();
        (error.kind().as_str(), error.to_string())
    };
    let cases: [(&[u8], &str, &str); 5] = [
        (
            b"",
            "not-a-document",
            "not a PDF, PNG, JPEG, JPEG 2000, TIFF, WebP, GIF or BMP: the file is empty",
        ),
        (
            b"<html><body>404</body></html>",
            "not-a-document",
            "not a PDF, PNG, JPEG, JPEG 2000, TIFF, WebP, GIF or BMP: it starts with `<html><body>404<`",
        ),
        (
            b"%PDF-1.7 and then nothing of the kind",
            "damaged",
            "the document is damaged: it begins like a PDF, but its objects cannot be found",
        ),
        (
            b"PK\x03\x04\0\0\0\0",
            "not-a-document",
            "not a PDF, PNG, JPEG, JPEG 2000, TIFF, WebP, GIF or BMP: it starts with the bytes 50 4b 03 04 00 00 00 00",
        ),
        (
            b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR\0\0",
            "damaged",
            "the document is damaged: ",
        ),
    ];
    for (bytes, kind, message) in cases {
        let told = tell(bytes);
        assert_eq!(told.0, kind);
        assert!(told.1.starts_with(message), "{}", told.1);
    }
    let no_pages = documents::pdf(&[
        ("<</Type/Catalog/Pages 2 0 R>>", None),
        ("<</Type/Pages/Kids[]/Count 0>>", None),
    ]);
    assert_eq!(tell(&no_pages).0, "no-pages");
    let limits = DocumentLimits {
        max_document_size: "10B".parse().unwrap(),
        ..DocumentLimits::default()
    };
    let error = open(&rasterizer, &no_pages, None, &limits).unwrap_err();
    assert_eq!(error.kind().as_str(), "document-too-large");
}

/// 50,000 × 50,000 pixels are claimed, and none are there.
#[test]
fn a_picture_bomb_is_refused_before_it_is_decoded() {
    const SIDE: u32 = 50_000;
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR".to_vec();
    let head: [&[u8]; 3] = [&SIDE.to_be_bytes(), &SIDE.to_be_bytes(), &[8, 2, 0, 0, 0]];
    png.extend(head.concat());
    png.extend(crc32(&png[12..]).to_be_bytes());
    png.extend(b"\0\0\0\0IDAT\x35\xAF\x06\x1E");
    // Its rows come one by one, so that their number alone is no harm.
    let error = first_page(&png).unwrap_err();
    assert_eq!(error.kind().as_str(), "damaged", "{error}");

    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend([SIDE.to_le_bytes(), SIDE.to_le_bytes()].concat());
    bmp.extend([1, 0, 24, 0]);
    bmp.extend([0; 24]);
    let error = first_page(&bmp).unwrap_err();
    assert_eq!(error.kind().as_str(), "page-too-large", "{error}");
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
