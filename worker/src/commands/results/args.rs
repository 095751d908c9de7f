//! Arguments of `recto results`: the jobs whose results are followed, and the end of it.

use std::time::Duration;

use clap::Args;
use recto_schemas::options::duration;

use crate::{
    broker::config::BrokerConfig,
    commands::args::{place, word},
    store::{StoreUri, config::StoreConfig},
};

/// Arguments of `recto results`.
#[derive(Debug, Args)]
pub(crate) struct ResultsArgs {
    /// Only documents of one batch, such as `1911`; messages of others stay in their queues
    #[arg(long, value_name = "WORD", env = "RECTO_BATCH", value_parser = word)]
    pub(crate) batch: Option<String>,

    /// Exit after N documents, such as `300`; without it, go on until Ctrl-C
    #[arg(long, value_name = "N", env = "RECTO_RESULTS_COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Timeout for all of it, such as `1h`
    #[arg(long, value_name = "TIME", env = "RECTO_RESULTS_TIMEOUT", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,

    /// Only look: results stay in their queue and are shown again the next time
    #[arg(long)]
    pub(crate) keep: bool,

    /// Show the documents that are being read too, with the pages read so far: those whose results go below this
    /// prefix, such as `s3://bucket/prefix/`, or folder
    #[arg(long, value_name = "PREFIX", value_parser = place)]
    pub(crate) reading: Option<StoreUri>,

    /// Print the messages as they are, one a line
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) broker: BrokerConfig,

    #[command(flatten)]
    pub(crate) store: StoreConfig,
}

/// The end of `recto results --help`.
pub(crate) const NOTES: &str = "\
Prints one line a document, as it ends: state, pages, seconds, URI, and where the Markdown is or what went \
wrong. A result is taken off its queue when its line is printed. Dead letters are shown too, and always stay in \
QUEUE.dead. A job whose result comes twice is shown and counted once.

Follow one queue from one place at a time: while this runs, messages that it does not want are held back \
from other readers.

With --reading, a document of more than 16 pages that has no result yet has a line too, `reading` and `96 of 300 \
pages`, and another whenever more of its pages are kept; in JSON `{\"schema\": \"recto.progress/v1\", \"id\": …, \
\"pages_read\": 96, \"pages\": 300, …}`. That lists all that is below PREFIX, every ten seconds or more: name the \
batch's own.

Exit status: 0 all documents are done, partial or skipped, or stopped without --count; 1 some failed or \
were dead-lettered, or fewer than N came in time; 2 wrong usage; 130 stopped before N came.

Examples:
  recto results --batch 1911 --count 300
  recto results --batch 1911 --keep --timeout 5s --reading s3://texts/1911/
  recto results --json | jq -r .outputs.markdown";
