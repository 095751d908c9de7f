//! `recto result`: whose results are followed, and until when.

use std::time::Duration;

use clap::Args;

use super::{BrokerArgs, duration::duration, submit::word};

/// Arguments of `recto result`.
#[derive(Debug, Args)]
pub(crate) struct ResultArgs {
    /// Only documents of this batch; messages of others stay in their queues
    #[arg(long, value_name = "WORD", env = "RECTO_BATCH", value_parser = word)]
    pub(crate) batch: Option<String>,

    /// End when so many documents have ended; without it, go on until Ctrl-C
    #[arg(long, value_name = "N", env = "RECTO_RESULT_COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Give up after this time
    #[arg(long, value_name = "TIME", env = "RECTO_RESULT_TIMEOUT", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,

    /// Only look: results stay in their queue and are shown again the next time
    #[arg(long)]
    pub(crate) keep: bool,

    /// Print the messages as they are, one a line
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
}

/// What `recto result --help` ends with.
pub(crate) const NOTES: &str = "\
Prints one line a document, as it ends: state, pages, seconds, URI, and where the Markdown is or what went \
wrong. A result is taken off its queue when its line is printed. Dead letters are shown too, and always stay in \
QUEUE.dead. A job whose result comes twice is shown and counted once.

Follow one queue from one place at a time: while this runs, messages that it does not want are held back \
from other readers.

Exit status: 0 all documents are done, partial or skipped, or stopped without --count; 1 some failed or \
were dead-lettered, or fewer than N came in time; 2 wrong usage; 130 stopped before N came.

Examples:
  recto result --batch 1911 --count 300
  recto result --batch 1911 --keep --timeout 5s
  recto result --json | jq -r .outputs.markdown";
