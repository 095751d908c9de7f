//! The structure of documents as their readers see it: headings and their levels, paragraphs over pages, footnotes,
//! bibliographies.

use std::fs;

use crate::support::{pdf, recto, seen};

/// Running text: each row is as wide as the page's text.
const PROSE: [&str; 6] = [
    "The harbour board met on Tuesday to review the dredging contract for the basin",
    "and the treasurer reported a small surplus, which the members agreed to put by",
    "for the repair of the northern pier before the storms of the coming winter set",
    "in. The engineer was asked to bring plans and an estimate to the next meeting,",
    "and the secretary to write to the owners of the boats that lie there, who have",
    "to find another berth for them while the work goes on, from March until June.",
];

/// The files of a document that is converted with a review page.
struct Converted {
    markdown: String,
    review: String,
    stdout: String,
}

fn convert(bytes: &[u8]) -> Converted {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("page.pdf");
    fs::write(&input, bytes).unwrap();
    let out = folder.path().join("out");
    let output = recto()
        .args(["convert", "--html"])
        .arg(&input)
        .arg("-o")
        .arg(&out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", seen(&output));
    let printed = recto().arg("convert").arg(&input).output();
    Converted {
        markdown: fs::read_to_string(out.join("page.md")).unwrap(),
        review: fs::read_to_string(out.join("page.html")).unwrap(),
        stdout: String::from_utf8(printed.unwrap().stdout).unwrap(),
    }
}

/// Text at a place: font, size, left and baseline in points.
fn at(font: &str, size: f32, left: f32, baseline: f32, text: &str) -> String {
    let text = text.replace('(', "\\(").replace(')', "\\)");
    format!("BT /{font} {size} Tf {left} {baseline} Td ({text}) Tj ET\n")
}

/// Rows of text from a baseline down, 14 points apart.
fn prose(from: f32, rows: &[&str]) -> String {
    let row = |(i, text): (usize, &&str)| at("F1", 12.0, 72.0, from - 14.0 * i as f32, text);
    rows.iter().enumerate().map(row).collect()
}

const FONTS: &str = "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R \
    /F2 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >> \
    /F3 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Oblique >> >> >>";

fn document(pages: &[String]) -> Vec<u8> {
    let pages: Vec<(&str, &str)> = pages.iter().map(|page| (FONTS, page.as_str())).collect();
    pdf::with_page_entries(&pages)
}

/// A document of one page with more objects, from number 6 on, and more entries in its catalog and its page.
fn with_objects(content: &str, catalog: &str, page: &str, more: &[&str]) -> Vec<u8> {
    let mut objects = vec![
        format!("<< /Type /Catalog /Pages 2 0 R {catalog} >>"),
        "<< /Type /Pages /Count 1 /Kids [4 0 R] >>".to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
        format!("<< /Type /Page /Parent 2 0 R /Contents 5 0 R {FONTS} {page} >>"),
        format!(
            "<< /Length {} >>\nstream\n{content}\nendstream",
            content.len()
        ),
    ];
    objects.extend(more.iter().map(|object| (*object).to_owned()));
    pdf::of_objects(&objects)
}

#[test]
fn levels_follow_when_all_headings_are_known() {
    let chapter =
        |title: &str, size: f32| at("F2", size, 72.0, 720.0, title) + &prose(680.0, &PROSE);
    let converted = convert(&document(&[
        chapter("How boats are berthed", 15.0),
        chapter("Rules of the harbour", 24.0),
        chapter("How boats are hauled out", 15.0),
    ]));
    let headings: Vec<&str> = converted
        .markdown
        .lines()
        .filter(|line| line.starts_with('#'))
        .collect();
    assert_eq!(
        headings,
        [
            "## How boats are berthed",
            "# Rules of the harbour",
            "## How boats are hauled out"
        ]
    );
    assert_eq!(converted.stdout, converted.markdown);
    for level in ["<h4>", "<h3>", "</h3>"] {
        assert!(converted.review.contains(level), "{}", converted.review);
    }
    assert_eq!(converted.review.matches("<h4>").count(), 2);
}

#[test]
fn bookmarks_name_headings_that_look_like_text() {
    let content = at("F2", 20.0, 72.0, 740.0, "A report on the harbour works")
        + &at("F1", 12.0, 72.0, 700.0, "1. The piers")
        + &prose(682.0, &PROSE)
        + &at("F1", 12.0, 72.0, 580.0, "1.1 Their repair")
        + &prose(562.0, &PROSE);
    let item = "/Dest [4 0 R /Fit]";
    let bytes = with_objects(
        &content,
        "/Outlines 6 0 R",
        "",
        &[
            "<< /First 7 0 R /Last 7 0 R /Count 1 >>",
            &format!("<< /Title (The piers) /Parent 6 0 R /First 8 0 R /Last 8 0 R {item} >>"),
            // An outline that leads back into itself.
            &format!("<< /Title (Their repair) /Parent 7 0 R /Next 7 0 R /First 8 0 R {item} >>"),
        ],
    );
    let markdown = convert(&bytes).markdown;
    for heading in [
        "# A report on the harbour works\n",
        "\n## 1. The piers\n",
        "\n### 1.1 Their repair\n",
    ] {
        assert!(markdown.contains(heading), "{markdown}");
    }
}

#[test]
fn tags_of_the_structure_name_headings_and_their_levels() {
    let marked =
        |tag: &str, id: u32, content: &str| format!("/{tag} << /MCID {id} >> BDC\n{content}EMC\n");
    let content = marked("H1", 0, &at("F1", 12.0, 72.0, 720.0, "The piers"))
        + &marked("P", 1, &prose(706.0, &PROSE))
        + &marked("H3", 2, &at("F1", 12.0, 72.0, 622.0, "Their repair"))
        + &marked("P", 3, &prose(608.0, &PROSE));
    let element = |tag: &str, id: u32| {
        format!("<< /Type /StructElem /S /{tag} /P 6 0 R /Pg 4 0 R /K {id} >>")
    };
    let bytes = with_objects(
        &content,
        "/StructTreeRoot 6 0 R /MarkInfo << /Marked true >>",
        "/StructParents 0",
        &[
            "<< /Type /StructTreeRoot /K [7 0 R 8 0 R 9 0 R 10 0 R] /ParentTree 11 0 R >>",
            &element("H1", 0),
            &element("P", 1),
            &element("H3", 2),
            &element("P", 3),
            "<< /Nums [0 [7 0 R 8 0 R 9 0 R 10 0 R]] >>",
        ],
    );
    let markdown = convert(&bytes).markdown;
    assert!(
        markdown.contains("# The piers\n\nThe harbour"),
        "{markdown}"
    );
    assert!(
        markdown.contains("\n### Their repair\n\nThe harbour"),
        "{markdown}"
    );
}

#[test]
fn bold_words_before_a_wide_space_are_a_heading_of_their_paragraph() {
    let content = prose(740.0, &PROSE)
        + &at("F2", 12.0, 72.0, 620.0, "Dues")
        + &at(
            "F1",
            12.0,
            114.0,
            620.0,
            "They are paid at the office by noon, in coin or notes, and",
        )
        + &prose(606.0, &PROSE)
        + &at("F2", 12.0, 72.0, 486.0, "Note:")
        + &at(
            "F1",
            12.0,
            108.0,
            486.0,
            "The office is closed on holidays, and dues are then paid",
        )
        + &prose(472.0, &PROSE);
    let markdown = convert(&document(&[content])).markdown;
    assert!(
        markdown.contains("\n## Dues\n\nThey are paid"),
        "{markdown}"
    );
    assert!(markdown.contains("\nNote: The office"), "{markdown}");
}

#[test]
fn a_paragraph_goes_on_over_the_end_of_a_page() {
    let mut first = PROSE;
    first[5] = "to find another berth for them while the work goes on, which is the under-";
    let content = prose(720.0, &PROSE[..5])
        + "BT /F1 12 Tf 72 650 Td (to find another berth until June.) Tj /F1 7 Tf 4 Ts (1) Tj ET\n"
        + &prose(620.0, &first)
        + "BT /F1 6 Tf 72 80 Td 3 Ts (1) Tj 0 Ts /F1 9 Tf (Agreed in the spring.) Tj ET\n";
    let next = prose(
        720.0,
        &["standing of the board and of the owners whom it has asked."],
    ) + &prose(690.0, &PROSE);
    let converted = convert(&document(&[content, next]));
    let markdown = &converted.markdown;
    let joined = "which is the understanding <!-- page 2 --> of the board and of the owners";
    assert!(markdown.contains(joined), "{markdown}");
    assert!(markdown.contains("until June.[^1]\n"), "{markdown}");
    assert!(
        markdown.contains("\n[^1]: Agreed in the spring.\n"),
        "{markdown}"
    );
    assert_eq!(&converted.stdout, markdown);
}

#[test]
fn references_are_a_list() {
    let works = [
        "[1] A. Mole and B. Rat, On the handling of small boats, Proceedings of the River, 1908",
        "[2] C. Badger, A house in the middle of the wood and how it is kept warm, Oxford, 1910",
        "[3] D. Toad, The open road and those who travel on it, second edition, London, 1911",
    ];
    let content = prose(720.0, &PROSE)
        + &at("F2", 14.0, 72.0, 600.0, "References")
        + &prose(570.0, &works[..1])
        + &prose(550.0, &works[1..2])
        + &prose(530.0, &works[2..]);
    let markdown = convert(&document(&[content])).markdown;
    let items = markdown
        .lines()
        .filter(|line| line.starts_with("- [") || line.starts_with("- \\["));
    assert_eq!(items.count(), 3, "{markdown}");
}

/// The Markdown of a page of this content, its running lines left out.
fn without_running_lines(content: String) -> String {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("page.pdf");
    fs::write(&input, document(&[content])).unwrap();
    let dropped = recto()
        .args(["convert", "--headers-footers", "drop"])
        .arg(&input)
        .output()
        .unwrap();
    String::from_utf8(dropped.stdout).unwrap()
}

#[test]
fn the_only_page_of_a_document_has_running_lines_by_their_place_and_words() {
    let content = at(
        "F1",
        9.0,
        72.0,
        770.0,
        "Downloaded from www.harbour.example on 4 May 2019",
    ) + &prose(700.0, &PROSE)
        + &prose(600.0, &PROSE)
        + &at("F1", 9.0, 72.0, 30.0, "Harbour Board Papers")
        + &at("F1", 9.0, 290.0, 30.0, "Volume 8")
        + &at("F1", 9.0, 520.0, 30.0, "17");
    let markdown = without_running_lines(content);
    for running in ["Downloaded", "Harbour Board Papers", "Volume 8", "17"] {
        assert!(!markdown.contains(running), "{markdown}");
    }
    assert!(markdown.contains("until June."), "{markdown}");
}

#[test]
fn a_table_of_wrapped_cells_without_rulings_is_read_row_by_row() {
    let columns = [72.0, 210.0, 380.0];
    let row = |baseline: f32, cells: &[&str]| -> String {
        let filled = columns
            .iter()
            .zip(cells)
            .filter(|(_, text)| !text.is_empty());
        filled
            .map(|(x, text)| at("F1", 10.0, *x, baseline, text))
            .collect()
    };
    let content = prose(720.0, &PROSE)
        + &row(600.0, &["Risk", "Cause", "Measure"])
        + &row(
            580.0,
            &[
                "Flooding of the pump house",
                "Blocked culvert below the",
                "Clear the culvert twice a year and",
            ],
        )
        + &row(
            568.0,
            &["in the north basin", "railway line", "after every storm"],
        )
        + &row(
            548.0,
            &[
                "Loss of power",
                "Single feeder from the",
                "Test the generator on the first",
            ],
        )
        + &row(536.0, &["", "substation", "Monday of the month"])
        + &row(516.0, &["Fire", "Old wiring", "Rewire"])
        + &prose(480.0, &PROSE);
    let converted = convert(&document(&[content]));
    let expected = "\
| Risk | Cause | Measure |
| --- | --- | --- |
| Flooding of the pump house in the north basin | Blocked culvert below the railway line | Clear the culvert twice a year and after every storm |
| Loss of power | Single feeder from the substation | Test the generator on the first Monday of the month |
| Fire | Old wiring | Rewire |
";
    assert!(
        converted.markdown.contains(expected),
        "{}",
        converted.markdown
    );
}

#[test]
fn a_head_with_its_page_and_a_stamp_beside_the_text_run_on_the_only_page() {
    let content = at("F1", 11.0, 72.0, 760.0, "The works of the basin")
        + &at("F1", 11.0, 528.0, 760.0, "47")
        + &prose(700.0, &PROSE)
        + &prose(600.0, &PROSE)
        + "BT /F1 8 Tf 0 1 -1 0 20 200 Tm (Downloaded by a reader of the harbour library) Tj ET\n"
        + &at("F1", 7.0, 72.0, 12.0, "Harbour Library, first series");
    let markdown = without_running_lines(content);
    for running in ["The works of the basin", "47", "Downloaded", "first series"] {
        assert!(!markdown.contains(running), "{markdown}");
    }
    assert!(markdown.contains("until June."), "{markdown}");
}

#[test]
fn titles_and_notes_stay_on_the_only_page() {
    let content = at("F2", 12.0, 72.0, 760.0, "Report 12 on the basin")
        + &prose(700.0, &PROSE)
        + &prose(600.0, &PROSE)
        + &at(
            "F1",
            8.0,
            72.0,
            80.0,
            "The figures are those of the 3rd of May.",
        );
    let markdown = without_running_lines(content);
    for kept in [
        "Report 12 on the basin",
        "until June.",
        "The figures are those",
    ] {
        assert!(markdown.contains(kept), "{markdown}");
    }
}
