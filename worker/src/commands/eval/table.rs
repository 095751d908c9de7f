//! The table on standard output: a line for each case, one for all, and the failures.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use recto_schemas::{ErrorRate, EvalCase, EvalReport, GotMeasures};

use crate::os::terminal::Shown;

/// Widest name, in characters; of longer ones the end is shown, which tells files apart.
const WIDEST_NAME: usize = 48;

/// Prints the table. A reader that has left is no error.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn print(evaluation: &EvalReport) -> io::Result<()> {
    match io::stdout().write_all(table(evaluation).as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A case as a person names it.
fn named(case: &EvalCase) -> String {
    let name = Shown(&case.name);
    match case.page {
        Some(page) => format!("{name}, page {page}"),
        None => name.to_string(),
    }
}

fn table(evaluation: &EvalReport) -> String {
    let total = &evaluation.total;
    let last = format!("all {} of {} documents", total.cases, total.documents);
    let names: Vec<String> = evaluation
        .cases
        .iter()
        .map(|case| shortened(&named(case)))
        .collect();
    let names_and_last = names.iter().chain([&last]);
    let width = names_and_last.map(|name| name.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut table = format!(
        "{:width$}    CER %    WER %  edit dist       F1  precision   recall     BLEU   METEOR\n",
        ""
    );
    for (name, case) in names.iter().zip(&evaluation.cases) {
        let row = TableRow {
            name,
            characters: case.characters,
            words: case.words,
            got: case.got,
        };
        row.push(&mut table, width);
    }
    let row = TableRow {
        name: &last,
        characters: total.characters,
        words: total.words,
        got: total.got,
    };
    row.push(&mut table, width);
    if total.got_cases < total.cases {
        let without = total.cases - total.got_cases;
        table.push_str(&format!(
            "GOT's measures (edit dist to METEOR) leave out {without} without text on one side, as its evaluation does\n"
        ));
    }
    if total.failed > 0 {
        table.push_str("failed, and counted as empty if nothing was read:\n");
    }
    for case in &evaluation.cases {
        if let Some(failure) = &case.failure {
            let message = Shown(&failure.message);
            table.push_str(&format!("  {}: {message}\n", named(case)));
        }
    }
    table
}

/// A line of the table.
struct TableRow<'a> {
    name: &'a str,
    characters: ErrorRate,
    words: ErrorRate,
    got: Option<GotMeasures>,
}

impl TableRow<'_> {
    fn push(&self, table: &mut String, width: usize) {
        let name = self.name;
        let (characters, words) = (self.characters.rate * 100.0, self.words.rate * 100.0);
        let figures = match self.got {
            Some(got) => format!(
                "{:>9.4}  {:>7.4}  {:>9.4}  {:>7.4}  {:>7.4}  {:>7.4}",
                got.edit_dist, got.f_measure, got.precision, got.recall, got.bleu, got.meteor
            ),
            None => format!(
                "{:>9}  {:>7}  {:>9}  {:>7}  {:>7}  {:>7}",
                "-", "-", "-", "-", "-", "-"
            ),
        };
        writeln!(
            table,
            "{name:width$}  {characters:>7.2}  {words:>7.2}  {figures}"
        )
        .expect("a string takes all text");
    }
}

fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= WIDEST_NAME {
        return name.to_owned();
    }
    let end: String = name.chars().skip(length - WIDEST_NAME + 1).collect();
    format!("\u{2026}{end}")
}
