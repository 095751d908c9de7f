//! Progress of a run: a bar on a terminal, plain lines elsewhere, always on standard error.

use std::{
    io::{self, IsTerminal},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
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
    /// Documents that were found so far.
    documents: AtomicU64,
    /// True if all were found.
    is_all_found: AtomicBool,
    documents_opened: AtomicU64,
    /// Documents that ended without having been open, and those that were not read.
    unopened: AtomicU64,
    pages_known: AtomicU64,
    pages: AtomicU64,
    last_line: Mutex<Instant>,
}

impl ProgressDisplay {
    /// Starts showing a run; `quiet` shows failures alone.
    pub(crate) fn start(quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal() && !quiet;
        let bar = terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style(OPEN_BAR));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            quiet,
            bar,
            started: Instant::now(),
            documents: AtomicU64::new(0),
            is_all_found: AtomicBool::new(false),
            documents_opened: AtomicU64::new(0),
            unopened: AtomicU64::new(0),
            pages_known: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            last_line: Mutex::new(Instant::now()),
        }
    }

    /// A document was found.
    pub(super) fn found(&self) {
        self.documents.fetch_add(1, Ordering::Relaxed);
    }

    /// There are no more documents: the bar can tell how many pages are left.
    pub(super) fn all_found(&self) {
        if !self.is_all_found.swap(true, Ordering::Relaxed)
            && let Some(bar) = &self.bar
        {
            bar.set_style(style(BAR));
        }
    }

    /// Documents that were found so far.
    pub(super) fn documents(&self) -> u64 {
        self.documents.load(Ordering::Relaxed)
    }

    /// A document has ended.
    pub(super) fn document(&self, outcome: &DocumentOutcome) {
        if outcome.is_skipped || outcome.pages + outcome.failed_pages == 0 {
            self.unopened.fetch_add(1, Ordering::Relaxed);
        }
        let line = match outcome.error_line() {
            Some(error) => error,
            None if self.quiet || self.bar.is_some() || outcome.is_skipped => return,
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
            let skipped = match report.skipped {
                0 => String::new(),
                skipped => format!(", {skipped} skipped as done before"),
            };
            let partial = match report.partial {
                0 => String::new(),
                partial => format!(", {partial} in part"),
            };
            let failed = match report.failed {
                0 => String::new(),
                failed => format!(", {failed} failed"),
            };
            eprintln!(
                "{} of {}{partial}{failed}{skipped}, {} in {:.1} s ({:.2} pages/s){place}",
                report.done + report.partial,
                counted(report.inputs, "document"),
                counted(report.pages, "page"),
                report.wall_s,
                report.pages_per_s,
            );
        }
        if !self.quiet && !report.reader_left && !report.passed_over.is_empty() {
            eprintln!("{}", Shown(&report.passed_over));
        }
        if !self.quiet && report.inputs > 1 && !report.errors.is_empty() {
            eprintln!("{} with errors:", counted(report.not_whole, "input"));
            for error in &report.errors {
                eprintln!("  {}", Shown(error));
            }
            let more = report.not_whole - report.errors.len() as u64;
            if more > 0 {
                eprintln!("  and {more} more");
            }
        }
        if stopped && !report.reader_left {
            eprintln!("stopped; the same command again reads what is left");
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
                .documents()
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

/// While all documents are known.
const BAR: &str = "{bar:24} {pos}/{len} pages  {per_sec}  {eta} left";
/// While more documents are looked for.
const OPEN_BAR: &str = "{pos} pages  {per_sec}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
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
