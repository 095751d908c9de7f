//! The layout model beside PP-OCR, with the real one, none, and folders that hold none.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use recto_schemas::Manifest;

use crate::support::{outputs::manifest, part, pdf, recto, seen};

const TITLE: &str = "A History of Wending";
const SECTIONS: [&str; 2] = ["What the schools received", "Later volumes"];
const SENTENCES: &[&str] = &[
    "The first volume was printed in October, and copies were sent to all the schools",
    "of the county, so that the children would have them before the winter came and",
    "the roads were closed once more. The second volume came a year later, and it was",
    "as long as the first one, but nobody had time to read it, as the harvest was late",
    "and there were no hands to spare until the first snow fell in the hills.",
];

/// A page with a title and two sections, whose headings are hardly larger than the text. A table without rulings stands
/// in the first of them.
fn page() -> Vec<u8> {
    let mut content = String::new();
    let mut y = 720;
    let mut show = |size: i32, x: i32, y: i32, text: &str| {
        writeln!(content, "BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET").unwrap();
    };
    for (size, heading) in [(22, TITLE), (13, SECTIONS[0]), (13, SECTIONS[1])] {
        show(size, 72, y, heading);
        y -= 26;
        for line in SENTENCES.iter().chain(&SENTENCES[..3]) {
            show(11, 72, y, line);
            y -= 14;
        }
        y -= 24;
        if heading == SECTIONS[0] {
            for row in [
                ["School", "Copies", "Price"],
                ["Wending", "412", "3.50"],
                ["Ashby", "86", "3.20"],
                ["Sallow Reach", "9", "4.10"],
            ] {
                for (cell, x) in row.into_iter().zip([110, 270, 390]) {
                    show(11, x, y, cell);
                }
                y -= 16;
            }
            y -= 18;
        }
    }
    pdf::with_pages(&[&content])
}

/// `recto convert PAGE -o OUT --text-layer never` with further options.
fn convert(out: &Path, options: &[&str]) -> Command {
    let input = out.join("page.pdf");
    fs::write(&input, page()).unwrap();
    let mut command = recto();
    command.arg("convert").arg(input).arg("-o").arg(out);
    command.args(["--text-layer", "never"]).args(options);
    command
}

fn converted(options: &[&str]) -> (String, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    let output = convert(folder.path(), options).output().unwrap();
    assert!(output.status.success(), "{}", seen(&output));
    let markdown = fs::read_to_string(folder.path().join("page.md")).unwrap();
    (markdown, manifest(&folder.path().join("page.json")))
}

fn headings(markdown: &str) -> Vec<&str> {
    let lines = markdown.lines().filter(|line| line.starts_with('#'));
    lines
        .map(|line| line.trim_start_matches(['#', ' ']))
        .collect()
}

#[test]
fn titles_that_only_a_layout_model_sees_are_headings_and_the_manifest_names_it() {
    let (markdown, manifest) = converted(&[]);
    assert_eq!(headings(&markdown), [TITLE, SECTIONS[0], SECTIONS[1]]);
    assert!(markdown.contains("| Wending | 412 | 3.50 |"), "{markdown}");
    let layout = manifest.model.layout.expect("`make setup` fetched it");
    assert_eq!(layout.name, "PicoDet-LCNet-CDLA");
    assert_eq!(layout.sha256.len(), 64);
    assert_eq!(manifest.options.layout_model, Some(layout));

    let (without, manifest) = converted(&["--layout-model", "none"]);
    assert_eq!(headings(&without), [TITLE]);
    assert_eq!(manifest.model.layout, None);
    // It is evidence for layout alone: the words are the same.
    let words = |markdown: &str| -> Vec<String> {
        let letters = markdown.split(|c: char| !c.is_alphanumeric());
        letters
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(words(&markdown), words(&without));
}

/// The files of a folder that is named as a layout model's, and a part of the error.
struct LayoutFolder {
    network: Option<Vec<u8>>,
    description: Option<String>,
    why: &'static str,
}

#[test]
fn a_folder_that_holds_no_layout_model_is_an_error_that_says_what_to_do() {
    let models = part("RECTO_PPOCR_MODELS", "models").join("layout-cdla");
    let network = fs::read(models.join("model.onnx")).unwrap();
    let description = fs::read_to_string(models.join("layout.json")).unwrap();
    let other_form = description.replace("picodet", "boxes");
    let other_classes = description.replacen('{', r#"{"classes": ["a", "b"],"#, 1);
    let case = |network: Option<&[u8]>, description: Option<&str>, why| LayoutFolder {
        network: network.map(<[u8]>::to_vec),
        description: description.map(str::to_owned),
        why,
    };
    let cases = [
        case(None, None, "model.onnx"),
        case(Some(&network), None, "layout.json"),
        case(Some(b"no network"), Some(&description), "model.onnx"),
        case(Some(&network), Some("{}"), "missing field `name`"),
        case(
            Some(&network),
            Some(&other_classes),
            "none of its classes is one of titles: a, b",
        ),
    ];
    for LayoutFolder {
        network,
        description,
        why,
    } in cases
    {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("model.onnx", network),
            ("layout.json", description.map(String::into_bytes)),
        ];
        for (name, bytes) in files {
            if let Some(bytes) = bytes {
                fs::write(folder.path().join(name), bytes).unwrap();
            }
        }
        let out = tempfile::tempdir().unwrap();
        let named = folder.path().to_str().unwrap();
        let output = convert(out.path(), &["--layout-model", named])
            .output()
            .unwrap();
        let said = seen(&output);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains(why), "{why}: {said}");
        assert!(said.contains("--layout-model none"), "{said}");
    }

    // Its output is not what the description says: that shows when it runs.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.onnx"), &network).unwrap();
    fs::write(folder.path().join("layout.json"), other_form).unwrap();
    let out = tempfile::tempdir().unwrap();
    let named = folder.path().to_str().unwrap();
    let output = convert(out.path(), &["--layout-model", named])
        .output()
        .unwrap();
    let manifest = manifest(&out.path().join("page.json"));
    let reason = manifest.pages[0].reason.as_ref().unwrap();
    assert!(!output.status.success());
    assert!(reason.message.contains("rows of six numbers"), "{reason:?}");
}
