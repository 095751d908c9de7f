//! Nothing on a page is lost in silence: pictures and outlines beside a page's own text, faint and large pages, boxes
//! to tick, struck-out words, forms that only some viewers show.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{Seek, Write as _},
};

use recto_pipeline::{
    cancel::CancelToken,
    image::{
        PageImage,
        rasterizer::{Rasterizer, RasterizerConfig, RenderRequest, TextLayerRequest},
    },
    sandbox::SandboxConfig,
};
use recto_schemas::{DocumentLimits, Manifest, PageOutcome, TextReason};

use crate::support::{outputs::manifest, pdf, pdfium, recto, recto_path, seen};

const LETTER: &[&str] = &[
    "The harbour board met on Tuesday to review the",
    "dredging contract for the northern basin, and the",
    "treasurer reported a small surplus for the year.",
];

/// A page with Helvetica as `/F1` and Courier as `/F2`.
const FONTS: &str = "/Resources << /Font << /F1 3 0 R \
    /F2 << /Type /Font /Subtype /Type1 /BaseFont /Courier >> >> >>";

/// The Markdown and the manifest of a PDF.
fn convert(bytes: &[u8], options: &[&str]) -> (String, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("page.pdf");
    fs::write(&input, bytes).unwrap();
    let output = recto()
        .arg("convert")
        .args(options)
        .arg(&input)
        .arg("-o")
        .arg(folder.path().join("out"))
        .output()
        .unwrap();
    let markdown = fs::read_to_string(folder.path().join("out/page.md"));
    let markdown = markdown.unwrap_or_else(|error| panic!("{error}: {}", seen(&output)));
    (markdown, manifest(&folder.path().join("out/page.json")))
}

/// One page of that size in points.
fn page(width: u32, height: u32, content: &str) -> Vec<u8> {
    let entries = format!("/MediaBox [0 0 {width} {height}] {FONTS}");
    pdf::with_page_entries(&[(&entries, content)])
}

/// The bitmap of a PDF's first page, at 150 dpi.
fn bitmap(bytes: &[u8]) -> PageImage {
    let rasterizer = Rasterizer::new(RasterizerConfig {
        program: recto_path(),
        pdfium: pdfium(),
        children: 1,
        pages_per_child: 10,
        font_dirs: Vec::new(),
        sandbox: SandboxConfig::REQUIRED,
    })
    .unwrap();
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let (limits, cancel) = (DocumentLimits::default(), CancelToken::new());
    let document = rasterizer.open(file, None, &limits, &cancel).unwrap();
    let request = RenderRequest {
        dpi: 150.0,
        max_side_px: 4_000,
        text_layer: TextLayerRequest::None,
    };
    document
        .inspect(1, &cancel)
        .unwrap()
        .render(&request)
        .unwrap()
        .image
}

/// Draws a bitmap in gray, with its lower left corner at `x`, `y` points and `width` points wide.
fn drawn(image: &PageImage, (x, y): (u32, u32), width: u32) -> String {
    let height = width * image.height / image.width;
    let (w, h) = (image.width, image.height);
    let mut content =
        format!("q {width} 0 0 {height} {x} {y} cm BI /W {w} /H {h} /CS /G /BPC 8 /F /AHx ID ");
    for pixel in image.rgb.chunks_exact(3) {
        write!(content, "{:02x}", pixel[1]).unwrap();
    }
    content + "> EI Q\n"
}

fn assert_has_all(markdown: &str, lines: &[&str]) {
    let folded = markdown.split_whitespace().collect::<Vec<_>>().join(" ");
    let missing: Vec<&&str> = lines
        .iter()
        .filter(|line| !folded.contains(**line))
        .collect();
    assert!(missing.is_empty(), "{missing:?} in\n{markdown}");
}

#[test]
fn a_letter_scanned_into_a_page_is_read_beside_the_pages_own_text() {
    let scan = bitmap(&page(
        400,
        80,
        &format!("1 0 0 1 -50 -665 cm {}", pdf::text(LETTER)),
    ));
    let own = [
        "Minutes of the meeting, with the letter that was received from the board in March,",
        "which all members had read before and about which none of them had any questions.",
        "It is added below in full. The next meeting takes place in the town hall in April,",
        "and every member is asked to bring the accounts of the year for all to look at.",
    ];
    let content = drawn(&scan, (80, 400), 400) + &pdf::text(&own);
    let (markdown, manifest) = convert(&page(612, 792, &content), &[]);
    assert_has_all(&markdown, LETTER);
    assert_has_all(&markdown, &own);
    let reason = manifest.pages[0].reason.as_ref().unwrap();
    assert_eq!(reason.kind, TextReason::TextLayerWithOcr.into());
    assert_eq!(manifest.pages[0].outcome, PageOutcome::TextLayer);
}

#[test]
fn the_labels_of_a_picture_stay_together_in_its_place() {
    let labels = "BT /F1 12 Tf 20 180 Td (Loss over time) Tj ET BT /F1 12 Tf 200 130 Td (training) Tj ET \
        BT /F1 12 Tf 60 90 Td (validation) Tj ET BT /F1 12 Tf 150 20 Td (epochs) Tj ET";
    let picture = bitmap(&page(300, 200, labels));
    let own: Vec<String> = (0..12)
        .map(|i| {
            format!("Line {i} of a page that has a text of its own, as long as such texts are.")
        })
        .collect();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let content = drawn(&picture, (100, 200), 300) + &pdf::text(&own);
    let (markdown, _) = convert(&page(612, 792, &content), &[]);
    let figure = markdown
        .lines()
        .find(|line| line.starts_with("!["))
        .unwrap_or_else(|| panic!("{markdown}"));
    for label in ["Loss over time", "training", "validation", "epochs"] {
        assert!(figure.contains(label), "{figure}");
        assert_eq!(markdown.matches(label).count(), 1, "{markdown}");
    }
}

#[test]
fn a_faint_page_is_read() {
    let content = format!("0.98 g 0 0 612 792 re f 0.88 g {}", pdf::text(LETTER));
    let (markdown, manifest) = convert(&page(612, 792, &content), &["--text-layer", "never"]);
    assert_has_all(&markdown, LETTER);
    assert_eq!(manifest.pages[0].outcome, PageOutcome::Ok);
}

#[test]
fn small_print_on_a_sheet_of_a2_is_read() {
    let mut content = "BT /F1 8 Tf 10 TL 60 1600 Td\n".to_owned();
    let (mut written, mut x) = (Vec::new(), 60);
    for column in 0..3 {
        if column > 0 {
            writeln!(content, "370 {} Td", 40 * 10).unwrap();
            x += 370;
        }
        for row in 0..40 {
            let line = format!(
                "Parcel {row} of plan {column}: a field of rye with a ditch along its side"
            );
            writeln!(content, "({line}) Tj T*").unwrap();
            written.push(line);
        }
    }
    assert!(x < 1191, "the columns are on the sheet");
    let (markdown, _) = convert(
        &page(1191, 1684, &(content + "ET")),
        &["--text-layer", "never"],
    );
    let read = written
        .iter()
        .filter(|line| markdown.contains(line.as_str()))
        .count();
    assert!(
        read * 100 >= written.len() * 90,
        "{read} of {}\n{markdown}",
        written.len()
    );
}

#[test]
fn boxes_on_a_scanned_form_keep_their_ticks() {
    let square = |x: u32, y: u32| format!("{x} {y} 11 11 re S ");
    let cross = |x: u32, y: u32| {
        let (right, top) = (x + 11, y + 11);
        format!("{x} {y} m {right} {top} l {x} {top} m {right} {y} l S ")
    };
    let text = |x: u32, y: u32, text: &str| format!("BT /F1 12 Tf {x} {y} Td ({text}) Tj ET ");
    let mut content = "1 w ".to_owned();
    content += &text(72, 700, "Do you own a boat?");
    content += &(square(300, 699) + &cross(300, 699) + &text(320, 700, "yes"));
    content += &(square(380, 699) + &text(400, 700, "no"));
    content += &text(72, 670, "Do you rent a berth?");
    content += &(square(300, 669) + &text(320, 670, "yes"));
    content += &(square(380, 669) + &cross(380, 669) + &text(400, 670, "no"));
    let (markdown, _) = convert(&page(612, 792, &content), &["--text-layer", "never"]);
    assert_has_all(
        &markdown,
        &[
            "Do you own a boat? ☒ yes ☐ no",
            "Do you rent a berth? ☐ yes ☒ no",
        ],
    );
}

#[test]
fn struck_out_words_are_marked_and_underlined_ones_are_not() {
    let content = "BT /F1 12 Tf 72 700 Td (The price is 900 euro 1,050 euro a year for all members.) Tj ET \
        137 703.6 48 0.6 re f 72 696 60 0.5 re f";
    let (markdown, _) = convert(&page(612, 792, content), &["--text-layer", "always"]);
    assert!(
        markdown.contains("~~900 euro~~ 1,050 euro a year"),
        "{markdown}"
    );
    assert_eq!(markdown.matches("~~").count(), 2, "{markdown}");
}

#[test]
fn code_keeps_its_lines_and_its_indentation() {
    let own: Vec<String> = (0..8)
        .map(|i| format!("Sentence {i} of a manual says a thing or two about the program below."))
        .collect();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let code = "BT /F2 10 Tf 12 TL 72 580 Td (def tally\\(boats\\):) Tj T* (    total = 0) Tj T* \
        (    for boat in boats:) Tj T* (        total += boat.length) Tj T* (    return total) Tj ET";
    let (markdown, _) = convert(&page(612, 792, &(pdf::text(&own) + "\n" + code)), &[]);
    let wanted = "```\ndef tally(boats):\n    total = 0\n    for boat in boats:\n        total += boat.length\n    \
        return total\n```\n";
    assert!(markdown.contains(wanted), "{markdown}");
}
