//! `recto eval` as a person uses it: known errors give known rates, parts give the whole, what fails is named.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use recto_schemas::{EvalCase, EvalReport, SchemaName};
use tempfile::TempDir;

use crate::support::{pdf, recto, sample, seen};

/// Text of the documents here, which carry it as their own.
const PAGES: [&str; 3] = [
    "Dear Mrs. Aldous,",
    "the registers have come back from the binder",
    "in good order.",
];

/// A folder with documents `a.pdf`, `b.pdf`, … of one page each.
fn documents(texts: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (text, name) in texts.iter().zip('a'..) {
        let path = folder.path().join(format!("{name}.pdf"));
        fs::write(path, pdf::with_pages(&[&pdf::text(&[text])])).unwrap();
    }
    folder
}

fn eval(arguments: &[&str], data: &Path, out: &Path) -> Output {
    let mut command = recto();
    command.args(["eval", "-q"]).args(arguments).arg(data);
    run(command.arg("-o").arg(out))
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn result(out: &Path) -> EvalReport {
    serde_json::from_slice(&fs::read(out.join("eval.json")).unwrap()).unwrap()
}

fn errors(cases: &[EvalCase]) -> Vec<(u64, u64)> {
    let counts = cases.iter().map(|case| case.characters);
    counts.map(|count| (count.errors, count.of)).collect()
}

/// A dataset in GOT's form beside its documents.
fn dataset(folder: &Path, entries: &[(&str, &str)]) -> PathBuf {
    let entries: Vec<_> = entries
        .iter()
        .map(|(image, answer)| {
            serde_json::json!({"image": image, "conversations": [
                {"from": "human", "value": "<image>\nOCR: "},
                {"from": "gpt", "value": answer},
            ]})
        })
        .collect();
    let path = folder.join("data.json");
    fs::write(&path, serde_json::Value::from(entries).to_string()).unwrap();
    path
}

#[test]
fn known_errors_give_known_rates_page_by_page_and_in_all() {
    let folder = tempfile::tempdir().unwrap();
    let pages = PAGES.map(|text| pdf::text(&[text]));
    let pages = pages.each_ref().map(String::as_str);
    fs::write(folder.path().join("letter.pdf"), pdf::with_pages(&pages)).unwrap();
    // The first page as it is but for how it is set, the second with two letters changed and one lost, the third empty.
    let reference = serde_json::json!({"pages": [
        {"page": 1, "text": "Dear   Mrs.~\nAldous,"},
        {"page": 2, "text": "the registors have come back from the bindders"},
        {"page": 3, "text": ""},
    ]});
    let beside = folder.path().join("letter.truth.json");
    fs::write(beside, reference.to_string()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let output = eval(&[], folder.path(), out.path());
    assert!(output.status.success(), "{}", seen(&output));

    let evaluation = result(out.path());
    let wrong = [(0, 17), (3, 46), (14, 0)];
    assert_eq!(errors(&evaluation.cases), wrong);
    let total = evaluation.total;
    assert_eq!((total.characters.errors, total.characters.of), (17, 63));
    assert_eq!((total.words.errors, total.words.of), (2 + 3, 3 + 8));
    assert_eq!((total.documents, total.cases, total.failed), (1, 3, 0));
    assert_eq!(
        total.got_cases, 2,
        "GOT's evaluation leaves empty texts out"
    );
    assert_eq!(evaluation.engine.as_deref(), Some("ppocr"));

    let table = String::from_utf8(output.stdout.clone()).unwrap();
    let last = table
        .lines()
        .find(|line| line.starts_with("all 3 of 1"))
        .unwrap();
    assert!(last.contains("26.98") && last.contains("45.45"), "{table}");
    assert!(table.contains("letter.pdf, page 2"), "{table}");

    let written = serde_json::from_slice(&fs::read(out.path().join("eval.json")).unwrap()).unwrap();
    let schema = serde_json::to_value(recto_schemas::schema(SchemaName::Eval)).unwrap();
    assert!(jsonschema::is_valid(&schema, &written));

    let html = fs::read_to_string(out.path().join("worst.html")).unwrap();
    assert_eq!(
        html.matches("<section>").count(),
        2,
        "a page without errors is not among the worst"
    );
    assert_eq!(html.matches("src=\"data:image/jpeg;base64,").count(), 2);
    assert!(html.contains("<del>registors</del>") && html.contains("<ins>registers</ins>"));
    assert!(!html.contains("://"), "nothing is loaded from elsewhere");
    assert!(out.path().join("predictions/letter.md").exists());
}

#[test]
fn parts_make_the_same_whole() {
    let folder = documents(&PAGES);
    let answers = [
        "Dear Mr. Aldous,",
        "the register has come back",
        "in good order.",
    ];
    let names = ["a.pdf", "b.pdf", "c.pdf"];
    let entries: Vec<(&str, &str)> = names.into_iter().zip(answers).collect();
    let data = dataset(folder.path(), &entries);
    let (whole, parts, merged) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    assert!(eval(&[], &data, whole.path()).status.success());
    let first = eval(&["--num-chunks", "2"], &data, parts.path());
    assert!(first.status.success(), "{}", seen(&first));
    let merge = || {
        run(recto()
            .args(["eval", "--merge"])
            .arg(parts.path())
            .arg("-o")
            .arg(merged.path()))
    };
    let early = merge();
    assert_eq!(early.status.code(), Some(1));
    assert!(
        seen(&early).contains("part 1 of 2 is missing"),
        "{}",
        seen(&early)
    );
    let chunk = ["--num-chunks", "2", "--chunk-idx", "1"];
    assert!(eval(&chunk, &data, parts.path()).status.success());

    let together = merge();
    assert!(together.status.success(), "{}", seen(&together));
    for name in ["eval.json", "worst.html"] {
        let read = |folder: &TempDir| fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(read(&merged) == read(&whole), "{name} differs");
    }
    assert!(
        errors(&result(whole.path()).cases)
            .iter()
            .any(|(errors, _)| *errors > 0)
    );
}

#[test]
fn what_fails_counts_as_read_as_nothing_and_is_named() {
    let folder = documents(&["Dear Mrs. Aldous,"]);
    fs::write(
        folder.path().join("broken.pdf"),
        b"%PDF-1.4\nnothing of the kind",
    )
    .unwrap();
    let entries = [
        ("a.pdf", "Dear Mrs. Aldous,"),
        ("missing.png", "seven c"),
        ("broken.pdf", "nine char"),
        ("../outside.png", "five."),
    ];
    let data = dataset(folder.path(), &entries);
    let out = tempfile::tempdir().unwrap();
    let output = eval(&[], &data, out.path());
    assert_eq!(output.status.code(), Some(1), "{}", seen(&output));
    let seen = seen(&output);
    for name in [
        "missing.png: no such file",
        "broken.pdf: ",
        "../outside.png: the path leads out",
    ] {
        assert!(seen.contains(name), "{name}: {seen}");
    }
    let evaluation = result(out.path());
    assert_eq!(errors(&evaluation.cases), [(0, 17), (7, 7), (9, 9), (5, 5)]);
    assert_eq!(
        (evaluation.total.failed, evaluation.total.got_cases),
        (3, 1)
    );
}

#[test]
fn texts_of_other_tools_are_scored_without_reading() {
    let folder = documents(&PAGES);
    for (text, name) in PAGES.iter().zip('a'..) {
        fs::write(folder.path().join(format!("{name}.txt")), text).unwrap();
    }
    let predictions = tempfile::tempdir().unwrap();
    fs::write(predictions.path().join("a.md"), "# Dear **Mrs.** Aldous,\n").unwrap();
    fs::write(
        predictions.path().join("b.txt"),
        "the registers have come back from the binde",
    )
    .unwrap();
    let out = tempfile::tempdir().unwrap();
    let folder_of_texts = predictions.path().to_str().unwrap();
    let output = run(recto()
        .args(["eval", "--predictions", folder_of_texts])
        .arg(folder.path())
        .arg("-o")
        .arg(out.path())
        // No model is needed for it.
        .env("RECTO_PPOCR_MODELS", "/nowhere"));
    assert_eq!(output.status.code(), Some(1), "{}", seen(&output));
    assert!(
        seen(&output).contains("c.pdf: there is no c.md"),
        "{}",
        seen(&output)
    );
    let evaluation = result(out.path());
    assert_eq!(errors(&evaluation.cases), [(0, 17), (1, 44), (14, 14)]);
    assert_eq!(evaluation.engine, None);
    assert!(!out.path().join("predictions").exists());
    let html = fs::read_to_string(out.path().join("worst.html")).unwrap();
    assert_eq!(html.matches("src=\"data:image/jpeg;base64,").count(), 2);
}

#[test]
fn the_engine_reads_where_there_is_no_text() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["photo.jpg", "photo.truth.json"] {
        fs::copy(sample(name), folder.path().join(name)).unwrap();
    }
    let out = tempfile::tempdir().unwrap();
    let output = eval(&[], folder.path(), out.path());
    assert!(output.status.success(), "{}", seen(&output));
    let characters = result(out.path()).total.characters;
    assert!(
        characters.of > 200 && characters.rate < 0.05,
        "{characters:?}"
    );
}
