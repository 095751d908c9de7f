//! The samples against the text printed on them, upright, turned and skewed.

use std::{fs, path::Path};

use image::{GrayImage, Luma, imageops};
use recto_schemas::PageRecord;
use serde_json::Value;

use crate::support::{recto, repository, seen};

/// Character errors, of 100 characters, that a turned or skewed page may have more than the upright one.
const TURNED_POINTS: f64 = 0.3;

/// Characters of text alone: white space, hyphens and bullets depend on how lines are joined.
fn bare(text: &str) -> Vec<char> {
    text.chars()
        .filter(|c| !c.is_whitespace() && !"-\u{2010}•".contains(*c))
        .map(|c| match c {
            '‘' | '’' => '\'',
            '“' | '”' => '"',
            '–' | '—' => '-',
            other => other,
        })
        .collect()
}

/// Edit distance of 100 characters of truth.
pub(crate) fn error_percent(truth: &str, read: &str) -> f64 {
    let (truth, read) = (bare(truth), bare(read));
    let mut row: Vec<usize> = (0..=read.len()).collect();
    for (i, a) in truth.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in read.iter().enumerate() {
            let here = (row[j + 1] + 1)
                .min(row[j] + 1)
                .min(diagonal + usize::from(a != b));
            diagonal = std::mem::replace(&mut row[j + 1], here);
        }
    }
    100.0 * row[read.len()] as f64 / truth.len().max(1) as f64
}

/// The text printed on a sample's pages.
pub(crate) fn truth(sample: &str) -> String {
    let path = repository().join(format!("tests/samples/{sample}.truth.json"));
    let truth: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let pages = truth["pages"].as_array().unwrap();
    pages
        .iter()
        .map(|page| page["text"].as_str().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The lines of a document as `recto` reads them, in its order.
fn lines(path: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = recto()
        .arg("convert")
        .arg(path)
        .arg("-o")
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", seen(&output));
    let name = path.file_stem().unwrap().to_str().unwrap();
    let pages = fs::read_to_string(folder.path().join(format!("{name}.pages.jsonl"))).unwrap();
    let mut text = String::new();
    for page in pages.lines() {
        let record: PageRecord = serde_json::from_str(page).unwrap();
        for line in record.lines.iter() {
            text += &line.text;
            text.push('\n');
        }
    }
    text
}

fn sample_error(file: &str, most_percent: f64) {
    let (name, _) = file.split_once('.').unwrap();
    let error = error_percent(
        &truth(name),
        &lines(&repository().join("tests/samples").join(file)),
    );
    println!("{name}: {error:.2} % character errors");
    assert!(
        error <= most_percent,
        "{name}: {error:.2} % character errors"
    );
}

#[test]
fn the_chinese_page_is_read() {
    sample_error("chinese.png", 1.0);
}

#[test]
fn the_scanned_report_is_read() {
    sample_error("report.pdf", 1.0);
}

#[test]
fn two_columns_are_read_one_after_the_other() {
    sample_error("two-columns.png", 1.0);
}

#[test]
fn the_photographed_notice_is_read() {
    sample_error("photo.jpg", 1.5);
}

#[test]
fn born_digital_pages_are_taken_as_they_are() {
    sample_error("born-digital.pdf", 0.5);
}

#[test]
fn the_invoice_has_its_table() {
    let invoice = repository().join("tests/samples/invoice.pdf");
    let output = recto().arg("convert").arg(invoice).output().unwrap();
    let markdown = String::from_utf8(output.stdout).unwrap();
    for row in [
        "| Description | Quantity | Price | Total |",
        "| Repair of joints and head caps | 11 | 17.25 | 189.75 |",
        "| Archive boxes, acid-free board, foolscap folio | 40 | 3.10 | 124.00 |",
    ] {
        assert!(markdown.contains(row), "{row}\n{markdown}");
    }
}

/// `page` turned by so many degrees, clockwise, on white.
fn skewed(page: &GrayImage, degrees: f32) -> GrayImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (middle_x, middle_y) = (page.width() as f32 / 2.0, page.height() as f32 / 2.0);
    let at = |x: i64, y: i64| {
        let inside =
            (0..i64::from(page.width())).contains(&x) && (0..i64::from(page.height())).contains(&y);
        if inside {
            f32::from(page.get_pixel(x as u32, y as u32).0[0])
        } else {
            255.0
        }
    };
    GrayImage::from_fn(page.width(), page.height(), |x, y| {
        let (dx, dy) = (x as f32 - middle_x, y as f32 - middle_y);
        let (from_x, from_y) = (
            cos * dx + sin * dy + middle_x,
            cos * dy - sin * dx + middle_y,
        );
        let (left, top) = (from_x.floor(), from_y.floor());
        let (fx, fy) = (from_x - left, from_y - top);
        let (left, top) = (left as i64, top as i64);
        let upper = at(left, top) * (1.0 - fx) + at(left + 1, top) * fx;
        let lower = at(left, top + 1) * (1.0 - fx) + at(left + 1, top + 1) * fx;
        Luma([(upper * (1.0 - fy) + lower * fy).round() as u8])
    })
}

#[test]
fn turned_and_skewed_pages_are_read_as_well_as_upright_ones() {
    let folder = tempfile::tempdir().unwrap();
    let page = image::open(repository().join("tests/samples/two-columns.png"))
        .unwrap()
        .into_luma8();
    let truth = truth("two-columns");
    let variants = [
        ("upright", page.clone()),
        ("90", imageops::rotate90(&page)),
        ("180", imageops::rotate180(&page)),
        ("270", imageops::rotate270(&page)),
        ("skewed-3", skewed(&page, 3.0)),
    ];
    let errors = variants.map(|(name, page)| {
        let path = folder.path().join(format!("{name}.png"));
        page.save(&path).unwrap();
        (name, error_percent(&truth, &lines(&path)))
    });
    println!("{errors:.2?}");
    for (name, error) in errors {
        assert!(error <= errors[0].1 + TURNED_POINTS, "{name}: {errors:.2?}");
    }
}
