//! `recto convert --engine got` with the small checkpoints of `tests/reference`, and what it leaves.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use recto_schemas::{GotOptions, Manifest, PageRecord, PageSummary, RawOutput};
use tempfile::TempDir;

use super::{outputs, recto, repository, seen};

/// The folder of a small checkpoint.
pub fn checkpoint(name: &str) -> PathBuf {
    repository().join("tests/reference/checkpoints").join(name)
}

/// `recto convert --engine got` with a small checkpoint, that writes no more than asked for here.
pub fn convert(name: &str, options: &[&str]) -> Command {
    let mut command = recto();
    command
        .args(["convert", "--engine", "got", "--got-model"])
        .arg(checkpoint(name))
        .args(options);
    command
}

/// The outputs of a run.
pub struct GotRun {
    pub manifest: Manifest,
    /// The lines of `NAME.pages.jsonl`.
    pub records: Vec<PageRecord<'static>>,
    pub markdown: String,
    /// `NAME.json`.
    pub manifest_path: PathBuf,
    /// `NAME.pages.jsonl`.
    pub records_path: PathBuf,
    _folder: TempDir,
}

impl GotRun {
    /// Reads `input`, all of it, with a small checkpoint.
    pub fn of(name: &str, input: &Path, options: &[&str]) -> Self {
        Self::by(convert(name, options), input)
    }

    /// Reads `input`, all of it, with the default model.
    pub fn by_default(input: &Path, options: &[&str]) -> Self {
        let mut command = recto();
        command.args(["convert", "--engine", "got"]).args(options);
        Self::by(command, input)
    }

    fn by(mut command: Command, input: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = command.arg(input).arg("-o").arg(folder.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{command:?}: {}", seen(&output));
        let stem = input.file_stem().unwrap().to_str().unwrap();
        let path = |ending: &str| folder.path().join(format!("{stem}.{ending}"));
        let records_path = path("pages.jsonl");
        let records = fs::read_to_string(&records_path).unwrap();
        Self {
            manifest: outputs::manifest(&path("json")),
            records: records
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
            markdown: fs::read_to_string(path("md")).unwrap(),
            manifest_path: path("json"),
            records_path,
            _folder: folder,
        }
    }

    /// Reads a document made on the spot.
    pub fn of_bytes(name: &str, document: &[u8], options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.pdf");
        fs::write(&path, document).unwrap();
        Self::of(name, &path, options)
    }

    /// GOT's options as the manifest has them.
    pub fn got(&self) -> &GotOptions {
        self.manifest.options.got.as_ref().unwrap()
    }

    /// The manifest's entry of a page, by its index.
    pub fn page(&self, index: usize) -> &PageSummary {
        &self.manifest.pages[index]
    }

    /// The model's prompt, tokens and raw text of a page, by its index.
    pub fn raw(&self, index: usize) -> &RawOutput {
        let raw = self.records[index].raw.as_ref();
        raw.unwrap_or_else(|| panic!("page {} has no `raw`", index + 1))
    }
}
