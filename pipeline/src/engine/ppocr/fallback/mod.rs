//! Second reader of a page's lines: those in a script that the recognizer does not know.
//!
//! The ink that no character accounts for (`unread.rs`) says that a page has such lines, not which script they are
//! in. The reader is asked for a few of the longest in each of its languages, and the one or two that it is surest of
//! read them all; lines that this leaves are tried once more with the other languages, so that a page may have several.
//! What the reader is not sure of, or reads as letters that the recognizer would have read, stays unread.

mod letters;
mod line_image;
mod choice;
pub(super) mod options;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use recto_schemas::FallbackReader;

use self::letters::KnownLetters;
pub use self::line_image::LineImage;
use super::{
    tuning::fallback::{MAX_ROUNDS, MAX_TIME, PROBES, RIVALS, TIME_SHARE},
    unread::{RecognizedLine, is_unread_in_part},
};
use crate::clock::AwakeInstant;
use crate::{cancel::CancelToken, engine::FallbackUsage, image::PageImage};

/// A reader of lines in scripts that PP-OCR does not know.
pub trait ScriptReader: Send + Sync {
    /// Its name, version and languages.
    fn identity(&self) -> &FallbackReader;

    /// Reads lines in one of its languages; gives a reading for each, in order.
    ///
    /// # Errors
    /// Why it did not.
    fn read(
        &self,
        lines: &[&LineImage],
        language: &str,
        limits: ReadLimits<'_>,
    ) -> Result<Vec<LineReading>, ScriptReaderError>;
}

/// The time by which a page's lines must be read, and what ends it before.
#[derive(Clone, Copy)]
pub struct ReadLimits<'a> {
    /// The reader fails after it.
    pub(crate) deadline: AwakeInstant,
    /// Ends it before.
    pub cancel: &'a CancelToken,
}

/// A line as a second reader reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineReading {
    /// The text; empty if it found none.
    pub text: String,
    /// Mean confidence over its characters, 0 to 1.
    pub confidence: f32,
    /// True if it knew no words of the language and went letter by letter.
    pub by_letter: bool,
}

/// The reason why a second reader did not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptReaderError {
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// It failed; the text says how.
    #[error("{0}")]
    Failed(String),
}

/// The second reader of an engine.
pub(super) struct Fallback {
    reader: Arc<dyn ScriptReader>,
    known: KnownLetters,
    /// Cancelled when the engine ends.
    stop: CancelToken,
    lines: AtomicU64,
    failures: AtomicU64,
    busy_ns: AtomicU64,
}

impl Fallback {
    /// A second reader beside a recognizer of these characters.
    pub(super) fn new(reader: Arc<dyn ScriptReader>, characters: &[String]) -> Self {
        Self {
            reader,
            known: KnownLetters::new(characters),
            stop: CancelToken::new(),
            lines: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            busy_ns: AtomicU64::new(0),
        }
    }

    pub(super) fn identity(&self) -> &FallbackReader {
        self.reader.identity()
    }

    /// Ends what it is reading.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) fn usage(&self) -> FallbackUsage {
        FallbackUsage {
            lines: self.lines.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            busy: Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed)),
        }
    }

    /// Reads those of a page's lines that were not read, as far as it can. Nothing happens, and no time is taken, on a
    /// page that was read; a failure leaves the lines as they are. `page_timeout` is the time in which the page must be
    /// read as a whole.
    pub(super) fn complete(
        &self,
        image: &PageImage,
        lines: &mut [RecognizedLine],
        page_timeout: Duration,
        cancel: &CancelToken,
    ) {
        if !is_unread_in_part(lines) {
            return;
        }
        let started = Instant::now();
        let cancel = cancel.child_with(&self.stop);
        let limits = ReadLimits {
            deadline: AwakeInstant::now() + (page_timeout / TIME_SHARE).min(MAX_TIME),
            cancel: &cancel,
        };
        let done = self.read_scripts(image, lines, limits);
        if let Err(ScriptReaderError::Failed(_)) = done {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        let read = lines.iter().filter(|line| line.read_by.is_some()).count();
        self.lines.fetch_add(read as u64, Ordering::Relaxed);
        let spent = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.busy_ns.fetch_add(spent, Ordering::Relaxed);
    }

    /// Reads script after script, until nothing is left that one of the languages reads.
    fn read_scripts(
        &self,
        image: &PageImage,
        lines: &mut [RecognizedLine],
        limits: ReadLimits<'_>,
    ) -> Result<(), ScriptReaderError> {
        let mut left = candidates(lines, image);
        let mut languages: Vec<&String> = self.identity().languages.iter().collect();
        for _ in 0..MAX_ROUNDS {
            let chosen = self.choose(lines, &left, &languages, limits)?;
            if chosen.is_empty() {
                break;
            }
            let readings = self.best_readings(&left, &chosen, limits)?;
            let name = &self.identity().name;
            let mut readings = readings.into_iter();
            left.retain(|candidate| {
                let line = &mut lines[candidate.index];
                let best = readings
                    .next()
                    .filter(|(reading, _)| choice::accepts(reading, line, &self.known));
                let is_read = best.is_some();
                if let Some((reading, language)) = best {
                    line.take_reading(reading, name, language);
                }
                !is_read
            });
            languages.retain(|language| !chosen.contains(language));
        }
        Ok(())
    }

    /// The languages that read some of the longest of these lines surely, the best ones first; none if none does.
    fn choose<'a>(
        &self,
        lines: &[RecognizedLine],
        left: &[Candidate],
        languages: &[&'a String],
        limits: ReadLimits<'_>,
    ) -> Result<Vec<&'a String>, ScriptReaderError> {
        let telling = left.iter().filter(|line| lines[line.index].tells_script());
        let probes: Vec<&LineImage> = telling.take(PROBES).map(|line| &line.image).collect();
        if probes.is_empty() {
            return Ok(Vec::new());
        }
        let mut sure: Vec<(f32, &String)> = Vec::new();
        for language in languages {
            let readings = self.reader.read(&probes, language, limits)?;
            if let Some(score) = choice::language_score(&readings, &self.known) {
                sure.push((score, language));
            }
        }
        // Stable: of equals the first in the alphabet.
        sure.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        Ok(sure
            .into_iter()
            .map(|(_, language)| language)
            .take(RIVALS)
            .collect())
    }

    /// Each line as the surest of these languages reads it.
    fn best_readings<'a>(
        &self,
        left: &[Candidate],
        languages: &[&'a String],
        limits: ReadLimits<'_>,
    ) -> Result<Vec<(LineReading, &'a String)>, ScriptReaderError> {
        let images: Vec<&LineImage> = left.iter().map(|line| &line.image).collect();
        let mut best: Vec<(LineReading, &String)> = Vec::new();
        for &language in languages {
            let readings = self.reader.read(&images, language, limits)?;
            let readings = readings.into_iter().map(|reading| (reading, language));
            if best.is_empty() {
                best.extend(readings);
                continue;
            }
            for (best, other) in best.iter_mut().zip(readings) {
                let score = |reading| choice::score(reading, &self.known);
                if score(&other.0) > score(&best.0) {
                    *best = other;
                }
            }
        }
        Ok(best)
    }
}

/// A line that may be in another script.
struct Candidate {
    /// Its place among the page's lines.
    index: usize,
    image: LineImage,
}

/// The lines that the second reader is given, those with the most ink first: all of the page, because of the short lines
/// of such a page the recognizer reads many as look-alikes, and is sure of them.
fn candidates(lines: &[RecognizedLine], image: &PageImage) -> Vec<Candidate> {
    let mut all: Vec<usize> = (0..lines.len()).collect();
    // By place where they are equal, so that the same page gives the same order.
    all.sort_by(|&a, &b| {
        let length = |at: usize| lines[at].text.ink.length;
        length(b).total_cmp(&length(a)).then(a.cmp(&b))
    });
    all.into_iter()
        .filter_map(|index| {
            let image = LineImage::cut(image, &lines[index].quad)?;
            Some(Candidate { index, image })
        })
        .collect()
}

#[cfg(test)]
mod tests;
