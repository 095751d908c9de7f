//! Arguments of `recto queues`.

use clap::Subcommand;

use super::broker::BrokerArgs;

/// What to do with the queues.
#[derive(Debug, Subcommand)]
pub(crate) enum QueuesCommand {
    /// Make the queues that are missing, and compare those that are there
    Declare {
        #[command(flatten)]
        broker: BrokerArgs,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say how many messages wait in each queue, and how many consumers it has
    Status {
        #[command(flatten)]
        broker: BrokerArgs,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
