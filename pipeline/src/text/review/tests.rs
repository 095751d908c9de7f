use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use recto_schemas::{FailureKind, LineRole, PageTiming, Reason, TextReason};

use super::*;
use crate::{
    layout::block::{Block, BlockKind, Cell, Table},
    page::Rect,
};

const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "]]></style></title><svg onload='alert(1)'>",
    "javascript:alert(1)",
    "\u{0}\u{1b}[31m\u{202E}gpj.exe",
];

fn summary(page: u32, outcome: PageOutcome) -> PageSummary {
    PageSummary {
        page,
        outcome,
        reason: None,
        engine: Some("ppocr".to_owned()),
        dpi: Some(200.0),
        width_px: Some(1654),
        height_px: Some(2339),
        rotation: 0,
        confidence: Some(0.97),
        characters: 10,
        unread: None,
        lines_by_fallback: 0,
        decoding: None,
        timing: PageTiming::default(),
    }
}

fn line(text: &str, top: f32) -> LineRecord {
    LineRecord {
        text: text.to_owned(),
        quad: [
            [10.0, top],
            [400.0, top],
            [400.0, top + 30.0],
            [10.0, top + 30.0],
        ],
        confidence: Some(0.95),
        role: LineRole::Paragraph,
        block: 0,
        reader: None,
        language: None,
    }
}

fn block(kind: BlockKind, lines: Vec<usize>, text: &str) -> Block {
    Block {
        kind,
        bounds: Rect::default(),
        lines,
        text: text.to_owned(),
        spans: Vec::new(),
    }
}

fn item(lines: Vec<usize>) -> Block {
    let mark = "-".to_owned();
    block(BlockKind::ListItem { mark, depth: 0 }, lines, "")
}

fn page(number: u32, texts: &[&str], blocks: Vec<Block>) -> AssembledPage {
    AssembledPage {
        heading_signs: Vec::new(),
        continues: false,
        number,
        markdown: String::new(),
        lines: texts
            .iter()
            .zip(0u16..)
            .map(|(text, index)| line(text, f32::from(index) * 40.0))
            .collect(),
        blocks,
    }
}

fn paragraph(number: u32, texts: &[&str]) -> AssembledPage {
    let all = (0..texts.len()).collect();
    page(number, texts, vec![block(BlockKind::Paragraph, all, "")])
}

fn picture() -> PagePreview {
    PagePreview {
        jpeg: vec![0xFF, 0xD8, 0xFF, 0xD9],
        width: 1000,
        height: 1414,
    }
}

fn no_folder() -> ReviewImages<'static> {
    ReviewImages::new(OsStr::new("unused"), |_, _| {
        panic!("no image goes to a folder")
    })
}

fn written(title: &str, pages: &[(AssembledPage, PageSummary)]) -> String {
    let mut review =
        ReviewWriter::start(Vec::new(), title, pages.len() as u32, no_folder()).unwrap();
    for (page, summary) in pages {
        review.page(page, summary, Some(&picture())).unwrap();
    }
    String::from_utf8(review.finish().unwrap()).unwrap()
}

/// Every tag of `html` by name, with its attributes. The writer quotes all attributes with `"`.
fn tags(html: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut tags = Vec::new();
    let html = html.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    for tag in html.split('<').skip(1) {
        let mut rest = tag;
        let end = rest.find([' ', '>']).expect("a tag ends");
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut attributes = BTreeMap::new();
        while let Some(attribute) = rest.strip_prefix(' ') {
            let (key, value) = attribute.split_once("=\"").expect("a quoted attribute");
            let (value, after) = value.split_once('"').expect("a closed attribute");
            attributes.insert(key.to_owned(), value.to_owned());
            rest = after;
        }
        assert!(rest.starts_with('>') || rest.starts_with("/>"), "{tag}");
        tags.push((name, attributes));
    }
    tags
}

fn hostile_page(text: &str) -> (AssembledPage, PageSummary) {
    let cell = |lines, text: &str| Cell {
        text: text.to_owned(),
        spans: Vec::new(),
        columns: 2,
        rows: 1,
        lines,
    };
    let table = Table {
        rows: vec![vec![cell(vec![3], "")], vec![cell(vec![], text)]],
        head: true,
    };
    let blocks = vec![
        block(BlockKind::Heading(1), vec![0], text),
        block(BlockKind::Paragraph, vec![1, 999], text),
        item(vec![2]),
        block(BlockKind::Table(table), vec![3], ""),
        block(BlockKind::Footer, vec![], text),
        block(BlockKind::Formula, vec![], &format!("\\unknown {text}")),
    ];
    let mut summary = summary(1, PageOutcome::Ok);
    summary.engine = Some(text.to_owned());
    summary.reason = Some(Reason::new(TextReason::DrawnText, text));
    (page(1, &[text; 4], blocks), summary)
}

#[test]
fn text_of_documents_shows_as_text_and_is_never_markup() {
    let names: BTreeSet<&str> = "html head meta title style body header h1 bdi p section h2 \
        a span figure div img svg path article h3 ul li table tr th td code footer"
        .split_whitespace()
        .collect();
    let keys: BTreeSet<&str> = "html lang charset http-equiv content name id class href src width \
        height alt viewBox preserveAspectRatio d colspan"
        .split_whitespace()
        .collect();
    for text in HOSTILE {
        let html = written(text, &[hostile_page(text)]);
        let mut escaped = String::new();
        push_text(&mut escaped, text);
        // The name twice, four lines, a cell, two blocks without lines, engine and reason.
        assert_eq!(html.matches(&escaped).count(), 11, "{text}\n{html}");
        assert!(!html.contains("<script") && !html.contains('\u{0}') && !html.contains('\u{1b}'));
        for (name, attributes) in tags(&html) {
            assert!(names.contains(name.trim_start_matches('/')), "{name}");
            for (key, value) in attributes {
                assert!(keys.contains(key.as_str()), "{name} {key}");
                assert!(!value.to_lowercase().contains("javascript:"));
                match key.as_str() {
                    "href" => assert!(value.starts_with("#p"), "{value}"),
                    "src" => assert!(value.starts_with("data:image/jpeg;base64,"), "{value}"),
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn the_policy_allows_the_pages_own_style_and_images_alone() {
    let html = written("a", &[]);
    let style = html
        .split_once("<style>")
        .unwrap()
        .1
        .split_once("</style>")
        .unwrap()
        .0;
    let policy = format!(
        "content=\"default-src 'none'; style-src {}; img-src data:; base-uri 'none'; form-action 'none'\"",
        html::style_source(style)
    );
    assert!(html.contains(&policy), "{policy}");
}

#[test]
fn each_line_and_its_box_lead_to_each_other() {
    let texts: Vec<String> = (0..1_100).map(|index| format!("line {index}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let html = written("a", &[(paragraph(7, &texts), summary(7, PageOutcome::Ok))]);
    let links: BTreeMap<String, (String, String)> = tags(&html)
        .into_iter()
        .filter(|(name, attributes)| name == "a" && attributes.contains_key("id"))
        .map(|(_, attributes)| {
            let class = attributes["class"].clone();
            (
                attributes["id"].clone(),
                (attributes["href"].clone(), class),
            )
        })
        .collect();
    assert_eq!(links.len(), 2_200);
    for (id, (href, class)) in &links {
        let (back, same) = &links[&href[1..]];
        assert_eq!((&back[1..], same), (id.as_str(), class));
    }
    assert_eq!(links["p7l0"].1, "a0 b0 c0");
    assert_eq!(links["p7l345"].1, "a5 b4 c3");
    assert_eq!(links["p7l1000"].1, "");
}

#[test]
fn images_of_long_documents_lie_beside() {
    let kept = RefCell::new(Vec::new());
    let images = || {
        ReviewImages::new(OsStr::new("a b.images"), |name, content: &[u8]| {
            kept.borrow_mut().push((name.to_owned(), content.len()));
            Ok(())
        })
    };
    let first = |pages| {
        let mut review = ReviewWriter::start(Vec::new(), "a", pages, images()).unwrap();
        let (page, summary) = (paragraph(1, &["b"]), summary(1, PageOutcome::Ok));
        review.page(&page, &summary, Some(&picture())).unwrap();
        String::from_utf8(review.finish().unwrap()).unwrap()
    };
    assert!(
        first(50).contains(
            "<img src=\"data:image/jpeg;base64,/9j/2Q==\" width=\"1000\" height=\"1414\""
        )
    );
    assert!(kept.borrow().is_empty());
    let long = first(51);
    assert!(long.contains(
        "<img loading=\"lazy\" src=\"a%20b.images/0001.jpg\" width=\"1000\" height=\"1414\""
    ));
    assert!(long.contains("; img-src 'self' file:;"));
    assert_eq!(*kept.borrow(), [("0001.jpg".to_owned(), 4)]);
}

#[test]
fn the_folder_of_images_is_made_with_the_first() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("ü.images");
    let mut images = ReviewImages::in_folder(folder.clone());
    assert_eq!(images.folder, "%C3%BC.images");
    assert!(!folder.exists());
    (images.keep)("0001.jpg", b"one").unwrap();
    (images.keep)("0002.jpg", b"two").unwrap();
    assert_eq!(fs::read(folder.join("0002.jpg")).unwrap(), b"two");
}

#[test]
fn failed_empty_and_uncertain_pages_say_so_and_are_listed() {
    let nothing = |number| page(number, &[], vec![]);
    let mut failed = summary(2, PageOutcome::Failed);
    failed.reason = Some(Reason::new(
        FailureKind::PageTimeout,
        "took longer than 20 s",
    ));
    let mut doubtful = paragraph(4, &["clear", "smeared"]);
    doubtful.lines[1].confidence = Some(0.41);
    let html = written(
        "a",
        &[
            (paragraph(1, &["b"]), summary(1, PageOutcome::Ok)),
            (nothing(2), failed),
            (nothing(3), summary(3, PageOutcome::Empty)),
            (doubtful, summary(4, PageOutcome::Ok)),
        ],
    );
    assert!(html.contains("<p class=\"note bad\">took longer than 20 s</p>"));
    assert!(html.contains("<p class=\"note dim\">Nothing stands on this page.</p>"));
    assert!(html.contains("class=\"u a1 b0 c0\" title=\"41 % sure\">smeared</a>"));
    let footer = html.split_once("<footer>").unwrap().1;
    assert!(footer.contains("2 read, 1 empty, 1 failed."));
    assert!(footer.contains("Failed: page <a href=\"#p2\">2</a></p>"));
    assert!(footer.contains(": page <a href=\"#p4\">4 (1)</a></p>"));
}

#[test]
fn blocks_become_elements_and_lines_keep_their_words() {
    let texts = ["Title", "a Win-", "dow", "• one", "• two", "汉字，", "汉字"];
    let blocks = vec![
        block(BlockKind::Heading(2), vec![0], ""),
        block(BlockKind::Paragraph, vec![1, 2], ""),
        block(BlockKind::Paragraph, vec![5, 6], ""),
        item(vec![3]),
        item(vec![4]),
    ];
    let html = written(
        "a",
        &[(page(1, &texts, blocks), summary(1, PageOutcome::Ok))],
    );
    let article = html
        .split_once("<article")
        .unwrap()
        .1
        .split_once("</article>")
        .unwrap()
        .0;
    let mut shown = String::new();
    for part in article.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        if !tag.starts_with("a ") && tag != "/a" {
            shown.push_str(&format!("<{tag}>"));
        }
        shown.push_str(text);
    }
    assert_eq!(
        shown.trim(),
        "<h4>Title</h4>\n<p>a Win-<wbr>dow</p>\n<p>汉字，汉字</p>\n<ul>\n<li>• one</li>\n<li>• two</li>\n</ul>"
    );
}

#[test]
fn a_page_is_written_when_it_comes() {
    let out = RefCell::new(Vec::new());
    struct Shared<'a>(&'a RefCell<Vec<u8>>);
    impl Write for Shared<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut review = ReviewWriter::start(Shared(&out), "a", 2, no_folder()).unwrap();
    review
        .page(
            &paragraph(1, &["first"]),
            &summary(1, PageOutcome::Ok),
            None,
        )
        .unwrap();
    let written = String::from_utf8(out.borrow().clone()).unwrap();
    assert!(written.contains(">first</a>") && written.ends_with("</section>\n"));
}

#[test]
fn markup_shows_with_its_formulas_tables_and_marks() {
    let markup = "\\section*{On \\(x\\)}\n\\textbf{Bold} costs \\$5 \\\\ \\(a<b\\)\n\\[\\unknown{y}\\]\n\
        \\begin{itemize}\\item one\\end{itemize}\n\
        \\begin{tabular}{ll} \\multicolumn{2}{c}{\\(z\\)} \\\\ a & <i> \\end{tabular}";
    let blocks = crate::text::mathpix::blocks(markup);
    let html = written("a", &[(page(1, &[], blocks), summary(1, PageOutcome::Ok))]);
    for part in [
        "<h4>On <math><mi>x</mi></math></h4>",
        "<p><strong>Bold</strong> costs $5<br><math><mi>a</mi><mo>&lt;</mo><mi>b</mi></math></p>",
        "<div class=\"scroll\"><code>\\unknown{y}</code></div>",
        "<li>• one</li>",
        "colspan=\"2\"><math><mi>z</mi></math></t",
        "<td>&lt;i&gt;</td>",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
}
