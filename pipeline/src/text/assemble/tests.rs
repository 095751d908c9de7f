//! Pages drawn by hand, and the Markdown a careful person would have made of them.

use recto_schemas::{FailureKind, HeadersFooters, LineRole, Options};

use super::*;
use crate::{
    image::rulings::{PageRulings, RulingLine},
    layout::block::BlockKind,
    page::{Quad, Rect, TextLine},
};

const WIDTH: f32 = 1000.0;
const HEIGHT: f32 = 1400.0;
/// Height of the drawn type, and the usual step from line to line.
const SIZE: f32 = 20.0;
const STEP: f32 = 26.0;
/// Width of a drawn character.
const CHAR: f32 = 10.0;

fn line(x: f32, y: f32, text: &str) -> TextLine {
    sized(x, y, SIZE, text)
}

fn sized(x: f32, y: f32, size: f32, text: &str) -> TextLine {
    let right = x + text.chars().count() as f32 * CHAR * size / SIZE;
    TextLine {
        text: text.to_owned(),
        quad: Quad::from(Rect {
            left: x,
            top: y,
            right,
            bottom: y + size,
        }),
        confidence: Some(0.9),
        size,
        bold: None,
    }
}

fn bold(x: f32, y: f32, text: &str) -> TextLine {
    TextLine {
        confidence: None,
        bold: Some(true),
        ..line(x, y, text)
    }
}

/// Lines one under another.
fn block(x: f32, y: f32, texts: &[&str]) -> Vec<TextLine> {
    texts
        .iter()
        .enumerate()
        .map(|(i, text)| line(x, y + i as f32 * STEP, text))
        .collect()
}

fn page(number: u32, lines: Vec<TextLine>) -> PageContent {
    PageContent {
        number,
        width: WIDTH,
        height: HEIGHT,
        skew_deg: 0.0,
        content: OcrContent::Regions(lines),
        rulings: PageRulings::default(),
        failure: None,
    }
}

fn assemble(
    headers_footers: HeadersFooters,
    markers: bool,
    pages: Vec<PageContent>,
) -> Vec<AssembledPage> {
    let mut assembler = DocumentAssembler::new(&Options {
        headers_footers,
        page_markers: markers,
        ..Options::default()
    });
    let mut done: Vec<AssembledPage> = pages
        .into_iter()
        .flat_map(|page| assembler.push(page))
        .collect();
    done.extend(assembler.finish());
    done
}

fn markdown(lines: Vec<TextLine>) -> String {
    let pages = assemble(HeadersFooters::Keep, false, vec![page(1, lines)]);
    pages.into_iter().map(|page| page.markdown).collect()
}

const LEFT: [&str; 6] = [
    "The first column is read from its top",
    "to its bottom before the second one is",
    "looked at, however well their lines are",
    "aligned with one another, for nobody who",
    "reads a paper goes across the white strip",
    "between the columns, and nor does a pro-",
];
const RIGHT: [&str; 6] = [
    "gram. Here the second column starts in the",
    "middle of a word that the first one began,",
    "which shows that the order is right and that",
    "hyphens are looked at across columns too.",
    "A third sentence stands here to fill up the",
    "column, and a fourth one is not needed.",
];

#[test]
fn reads_columns_one_after_the_other() {
    let mut lines = block(60.0, 200.0, &LEFT);
    lines.extend(block(540.0, 200.0, &RIGHT));
    lines.push(line(
        60.0,
        120.0,
        "A line across the whole of the page stands above both of the columns, and ends.",
    ));
    lines.sort_by(|a, b| a.quad.0[0].y.total_cmp(&b.quad.0[0].y));
    let expected = "\
A line across the whole of the page stands above both of the columns, and ends.

The first column is read from its top to its bottom before the second one is looked at, however well their \
lines are aligned with one another, for nobody who reads a paper goes across the white strip between the \
columns, and nor does a program. Here the second column starts in the middle of a word that the first one \
began, which shows that the order is right and that hyphens are looked at across columns too. A third \
sentence stands here to fill up the column, and a fourth one is not needed.
";
    assert_eq!(markdown(lines), expected);
}

#[test]
fn reads_three_columns_and_a_skewed_page() {
    let texts = |word: &str| {
        (0..8)
            .map(|i| format!("{word} column, text line {i} of it"))
            .collect::<Vec<_>>()
    };
    let mut lines = Vec::new();
    for (x, word) in [(20.0, "First"), (350.0, "Second"), (690.0, "Third")] {
        let texts = texts(word);
        lines.extend(block(
            x,
            300.0,
            &texts.iter().map(String::as_str).collect::<Vec<_>>(),
        ));
    }
    let upright = markdown(lines.clone());
    let at = |word| upright.find(word).unwrap();
    assert!(
        at("First column, text line 7") < at("Second column, text line 0"),
        "{upright}"
    );
    assert!(
        at("Second column, text line 7") < at("Third column, text line 0"),
        "{upright}"
    );

    // The same page, turned by two degrees about its middle.
    let (sin, cos) = 2.0_f32.to_radians().sin_cos();
    for line in &mut lines {
        line.quad = Quad(line.quad.0.map(|p| {
            let (dx, dy) = (p.x - WIDTH / 2.0, p.y - HEIGHT / 2.0);
            Point {
                x: WIDTH / 2.0 + dx * cos - dy * sin,
                y: HEIGHT / 2.0 + dx * sin + dy * cos,
            }
        }));
    }
    let first = lines[0].quad.0[0];
    let skewed = PageContent {
        skew_deg: 2.0,
        ..page(1, lines)
    };
    let done = assemble(HeadersFooters::Keep, false, vec![skewed]);
    assert_eq!(done[0].markdown, upright);
    assert_eq!(
        done[0].lines[0].quad[0],
        [first.x, first.y],
        "records keep their places"
    );
}

#[test]
fn parts_paragraphs_by_indents_gaps_and_short_lines() {
    let mut lines = block(
        100.0,
        100.0,
        &[
            "The first paragraph runs over several lines of about equal length, all",
            "of them flush at the left, and its last line is short.",
        ],
    );
    lines.push(line(
        130.0,
        100.0 + 2.0 * STEP,
        "The second one is indented at its first line, and comes to fill all",
    ));
    lines.push(line(
        100.0,
        100.0 + 3.0 * STEP,
        "of the second line too, which ends just at the right margin of page.",
    ));
    lines.push(line(
        100.0,
        100.0 + 5.0 * STEP,
        "A wide gap stands before the third one, which has another two lines,",
    ));
    lines.push(line(100.0, 100.0 + 6.0 * STEP, "and no more."));
    let expected = "\
The first paragraph runs over several lines of about equal length, all of them flush at the left, and its \
last line is short.

The second one is indented at its first line, and comes to fill all of the second line too, which ends \
just at the right margin of page.

A wide gap stands before the third one, which has another two lines, and no more.
";
    assert_eq!(markdown(lines), expected);
}

#[test]
fn keeps_the_lines_of_an_address() {
    let mut lines = block(
        100.0,
        100.0,
        &[
            "Mr John Smith",
            "Acme Corporation Limited",
            "New York, NY 10017",
        ],
    );
    lines.extend(block(
        100.0,
        100.0 + 5.0 * STEP,
        &[
            "Thank you for your letter of last week, which we have read with great",
            "interest and which we shall answer in detail.",
        ],
    ));
    let expected = "\
Mr John Smith\x20\x20
Acme Corporation Limited\x20\x20
New York, NY 10017

Thank you for your letter of last week, which we have read with great interest and which we shall answer \
in detail.
";
    assert_eq!(markdown(lines), expected);
}

#[test]
fn joins_pieces_of_a_line_and_lines_of_chinese() {
    let lines = vec![
        line(300.0, 102.0, "stands in pieces,"),
        line(100.0, 100.0, "This line"),
        line(480.0, 99.0, "three of them."),
    ];
    assert_eq!(
        markdown(lines),
        "This line stands in pieces, three of them.\n"
    );
    let mut lines = block(
        100.0,
        100.0,
        &["北京是中华人民共和国的首都，位于华北平原的", "北部。"],
    );
    lines[0].quad = Quad::from(Rect {
        left: 100.0,
        top: 100.0,
        right: 520.0,
        bottom: 120.0,
    });
    lines[1].quad = Quad::from(Rect {
        left: 100.0,
        top: 126.0,
        right: 160.0,
        bottom: 146.0,
    });
    assert_eq!(
        markdown(lines),
        "北京是中华人民共和国的首都，位于华北平原的北部。\n"
    );
}

#[test]
fn makes_lists_with_hanging_lines_and_depth() {
    let mut lines = block(
        100.0,
        100.0,
        &["We need for the journey, which will be a long one across the land:"],
    );
    lines.push(line(
        120.0,
        140.0,
        "• bread and cheese, enough of both for a whole week on the road, and",
    ));
    lines.push(line(140.0, 166.0, "water"));
    lines.push(line(120.0, 192.0, "• clothes"));
    lines.push(line(160.0, 218.0, "– a coat"));
    lines.push(line(160.0, 244.0, "– shoes"));
    lines.push(line(120.0, 270.0, "• a map"));
    lines.push(line(
        100.0,
        310.0,
        "3. Third things are counted from three,",
    ));
    lines.push(line(100.0, 336.0, "4. and go on."));
    let expected = "\
We need for the journey, which will be a long one across the land:

- bread and cheese, enough of both for a whole week on the road, and water
- clothes
  - a coat
  - shoes
- a map
3. Third things are counted from three,
4. and go on.
";
    assert_eq!(markdown(lines).replace("\n\n<!-- -->\n\n", "\n"), expected);
}

#[test]
fn a_year_at_the_start_of_a_line_makes_no_list() {
    let lines = block(
        100.0,
        100.0,
        &[
            "The house was begun in the spring of 1985 and was ready in the year",
            "1986. It has stood since.",
        ],
    );
    assert!(!markdown(lines).contains('\\'));
    assert_eq!(
        markdown(block(100.0, 100.0, &["1986. A year"])),
        "1986\\. A year\n"
    );
}

/// A paragraph of three lines at `y`.
fn prose(y: f32) -> Vec<TextLine> {
    block(
        100.0,
        y,
        &[
            "Running text follows here, of the size that most of the page has, so that",
            "what is larger can be told from it, and it goes on for as many lines as",
            "are wanted for that.",
        ],
    )
}

#[test]
fn finds_headings_by_size_number_and_weight() {
    let mut lines = vec![
        sized(100.0, 60.0, 40.0, "On the Making of"),
        sized(100.0, 106.0, 40.0, "Large Titles"),
    ];
    lines.extend(prose(200.0));
    lines.push(line(100.0, 320.0, "2.1 Materials"));
    lines.extend(prose(370.0));
    let text = markdown(lines);
    assert!(
        text.starts_with("# On the Making of Large Titles\n\nRunning text"),
        "{text}"
    );
    assert!(text.contains("\n\n### 2.1 Materials\n\n"), "{text}");

    let mut lines: Vec<TextLine> = prose(200.0);
    lines.push(bold(100.0, 320.0, "Results in short"));
    lines.extend(prose(370.0));
    lines.iter_mut().for_each(|line| line.confidence = None);
    assert!(markdown(lines).contains("\n\n### Results in short\n\n"));
}

#[test]
fn a_poster_is_not_all_headings() {
    let lines = (0..8)
        .map(|i| {
            sized(
                100.0,
                100.0 + 60.0 * i as f32,
                20.0 + 3.0 * i as f32,
                "Big words",
            )
        })
        .collect();
    let text = markdown(lines);
    assert!(text.matches('#').count() <= 3, "{text}");
}

/// Pages with a running head, a title of their own, text and a number at the foot.
fn book() -> Vec<PageContent> {
    (1..=4)
        .map(|n| {
            let head = if n % 2 == 0 {
                "The Book of Pages"
            } else {
                "Chapter One"
            };
            let mut lines = vec![line(100.0, 40.0, head)];
            lines.extend(prose(120.0 + 10.0 * n as f32));
            lines.push(line(100.0, 400.0, &format!("Only page {n} has this.")));
            lines.push(line(490.0, 1340.0, &format!("- {} -", n + 10)));
            page(n, lines)
        })
        .collect()
}

#[test]
fn recognizes_running_heads_and_page_numbers() {
    let kept = assemble(HeadersFooters::Keep, true, book());
    assert_eq!(
        kept.iter().map(|page| page.number).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    for page in &kept {
        let role = |role: LineRole| page.lines.iter().filter(|line| line.role == role).count();
        assert_eq!(
            (role(LineRole::Header), role(LineRole::PageNumber)),
            (1, 1),
            "{}",
            page.markdown
        );
        assert!(
            page.markdown
                .starts_with(&format!("<!-- page {} -->\n\n", page.number))
        );
        assert!(
            page.markdown
                .ends_with(&format!("\n\n\\- {} -\n", page.number + 10)),
            "{}",
            page.markdown
        );
        assert!(matches!(
            page.blocks[page.lines[0].block as usize].kind,
            BlockKind::Header
        ));
    }
    for page in assemble(HeadersFooters::Drop, false, book()) {
        assert!(
            page.markdown.starts_with("Running text"),
            "{}",
            page.markdown
        );
        assert!(
            page.markdown
                .ends_with(&format!("Only page {} has this.\n", page.number))
        );
        assert!(page.lines.iter().any(|line| line.role == LineRole::Header));
    }
}

#[test]
fn gives_pages_back_before_the_end() {
    let mut assembler = DocumentAssembler::new(&Options::default());
    let given: Vec<usize> = book()
        .into_iter()
        .map(|page| assembler.push(page).len())
        .collect();
    assert_eq!(given, [0, 0, 1, 1]);
    assert_eq!(assembler.finish().len(), 2);
}

#[test]
fn one_page_has_a_number_but_no_running_head() {
    let pages = assemble(
        HeadersFooters::Drop,
        false,
        book().into_iter().take(1).collect(),
    );
    let text = &pages[0].markdown;
    assert!(text.starts_with("Chapter One"), "{text}");
    assert!(text.ends_with("Only page 1 has this.\n"), "{text}");
}

#[test]
fn says_where_a_page_failed() {
    let failed = PageContent {
        failure: Some(FailureKind::PageTimeout),
        ..page(3, Vec::new())
    };
    let pages = assemble(HeadersFooters::Keep, false, vec![failed]);
    assert_eq!(
        pages[0].markdown,
        "<!-- page 3: failed (page-timeout) -->\n"
    );
    // Two hyphens would end the comment.
    for kind in FailureKind::ALL {
        assert!(!kind.as_str().contains("--"), "{kind}");
    }
    assert_eq!(
        assemble(HeadersFooters::Keep, false, vec![page(1, Vec::new())])[0].markdown,
        ""
    );
}

#[test]
fn makes_blocks_of_an_engines_markup() {
    let markup = "# Title\n\n\n\nText *with* marks\n\\[ a_b \\]\n\n";
    let content = OcrContent::Markup(markup.to_owned());
    let pages = assemble(
        HeadersFooters::Keep,
        false,
        vec![PageContent {
            content,
            ..page(1, Vec::new())
        }],
    );
    assert_eq!(
        pages[0].markdown,
        "# Title\n\nText \\*with\\* marks\n\n$$\na_b\n$$\n"
    );
    assert_eq!(pages[0].blocks.len(), 3);
}

/// A grid of ruled lines with columns at `xs` and rows at `ys`.
fn grid(xs: &[f32], ys: &[f32]) -> PageRulings {
    let (first, last) = (xs[0], xs[xs.len() - 1]);
    let (top, bottom) = (ys[0], ys[ys.len() - 1]);
    PageRulings {
        horizontal: ys
            .iter()
            .map(|&at| RulingLine {
                at,
                start: first,
                end: last,
            })
            .collect(),
        vertical: xs
            .iter()
            .map(|&at| RulingLine {
                at,
                start: top,
                end: bottom,
            })
            .collect(),
    }
}

#[test]
fn a_ruled_grid_is_a_table() {
    let mut lines = prose(100.0);
    let cells = [
        ["Item", "Number", "Price"],
        ["Bread", "2", "3.40"],
        ["Milk | cream", "1", "0.90"],
    ];
    for (r, row) in cells.iter().enumerate() {
        for (c, text) in row.iter().enumerate() {
            lines.push(line(
                110.0 + 200.0 * c as f32,
                310.0 + 40.0 * r as f32,
                text,
            ));
        }
    }
    lines.extend(prose(500.0));
    let mut content = page(1, lines);
    content.rulings = grid(&[100.0, 300.0, 500.0, 700.0], &[300.0, 340.0, 380.0, 420.0]);
    let done = assemble(HeadersFooters::Keep, false, vec![content.clone()]);
    let expected = "\n\n| Item | Number | Price |\n| --- | ---: | ---: |\n| Bread | 2 | 3.40 |\n| Milk \\| cream | 1 | 0.90 |\n\n";
    assert!(done[0].markdown.contains(expected), "{}", done[0].markdown);
    let table = done[0].blocks.iter().find_map(|block| match &block.kind {
        BlockKind::Table(table) => Some((table, block)),
        _ => None,
    });
    let (table, block) = table.unwrap();
    assert_eq!(done[0].lines[table.rows[1][2].lines[0]].text, "3.40");
    assert_eq!(block.lines.len(), 9);

    // Without the line between the first two cells of the head, the cell spans.
    content.rulings.vertical[1].start = 340.0;
    let done = assemble(HeadersFooters::Keep, false, vec![content]);
    assert!(
        done[0]
            .markdown
            .contains("<td colspan=\"2\">Item<br>Number</td>")
            || done[0]
                .markdown
                .contains("<th colspan=\"2\">Item Number</th>"),
        "{}",
        done[0].markdown
    );
}

#[test]
fn aligned_cells_are_a_table_but_columns_of_text_are_not() {
    let mut lines = prose(100.0);
    let cells = [
        ["Name", "1998", "1999"],
        ["Income", "120", "135"],
        ["Costs", "80", "95"],
        ["Rest", "40", "40"],
    ];
    for (r, row) in cells.iter().enumerate() {
        for (c, text) in row.iter().enumerate() {
            lines.push(line(
                110.0 + 200.0 * c as f32,
                300.0 + STEP * r as f32,
                text,
            ));
        }
    }
    lines.extend(prose(500.0));
    let text = markdown(lines);
    assert!(
        text.contains(
            "\n\n| Name | 1998 | 1999 |\n| --- | ---: | ---: |\n| Income | 120 | 135 |\n"
        ),
        "{text}"
    );

    let mut columns = block(60.0, 200.0, &LEFT);
    columns.extend(block(540.0, 200.0, &RIGHT));
    assert!(!markdown(columns).contains('|'));
}

#[test]
fn lines_across_alone_make_a_table() {
    let mut lines = prose(100.0);
    let cells: [&[(f32, &str)]; 5] = [
        &[(110.0, "Source"), (330.0, "Kind"), (520.0, "Count")],
        &[(300.0, "Part one of the mixture, in all")],
        &[(110.0, "Books"), (330.0, "printed and"), (520.0, "12")],
        &[(330.0, "bound")],
        &[(110.0, "Letters"), (330.0, "written"), (520.0, "7")],
    ];
    for (r, row) in cells.iter().enumerate() {
        let y = 310.0 + STEP * r as f32;
        lines.extend(row.iter().map(|(x, text)| line(*x, y, text)));
    }
    lines.extend(prose(520.0));
    let mut content = page(1, lines);
    let bar = |at: f32| RulingLine {
        at,
        start: 100.0,
        end: 620.0,
    };
    content.rulings.horizontal = vec![bar(304.0), bar(332.0), bar(438.0)];
    let text = assemble(HeadersFooters::Keep, false, vec![content])
        .remove(0)
        .markdown;
    let expected = "\
<table>
<tr><th>Source</th><th>Kind</th><th>Count</th></tr>
<tr><td colspan=\"3\">Part one of the mixture, in all</td></tr>
<tr><td>Books</td><td>printed and bound</td><td>12</td></tr>
<tr><td>Letters</td><td>written</td><td>7</td></tr>
</table>
";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn code_contents_and_equations_are_no_tables() {
    let rows = |cells: &[(&str, &str)]| {
        let mut lines = Vec::new();
        for (r, (a, b)) in cells.iter().enumerate() {
            lines.push(line(100.0, 100.0 + STEP * r as f32, a));
            lines.push(line(500.0, 100.0 + STEP * r as f32, b));
        }
        markdown(lines)
    };
    let code = rows(&[
        ("1", "let x = 5;"),
        ("2", "let y = 6;"),
        ("3", "x + y"),
        ("4", "done"),
    ]);
    let contents = rows(&[
        ("First . . . .", "1"),
        ("Second . . .", "7"),
        ("Third . . . .", "9"),
        ("Fourth . . .", "12"),
    ]);
    let equations = rows(&[
        ("a = b + c", "(1)"),
        ("b = c - d", "(2)"),
        ("c = d + e", "(3)"),
        ("d = 0", "(4)"),
    ]);
    for text in [code, contents, equations] {
        assert!(!text.contains('|'), "{text}");
    }
}

#[test]
fn reads_columns_around_what_stands_in_their_gutter() {
    let mut lines = Vec::new();
    for i in 0..24 {
        let y = 200.0 + STEP * i as f32;
        let narrow = (10..13).contains(&i);
        let words = |side: &str| {
            format!(
                "{side} {i} of the text {}",
                if narrow { "" } else { "in this column here" }
            )
        };
        lines.push(line(60.0, y, words("left").trim_end()));
        let right = words("right");
        let right = right.trim_end();
        lines.push(line(940.0 - CHAR * right.chars().count() as f32, y, right));
        if narrow {
            lines.push(line(420.0, y, "a caption part"));
        }
    }
    let text = markdown(lines);
    let at = |word: &str| text.find(word).unwrap();
    assert!(at("left 23 of") < at("right 0 of"), "{text}");
    assert!(at("right 23 of") < at("a caption part"), "{text}");
}

#[test]
fn receipts_are_read_line_by_line() {
    let lines = block(
        100.0,
        100.0,
        &[
            "THE CORNER SHOP AND BAKERY",
            "12 MAIN STREET",
            "DATE: 29/10/2017 TIME: 20:18",
            "CASHIER: ANNA OF THE DAY",
            "BREAD BROWN AND LARGE 3.40",
            "MILK 0.90",
            "TOTAL OF ALL THE THINGS 4.30",
            "CASH GIVEN BY CUSTOMER 5.00",
            "CHANGE 0.70",
        ],
    );
    assert_eq!(markdown(lines).matches("\n\n").count(), 8);
}

#[test]
fn line_numbers_in_the_margin_do_not_cut_the_text() {
    let texts = [
        "The court has heard the parties and has",
        "come to the view that the motion is to be",
        "granted in part, for reasons that follow",
    ];
    let mut lines = Vec::new();
    for i in 0..12 {
        let y = 100.0 + STEP * i as f32;
        lines.push(line(50.0, y, &format!("{}", i + 1)));
        lines.push(line(120.0, y, texts[i % 3]));
    }
    let text = markdown(lines);
    assert!(
        text.starts_with(
            "1 2 3 4 5 6 7 8 9 10 11 12\n\nThe court has heard the parties and has come"
        ),
        "{text}"
    );
}

#[test]
fn survives_hostile_pages() {
    let odd = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -1.0e30,
        1.0e30,
        0.0,
        -5.0,
        3.0e5,
    ];
    let mut lines = Vec::new();
    for (i, &a) in odd.iter().enumerate() {
        for &b in &odd {
            let mut this = line(100.0, 50.0 * i as f32, "odd one");
            this.quad.0[i % 4] = Point { x: a, y: b };
            this.size = a;
            lines.push(this);
            lines.push(sized(a, b, b, "x"));
        }
    }
    lines.push(line(0.0, 0.0, ""));
    let count = lines.len() - 1;
    let mut content = PageContent {
        width: f32::NAN,
        height: f32::INFINITY,
        skew_deg: f32::NAN,
        ..page(1, lines)
    };
    let ruling = RulingLine {
        at: f32::NAN,
        start: f32::INFINITY,
        end: 0.0,
    };
    content.rulings = PageRulings {
        horizontal: vec![ruling; 3],
        vertical: vec![ruling; 3],
    };
    let done = assemble(HeadersFooters::Keep, true, vec![content]);
    assert_eq!(done[0].lines.len(), count, "no line is lost");
}

#[test]
fn a_page_of_very_many_lines_takes_no_longer_than_it_may() {
    let lines: Vec<TextLine> = (0..100_000)
        .map(|i| line((i % 97) as f32 * 10.0, (i / 97) as f32, "word"))
        .collect();
    assert_eq!(
        assemble(HeadersFooters::Keep, true, vec![page(1, lines)])[0]
            .lines
            .len(),
        100_000
    );
    for spread in [1.0, 31.0, 977.0] {
        let lines: Vec<TextLine> = (0..5_000)
            .map(|i| line((i as f32 * spread) % 9_000.0, (i / 7) as f32 * 30.0, "12"))
            .collect();
        assert_eq!(
            assemble(HeadersFooters::Keep, true, vec![page(1, lines)])[0]
                .lines
                .len(),
            5_000
        );
    }
}
