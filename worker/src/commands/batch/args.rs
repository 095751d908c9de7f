//! Arguments of `recto batch`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use recto_schemas::{Options, options::EngineOptions};

use crate::{
    broker::config::BrokerConfig,
    commands::args::{place, word},
    ledger::config::LedgerConfig,
    ledger::record::JobState,
    store::{
        StoreUri,
        config::{FileRootConfig, StoreConfig},
    },
};

/// Asks the ledger, and acts on what it says.
#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// List the batches, a line each
    List {
        #[command(flatten)]
        ledger: LedgerConfig,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print how a batch stands: its jobs by state and by reason, its pages and its rate
    Status(BatchStatusArgs),
    /// List jobs of a batch, or show one with all that is known of it
    Show(ShowArgs),
    /// Print how a batch stands again and again, until all of its jobs have ended
    Watch {
        #[command(flatten)]
        batch: BatchStatusArgs,
    },
    /// Submit jobs of a batch again: those that failed, or those of a state or reason
    #[command(after_long_help = RETRY_NOTES)]
    Retry(Box<RetryArgs>),
    /// Take stored results and dead letters into the ledger that it does not know of: after a loss of the ledger or of its
    /// queue, or for jobs that are lost
    Sweep(Box<SweepArgs>),
    /// Cancel the jobs of a batch, those that wait and those that are read
    Cancel {
        /// Batch, such as `1911`
        #[arg(value_name = "BATCH", value_parser = word)]
        batch: String,

        #[command(flatten)]
        broker: BrokerConfig,
    },
    /// Compare every stored file of a batch with its hash, and name those that differ or are gone
    Verify(StoredArgs),
    /// Write a report of a batch: a page to look at, JSON, or CSV with a row for each job
    Report(ReportArgs),
    /// Write the stored results of a batch to a folder as a BagIt bag
    #[command(after_long_help = EXPORT_NOTES)]
    Export {
        #[command(flatten)]
        stored: StoredArgs,

        /// Folder that the bag is written to, such as `bags/1911`; it must not be there, or be empty
        #[arg(long, value_name = "DIR")]
        bagit: PathBuf,
    },
}

/// The end of `recto batch retry --help`.
pub(crate) const RETRY_NOTES: &str = "\
Without --state and --kind: jobs that are dead or failed. A job that is submitted again keeps its place in the batch: the
ledger counts it once, by its last try. Options that are given take the place of the job's own.

Exit status: 0 all are queued, 1 some are not (each is named), 2 wrong usage.

Examples:
  recto batch retry 1911
  recto batch retry 1911 --state lost
  recto batch retry 1911 --kind timeout --page-timeout 5m";

/// The end of `recto batch export --help`.
pub(crate) const EXPORT_NOTES: &str = "\
The bag (RFC 8493) has the results below data/, as they are in the store, and manifests of SHA-256; jobs.csv and
events.jsonl (submission, reading and check of fixity of each document, after PREMIS) are tag files. A file whose hash
differs from what the ledger or its manifest says is named, and the export fails.

Exit status: 0 the bag is whole, 1 it is not, 2 wrong usage.

Example:
  recto batch export 1911 --bagit bags/1911";

/// A batch of a ledger.
#[derive(Debug, Args)]
pub(crate) struct BatchStatusArgs {
    /// Batch, such as `1911`
    #[arg(value_name = "BATCH")]
    pub(crate) batch: String,

    #[command(flatten)]
    pub(crate) ledger: LedgerConfig,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `recto batch show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Batch, such as `1911`
    #[arg(value_name = "BATCH")]
    pub(crate) batch: String,

    /// Show the job of this id, such as `01a22d51-32cc-7176-bf81-d28bb8f7b953`, with all that is known of it
    #[arg(long, value_name = "ID")]
    pub(crate) job: Option<String>,

    #[command(flatten)]
    pub(crate) select: JobSelection,

    #[command(flatten)]
    pub(crate) ledger: LedgerConfig,

    /// Format
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub(crate) format: ListFormat,
}

/// Format of a list of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// People: a line each
    Text,
    /// Comma-separated values with a head line
    Csv,
    /// A JSON object a line
    Jsonl,
}

/// The jobs of a batch that are meant.
#[derive(Clone, Debug, Args)]
pub(crate) struct JobSelection {
    /// Jobs in this state, such as `dead`: waiting, reading, lost, done, partial, failed, skipped, dead or cancelled; several
    /// with commas
    #[arg(long, value_name = "STATES", value_delimiter = ',', value_parser = state)]
    pub(crate) state: Vec<JobState>,

    /// Jobs that ended for this reason, such as `timeout`
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
}

fn state(text: &str) -> Result<JobState, String> {
    JobState::of(text).ok_or_else(|| {
        let all = JobState::ALL.map(JobState::as_str).join(", ");
        format!("the states are {all}")
    })
}

/// Arguments of `recto batch retry`.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Batch, such as `1911`
    #[arg(value_name = "BATCH", value_parser = word)]
    pub(crate) batch: String,

    #[command(flatten)]
    pub(crate) select: JobSelection,

    /// Print what would be submitted, and submit nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Password of encrypted documents, such as `secret` (safer in RECTO_PASSWORD than on the command line)
    #[arg(
        long,
        value_name = "TEXT",
        env = "RECTO_PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<String>,

    #[command(flatten)]
    pub(crate) options: Options,

    #[command(flatten)]
    pub(crate) engines: EngineOptions,

    #[command(flatten)]
    pub(crate) ledger: LedgerConfig,

    #[command(flatten)]
    pub(crate) broker: BrokerConfig,
}

/// Arguments of `recto batch sweep`.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// Batch that what is found belongs to, such as `1911`
    #[arg(value_name = "BATCH", value_parser = word)]
    pub(crate) batch: String,

    /// Prefix of the results, such as `s3://archive/out/`
    #[arg(value_name = "PREFIX", value_parser = place)]
    pub(crate) prefix: StoreUri,

    #[command(flatten)]
    pub(crate) ledger: LedgerConfig,

    #[command(flatten)]
    pub(crate) broker: BrokerConfig,

    #[command(flatten)]
    pub(crate) store: StoreConfig,

    #[command(flatten)]
    pub(crate) file_root: FileRootConfig,
}

/// A batch and the store of its results.
#[derive(Debug, Args)]
pub(crate) struct StoredArgs {
    /// Batch, such as `1911`
    #[arg(value_name = "BATCH")]
    pub(crate) batch: String,

    #[command(flatten)]
    pub(crate) ledger: LedgerConfig,

    #[command(flatten)]
    pub(crate) store: StoreConfig,

    #[command(flatten)]
    pub(crate) file_root: FileRootConfig,
}

/// Arguments of `recto batch report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Batch, such as `1911`
    #[arg(value_name = "BATCH")]
    pub(crate) batch: String,

    /// File, such as `1911.html`, `1911.json` or `1911.csv`; its ending says which; `-` is CSV on standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) ledger: LedgerConfig,
}
