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
