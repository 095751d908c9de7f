//! `recto docs`: reference pages and an example environment, written from what the program itself declares.

mod arguments;
mod reference;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Command};

use arguments::ArgumentDoc;

/// The first line of every page.
const HEAD: &str = "<!-- Written by `recto docs`; change the code, not this page. -->\n\n";

/// Arguments of `recto docs`.
#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// Root of the repository: the pages go to docs/reference/, the environment to deploy/env.example
    #[arg(value_name = "DIR")]
    root: PathBuf,
}

/// Runs `recto docs`.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn run(arguments: &DocsArgs, command: &Command) -> anyhow::Result<ExitCode> {
    for (name, text) in files(command)? {
        write(&arguments.root.join(name), &text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Every file with its text, by its path below the repository's root.
fn files(command: &Command) -> anyhow::Result<Vec<(&'static str, String)>> {
    let all = ArgumentDoc::all(command);
    let page = |text: String| format!("{HEAD}{text}");
    Ok(vec![
        ("docs/reference/options.md", page(arguments::options(&all))),
        (
            "docs/reference/environment.md",
            page(arguments::environment(&all)),
        ),
        ("docs/reference/metrics.md", page(reference::metrics()?)),
        ("docs/reference/failures.md", page(reference::reasons())),
        ("docs/reference/files.md", page(reference::files()?)),
        ("deploy/env.example", arguments::env_example(&all)),
    ])
}

/// A table in Markdown.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let escaped = |cell: &str| cell.replace('|', "\\|").replace('\n', " ");
    let mut text = line(head.map(str::to_owned).to_vec());
    text.push_str(&line(vec!["---".to_owned(); N]));
    for row in rows {
        text.push_str(&line(row.iter().map(|cell| escaped(cell)).collect()));
    }
    text.push('\n');
    text
}

/// A word as code; nothing if there is none.
fn code(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// `RECTO_BLESS=1` writes the files again, as `recto docs .` does.
    #[test]
    fn the_reference_is_what_the_program_declares() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (name, text) in files(&Cli::command()).unwrap() {
            let path = root.join(name);
            if std::env::var_os("RECTO_BLESS").is_some() {
                write(&path, &text).unwrap();
            }
            let found = fs::read_to_string(&path).unwrap_or_default();
            assert!(found == text, "{name} is out of date: run `recto docs .`");
        }
    }

    #[test]
    fn a_cell_does_not_break_its_table() {
        let text = table(["A", "B"], [["on|off".to_owned(), "x\ny".to_owned()]]);
        assert_eq!(text, "| A | B |\n| --- | --- |\n| on\\|off | x y |\n\n");
    }
}
