//! The life of a worker: jobs at once, and how it starts and stops.

use std::time::Duration;

use clap::Args;
use recto_schemas::{BoundedInt, options::duration};

/// Jobs at once, and how a worker starts and stops.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConsumerConfig {
    /// Documents at once; their pages share the engine
    #[arg(long, value_name = "N", env = "RECTO_JOBS", default_value_t = BoundedInt::of::<4>())]
    pub(crate) jobs: BoundedInt<1, 1000>,

    /// Share out the pages of a document among all workers if they would take one of them longer than this
    #[arg(long, value_name = "TIME", env = "RECTO_SHARE_ABOVE", default_value = "60s", value_parser = duration)]
    pub(crate) share_above: Duration,

    /// Timeout for broker and store at the start
    #[arg(long, value_name = "TIME", env = "RECTO_START_TIMEOUT", default_value = "60s", value_parser = duration)]
    pub(crate) start_timeout: Duration,

    /// Timeout for jobs in flight after SIGTERM or SIGINT; then they are requeued
    #[arg(long, value_name = "TIME", env = "RECTO_DRAIN_TIMEOUT", default_value = "25s", value_parser = duration)]
    pub(crate) drain_timeout: Duration,
}

impl ConsumerConfig {
    /// Jobs at once, as AMQP counts them.
    pub(crate) fn prefetch(&self) -> u16 {
        u16::try_from(self.jobs.get()).unwrap_or(u16::MAX)
    }
}
