//! What a person reads when something is wrong, word for word. Each file in `tests/golden` holds a
//! command and what it printed; `RECTO_BLESS=1` writes them anew.

use std::{fs, path::Path, process::Command};

use crate::support::{pdf, recto, repository, seen};

/// Runs a command in a folder of its own and compares what is seen with `tests/golden/NAME.txt`.
fn golden(name: &str, folder: &Path, arguments: &[&str], change: impl FnOnce(&mut Command)) {
    let mut command = recto();
    command.args(arguments).current_dir(folder);
    change(&mut command);
    let output = command.output().unwrap();
    let found = format!("$ recto {}\n{}", arguments.join(" "), seen(&output));
    let path = repository().join(format!("tests/golden/{name}.txt"));
    if std::env::var_os("RECTO_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &found).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        found,
        wanted,
        "{} (RECTO_BLESS=1 writes it anew)",
        path.display()
    );
}

/// Help and usage show which variables are set.
fn without_parts(command: &mut Command) {
    for name in [
        "RECTO_CACHE",
        "RECTO_PDFIUM",
        "RECTO_ONNXRUNTIME",
        "RECTO_MODELS",
    ] {
        command.env_remove(name);
    }
}

#[test]
fn help_reads_well() {
    let folder = tempfile::tempdir().unwrap();
    golden("help", folder.path(), &["--help"], without_parts);
    let commands: [&[&str]; 7] = [
        &["convert"],
        &["worker"],
        &["submit"],
        &["result"],
        &["queues"],
        &["queues", "declare"],
        &["queues", "status"],
    ];
    for words in commands {
        let name = format!("help-{}", words.join("-"));
        let arguments = [words, &["--help"]].concat();
        golden(&name, folder.path(), &arguments, without_parts);
    }
}

#[test]
fn wrong_usage_says_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let golden = |name, arguments: &[&str]| golden(name, folder.path(), arguments, without_parts);
    golden("usage-no-input", &["convert"]);
    golden("usage-pages", &["convert", "a.pdf", "--pages", "7-3"]);
    golden("usage-engine", &["convert", "a.pdf", "--engine", "magic"]);
    golden("usage-html-needs-folder", &["convert", "a.pdf", "--html"]);
    golden("usage-schema", &["schema", "manifesto"]);
}

#[test]
fn a_bad_document_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let letter = pdf::with_pages(&[&pdf::text(&["One page."])]);
    write("letter.pdf", &letter);
    write("empty.pdf", b"");
    write("error.pdf", b"<html><body>404 Not Found</body></html>");
    write("cut.pdf", &letter[..60]);
    fs::create_dir(folder.path().join("nothing")).unwrap();
    fs::copy(
        repository().join("tests/fixtures/encrypted.pdf"),
        folder.path().join("locked.pdf"),
    )
    .unwrap();

    let golden = |name, arguments: &[&str]| {
        let mut all = vec!["convert", "-q"];
        all.extend(arguments);
        golden(name, folder.path(), &all, |_| {});
    };
    golden("error-missing", &["missing.pdf"]);
    golden("error-empty", &["empty.pdf"]);
    golden("error-not-a-document", &["error.pdf"]);
    golden("error-damaged", &["cut.pdf"]);
    golden("error-encrypted", &["locked.pdf"]);
    golden(
        "error-wrong-password",
        &["locked.pdf", "--password", "guess"],
    );
    golden("error-no-such-page", &["letter.pdf", "--pages", "5-"]);
    golden("error-empty-folder", &["nothing"]);
    golden(
        "error-too-large",
        &["letter.pdf", "--max-megabytes", "0.0001"],
    );
    golden("error-several", &["letter.pdf", "empty.pdf", "-o", "out"]);
}

#[test]
fn a_missing_part_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let golden = |name, variable: &'static str| {
        golden(name, folder.path(), &["convert", "letter.pdf"], |command| {
            command.env(variable, "/nowhere");
        });
    };
    golden("error-no-pdfium", "RECTO_PDFIUM");
    golden("error-no-onnxruntime", "RECTO_ONNXRUNTIME");
    golden("error-no-models", "RECTO_MODELS");
}
