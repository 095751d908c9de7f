//! Exit statuses of the process, beside 0 and clap's 2 for wrong usage.

/// Some inputs failed.
pub(crate) const EXIT_FAILED: u8 = 1;
/// Stopped by a signal, as shells say it.
pub(crate) const EXIT_STOPPED: u8 = 130;
