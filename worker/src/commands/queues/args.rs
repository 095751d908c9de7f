//! Arguments of `recto queues`.

use clap::Subcommand;

use crate::broker::config::BrokerConfig;

/// The end of `recto queues purge --help`.
const PURGE_NOTES: &str = "\
Workers drop the batch's jobs as they get them: those that were submitted by now and of which no page is read. Documents \
that are being read, or were read in part, go on to their result. Each dropped job is a line in a worker's log and one of \
recto_jobs_purged_total, and nothing else tells of it: `recto cancel --batch NAME` ends the jobs with a dead letter each, \
and those that are read too.

Exit status: 0 the order is given, 1 it is not, or the answer was no, 2 wrong usage.

Examples:
  recto queues purge --batch first
  recto queues purge --batch first --yes";

/// Subcommands of `recto queues`.
#[derive(Debug, Subcommand)]
pub(crate) enum QueuesCommand {
    /// Declare the queues that are missing, and compare those that are there
    Declare {
        #[command(flatten)]
        broker: BrokerConfig,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Have the jobs of a batch wait: workers begin none until `recto queues resume`
    Pause {
        #[command(flatten)]
        broker: BrokerConfig,

        /// Batch, such as `first`
        #[arg(long, value_name = "NAME")]
        batch: String,
    },
    /// Have workers begin the jobs of a paused batch again, within a minute
    Resume {
        #[command(flatten)]
        broker: BrokerConfig,

        /// Batch, such as `first`
        #[arg(long, value_name = "NAME")]
        batch: String,
    },
    /// Drop the jobs of a batch that wait: they end without a result and without a dead letter
    #[command(after_long_help = PURGE_NOTES)]
    Purge {
        #[command(flatten)]
        broker: BrokerConfig,

        /// Batch, such as `first`
        #[arg(long, value_name = "NAME")]
        batch: String,

        /// Do not ask; needed where nobody can be asked
        #[arg(long)]
        yes: bool,
    },
    /// Print the number of waiting messages and of consumers of each queue
    Status {
        #[command(flatten)]
        broker: BrokerConfig,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
