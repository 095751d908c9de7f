//! Small PDFs, written by hand: objects, a cross-reference table, a trailer.

use std::fmt::Write as _;

/// A PDF of one page for each content stream, on US Letter, with Helvetica as `/F1`. The font is not
/// embedded.
pub fn with_pages(contents: &[&str]) -> Vec<u8> {
    let page_entries = "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>";
    with_page_entries(
        &contents
            .iter()
            .map(|content| (page_entries, *content))
            .collect::<Vec<_>>(),
    )
}

/// A PDF of one page for each pair: entries of the page's dictionary, and its content stream. Object 3 is
/// Helvetica.
pub fn with_page_entries(pages: &[(&str, &str)]) -> Vec<u8> {
    let kids: String = (0..pages.len())
        .map(|index| format!("{} 0 R ", 4 + 2 * index))
        .collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Count {} /Kids [{kids}] >>", pages.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
    ];
    for (index, (entries, content)) in pages.iter().enumerate() {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /Contents {} 0 R {entries} >>",
            5 + 2 * index
        ));
        objects.push(format!(
            "<< /Length {} >>\nstream\n{content}\nendstream",
            content.len()
        ));
    }
    of_objects(&objects)
}

/// Lines of text from the top of the page, 12 points high.
pub fn text(lines: &[&str]) -> String {
    let mut content = "BT /F1 12 Tf 14 TL 72 720 Td\n".to_owned();
    for line in lines {
        let line = line
            .replace('\\', "\\\\")
            .replace('(', "\\(")
            .replace(')', "\\)");
        writeln!(content, "({line}) Tj T*").unwrap();
    }
    content + "ET"
}

/// A PDF of these objects, numbered from 1; the first is its catalog.
pub fn of_objects(objects: &[String]) -> Vec<u8> {
    let mut file = "%PDF-1.4\n".to_owned();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        write!(file, "{} 0 obj\n{object}\nendobj\n", index + 1).unwrap();
    }
    let start = file.len();
    write!(file, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).unwrap();
    for offset in offsets {
        writeln!(file, "{offset:010} 00000 n ").unwrap();
    }
    let size = objects.len() + 1;
    write!(
        file,
        "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    )
    .unwrap();
    file.into_bytes()
}
