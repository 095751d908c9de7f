//! `recto eval`: how well documents with known text are read.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use recto_schemas::{Options, options::switch};

use crate::commands::args::RunArgs;

/// The end of `recto eval --help`.
pub(crate) const NOTES: &str = "\
DATA is a dataset as GOT's evaluation takes it, a JSON list of
  {\"image\": \"a.png\", \"conversations\": [{\"from\": \"human\", \"value\": \"<image>\\nOCR: \"}, {\"from\": \"gpt\", \"value\": \"…\"}]}
or a folder where documents have their text beside them: NAME.truth.json ({\"pages\": [{\"page\": 1, \
\"text\": \"…\"}]}), NAME.md or NAME.txt.

A table goes to standard output. DIR gets eval.json (all figures and texts), worst.html (the worst \
cases beside their images) and predictions/ (what `recto convert` writes).

Exit status: 0 all documents read, 1 some failed or lost pages (they count as read as nothing, and \
each is named), 2 wrong usage, 130 stopped.

Examples:
  recto eval scans/ -o out
  recto eval bench.json --images pages/ --engine got --got-model stepfun-ai/GOT-OCR-2.0-hf -o out
  recto eval scans/ --predictions other-tool/ -o out
  recto eval bench.json --num-chunks 4 --chunk-idx 0 -o out    # and 1, 2, 3 elsewhere, then:
  recto eval --merge out -o out";

/// Arguments of `recto eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Documents with known text: a dataset (JSON), or a folder
    #[arg(value_name = "DATA", required_unless_present = "merge")]
    pub(crate) data: Option<PathBuf>,

    /// Folder for the results, such as `out`
    #[arg(short, long, value_name = "DIR", env = "RECTO_EVAL_OUTPUT")]
    pub(crate) output: PathBuf,

    /// Folder that a dataset names its images from, such as `pages` [default: the dataset's own]
    #[arg(long, value_name = "DIR", env = "RECTO_EVAL_IMAGES")]
    pub(crate) images: Option<PathBuf>,

    /// Score the texts in a folder, such as `other-tool`, NAME.md or NAME.txt for each document, instead of reading
    #[arg(long, value_name = "DIR", env = "RECTO_EVAL_PREDICTIONS")]
    pub(crate) predictions: Option<PathBuf>,

    /// Compare texts as they stand, as GOT's evaluation does; without it Markdown's marks, kinds of quotes and dashes,
    /// hyphens at line ends and white space do not count
    #[arg(
        long,
        value_name = "on|off",
        env = "RECTO_EVAL_AS_IS",
        value_parser = switch,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "off",
        default_missing_value = "on"
    )]
    pub(crate) as_is: bool,

    /// Characters that are left out of both texts, such as `~`; `~` always is if a NAME.truth.json is the reference
    #[arg(
        long,
        value_name = "CHARACTERS",
        default_value = "",
        hide_default_value = true,
        env = "RECTO_EVAL_IGNORE"
    )]
    pub(crate) ignore: String,

    /// Cases in worst.html
    #[arg(long, value_name = "N", default_value_t = 20, env = "RECTO_EVAL_WORST", value_parser = clap::value_parser!(u16).range(0..=500))]
    pub(crate) worst: u16,

    /// Parts that the documents are evaluated in
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true, env = "RECTO_EVAL_NUM_CHUNKS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) num_chunks: u32,

    /// Which part this is, from 0
    #[arg(
        long,
        value_name = "K",
        default_value_t = 0,
        hide_default_value = true,
        env = "RECTO_EVAL_CHUNK_IDX"
    )]
    pub(crate) chunk_idx: u32,

    /// Put the parts in these folders together
    #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with = "data")]
    pub(crate) merge: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl EvalArgs {
    /// The options that documents are read with; pages are told apart by their markers, whatever was asked for.
    pub(crate) fn options(&self) -> Options {
        Options {
            page_markers: true,
            ..self.run.options()
        }
    }
}
