//! Second reader of a page's lines: those in a script that the recognizer does not know.
//!
//! The ink that no character accounts for ([`super::unread`]) says that a page has such lines, not which script they are
//! in. The reader is asked for a few of the longest in each of its languages, and the language that it is surest of
//! reads them all; lines that this leaves are tried once more with the other languages, so that a page may have several.
//! What the reader is not sure of, or reads as letters that the recognizer would have read, stays unread.

mod letters;
mod line_image;
mod choice;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use recto_schemas::FallbackReader;

pub use self::line_image::LineImage;
use self::{choice::LanguageScore, letters::KnownLetters};
use super::{
    tuning::fallback::{CANDIDATE_SHARE, MAX_SCRIPTS, PROBES},
    unread::{RecognizedLine, is_unread_in_part},
};
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
        cancel: &CancelToken,
    ) -> Result<Vec<LineReading>, ScriptReaderError>;
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
    /// page that was read; a failure leaves the lines as they are.
    pub(super) fn complete(
        &self,
        image: &PageImage,
        lines: &mut [RecognizedLine],
        cancel: &CancelToken,
    ) {
        if !is_unread_in_part(lines) {
            return;
        }
        let started = Instant::now();
        let cancel = cancel.child_with(&self.stop);
        let done = self.read_scripts(image, lines, &cancel);
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
        cancel: &CancelToken,
    ) -> Result<(), ScriptReaderError> {
        let mut left = candidates(lines, image);
        let mut languages: Vec<&String> = self.identity().languages.iter().collect();
        for _ in 0..MAX_SCRIPTS {
            let Some(language) = self.choose(lines, &left, &languages, cancel)? else {
                return Ok(());
            };
            let name = &self.identity().name;
            let images: Vec<&LineImage> = left.iter().map(|line| &line.image).collect();
            let readings = self.reader.read(&images, language, cancel)?;
            let mut readings = readings.into_iter();
            left.retain(|candidate| {
                let Some(reading) = readings.next() else {
                    return true;
                };
                let line = &mut lines[candidate.index];
                let is_read = choice::accepts(&reading, line, &self.known);
                if is_read {
                    line.take_reading(reading, name, language);
                }
                !is_read
            });
            languages.retain(|other| *other != language);
        }
        Ok(())
    }

    /// The language that reads some of the longest of these lines best; `None` if none reads them surely.
    fn choose<'a>(
        &self,
        lines: &[RecognizedLine],
        left: &[Candidate],
        languages: &[&'a String],
        cancel: &CancelToken,
    ) -> Result<Option<&'a String>, ScriptReaderError> {
        let telling = left.iter().filter(|line| lines[line.index].tells_script());
        let probes: Vec<&LineImage> = telling.take(PROBES).map(|line| &line.image).collect();
        if probes.is_empty() {
            return Ok(None);
        }
        let mut best: Option<(LanguageScore, &String)> = None;
        for language in languages {
            let readings = self.reader.read(&probes, language, cancel)?;
            let score = LanguageScore::of(&readings, &self.known);
            if score.is_sure() && best.as_ref().is_none_or(|(other, _)| score > *other) {
                best = Some((score, language));
            }
        }
        Ok(best.map(|(_, language)| language))
    }
}

/// A line that may be in another script.
struct Candidate {
    /// Its place among the page's lines.
    index: usize,
    image: LineImage,
}

/// The lines that the second reader is given, those with the most ink first. Of a page that has unread lines, also
/// those that may be look-alikes: the recognizer is sure of half of them.
fn candidates(lines: &[RecognizedLine], image: &PageImage) -> Vec<Candidate> {
    let mut all: Vec<usize> = (0..lines.len())
        .filter(|&at| lines[at].text.ink.unread_share() >= CANDIDATE_SHARE)
        .collect();
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
