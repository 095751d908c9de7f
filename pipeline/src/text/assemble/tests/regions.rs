//! Pages of which a layout model has said where titles, text and figures are.

use super::*;
use crate::page::{LineRegion, RegionKind};

/// The line in a region by itself.
fn seen(kind: RegionKind, score: f32, line: TextLine) -> TextLine {
    let rect = line.quad.bounds();
    TextLine {
        region: Some(LineRegion { kind, score, rect }),
        ..line
    }
}

/// A page of two paragraphs with a line of their size between them, and white around it.
fn with_line_between(between: TextLine) -> PageContent {
    let mut lines = block(
        100.0,
        200.0,
        &[
            "The first volume was printed in October, and copies were sent to all",
            "the schools of the county, so that the children would have them before",
            "the winter came and the roads were closed once more.",
        ],
    );
    lines.push(between);
    lines.extend(block(
        100.0,
        360.0,
        &[
            "The second volume came a year later, and it was as long as the first",
            "one, but nobody had time to read it, as the harvest was late and there",
            "were no hands to spare until the first snow fell.",
        ],
    ));
    page(1, lines)
}

fn headings(page: PageContent) -> Vec<String> {
    let pages = assemble_all(vec![page]);
    let lines = pages.iter().flat_map(|page| page.markdown.lines());
    lines
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches(['#', ' ']).to_owned())
        .collect()
}

fn assemble_all(pages: Vec<PageContent>) -> Vec<AssembledPage> {
    let mut assembler = DocumentAssembler::new(&Options::default());
    let mut done: Vec<AssembledPage> = pages
        .into_iter()
        .flat_map(|page| assembler.push(page))
        .collect();
    done.extend(assembler.finish().0);
    done
}

#[test]
fn what_the_model_takes_for_a_title_is_a_heading() {
    let plain = || line(100.0, 318.0, "What came of it");
    assert!(headings(with_line_between(plain())).is_empty());
    let titled = seen(RegionKind::Title, 0.9, plain());
    assert_eq!(headings(with_line_between(titled)), ["What came of it"]);
    let unsure = seen(RegionKind::Title, 0.4, plain());
    assert!(headings(with_line_between(unsure)).is_empty());
}

#[test]
fn the_model_is_not_believed_against_the_words() {
    for words in [
        "and so it went on",
        "They were sent. Nobody read them",
        "February 2, 2022",
        "• What came of it",
        "Nobody was ever heard to complain of the winter.",
    ] {
        let titled = seen(RegionKind::Title, 0.9, line(100.0, 318.0, words));
        assert!(headings(with_line_between(titled)).is_empty(), "{words}");
    }
}

#[test]
fn what_the_model_takes_for_something_else_is_no_heading_on_weak_signs() {
    let large = |text: &str| sized(100.0, 312.0, 1.5 * SIZE, text);
    assert_eq!(
        headings(with_line_between(large("Payment due"))),
        ["Payment due"]
    );
    for kind in [
        RegionKind::Text,
        RegionKind::Table,
        RegionKind::FigureCaption,
    ] {
        let seen = seen(kind, 0.9, large("Payment due"));
        assert!(headings(with_line_between(seen)).is_empty(), "{kind:?}");
    }
    let unsure = seen(RegionKind::Text, 0.5, large("Payment due"));
    assert_eq!(headings(with_line_between(unsure)), ["Payment due"]);
    // A section's number and the size of a title are clear signs.
    let numbered = seen(RegionKind::Text, 0.9, large("2.1 Payment"));
    assert_eq!(headings(with_line_between(numbered)), ["2.1 Payment"]);
    let title = seen(
        RegionKind::Text,
        0.9,
        sized(100.0, 310.0, 2.0 * SIZE, "Payment"),
    );
    assert_eq!(headings(with_line_between(title)), ["Payment"]);
}

#[test]
fn a_title_is_parted_from_the_text_right_below_it() {
    let text = block(
        100.0,
        226.0,
        &[
            "copies of it were sent to all the schools of the county, so that the",
            "children would have them before the winter came and the roads were",
            "closed once more, as they had been the year before that.",
        ],
    );
    let title = || {
        line(
            100.0,
            200.0,
            "The first volume of the county's own history was printed and",
        )
    };
    let area = Rect {
        left: 90.0,
        top: 222.0,
        right: 900.0,
        bottom: 310.0,
    };
    let of_text = |line: TextLine| TextLine {
        region: Some(LineRegion {
            kind: RegionKind::Text,
            score: 0.9,
            rect: area,
        }),
        ..line
    };
    let mut plain = vec![title()];
    plain.extend(text.clone());
    assert!(headings(page(1, plain)).is_empty());
    let mut parted = vec![seen(RegionKind::Title, 0.9, title())];
    parted.extend(text.into_iter().map(of_text));
    assert_eq!(headings(page(1, parted)).len(), 1);
}
