//! Tesseract as a second reader of lines: its program, run for a few lines at a time in a process that can be killed.
//!
//! The program gets the lines' images on its standard input, one page each of a TIFF file, and says what they read on
//! its standard output, so that no file is written. It runs in the sandbox of [`child`], with the time, memory and
//! output that a call may take.

pub mod child;
mod process;
mod output;
mod images;
mod install;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use recto_schemas::FallbackReader;

use self::{
    images::tiff,
    install::TesseractInstall,
    output::lines,
    process::{ProgramCall, run},
};
use super::ppocr::fallback::{LineImage, LineReading, ReadLimits, ScriptReader, ScriptReaderError};
use crate::clock::AwakeInstant;

/// Name of the reader in options, records and manifests.
pub const NAME: &str = "tesseract";
/// Longest time of one call, which takes 0.1 s to start and 0.02 s a line.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Most lines that go into one call: with them a call stays a fraction of its time limit.
const LINES_PER_CALL: usize = 200;

/// The program, its languages, and the process that it runs in.
#[derive(Clone)]
pub struct TesseractConfig {
    /// The program that becomes the sandbox when its first argument is [`child::MODE`] (see [`child::main`]).
    pub sandbox: PathBuf,
    /// Tesseract's program.
    pub program: PathBuf,
    /// The folder of its language data; its own if absent.
    pub data: Option<PathBuf>,
    /// Folders of shared libraries that the system's linker does not know.
    pub libraries: Vec<PathBuf>,
    /// The languages to read, as it names them; all that are installed but English if absent.
    pub languages: Option<Vec<String>>,
    /// Told of the first call that fails.
    pub warn: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The reason why Tesseract cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TesseractError {
    /// The program is missing or does not run.
    #[error("tesseract does not run from {}: {reason}; {ADVICE}", program.display())]
    Program {
        /// Its path.
        program: PathBuf,
        /// The reason.
        reason: String,
    },
    /// It has data for no language that PP-OCR does not read.
    #[error("tesseract has data for English only; {ADVICE}")]
    NoLanguages,
    /// It has no data for a language that is asked for.
    #[error(
        "tesseract has no data for `{language}`; --tesseract-languages takes those that are installed: {installed}"
    )]
    UnknownLanguage {
        /// The language.
        language: String,
        /// Those it has, in a list.
        installed: String,
    },
}

/// Ways out of an installation that cannot be used.
const ADVICE: &str = "run `make setup-tesseract LANGUAGES=rus,ell`, or install tesseract-ocr and tesseract-ocr-rus \
                      (or whatever language is needed), or name the program with --tesseract, or leave \
                      --script-fallback out";

/// Tesseract, ready to read.
pub struct Tesseract {
    config: TesseractConfig,
    identity: FallbackReader,
    has_warned: AtomicBool,
}

impl Tesseract {
    /// Finds out what the program is and which languages it reads.
    ///
    /// # Errors
    /// If it does not run, or has not the languages.
    pub fn find(mut config: TesseractConfig) -> Result<Self, TesseractError> {
        let install = TesseractInstall::look(&config)?;
        let languages = install.languages(config.languages.as_deref())?;
        let identity = FallbackReader {
            name: NAME.to_owned(),
            data_sha256: install.data_sha256(&languages),
            version: install.version,
            languages,
        };
        // Named from here on, so that what is read is what was hashed.
        config.data = config.data.or(install.data);
        Ok(Self {
            config,
            identity,
            has_warned: AtomicBool::new(false),
        })
    }

    fn call(
        &self,
        images: &[&LineImage],
        language: &str,
        limits: ReadLimits<'_>,
    ) -> Result<Vec<LineReading>, ScriptReaderError> {
        let input = tiff(images).map_err(ScriptReaderError::Failed)?;
        let call = ProgramCall {
            arguments: vec![
                "stdin",
                "stdout",
                "-l",
                language,
                // Each image is one line of text.
                "--psm",
                "7",
                // By name, and not by the files of settings that come with the data of some languages.
                "-c",
                "tessedit_create_tsv=1",
                "-c",
                "tessedit_create_txt=1",
            ],
            input: &input,
            limits: ReadLimits {
                deadline: limits.deadline.min(AwakeInstant::now() + CALL_TIMEOUT),
                ..limits
            },
        };
        let said = run(&self.config, &call)?;
        Ok(lines(&said, images.len()))
    }

    /// Tells of the first failure: the next ones are most likely of the same kind, and are counted.
    fn warn(&self, error: &ScriptReaderError) {
        if let ScriptReaderError::Failed(reason) = error
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            (self.config.warn)(&format!(
                "tesseract failed, and lines stay unread where it does: {reason}"
            ));
        }
    }
}

impl ScriptReader for Tesseract {
    fn identity(&self) -> &FallbackReader {
        &self.identity
    }

    fn read(
        &self,
        images: &[&LineImage],
        language: &str,
        limits: ReadLimits<'_>,
    ) -> Result<Vec<LineReading>, ScriptReaderError> {
        let mut read = Vec::with_capacity(images.len());
        for part in images.chunks(LINES_PER_CALL) {
            let lines = self.call(part, language, limits);
            read.extend(lines.inspect_err(|error| self.warn(error))?);
        }
        Ok(read)
    }
}
