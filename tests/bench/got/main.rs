//! `make bench-got`, Recto's side: how fast GOT reads on this machine and what share of the machine's limits
//! that is; and, with `check`, what a checkpoint takes to load and to hold.
//!
//!     bench-got speed --model FOLDER [--device cuda --dtype bf16 --batch 1,16,64,128 --pages 256]
//!     bench-got check --model FOLDER
//!
//! Progress goes to standard error, one JSON object to standard output. Pages are drawn here: with weights
//! that are random the time does not depend on their content.

#![expect(
    clippy::unwrap_used,
    reason = "a run that cannot go on says where; clippy.toml frees test functions only"
)]

mod check;
mod limits;
mod rig;
mod sizes;
mod speed;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use recto_schemas::Dtype;

/// Measures the GOT engine.
#[derive(Parser)]
struct BenchArguments {
    #[command(subcommand)]
    work: BenchCommand,
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Measures reading speed, beside the machine's limits.
    Speed(SpeedArgs),
    /// Load time, every mode on a page, peak memory.
    Check(CheckpointArgs),
}

/// The checkpoint that is loaded, and its device.
#[derive(Args, Clone)]
struct CheckpointArgs {
    /// Folder of the checkpoint.
    #[arg(long)]
    model: PathBuf,
    /// `cpu`, `cuda` or `cuda:N`.
    #[arg(long, default_value = "cpu")]
    device: String,
}

#[derive(Args)]
struct SpeedArgs {
    #[command(flatten)]
    place: CheckpointArgs,
    /// Number formats of the weights.
    #[arg(long, value_delimiter = ',', default_value = "q8,f32,q4", value_parser = dtype)]
    dtype: Vec<Dtype>,
    /// Sequences decoded at once.
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    batch: Vec<usize>,
    /// Tokens written for each page.
    #[arg(long, default_value_t = 256)]
    tokens: u32,
    /// Pages of a run; as many as the batch if not given.
    #[arg(long)]
    pages: Option<usize>,
    /// Gigabytes read to measure memory: several times the processor's cache.
    #[arg(long, default_value_t = 2)]
    read_gb: usize,
}

fn main() {
    let report = match BenchArguments::parse().work {
        BenchCommand::Speed(speed) => speed::run(&speed),
        BenchCommand::Check(place) => check::run(&place),
    };
    println!("{report}");
}

fn dtype(word: &str) -> Result<Dtype, String> {
    serde_json::from_value(word.into()).map_err(|error| error.to_string())
}
