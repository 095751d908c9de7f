//! Fields of CSV (RFC 4180).

/// A field of CSV. One that a spreadsheet would take for a formula gets an apostrophe (OWASP, "CSV Injection").
pub(super) fn field(text: &str) -> String {
    let text = match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_csv_needs_it_and_are_no_formulas() {
        for (text, wanted) in [
            ("a", "a"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("=1+1", "'=1+1"),
        ] {
            assert_eq!(field(text), wanted);
        }
    }
}
