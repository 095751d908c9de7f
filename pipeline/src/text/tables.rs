//! What both kinds of tables share: the text of a cell, empty columns and rows, the head.

use super::{
    Cell, Table,
    join::{HyphenatedWords, join_line},
    rows::TextRow,
};

/// The text of a cell: its rows joined where they run on, on lines of their own where they end on purpose.
pub(crate) fn cell_text(rows: &[TextRow], width: f32, em: f32, seen: &HyphenatedWords) -> String {
    let mut text = String::new();
    let mut line = String::new();
    for (i, row) in rows.iter().enumerate() {
        if let Some(before) = i.checked_sub(1).map(|i| &rows[i]) {
            let word = row
                .text
                .split_whitespace()
                .next()
                .unwrap_or("")
                .chars()
                .count() as f32;
            let room = width - before.rect.width() - em;
            let small = row.text.chars().next().is_some_and(char::is_lowercase);
            if !small && room > word * row.char_width() + em {
                text.push_str(&line);
                text.push('\n');
                line.clear();
            }
        }
        join_line(&mut line, &row.text, seen);
    }
    text.push_str(&line);
    text
}

/// Whether the first row names the columns: words over columns of numbers.
pub(crate) fn has_head(table: &Table) -> bool {
    let Some((first, rest)) = table.rows.split_first() else {
        return false;
    };
    let amount = |cell: &&Cell| is_amount(&cell.text) && !is_date(&cell.text);
    let numbers = |row: &Vec<Cell>| row.iter().filter(amount).count();
    let filled = |row: &Vec<Cell>| row.iter().filter(|cell| !cell.text.is_empty()).count();
    let below: usize = rest.iter().map(numbers).sum();
    let all: usize = rest.iter().map(filled).sum();
    let named = filled(first) + 1 >= first.len() && filled(first) > 0;
    let short = first.iter().all(|cell| cell.text.chars().count() <= 60);
    named && short && numbers(first) == 0 && (below * 4 >= all || filled(first) == first.len())
}

/// Whether a cell is a year or a date, as columns are named by: `1998`, `12/18A`, `FY2015`.
fn is_date(text: &str) -> bool {
    let text = text.trim();
    let year = |part: &str| {
        let digits: String = part.chars().filter(char::is_ascii_digit).collect();
        digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"))
    };
    !text.contains([',', '%', '$']) && (year(text) || text.split('/').count() > 1)
}

/// Whether a cell is a number, an amount or a sign for none.
pub(crate) fn is_amount(text: &str) -> bool {
    let text = text.trim();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    digits > 0 && digits > letters || matches!(text, "-" | "–" | "—" | "n/a" | "N/A" | "*")
}
