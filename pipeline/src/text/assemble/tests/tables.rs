//! Tables, and what only looks like one.

use super::*;

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

/// Lines of a document's own text at columns `xs`: for each row the white above it and its cells.
fn own_text(xs: &[f32], top: f32, rows: &[(f32, &[&str])]) -> Vec<TextLine> {
    let mut y = top;
    let mut lines = Vec::new();
    for (white, cells) in rows {
        y += white;
        let filled = xs.iter().zip(*cells).filter(|(_, text)| !text.is_empty());
        lines.extend(filled.map(|(x, text)| TextLine {
            confidence: None,
            ..line(*x, y, text)
        }));
        y += SIZE;
    }
    lines
}

#[test]
fn wrapped_cells_in_columns_of_white_are_a_table() {
    let text = markdown(own_text(
        &[60.0, 330.0, 640.0],
        100.0,
        &[
            (0.0, &["Risk", "Cause", "Measure"]),
            (
                18.0,
                &[
                    "Flooding of the pump",
                    "Blocked culvert below the",
                    "Clear the culvert twice a year",
                ],
            ),
            (4.0, &["house", "railway line", "and after every storm"]),
            (
                18.0,
                &[
                    "Loss of power",
                    "Single feeder",
                    "Test the generator on the first",
                ],
            ),
            (4.0, &["", "", "Monday of the month"]),
            (18.0, &["Fire", "Old wiring in the workshop", "Rewire"]),
        ],
    ));
    let expected = "\
| Risk | Cause | Measure |
| --- | --- | --- |
| Flooding of the pump house | Blocked culvert below the railway line | Clear the culvert twice a year and after every storm |
| Loss of power | Single feeder | Test the generator on the first Monday of the month |
| Fire | Old wiring in the workshop | Rewire |
";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn rows_of_wrapped_cells_need_no_white_between_them() {
    let text = markdown(own_text(
        &[60.0, 330.0, 800.0],
        100.0,
        &[
            (0.0, &["Part", "Description", "Cost"]),
            (
                6.0,
                &["Roof", "Replace broken slates on the north side", "1,240"],
            ),
            (6.0, &["", "and renew the lead", ""]),
            (
                6.0,
                &[
                    "Windows of the",
                    "Repair frames, replace two sashes, and",
                    "860",
                ],
            ),
            (6.0, &["upper floor", "paint", ""]),
            (6.0, &["Gutters", "Clean", "60"]),
        ],
    ));
    let expected = "\
| Roof | Replace broken slates on the north side and renew the lead | 1,240 |
| Windows of the upper floor | Repair frames, replace two sashes, and paint | 860 |
| Gutters | Clean | 60 |
";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn addresses_names_and_columns_of_prose_are_no_tables() {
    let addresses = own_text(
        &[60.0, 600.0],
        100.0,
        &[
            (0.0, &["Hollis & Daughters Ltd", "The Harbour Board"]),
            (6.0, &["4 Quay Street", "Customs House"]),
            (6.0, &["Lower Wending", "1 Pier Road, Upper Wending"]),
            (6.0, &["LW4 9AB", ""]),
        ],
    );
    let names = own_text(
        &[60.0, 380.0, 700.0],
        100.0,
        &[
            (0.0, &["Margaret Hollis", "Jan de Wit", "Aoife Byrne"]),
            (
                4.0,
                &[
                    "University of Wending",
                    "Harbour Institute",
                    "University of Wending",
                ],
            ),
            (
                4.0,
                &[
                    "hollis@wending.example",
                    "wit@harbour.example",
                    "byrne@wending.example",
                ],
            ),
            (24.0, &["Ada Berg", "Tom Weir", "Lin Chao"]),
            (
                4.0,
                &[
                    "Sluice Laboratory",
                    "University of Wending",
                    "Harbour Institute",
                ],
            ),
            (
                4.0,
                &[
                    "berg@sluice.example",
                    "weir@wending.example",
                    "chao@harbour.example",
                ],
            ),
        ],
    );
    let mut columns: Vec<TextLine> = Vec::new();
    for (x, texts) in [(40.0, &LEFT), (520.0, &RIGHT)] {
        for part in 0..3 {
            columns.extend(block(x, 200.0 + 180.0 * part as f32, texts));
        }
    }
    columns.iter_mut().for_each(|line| line.confidence = None);
    for lines in [addresses, names, columns] {
        let text = markdown(lines);
        assert!(!text.contains('|'), "{text}");
    }
}

#[test]
fn a_table_in_a_column_of_a_page_leaves_the_prose_beside_it_alone() {
    let mut lines = own_text(
        &[40.0, 210.0, 400.0],
        100.0,
        &[
            (0.0, &["Site", "Soil", "Water"]),
            (14.0, &["Quay wall", "Made ground with", "12 %"]),
            (4.0, &["", "brick and ash", ""]),
            (14.0, &["Pilot station", "Fine sand with a", "19 %"]),
            (4.0, &["", "little clay", ""]),
            (14.0, &["Customs yard", "Stiff clay", "23 %"]),
        ],
    );
    lines.extend(block(40.0, 300.0, &LEFT));
    for part in 0..2 {
        lines.extend(block(540.0, 100.0 + 6.0 * STEP * part as f32, &RIGHT));
    }
    lines.iter_mut().for_each(|line| line.confidence = None);
    let text = markdown(lines);
    assert!(
        text.contains("| Quay wall | Made ground with brick and ash | 12 % |\n"),
        "{text}"
    );
    assert!(
        text.contains("aligned with one another, for nobody who reads"),
        "{text}"
    );
    assert!(!text.contains("| gram."), "{text}");
}

#[test]
fn a_ruling_parts_words_that_are_read_as_one_line() {
    let mut lines = prose(100.0);
    let cells = [
        ["Kind of set", "Questions Tours"],
        ["Synchron", "48,065 1,821"],
        ["Lite", "1,936"],
    ];
    for (r, row) in cells.iter().enumerate() {
        let y = 310.0 + 40.0 * r as f32;
        lines.push(line(110.0, y, row[0]));
        lines.push(line(300.0, y, row[1]));
    }
    lines.push(line(400.0, 390.0, "54"));
    let mut content = page(1, lines);
    content.rulings = grid(&[100.0, 290.0, 392.0, 460.0], &[300.0, 340.0, 380.0, 420.0]);
    // The second line of figures is narrower than the first.
    content.rulings.vertical[2].at = 383.0;
    let done = assemble(HeadersFooters::Keep, false, vec![content]);
    let text = &done[0].markdown;
    assert!(
        text.contains("| Kind of set | Questions | Tours |"),
        "{text}"
    );
    assert!(text.contains("| Lite | 1,936 | 54 |"), "{text}");
}

#[test]
fn letters_that_look_like_rulings_part_no_cells() {
    let mut lines = Vec::new();
    let cells = [
        ["Property", "Interaction"],
        ["Curved regions", "Binding and"],
        ["of the strand", "topology"],
        ["Supercoiling", "Topology alone"],
    ];
    let ys = [310.0, 350.0, 376.0, 420.0];
    for (row, y) in cells.iter().zip(ys) {
        lines.push(line(110.0, y, row[0]));
        lines.push(line(330.0, y, row[1]));
    }
    let mut content = page(1, lines);
    content.rulings = grid(&[100.0, 320.0, 520.0], &[300.0, 340.0, 408.0, 450.0]);
    let letters = RulingLine {
        at: 386.0,
        start: 316.0,
        end: 408.0,
    };
    content.rulings.horizontal.insert(2, letters);
    let text = assemble(HeadersFooters::Keep, false, vec![content])
        .remove(0)
        .markdown;
    let expected = "| Curved regions of the strand | Binding and topology |\n| Supercoiling | Topology alone |";
    assert!(text.contains(expected), "{text}");
}
