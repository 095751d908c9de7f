//! The subcommands of `recto`, one folder each: its arguments and its work.

pub(crate) mod api_key;
pub(crate) mod args;
pub(crate) mod batch;
pub(crate) mod convert;
mod csv;
pub(crate) mod docs;
#[cfg(feature = "eval")]
pub(crate) mod eval;
pub(crate) mod job_queue;
pub(crate) mod order;
pub(crate) mod queues;
pub(crate) mod results;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod submit;
pub(crate) mod sweep;
pub(crate) mod worker;

/// Exit status if some inputs failed, or a worker could not start.
pub(crate) const EXIT_FAILED: u8 = 1;
