//! Arguments of `recto queues`.

use clap::Subcommand;

use crate::broker::config::BrokerConfig;

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
    /// Print the number of waiting messages and of consumers of each queue
    Status {
        #[command(flatten)]
        broker: BrokerConfig,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
