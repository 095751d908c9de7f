//! The rasterizer with real child processes: what a page becomes, and what becomes of documents that do harm.

mod documents;
mod image_files;
mod limits;
mod pictures;
mod sandbox;
mod tiffs;
mod visibility;

use std::{
    env, fs,
    io::{Seek, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

use recto_pipeline::{
    cancel::CancelToken,
    image::{
        PageImage,
        rasterizer::{
            OpenDocument, RasterError, RasterPage, Rasterizer, RasterizerConfig, RenderRequest,
            TextLayerRequest,
        },
        text_layer_policy::{TextSource, text_source},
    },
    sandbox::SandboxConfig,
};
use recto_schemas::{DocumentLimits, FailureKind, TextLayer};

use self::documents::FaxPage;

/// The binary that the same build made, beside the test's own.
fn recto() -> PathBuf {
    let test = env::current_exe().expect("the test's path");
    let dir = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("target/PROFILE");
    let recto = dir.join("recto");
    assert!(
        recto.exists(),
        "{} is missing: run cargo build first",
        recto.display()
    );
    recto
}

fn pdfium() -> PathBuf {
    if let Some(path) = env::var_os("RECTO_PDFIUM") {
        return path.into();
    }
    let cache = env::var_os("RECTO_CACHE")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            env::var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .unwrap_or_else(|| PathBuf::from(env::var_os("HOME").expect("HOME")).join(".cache"))
                .join("recto")
        });
    cache.join("pdfium/libpdfium.so")
}

fn rasterizer(children: usize, pages_per_child: u32) -> Rasterizer {
    Rasterizer::new(RasterizerConfig {
        program: recto(),
        pdfium: pdfium(),
        children,
        pages_per_child,
        font_dirs: Vec::new(),
        sandbox: SandboxConfig::REQUIRED,
    })
    .expect("a rasterizer")
}

fn open<'r>(
    rasterizer: &'r Rasterizer,
    bytes: &[u8],
    password: Option<&str>,
    limits: &DocumentLimits,
) -> Result<OpenDocument<'r>, RasterError> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("room for it");
    file.rewind().expect("its start");
    rasterizer.open(file, password, limits, &CancelToken::new())
}

/// A point a pixel, with all text.
const REQUEST: RenderRequest = RenderRequest {
    dpi: 72.0,
    max_side_px: 4000,
    text_layer: TextLayerRequest::All,
};

fn rasterize(
    document: &OpenDocument<'_>,
    number: u32,
    request: &RenderRequest,
    cancel: &CancelToken,
) -> Result<RasterPage, RasterError> {
    document.inspect(number, cancel)?.render(request)
}

/// The first page of a document, at a point a pixel.
fn first_page(bytes: &[u8]) -> Result<RasterPage, RasterError> {
    let rasterizer = rasterizer(1, 100);
    let document = open(&rasterizer, bytes, None, &DocumentLimits::default())?;
    rasterize(&document, 1, &REQUEST, &CancelToken::new())
}

fn pixel(image: &PageImage, x: u32, y: u32) -> [u8; 3] {
    let at = ((y * image.width + x) * 3) as usize;
    image.rgb[at..at + 3].try_into().expect("three bytes")
}

const BLACK: [u8; 3] = [0; 3];
const WHITE: [u8; 3] = [255; 3];

#[test]
fn a_turned_page_is_upright_and_its_text_lies_where_it_is_seen() {
    // A red square in the lower left corner, and words to the right of it.
    let content = b"1 0 0 rg 0 0 20 20 re f 0 g BT /F 12 Tf 30 5 Td (turned words) Tj ET";
    let page = "/MediaBox[0 0 200 100]/Rotate 90/Resources<</Font<</F 5 0 R>>>>";
    let page = first_page(&documents::page_with(page, content, &[])).unwrap();
    assert_eq!((page.image.width, page.image.height), (100, 200));
    assert_eq!(pixel(&page.image, 10, 10), [255, 0, 0], "RGB, not BGR");
    assert_eq!(pixel(&page.image, 90, 10), WHITE);
    let lines = page.text_layer.unwrap().lines;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].text, "turned words");
    let [start, end, ..] = lines[0].quad.0;
    // It runs from top to bottom, beginning 30 points down.
    assert!(
        (start.y - 30.0).abs() < 2.0 && end.y > start.y + 50.0,
        "{:?}",
        lines[0].quad
    );
    assert!((start.x - end.x).abs() < 0.5 && (5.0..25.0).contains(&start.x));
    assert_eq!(lines[0].size, 12.0);
}

#[test]
fn a_cropped_page_shows_and_tells_what_is_inside() {
    let content =
        b"0 g 100 50 10 10 re f BT /F 10 Tf 120 55 Td (inside) Tj -110 -50 Td (outside) Tj ET";
    let page = "/MediaBox[0 0 200 100]/CropBox[100 50 200 100]/Resources<</Font<</F 5 0 R>>>>";
    let page = first_page(&documents::page_with(page, content, &[])).unwrap();
    assert_eq!((page.image.width, page.image.height), (100, 50));
    assert_eq!(pixel(&page.image, 5, 45), BLACK);
    let lines = page.text_layer.unwrap().lines;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].text, "inside");
    assert!((lines[0].quad.0[0].x - 20.0).abs() < 1.0);
}

#[test]
fn annotations_and_form_fields_show_as_in_a_viewer() {
    let appearance = "<</Type/XObject/Subtype/Form/BBox[0 0 10 10]>>";
    let draw: &[u8] = b"0 g 0 0 10 10 re f";
    let bytes = documents::pdf(&[
        (
            "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
            None,
        ),
        ("<</Type/Pages/Kids[3 0 R]/Count 1>>", None),
        (
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 50]/Contents 4 0 R/Annots[5 0 R 6 0 R 8 0 R]>>",
            None,
        ),
        ("<<>>", Some(b" ")),
        (
            "<</Type/Annot/Subtype/Square/Rect[10 10 20 20]/F 4/AP<</N 7 0 R>>>>",
            None,
        ),
        (
            "<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(Jane)/Rect[50 10 60 20]/F 4/AP<</N 7 0 R>>>>",
            None,
        ),
        (appearance, Some(draw)),
        (
            "<</Type/Annot/Subtype/Square/Rect[80 10 90 20]/F 2/AP<</N 7 0 R>>>>",
            None,
        ),
    ]);
    let page = first_page(&bytes).unwrap();
    assert_eq!(pixel(&page.image, 15, 35), BLACK, "the square");
    assert_eq!(pixel(&page.image, 55, 35), BLACK, "the field");
    assert_eq!(pixel(&page.image, 85, 35), WHITE, "hidden");
    assert_eq!(page.inspection.text.in_annotations, 1);
}

#[test]
fn a_password_opens_and_its_lack_says_what_to_do() {
    // Written with reportlab: 128-bit RC4, user password "open sesame".
    let bytes = include_bytes!("encrypted.pdf");
    let rasterizer = rasterizer(1, 100);
    let limits = DocumentLimits::default();
    let kind = |password| {
        let error = open(&rasterizer, bytes, password, &limits).unwrap_err();
        (error.kind().as_str(), error.to_string())
    };
    assert_eq!(
        kind(None),
        (
            "encrypted",
            "the document is encrypted; give its password with --password".to_owned()
        )
    );
    assert_eq!(kind(Some("sesame")).0, "wrong-password");
    let document = open(&rasterizer, bytes, Some("open sesame"), &limits).unwrap();
    assert!(document.info().encrypted);
    let page = rasterize(&document, 1, &REQUEST, &CancelToken::new()).unwrap();
    assert_eq!(page.text_layer.unwrap().lines[0].text, "secret words");
}

#[test]
fn hidden_text_over_a_scan_is_seen_for_what_it_is() {
    let image: (&str, Option<&[u8]>) = (
        "<</Type/XObject/Subtype/Image/Width 2/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8>>",
        Some(&[200, 90]),
    );
    let page = "/MediaBox[0 0 200 100]/Resources<</Font<</F 5 0 R>>/XObject<</I 6 0 R>>>>";
    let hidden = b"q 200 0 0 100 0 0 cm /I Do Q BT 3 Tr /F 12 Tf 20 50 Td (hidden words) Tj ET";
    let under = b"BT /F 12 Tf 20 50 Td (covered words) Tj ET q 200 0 0 100 0 0 cm /I Do Q";
    for (content, words) in [(&hidden[..], "hidden words"), (&under[..], "covered words")] {
        let bytes = documents::page_with(page, content, &[image]);
        let rasterizer = rasterizer(1, 100);
        let document = open(&rasterizer, &bytes, None, &DocumentLimits::default()).unwrap();
        let seen = rasterize(&document, 1, &REQUEST, &CancelToken::new()).unwrap();
        assert_eq!(seen.inspection.image_coverage, 1.0);
        let TextSource::Ocr(reason) = text_source(&seen.inspection, TextLayer::Auto, true) else {
            panic!("{words} were trusted: {:?}", seen.inspection);
        };
        assert_eq!(reason.kind.as_str(), "hidden-text-over-image");
        assert_eq!(
            seen.text_layer.unwrap().lines[0].text,
            words,
            "asked for with `always`"
        );
        let visible = RenderRequest {
            text_layer: TextLayerRequest::Visible,
            ..REQUEST
        };
        let visible = rasterize(&document, 1, &visible, &CancelToken::new()).unwrap();
        let visible = visible.text_layer.unwrap();
        assert_eq!(visible.lines, []);
        assert!(visible.unseen > 0);
    }
}

#[test]
fn a_typeset_page_is_trusted() {
    let content =
        b"BT /F 12 Tf 20 60 Td (Plain words on a page,) Tj 0 -14 Td (in two lines.) Tj ET";
    let page = first_page(&documents::pages(&[content])).unwrap();
    assert!(matches!(
        text_source(&page.inspection, TextLayer::Auto, true),
        TextSource::TextLayer(_)
    ));
    let texts: Vec<_> = page
        .text_layer
        .unwrap()
        .lines
        .into_iter()
        .map(|line| line.text)
        .collect();
    assert_eq!(texts, ["Plain words on a page,", "in two lines."]);
}

#[test]
fn several_documents_and_threads_share_few_children() {
    let contents: Vec<String> = (0..30)
        .map(|n| format!("BT /F 12 Tf 20 50 Td (page number {n}) Tj ET"))
        .collect();
    let contents: Vec<&[u8]> = contents.iter().map(String::as_bytes).collect();
    let bytes = documents::pages(&contents);
    // Children are replaced on the way, too.
    let rasterizer = rasterizer(2, 7);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let document = open(&rasterizer, &bytes, None, &DocumentLimits::default()).unwrap();
                let document = &document;
                std::thread::scope(|scope| {
                    for start in 0..3 {
                        scope.spawn(move || {
                            for number in (1 + start..=30).step_by(3) {
                                let page =
                                    rasterize(document, number, &REQUEST, &CancelToken::new())
                                        .unwrap();
                                let text = page.text_layer.unwrap().lines;
                                assert_eq!(text[0].text, format!("page number {}", number - 1));
                            }
                        });
                    }
                });
            });
        }
    });
}

#[test]
fn a_child_has_no_environment_and_little_reach() {
    let rasterizer = rasterizer(1, 100);
    let bytes = documents::pages(&[b"0 0 10 10 re f"]);
    let document = open(&rasterizer, &bytes, None, &DocumentLimits::default()).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let dir = entry.path();
        let Ok(status) = fs::read_to_string(dir.join("status")) else {
            continue;
        };
        let parent = format!("PPid:\t{}\n", std::process::id());
        let Ok(command) = fs::read(dir.join("cmdline")) else {
            continue;
        };
        // Children of other tests run and end beside this one; all of them must be so.
        if !status.contains(&parent) || !command.ends_with(b"raster-child\0") {
            continue;
        }
        let (Ok(environment), Ok(limits)) = (
            fs::read(dir.join("environ")),
            fs::read_to_string(dir.join("limits")),
        ) else {
            continue;
        };
        if limits.is_empty() || !limits.contains("Max core file size") {
            continue;
        }
        assert!(environment.is_empty(), "{}", environment.escape_ascii());
        seen += 1;
    }
    assert!(seen > 0, "this document's child was not found");
    drop(document);
}

#[test]
fn a_missing_library_says_where_it_was_looked_for() {
    let config = RasterizerConfig {
        program: recto(),
        pdfium: PathBuf::from("/nowhere/libpdfium.so"),
        children: 1,
        pages_per_child: 1,
        font_dirs: Vec::new(),
        sandbox: SandboxConfig::REQUIRED,
    };
    let error = Rasterizer::new(config).unwrap_err();
    assert_eq!(error.kind().as_str(), "pdfium-missing");
    assert!(
        error
            .to_string()
            .starts_with("pdfium was not found at /nowhere/libpdfium.so: "),
        "{error}"
    );
    // A file that is no library fails when it is loaded.
    let rasterizer = Rasterizer::new(RasterizerConfig {
        program: recto(),
        pdfium: PathBuf::from("/proc/self/cmdline"),
        children: 1,
        pages_per_child: 1,
        font_dirs: Vec::new(),
        sandbox: SandboxConfig::REQUIRED,
    })
    .unwrap();
    let error = open(&rasterizer, b"%PDF-1.7", None, &DocumentLimits::default()).unwrap_err();
    assert_eq!(error.kind().as_str(), "pdfium-missing");
}

#[test]
fn missing_fonts_are_said_and_where_they_were_looked_for() {
    let font = "<</Type/Font/Subtype/TrueType/BaseFont/Garamond/Encoding/WinAnsiEncoding>>";
    let page = "/MediaBox[0 0 200 100]/Resources<</Font<</F 5 0 R/G 6 0 R>>>>";
    let bytes = documents::page_with(page, b"BT /G 12 Tf 20 50 Td (words) Tj ET", &[(font, None)]);
    let empty = tempfile::tempdir().unwrap();
    let rasterizer = Rasterizer::new(RasterizerConfig {
        program: recto(),
        pdfium: pdfium(),
        children: 1,
        pages_per_child: 10,
        font_dirs: vec![empty.path().to_owned()],
        sandbox: SandboxConfig::REQUIRED,
    })
    .unwrap();
    let document = open(&rasterizer, &bytes, None, &DocumentLimits::default()).unwrap();
    let page = rasterize(&document, 1, &REQUEST, &CancelToken::new()).unwrap();
    assert_eq!(page.warnings.len(), 1);
    assert_eq!(page.warnings[0].kind.as_str(), "fonts-missing");
    assert!(
        page.warnings[0]
            .message
            .contains(&empty.path().display().to_string())
    );
}

#[test]
fn hostile_documents_end_with_pages_or_a_reason() {
    let Some(corpus) = env::var_os("RECTO_CORPUS") else {
        eprintln!("skipped: RECTO_CORPUS is not set");
        return;
    };
    let rasterizer = rasterizer(2, 100);
    let limits = DocumentLimits {
        page_timeout: "5s".parse().unwrap(),
        ..DocumentLimits::default()
    };
    let cancel = CancelToken::new();
    let mut documents = 0;
    for entry in fs::read_dir(PathBuf::from(corpus).join("hostile")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "pdf") {
            continue;
        }
        documents += 1;
        let file = fs::File::open(&path).unwrap();
        let error = match rasterizer.open(file, None, &limits, &cancel) {
            Ok(document) => rasterize(&document, 1, &REQUEST, &cancel).err(),
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            let kind = error.kind();
            assert!(
                !matches!(kind, FailureKind::Crashed | FailureKind::Io),
                "{}: {error}",
                path.display()
            );
        }
    }
    assert!(documents > 200, "{documents}");
}
