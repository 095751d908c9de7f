//! Logging, metrics and the admin port of a worker.

pub(crate) mod admin;
pub(crate) mod config;
pub(crate) mod logging;
pub(crate) mod metrics;
pub(crate) mod panics;
