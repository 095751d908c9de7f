//! Arguments of `recto convert`: documents, and where their results go.

use std::path::PathBuf;

use clap::Args;

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

    /// Folder or prefix for the results, such as `s3://bucket/prefix/`; without it, Markdown goes to standard output
    #[arg(short, long, value_name = "DIR", env = "RECTO_OUTPUT")]
    pub(crate) output: Option<PathBuf>,

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

/// The end of `recto convert --help`.
pub(crate) const NOTES: &str = "\
For each input, DIR gets NAME.md, NAME.pages.jsonl (every line with its box and confidence) and \
NAME.json (the manifest: what became of the document and of each page). NAME is the file name \
without its ending; where two inputs share it, the ending stays, and then a number follows.

Exit status: 0 all inputs converted, 1 some failed or lost pages (each is named), 2 wrong usage, \
130 stopped.

Examples:
  recto convert scan.pdf > scan.md
  recto convert archive/ -o out --html
  recto convert s3://archive/1911/ -o s3://texts/1911/
  recto convert report.pdf --pages 1-3,10- --headers-footers drop";
