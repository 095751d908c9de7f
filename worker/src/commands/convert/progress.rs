//! Progress of a run: a bar on a terminal, plain lines elsewhere, always on standard error.

use std::{
    io::{self, IsTerminal},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{ConvertReport, DocumentOutcome};
use crate::{document::ConvertObserver, os::terminal::Shown};

/// Interval of progress lines if there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows how far a run is.
pub(crate) struct ProgressDisplay {
    quiet: bool,
    bar: Option<ProgressBar>,
    started: Instant,
    documents: u64,
    documents_opened: AtomicU64,
    /// Documents that ended without having been open.
    unopened: AtomicU64,
    pages_known: AtomicU64,
    pages: AtomicU64,
    last_line: Mutex<Instant>,
}

impl ProgressDisplay {
    /// Starts showing a run over so many documents; `quiet` shows failures alone.
    pub(crate) fn start(documents: usize, quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal() && !quiet;
        let bar = terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            quiet,
            bar,
            started: Instant::now(),
            documents: documents as u64,
            documents_opened: AtomicU64::new(0),
            unopened: AtomicU64::new(0),
            pages_known: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            last_line: Mutex::new(Instant::now()),
        }
    }

    /// A document has ended.
    pub(super) fn document(&self, outcome: &DocumentOutcome) {
        if outcome.pages + outcome.failed_pages == 0 {
            self.unopened.fetch_add(1, Ordering::Relaxed);
        }
        let line = match outcome.error_line() {
            Some(error) => error,
            None if self.quiet || self.bar.is_some() => return,
            None => {
                let pages = counted(u64::from(outcome.pages), "page");
                format!("{}: {pages} in {:.1} s", outcome.uri, outcome.seconds)
            }
        };
        let line = Shown(line);
        match &self.bar {
            Some(bar) => bar.println(line.to_string()),
            None => eprintln!("{line}"),
        }
    }

    /// Prints the summary of the run.
    pub(crate) fn finish(&self, report: &ConvertReport, output: Option<&Path>, stopped: bool) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if !self.quiet && !report.reader_left {
            let place = output.map_or_else(String::new, |o| {
                format!("; results in {}", Shown(o.display()))
            });
            eprintln!(
                "{} of {}, {} in {:.1} s ({:.2} pages/s){place}",
                report.done + report.partial,
                counted(report.inputs as u64, "document"),
                counted(report.pages, "page"),
                report.wall_s,
                report.pages_per_s,
            );
        }
        if !self.quiet && !report.reader_left && !report.passed_over.is_empty() {
            eprintln!("{}", Shown(&report.passed_over));
        }
        if !self.quiet && report.inputs > 1 && !report.errors.is_empty() {
            eprintln!(
                "{} with errors:",
                counted(report.errors.len() as u64, "input")
            );
            for error in &report.errors {
                eprintln!("  {}", Shown(error));
            }
        }
        if stopped && !report.reader_left {
            let ended = report.done + report.partial + report.failed;
            eprintln!(
                "stopped: {} not finished; run again for them",
                report.inputs - ended
            );
        }
    }
}

impl ConvertObserver for ProgressDisplay {
    fn opened(&self, pages: u32) {
        let pages = u64::from(pages);
        let known = self.pages_known.fetch_add(pages, Ordering::Relaxed) + pages;
        let opened = self.documents_opened.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = &self.bar {
            // Documents that are not open yet count as the mean of those that are.
            let closed = self
                .documents
                .saturating_sub(opened + self.unopened.load(Ordering::Relaxed));
            bar.set_length(known + known * closed / opened);
        }
    }

    fn written(&self, _bytes: u64) -> io::Result<()> {
        let pages = self.pages.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
        } else if !self.quiet {
            let mut last = self
                .last_line
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() >= LINE_EVERY {
                *last = Instant::now();
                let rate = pages as f64 / self.started.elapsed().as_secs_f64();
                eprintln!("{} so far, {rate:.2} pages/s", counted(pages, "page"));
            }
        }
        Ok(())
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:24} {pos}/{len} pages  {per_sec}  {eta} left")
        .expect("the template is right")
        .with_key(
            "per_sec",
            |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                // The bar has no place for an error.
                let _ = write!(out, "{:.2} pages/s", state.per_sec());
            },
        )
}

/// `1 page`, `2 pages`.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
