//! Lines that run up or down the page, and vertical writing.

use super::*;

/// `line`, given as it lies on a page turned to the left, with the corners that it then has.
fn turned_left(line: TextLine, bottom: f32) -> TextLine {
    TextLine {
        quad: Quad(line.quad.0.map(|p| Point {
            x: p.y,
            y: bottom - p.x,
        })),
        ..line
    }
}

/// The same, turned to the right.
fn turned_right(line: TextLine, right: f32) -> TextLine {
    TextLine {
        quad: Quad(line.quad.0.map(|p| Point {
            x: right - p.y,
            y: p.x,
        })),
        ..line
    }
}

/// A table with a head row and three more, as it lies upright.
fn table() -> Vec<TextLine> {
    let rows = [
        ["Vessel", "Length", "Berth", "Dues"],
        ["Aurora", "12.5 m", "A3", "145.00"],
        ["Belle", "9.0 m", "B1", "98.50"],
        ["Corsair", "22.1 m", "C2", "301.75"],
    ];
    let cells = rows.iter().enumerate().flat_map(|(y, row)| {
        row.iter()
            .enumerate()
            .map(move |(x, text)| line(140.0 * x as f32, 300.0 + 32.0 * y as f32, text))
    });
    cells.collect()
}

/// The same with corners that are a little off, as a model draws them.
fn tilted(mut line: TextLine) -> TextLine {
    line.quad.0[1].x += 3.0;
    line.quad.0[2].x += 3.0;
    line
}

/// A line whose box does not tell which way it is turned, as a model draws it around one or two characters.
fn with_plain_corners(line: TextLine) -> TextLine {
    let quad = match line.text.chars().count() {
        ..=2 => Quad::from(line.quad.bounds()),
        _ => line.quad,
    };
    TextLine { quad, ..line }
}

#[test]
fn a_table_on_its_side_is_a_table_at_its_place() {
    for turn in [turned_left, turned_right] {
        let edge = 900.0;
        let mut lines = prose(100.0);
        lines.extend(
            table()
                .into_iter()
                .map(|line| with_plain_corners(tilted(turn(line, edge)))),
        );
        lines.extend(block(
            100.0,
            1100.0,
            &["After the table, the text goes on with another sentence."],
        ));
        let text = markdown(lines);
        assert!(
            text.contains("| Vessel | Length | Berth | Dues |\n"),
            "{text}"
        );
        assert!(
            text.contains("| Aurora | 12.5 m | A3 | 145.00 |\n"),
            "{text}"
        );
        assert!(
            text.contains("| Corsair | 22.1 m | C2 | 301.75 |\n"),
            "{text}"
        );
        let place = |part: &str| text.find(part).unwrap();
        assert!(
            place("for that.") < place("Vessel") && place("301.75") < place("After the table"),
            "{text}"
        );
    }
}

#[test]
fn a_paragraph_on_its_side_is_one_paragraph() {
    let mut lines = prose(100.0);
    let caption = block(
        0.0,
        700.0,
        &[
            "Figure 3. The northern basin as",
            "it was surveyed before winter by",
            "the pilots of the harbour.",
        ],
    );
    lines.extend(caption.into_iter().map(|line| turned_left(line, 900.0)));
    let text = markdown(lines);
    assert!(
        text.ends_with("\n\nFigure 3. The northern basin as it was surveyed before winter by the pilots of the harbour.\n"),
        "{text}"
    );
}

#[test]
fn a_stamp_in_the_margin_is_one_paragraph_after_the_text() {
    let mut lines = prose(300.0);
    for (x, text) in [
        (0.0, "arXiv:1001.0908v1"),
        (190.0, "[cs.CL]"),
        (280.0, "5 Jan 2010"),
    ] {
        lines.push(turned_left(line(x, 30.0, text), 900.0));
    }
    lines.extend(prose(700.0));
    let text = markdown(lines);
    assert!(
        text.ends_with("\n\narXiv:1001.0908v1 [cs.CL] 5 Jan 2010\n"),
        "{text}"
    );
}

/// Columns of stacked characters, from the first of `xs` on.
fn columns(xs: &[f32], texts: &[&str], top: f32) -> Vec<TextLine> {
    let column = |(x, text): (&f32, &&str)| TextLine {
        text: (*text).to_owned(),
        quad: Quad::from(Rect {
            left: *x,
            top,
            right: x + SIZE,
            bottom: top + SIZE * text.chars().count() as f32,
        }),
        confidence: None,
        size: SIZE,
        style: crate::page::TypeStyle::of_weight(false),
        tag: None,
        lead: None,
        read_by: None,
        formulas: Vec::new(),
        region: None,
    };
    xs.iter().zip(texts).map(column).collect()
}

#[test]
fn vertical_columns_are_read_from_right_to_left() {
    let texts = [
        "港務委員會於星期二開會審查",
        "北港池的疏浚合同。委員們同",
        "意在冬季之前重新測量淤泥，",
        "並在",
    ];
    let xs = [700.0, 660.0, 620.0, 580.0];
    let mut lines = columns(&xs, &texts, 100.0);
    lines.reverse();
    assert_eq!(markdown(lines.clone()), format!("{}\n", texts.concat()));
    // On a page with more text that runs across.
    let mut page = prose(600.0);
    page.extend(block(
        100.0,
        700.0,
        &[
            "A line.",
            "Another.",
            "A third one.",
            "A fourth.",
            "A fifth one.",
        ],
    ));
    page.extend(lines);
    let text = markdown(page);
    assert!(text.contains(&texts.concat()), "{text}");
}
