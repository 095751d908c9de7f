//! Outcomes of documents.

use std::time::Instant;

use recto_schemas::{DocumentState, FailureKind, FileState, Manifest, PageOutcome};

use super::account::AccountRow;
use crate::document::{ConvertError, ConvertedDocument};

/// The outcome of a document.
#[derive(Debug)]
pub(crate) struct DocumentOutcome {
    pub(super) uri: String,
    pub(super) state: DocumentState,
    /// True if it was not read, because its result is there.
    pub(super) is_skipped: bool,
    /// The machine-readable code of why it failed or was cut short.
    pub(super) kind: Option<FailureKind>,
    /// The reason why it failed or was cut short.
    failure: Option<String>,
    /// Its size, if it could be read.
    pub(super) bytes: Option<u64>,
    /// Pages with a result.
    pub(super) pages: u32,
    /// Pages that failed.
    pub(super) failed_pages: u32,
    /// The reason why the first of them failed.
    page_failure: Option<String>,
    /// Pages that were read in part only.
    partial_pages: u32,
    pub(super) seconds: f64,
    /// True if the reader of standard output has gone.
    pub(super) reader_left: bool,
}

impl DocumentOutcome {
    /// The outcome of a conversion. `None` if it was cancelled: then nothing is left of it.
    pub(super) fn new(
        uri: String,
        converted: Result<ConvertedDocument, ConvertError>,
        started: Instant,
    ) -> Option<Self> {
        let outcome = match converted {
            Ok(converted) => Self {
                reader_left: converted.reader_left,
                is_skipped: !converted.is_ours,
                ..Self::of_manifest(uri, &converted.manifest)
            },
            Err(ConvertError::Stopped | ConvertError::Cancelled) => return None,
            Err(
                ref error @ (ConvertError::Write { ref manifest, .. }
                | ConvertError::Publish { ref manifest, .. }),
            ) => Self {
                state: DocumentState::Failed,
                kind: Some(error.kind()),
                failure: Some(error.to_string()),
                ..Self::of_manifest(uri, manifest)
            },
            Err(ref error) => Self::failed(uri, error),
        };
        Some(Self {
            seconds: started.elapsed().as_secs_f64(),
            ..outcome
        })
    }

    /// A document without any page.
    pub(super) fn failed(uri: String, error: &ConvertError) -> Self {
        Self {
            uri,
            state: DocumentState::Failed,
            is_skipped: false,
            kind: Some(error.kind()),
            failure: Some(error.to_string()),
            bytes: None,
            pages: 0,
            failed_pages: 0,
            page_failure: None,
            partial_pages: 0,
            seconds: 0.0,
            reader_left: false,
        }
    }

    fn of_manifest(uri: String, manifest: &Manifest) -> Self {
        let mut pages = manifest.pages.iter();
        let first_failed = pages.find(|page| page.outcome == PageOutcome::Failed);
        let counts = manifest.counts;
        Self {
            uri,
            state: manifest.state,
            is_skipped: false,
            kind: manifest.failure.as_ref().map(|failure| failure.kind),
            bytes: manifest.source.bytes,
            failure: manifest
                .failure
                .as_ref()
                .map(|failure| failure.message.clone()),
            pages: counts.ok + counts.empty + counts.text_layer,
            failed_pages: counts.failed,
            page_failure: first_failed
                .and_then(|page| page.reason.as_ref())
                .map(|reason| reason.message.clone()),
            partial_pages: counts.partial,
            seconds: 0.0,
            reader_left: false,
        }
    }

    /// The failure of the document or of its pages, in one line. `None` for a document that is done.
    pub(super) fn error_line(&self) -> Option<String> {
        Some(format!("{}: {}", self.uri, self.message()?))
    }

    fn message(&self) -> Option<String> {
        if self.state == DocumentState::Done {
            return None;
        }
        let pages = self
            .page_failure
            .as_ref()
            .map(|failure| format!("{} failed: {failure}", page_count(self.failed_pages)));
        let partial = (self.partial_pages > 0).then(|| {
            let pages = page_count(self.partial_pages);
            format!("{pages} read in part: lines in a script that the model does not know")
        });
        let failure = self.failure.clone().or(pages).or(partial);
        Some(failure.unwrap_or_else(|| "failed".to_owned()))
    }

    /// Its state in the account.
    pub(super) fn file_state(&self) -> FileState {
        match self.state {
            _ if self.is_skipped => FileState::Skipped,
            DocumentState::Done => FileState::Done,
            DocumentState::Partial => FileState::Partial,
            DocumentState::Failed => FileState::Failed,
        }
    }

    /// Gives its row of the account to `write`.
    pub(super) fn row<T>(&self, manifest: &str, write: impl FnOnce(&AccountRow<'_>) -> T) -> T {
        let reason = match (self.is_skipped, self.state, self.kind) {
            (_, _, Some(kind)) => kind.as_str(),
            (true, DocumentState::Done, None) => "done",
            (true, _, None) => "partial",
            (false, _, None) => "",
        };
        write(&AccountRow {
            path: &self.uri,
            manifest,
            state: self.file_state(),
            reason,
            message: &self.message().unwrap_or_default(),
            pages: self.pages,
            failed_pages: self.failed_pages,
            bytes: self.bytes,
            seconds: self.seconds,
        })
    }
}

fn page_count(pages: u32) -> String {
    match pages {
        1 => "1 page".to_owned(),
        pages => format!("{pages} pages"),
    }
}
