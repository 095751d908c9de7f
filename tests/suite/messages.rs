//! Messages that a person reads when something is wrong, word for word. Each file in `tests/golden` holds a
//! command and what it printed; `RECTO_BLESS=1` writes them again.

use std::{fs, path::Path, process::Command};

use crate::support::{got::checkpoint, pdf, recto, repository, seen};

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
        "{} (RECTO_BLESS=1 writes it again)",
        path.display()
    );
}

/// Help and usage show which variables are set.
fn without_parts(command: &mut Command) {
    for name in [
        "RECTO_CACHE",
        "RECTO_PDFIUM",
        "RECTO_ONNXRUNTIME",
        "RECTO_PPOCR_MODELS",
    ] {
        command.env_remove(name);
    }
}

#[test]
fn help_reads_well() {
    let folder = tempfile::tempdir().unwrap();
    golden("help", folder.path(), &["--help"], without_parts);
    let commands: [&[&str]; 26] = [
        &["convert"],
        &["eval"],
        &["worker"],
        &["submit"],
        &["results"],
        &["queues"],
        &["cancel"],
        &["queues", "declare"],
        &["queues", "pause"],
        &["queues", "resume"],
        &["queues", "purge"],
        &["queues", "status"],
        &["serve"],
        &["api-key"],
        &["sweep"],
        &["batch"],
        &["batch", "list"],
        &["batch", "status"],
        &["batch", "show"],
        &["batch", "watch"],
        &["batch", "retry"],
        &["batch", "sweep"],
        &["batch", "cancel"],
        &["batch", "verify"],
        &["batch", "report"],
        &["batch", "export"],
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
    golden(
        "usage-box",
        &[
            "convert",
            "a.pdf",
            "--engine",
            "got",
            "--got-box",
            "500,0,100,100",
        ],
    );
    golden(
        "usage-box-and-color",
        &[
            "convert",
            "a.pdf",
            "--engine",
            "got",
            "--got-box",
            "0,0,9,9",
            "--got-color",
            "red",
        ],
    );
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
        &["letter.pdf", "--max-document-size", "100B"],
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
    golden("error-no-models", "RECTO_PPOCR_MODELS");
}

/// A model that is neither here nor to be had, whatever the machine's own settings are.
#[test]
fn a_missing_checkpoint_says_what_to_put_where() {
    let folder = tempfile::tempdir().unwrap();
    let golden = |name, model: &[&str], variables: &[(&str, &str)]| {
        let line = [&["convert", "letter.pdf", "--engine", "got"], model].concat();
        golden(name, folder.path(), &line, |command| {
            for name in [
                "HF_TOKEN",
                "HF_HUB_CACHE",
                "HUGGINGFACE_HUB_CACHE",
                "HF_HUB_OFFLINE",
            ] {
                command.env_remove(name);
            }
            command
                .env("HF_HOME", folder.path())
                .envs(variables.iter().copied());
        });
    };
    let hub = ["--got-model", "stepfun-ai/GOT-OCR-2.0-hf"];
    golden(
        "error-got-without-model",
        &["--ppocr-models", "models"],
        &[],
    );
    golden("error-got-no-folder", &["--got-model", "checkpoints"], &[]);
    golden("error-hub-offline", &hub, &[("HF_HUB_OFFLINE", "1")]);
    // Nothing listens there.
    let nowhere = [("HF_ENDPOINT", "http://127.0.0.1:1"), ("NO_PROXY", "*")];
    golden("error-hub-unreachable", &hub, &nowhere);
}

/// The file of a checkpoint that holds its tensors.
const WEIGHTS: &str = "model.safetensors";

/// Copies a small checkpoint to a new folder, each file as `change` makes it, or not at all.
fn copy_checkpoint(to: &Path, change: fn(&str, Vec<u8>) -> Option<Vec<u8>>) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(checkpoint("hub-new")).unwrap() {
        let from = entry.unwrap().path();
        let file = from.file_name().unwrap().to_str().unwrap();
        if let Some(bytes) = change(file, fs::read(&from).unwrap()) {
            fs::write(to.join(file), bytes).unwrap();
        }
    }
}

/// A checkpoint that is there, but is not whole or does not fit.
#[test]
fn a_checkpoint_that_will_not_do_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str, change: fn(&str, Vec<u8>) -> Option<Vec<u8>>| {
        copy_checkpoint(&folder.path().join(name), change);
    };
    fs::create_dir(folder.path().join("empty")).unwrap();
    copy("no-weights", |file, bytes| {
        (file != WEIGHTS).then_some(bytes)
    });
    copy("no-tokenizer", |file, bytes| {
        (file != "tokenizer.json").then_some(bytes)
    });
    copy("cut", |file, mut bytes| {
        let keep = if file == WEIGHTS {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        bytes.truncate(keep);
        Some(bytes)
    });
    copy("other", |file, bytes| {
        let text =
            String::from_utf8_lossy(&bytes).replace("\"hidden_size\": 64", "\"hidden_size\": 128");
        Some(if file == "config.json" {
            text.into_bytes()
        } else {
            bytes
        })
    });
    copy("whole", |_, bytes| Some(bytes));

    let golden = |name, model: &str, more: &[&str]| {
        let line = [
            "convert",
            "letter.pdf",
            "--engine",
            "got",
            "--got-model",
            model,
        ];
        golden(name, folder.path(), &[&line, more].concat(), |_| {});
    };
    golden("error-got-empty-folder", "empty", &[]);
    golden("error-got-no-weights", "no-weights", &[]);
    golden("error-got-no-tokenizer", "no-tokenizer", &[]);
    golden("error-got-cut", "cut", &[]);
    golden("error-got-other-sizes", "other", &[]);
    golden("error-got-no-cuda", "whole", &["--got-device", "cuda"]);
}
