//! Arguments of `recto convert`: documents, and where their results go.

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use recto_schemas::options::switch;

use super::inputs;
use crate::{
    commands::args::{RunArgs, SelectionArgs},
    store::config::StoreConfig,
};

/// Arguments of `recto convert`.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Documents: PDF, PNG, JPEG, JPEG 2000, TIFF, WebP, GIF or BMP files, directories of them, `s3://bucket/key`,
    /// `s3://bucket/prefix/` with all documents below, or `-` for standard input
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,

    /// Folder or prefix for the results, such as `s3://bucket/prefix/`; without it, or with `-`,
    /// Markdown goes to standard output
    #[arg(short, long, value_name = "DIR", env = "RECTO_OUTPUT")]
    pub(crate) output: Option<PathBuf>,

    /// Read documents again whose results are there already, instead of skipping them, such as `--force=on`
    #[arg(
        long,
        value_name = "on|off",
        env = "RECTO_FORCE",
        value_parser = switch,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "off",
        default_missing_value = "on"
    )]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) run: RunArgs,

    /// Write figures of the run (pages, seconds, share of the time the engine was busy) to a file, such as
    /// `stats.json`
    #[arg(
        long,
        value_name = "FILE",
        env = "RECTO_STATS",
        help_heading = "Resources"
    )]
    pub(crate) stats: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) store: StoreConfig,
}

impl ConvertArgs {
    /// The folder or prefix for the results; none for standard output.
    pub(crate) fn output(&self) -> Option<&Path> {
        self.output
            .as_deref()
            .filter(|output| *output != Path::new("-"))
    }

    /// Returns true for a run that leaves an account: one over a folder, a prefix or several inputs.
    pub(super) fn has_account(&self) -> bool {
        let is_many = |input: &PathBuf| inputs::prefix(input).is_some() || input.is_dir();
        self.inputs.len() > 1 || self.inputs.iter().any(is_many)
    }
}

/// The end of `recto convert --help`.
pub(crate) const NOTES: &str = "\
For each document, DIR gets NAME.md, NAME.pages.jsonl (every line with its box and confidence) and \
NAME.json (the manifest: what became of the document and of each page). For a document below a \
folder or prefix, NAME is its path from there, the ending with it (1921/001.pdf.md); for one that \
is named itself, the file name without its ending. What an earlier run has done is skipped. A run \
over a folder or several inputs leaves run.json and run.csv, which account for every file.

Exit status: 0 all inputs converted, 1 some failed or lost pages (each is named), 2 wrong usage, \
130 stopped.

Examples:
  recto convert scan.pdf > scan.md
  recto convert archive/ -o out --html
  recto convert s3://archive/1911/ -o s3://texts/1911/
  recto convert report.pdf --pages 1-3,10- --headers-footers drop";
