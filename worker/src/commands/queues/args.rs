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
    /// Print the number of waiting messages and of consumers of each queue
    Status {
        #[command(flatten)]
        broker: BrokerConfig,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
