//! Ctrl-C and SIGTERM, for commands that end early in good order.

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::exit_status::EXIT_STOPPED;

/// Cancelled by the first signal. The second one ends the process at once.
pub(crate) fn on_signals() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    ctrlc::set_handler(move || {
        if stopped.is_cancelled() {
            std::process::exit(i32::from(EXIT_STOPPED));
        }
        stopped.cancel();
    })
    .context("cannot listen for signals")?;
    Ok(stop)
}
