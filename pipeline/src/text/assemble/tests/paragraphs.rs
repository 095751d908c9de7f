//! Paragraphs, lists and headings.

use super::*;

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
    assert!(markdown(lines).contains("\n\n## Results in short\n\n"));
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
