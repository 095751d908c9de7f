//! Reading order: columns, gutters, margins.

use super::*;

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
