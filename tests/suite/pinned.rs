//! Libraries and models: what is in the cache folder must be what `make setup` put there, others may be any.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::support::{part, recto, sample, seen};

const LIBRARIES: [(&str, &str); 2] = [
    ("RECTO_PDFIUM", "pdfium/libpdfium.so"),
    ("RECTO_ONNXRUNTIME", "onnxruntime/libonnxruntime.so"),
];

/// A cache folder in which everything is as it should be but the file `changed`.
fn cache_with(changed: &str) -> TempDir {
    let cache = tempfile::tempdir().unwrap();
    for (variable, file) in LIBRARIES {
        put(&part(variable, file), cache.path(), file, changed);
    }
    let models = part("RECTO_PPOCR_MODELS", "models");
    for folder in ["", "layout-cdla", "got-nano"] {
        for entry in fs::read_dir(models.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let below = path.strip_prefix(&models).unwrap().to_str().unwrap();
                put(&path, cache.path(), &format!("models/{below}"), changed);
            }
        }
    }
    cache
}

fn put(from: &Path, cache: &Path, file: &str, changed: &str) {
    let to = cache.join(file);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    match file == changed {
        true => fs::write(&to, changed_copy(from)).unwrap(),
        false => symlink(from, &to).unwrap(),
    }
}

/// The bytes of a file, and one more: a library loads all the same.
fn changed_copy(file: &Path) -> Vec<u8> {
    let mut bytes = fs::read(file).unwrap();
    bytes.push(b'\n');
    bytes
}

fn with_cache(cache: &Path, arguments: &[&str]) -> Command {
    let mut command = recto();
    for variable in ["RECTO_PDFIUM", "RECTO_ONNXRUNTIME", "RECTO_PPOCR_MODELS"] {
        command.env_remove(variable);
    }
    command.env("RECTO_CACHE", cache).args(arguments);
    command
}

#[test]
fn a_changed_file_in_the_cache_folder_is_not_loaded() {
    let document = sample("report.pdf");
    for (file, engine) in [
        ("", "ppocr"),
        ("pdfium/libpdfium.so", "ppocr"),
        ("onnxruntime/libonnxruntime.so", "ppocr"),
        ("models/PP-OCRv6_det_small.onnx", "ppocr"),
        ("models/PP-OCRv6_rec_small.onnx", "ppocr"),
        ("models/layout-cdla/layout.json", "ppocr"),
        ("models/got-nano/config.json", "got"),
    ] {
        let cache = cache_with(file);
        let arguments = ["convert", document.to_str().unwrap(), "--engine", engine];
        let run = with_cache(cache.path(), &arguments).output().unwrap();
        let seen = seen(&run);
        assert_eq!(run.status.success(), file.is_empty(), "{file}: {seen}");
        if !file.is_empty() {
            assert!(
                seen.contains("its SHA-256 is") && seen.contains(file),
                "{seen}"
            );
            assert!(
                seen.contains("make setup") || seen.contains("--layout-model"),
                "{seen}"
            );
        }
    }
}

#[test]
fn a_library_that_an_option_names_may_be_any_and_is_in_the_log() {
    let cache = cache_with("");
    let own: PathBuf = cache.path().join("own.so");
    let (variable, file) = LIBRARIES[0];
    fs::write(&own, changed_copy(&part(variable, file))).unwrap();
    let own = own.to_str().unwrap();
    let document = sample("born-digital.pdf");
    let arguments = ["convert", document.to_str().unwrap(), "--pdfium", own];
    let run = with_cache(cache.path(), &arguments).output().unwrap();
    assert!(run.status.success(), "{}", seen(&run));

    let arguments = ["worker", "--check", "--pdfium", own];
    let mut check = with_cache(cache.path(), &arguments);
    check.args(["--amqp-url", "amqp://127.0.0.1:1/", "--amqp-timeout", "1s"]);
    check.env("AWS_EC2_METADATA_DISABLED", "true");
    let seen = seen(&check.output().unwrap());
    let told = seen
        .lines()
        .find(|line| line.contains("a library of your own is loaded"));
    let is_told = |line: &str| line.contains("own.so") && line.contains("sha256=");
    assert!(told.is_some_and(is_told), "{seen}");
    // The other one is what belongs there.
    assert_eq!(seen.matches("a library of your own").count(), 1, "{seen}");
}
