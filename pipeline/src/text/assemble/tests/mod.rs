//! Pages drawn by hand, and the Markdown a careful person would have made of them.

mod columns;
mod drop_caps;
mod headers_footers;
mod paragraphs;
mod regions;
mod sideways;
mod tables;

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
        style: Default::default(),
        tag: None,
        lead: None,
        read_by: None,
        formulas: Vec::new(),
        region: None,
    }
}

fn bold(x: f32, y: f32, text: &str) -> TextLine {
    TextLine {
        confidence: None,
        style: crate::page::TypeStyle::of_weight(true),
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
        asides: Vec::new(),
        pictures: Vec::new(),
        bookmarks: Vec::new(),
        is_partial: false,
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
    let (rest, levels) = assembler.finish();
    done.extend(rest);
    let mut levels = levels.into_iter();
    for page in &mut done {
        page.set_heading_levels(&mut levels);
    }
    done
}

fn markdown(lines: Vec<TextLine>) -> String {
    let pages = assemble(HeadersFooters::Keep, false, vec![page(1, lines)]);
    pages.into_iter().map(|page| page.markdown).collect()
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
    // Two pages tell what runs over pages, and the last paragraph of one waits for the next page.
    assert_eq!(given, [0, 0, 0, 1]);
    assert_eq!(assembler.finish().0.len(), 3);
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

#[test]
fn the_lines_of_pictures_are_on_pages_of_very_many_lines_too() {
    let lines: Vec<TextLine> = (0..6_000)
        .map(|i| line((i % 60) as f32 * 30.0, (i / 60) as f32 * 30.0, "word"))
        .collect();
    let crowded = PageContent {
        pictures: vec![(0..2_000).collect()],
        ..page(1, lines)
    };
    let pages = assemble(HeadersFooters::Keep, true, vec![crowded]);
    assert_eq!(pages[0].lines.len(), 6_000);
}
