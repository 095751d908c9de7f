//! `--script-fallback tesseract`, with the real program, and with programs that behave badly in its place.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use recto_schemas::{Manifest, PageOutcome, PageRecord};

use crate::support::{outputs::manifest, part, recto, repository, seen};

/// The text of the fixture `cyrillic.png`.
const RUSSIAN: &str = "Все люди рождаются свободными и равными в своём достоинстве и правах. Они наделены разумом и \
                       совестью и должны поступать в отношении друг друга в духе братства. Договор";
/// The text of the fixture `greek.png`.
const GREEK: &str = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι \
                     προικισμένοι με λογική και συνείδηση, και οφείλουν να συμπεριφέρονται μεταξύ τους με πνεύμα";

/// Tesseract with Russian and Greek, as `make test-parts` fetched it.
fn tesseract() -> PathBuf {
    let program = part("RECTO_TEST_TESSERACT", "parts/tesseract/usr/bin/tesseract");
    assert!(
        program.is_file(),
        "{} is not there: run `make test-parts`",
        program.display()
    );
    program
}

fn script_page(script: &str) -> PathBuf {
    repository().join(format!("pipeline/fixtures/scripts/{script}.png"))
}

/// `recto convert PAGE -o OUT --script-fallback tesseract --tesseract PROGRAM`.
fn convert(page: &Path, program: &Path, out: &Path) -> Command {
    let mut command = recto();
    command.arg("convert").arg(page).arg("-o").arg(out);
    command.args(["--script-fallback", "tesseract", "--tesseract"]);
    command.arg(program);
    command
}

/// A page that was converted.
struct Converted {
    manifest: Manifest,
    record: PageRecord<'static>,
}

fn converted(page: &str, out: &Path) -> Converted {
    let records = fs::read_to_string(out.join(format!("{page}.pages.jsonl"))).unwrap();
    Converted {
        manifest: manifest(&out.join(format!("{page}.json"))),
        record: serde_json::from_str(&records).unwrap(),
    }
}

/// Share of the characters of `text` that are missing or wrong in `read`.
fn error_rate(read: &str, text: &str) -> f64 {
    let (read, text): (Vec<char>, Vec<char>) = (read.chars().collect(), text.chars().collect());
    let mut row: Vec<usize> = (0..=text.len()).collect();
    for (at, c) in read.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (to, other) in text.iter().enumerate() {
            let substituted = diagonal + usize::from(c != other);
            diagonal = row[to + 1];
            row[to + 1] = substituted.min(row[to] + 1).min(diagonal + 1);
        }
    }
    row[text.len()] as f64 / text.len() as f64
}

#[test]
fn pages_in_other_scripts_are_read_and_their_lines_say_by_whom() {
    for (page, language, text) in [("cyrillic", "rus", RUSSIAN), ("greek", "ell", GREEK)] {
        let folder = tempfile::tempdir().unwrap();
        let output = convert(&script_page(page), &tesseract(), folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
        let Converted { manifest, record } = converted(page, folder.path());
        let summary = &manifest.pages[0];
        assert_eq!(summary.outcome, PageOutcome::Ok);
        assert_eq!(summary.lines_by_fallback, 4);
        assert_eq!(manifest.warnings, []);
        let reader = manifest.model.fallback.as_ref().unwrap();
        assert_eq!(
            (reader.name.as_str(), &reader.languages[..]),
            ("tesseract", &["ell".to_owned(), "rus".to_owned()][..])
        );
        assert!(
            reader
                .data_sha256
                .as_ref()
                .is_some_and(|sha256| sha256.len() == 64)
        );
        assert_eq!(manifest.options.fallback_reader.as_ref(), Some(reader));
        for line in record.lines.iter() {
            assert_eq!(line.reader.as_deref(), Some("tesseract"));
            assert_eq!(line.language.as_deref(), Some(language));
        }
        let lines: Vec<&str> = record.lines.iter().map(|line| line.text.as_str()).collect();
        let wrong = error_rate(&lines.join(" "), text);
        assert!(wrong <= 0.05, "{wrong}: {lines:?}");
    }
}

#[test]
fn a_script_whose_language_is_not_there_stays_unread_and_known_ones_are_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    for (page, outcome) in [
        ("georgian", PageOutcome::Partial),
        ("latin", PageOutcome::Ok),
    ] {
        convert(&script_page(page), &tesseract(), folder.path())
            .output()
            .unwrap();
        let Converted { manifest, record } = converted(page, folder.path());
        assert_eq!(manifest.pages[0].outcome, outcome, "{page}");
        assert_eq!(manifest.pages[0].lines_by_fallback, 0);
        assert!(record.lines.iter().all(|line| line.reader.is_none()));
    }
}

/// A program that says of itself what Tesseract says, and reads by running `script`.
fn stand_in(folder: &Path, script: &str) -> PathBuf {
    let program = folder.join("stand-in");
    let text = format!(
        "#!/bin/sh\ncase \"$1\" in\n--version) echo 'tesseract 5.3.0';;\n\
         --list-langs) printf 'List of available languages (2):\\neng\\nrus\\n';;\n*) {script};;\nesac\n"
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn a_reader_that_fails_costs_no_page_and_is_reported_once() {
    for (script, is_failure) in [
        ("exit 3", true),
        ("kill -SEGV $$", true),
        ("echo broken >&2; exit 1", true),
        // Says too much, takes too much memory, writes a file, and never ends.
        ("yes", true),
        ("yes | tail -c 3000000000", true),
        ("echo x > /tmp/recto-stand-in", true),
        ("sleep 1000", true),
        ("printf '\\377\\0garbage\\t\\t\\n'", false),
        ("exec cat", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let program = stand_in(folder.path(), script);
        let output = convert(&script_page("cyrillic"), &program, folder.path())
            // A quarter of it is the second reader's.
            .args(["--read-timeout", "40s"])
            .output()
            .unwrap();
        let said = seen(&output);
        assert_eq!(output.status.code(), Some(1), "{script}: {said}");
        let Converted { manifest, record } = converted("cyrillic", folder.path());
        assert_eq!(manifest.pages[0].outcome, PageOutcome::Partial, "{script}");
        assert!(record.unread.len() >= 3, "{script}");
        let reports = said.matches("tesseract failed").count();
        assert_eq!(reports, usize::from(is_failure), "{script}: {said}");
    }
}

fn refused(output: &Output, parts: &[&str]) {
    let said = seen(output);
    assert_ne!(output.status.code(), Some(0), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn a_reader_that_cannot_be_used_is_an_error_at_the_start_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let page = script_page("cyrillic");
    let missing = convert(&page, Path::new("/nowhere/tesseract"), &out).output();
    refused(
        &missing.unwrap(),
        &[
            "/nowhere/tesseract",
            "make setup-tesseract",
            "tesseract-ocr",
        ],
    );

    let other = convert(&page, Path::new("/bin/true"), &out).output();
    refused(&other.unwrap(), &["does not say that it is tesseract"]);

    let unknown = convert(&page, &tesseract(), &out)
        .args(["--tesseract-languages", "rus,tha"])
        .output();
    refused(&unknown.unwrap(), &["`tha`", "ell, rus"]);

    let got = convert(&page, &tesseract(), &out)
        .args(["--engine", "got"])
        .output();
    refused(&got.unwrap(), &["--engine ppocr"]);
    assert!(!out.exists());
}
