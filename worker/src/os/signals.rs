//! Signals that ask the process to stop: the first one is answered in an orderly way, the second one ends the process.

use std::io;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

/// Exit status of a command that a signal ended, as shells give it for Ctrl-C.
pub(crate) const EXIT_STOPPED: u8 = 130;

/// Signals that end a command of a terminal.
pub(crate) const TERMINAL: &[SignalKind] = &[
    SignalKind::interrupt(),
    SignalKind::terminate(),
    SignalKind::hangup(),
];

/// Signals that end a service. SIGHUP is left as it was found: `nohup` has it ignored.
pub(crate) const SERVICE: &[SignalKind] = &[SignalKind::interrupt(), SignalKind::terminate()];

/// Calls `first` with the name of the first signal that comes. The second one exits at once with [`EXIT_STOPPED`].
///
/// # Errors
/// The system refuses to deliver the signals.
///
/// # Panics
/// If called outside a tokio runtime.
pub(crate) fn on_first_signal(
    kinds: &[SignalKind],
    first: impl FnOnce(&'static str) + Send + 'static,
) -> io::Result<()> {
    // One place: whatever comes after the second signal finds the process gone.
    let (sender, mut receiver) = mpsc::channel(1);
    for &kind in kinds {
        tokio::spawn(forward(signal(kind)?, name(kind), sender.clone()));
    }
    tokio::spawn(async move {
        if let Some(name) = receiver.recv().await {
            first(name);
        }
        if let Some(name) = receiver.recv().await {
            tracing::warn!(signal = name, "second signal: exits at once");
            std::process::exit(i32::from(EXIT_STOPPED));
        }
    });
    Ok(())
}

async fn forward(mut signals: Signal, name: &'static str, sender: mpsc::Sender<&'static str>) {
    while signals.recv().await.is_some() && sender.send(name).await.is_ok() {}
}

fn name(kind: SignalKind) -> &'static str {
    match kind {
        _ if kind == SignalKind::interrupt() => "SIGINT",
        _ if kind == SignalKind::terminate() => "SIGTERM",
        _ => "SIGHUP",
    }
}
