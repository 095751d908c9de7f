//! Formulas of a page's own text come out as LaTeX.

use std::{fmt::Write as _, fs};

use crate::support::{pdf, recto, seen};

/// A page with Helvetica as `/F1`, and under `/MI` and `/RM` fonts that are named as TeX's math italic and roman, all
/// signs half an em wide.
fn entries() -> String {
    let widths = "500 ".repeat(95);
    let font = |name: &str, base: &str| {
        format!(
            "/{name} << /Type /Font /Subtype /Type1 /BaseFont /{base} /FirstChar 32 /LastChar 126 \
             /Widths [{widths}] /Encoding /WinAnsiEncoding >>"
        )
    };
    format!(
        "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R {} {} >> >>",
        font("MI", "ABCDEF+CMMI10"),
        font("RM", "ABCDEF+CMR10")
    )
}

/// Draws signs in a font at a place, in points.
fn draw(content: &mut String, font: &str, size: u32, (x, y): (f32, f32), signs: &str) {
    let signs = signs.replace('(', "\\(").replace(')', "\\)");
    writeln!(content, "BT /{font} {size} Tf {x} {y} Td ({signs}) Tj ET").unwrap();
}

fn markdown(content: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("page.pdf");
    fs::write(&input, pdf::with_page_entries(&[(&entries(), content)])).unwrap();
    let output = recto().arg("convert").arg(&input).output().unwrap();
    assert!(output.status.success(), "{}", seen(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn formulas_of_a_text_layer_are_written_as_latex() {
    let line = "The quick brown fox jumps over the lazy dog and the other dog";
    let mut content = String::new();
    draw(&mut content, "F1", 10, (72.0, 700.0), line);
    draw(&mut content, "F1", 10, (72.0, 688.0), "where the value of ");
    draw(&mut content, "MI", 10, (160.0, 688.0), "x");
    draw(&mut content, "MI", 7, (165.0, 686.5), "i");
    draw(&mut content, "RM", 10, (171.3, 688.0), "=");
    draw(&mut content, "RM", 10, (179.1, 688.0), "10");
    draw(&mut content, "RM", 7, (189.1, 691.6), "25");
    draw(
        &mut content,
        "F1",
        10,
        (200.0, 688.0),
        "is large, as is the note",
    );
    draw(&mut content, "F1", 7, (306.0, 691.6), "3");

    draw(&mut content, "MI", 10, (250.0, 650.0), "y");
    draw(&mut content, "RM", 10, (257.8, 650.0), "=");
    draw(&mut content, "MI", 10, (270.0, 657.0), "a");
    draw(&mut content, "RM", 10, (275.0, 657.0), "+1");
    content += "270 652.3 15 0.4 re f\n";
    draw(&mut content, "MI", 10, (275.0, 643.2), "b");
    draw(&mut content, "RM", 10, (500.0, 650.0), "(12)");
    draw(&mut content, "F1", 10, (72.0, 612.0), line);

    let markdown = markdown(&content);
    assert!(
        markdown.contains("the value of $x_{i}=10^{25}$ is large"),
        "{markdown}"
    );
    assert!(markdown.contains("<sup>3</sup>"), "{markdown}");
    assert!(
        markdown.contains("$$\ny=\\frac{a+1}{b}\\tag{12}\n$$"),
        "{markdown}"
    );
}
