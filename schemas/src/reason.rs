//! Reasons: the closed sets of words that say why a document, a page or an attempt ended as it did.
//!
//! Each set is an enum whose words the JSON Schemas list. Programs match on them; what they mean for a worker
//! (another try or none, the worker's health) is one exhaustive table there, so a new word has to be given its place.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// The kind of a failure of a document, a page or a job.
    FailureKind {
        /// The message is no job, or one of its members makes no sense.
        BadMessage = "bad-message",
        /// The message is of another major version.
        UnknownVersion = "unknown-version",
        /// The source or output is outside what the process may touch.
        NotAllowed = "not-allowed",
        /// The job wants an engine or model settings that this worker does not run.
        EngineUnavailable = "engine-unavailable",
        /// The message was delivered so often without being settled that it may be what ends its workers.
        PoisonMessage = "poison-message",
        /// The store has no such object.
        NoSuchObject = "no-such-object",
        /// The store has no such bucket.
        NoSuchBucket = "no-such-bucket",
        /// The store refuses the request as wrong.
        BadRequest = "bad-request",
        /// A URI cannot be understood.
        BadUri = "bad-uri",
        /// The object is no longer the version that was asked for.
        SourceChanged = "source-changed",
        /// The file cannot be read.
        NotReadable = "not-readable",
        /// The bytes are no format that is read.
        NotADocument = "not-a-document",
        /// The document cannot be opened, though its format is known.
        Damaged = "damaged",
        /// The document has no page.
        NoPages = "no-pages",
        /// The document is encrypted and no password was given.
        Encrypted = "encrypted",
        /// The password does not open the document.
        WrongPassword = "wrong-password",
        /// The document or page makes use of something that is not supported.
        Unsupported = "unsupported",
        /// The document is larger than its limit.
        DocumentTooLarge = "document-too-large",
        /// The page has no size that can be read within the limits.
        PageTooLarge = "page-too-large",
        /// The document has none of the pages that were asked for.
        NoSuchPage = "no-such-page",
        /// The page, or opening the document, took longer than the page timeout.
        PageTimeout = "page-timeout",
        /// The page is damaged.
        PageDamaged = "page-damaged",
        /// The document has more pages than are read from one; the rest is left out.
        PageLimit = "page-limit",
        /// The page was not reached before the document timeout.
        DocumentTimeout = "document-timeout",
        /// The engine failed on the page.
        EngineFailed = "engine-failed",
        /// The model repeated itself from the start, and no other method of reading helped.
        Repetition = "repetition",
        /// The store denies access.
        AccessDenied = "access-denied",
        /// The store does not accept the credentials: they are wrong or expired, or the clock is off.
        BadCredentials = "bad-credentials",
        /// The store does not answer, or says to come again.
        StoreUnavailable = "store-unavailable",
        /// Settings or credentials of the store are missing or wrong.
        NotConfigured = "not-configured",
        /// The local disk, or the part of it that may be used, is full.
        DiskFull = "disk-full",
        /// The rasterizer needs more memory than its limit.
        OutOfMemory = "out-of-memory",
        /// The rasterizer crashed.
        Crashed = "crashed",
        /// The engine stopped; a new process has to start it again.
        EngineStopped = "engine-stopped",
        /// PDFium's library is missing or does not load.
        PdfiumMissing = "pdfium-missing",
        /// A sandbox is required (`--sandbox require`), and the machine does not give it.
        SandboxMissing = "sandbox-missing",
        /// The file system failed, or a process could not be started.
        Io = "io",
        /// The result could not be written.
        ResultNotWritten = "result-not-written",
        /// A defect of Recto ended the job.
        Panic = "panic",
        /// The broker has no queue for the message.
        Unroutable = "unroutable",
        /// The broker refused the message: its queue is full or cannot store it.
        Nacked = "nacked",
        /// The broker did not confirm the message in time.
        ConfirmTimeout = "confirm-timeout",
        /// The connection to the broker ended before it confirmed the message.
        BrokerLost = "broker-lost",
        /// The worker is shutting down; the job goes back to its queue.
        Shutdown = "shutdown",
        /// Reading was cancelled.
        Cancelled = "cancelled",
        /// The job was cancelled by `recto cancel`.
        JobCancelled = "job-cancelled",
        /// The broker gave the job up: it was delivered more often than the queue's limit.
        DeliveryLimit = "delivery-limit",
        /// The broker gave the job up: a consumer rejected it.
        Rejected = "rejected",
        /// The broker gave the job up: its time to live was over.
        Expired = "expired",
        /// The broker gave the job up: its queue was full.
        Maxlen = "maxlen",
        /// No prediction was found for the case of an evaluation.
        NoPrediction = "no-prediction",
        /// A path of an evaluation's data leads out of its folder.
        PathOutside = "path-outside",
        /// A word that this version does not know.
        #[serde(other)]
        Other = "other",
    }
}

words! {
    /// The step of a job's life in which it failed.
    FailureStage {
        /// Delivering the message.
        Deliver = "deliver",
        /// Understanding the message.
        Parse = "parse",
        /// Getting the document from its store.
        Fetch = "fetch",
        /// Opening and reading the document.
        Read = "read",
        /// Putting the results into the store.
        Store = "store",
        /// Sending the result message.
        Publish = "publish",
        /// A word that this version does not know.
        #[serde(other)]
        Other = "other",
    }
}

words! {
    /// The reason for the source of a page's text.
    TextReason {
        /// `--text-layer never` was asked for.
        TextLayerNever = "text-layer-never",
        /// `--text-layer always` was asked for.
        TextLayerAlways = "text-layer-always",
        /// The page has no text of its own.
        NoTextLayer = "no-text-layer",
        /// The page's own text is visible and mapped to Unicode, so it was taken.
        SoundTextLayer = "sound-text-layer",
        /// The page's own text was taken, and pictures, drawings or doubtful lines on it were read by OCR.
        TextLayerWithOcr = "text-layer-with-ocr",
        /// Too many characters of the page's own text have no meaning in Unicode.
        UnmappedCharacters = "unmapped-characters",
        /// The page is an image with hidden text, as a scanner program writes it.
        HiddenTextOverImage = "hidden-text-over-image",
        /// A part of the page's own text is not visible.
        HiddenText = "hidden-text",
        /// Form fields or notes show text that is not in the page's own.
        TextInAnnotations = "text-in-annotations",
        /// Images cover much of the page, and there is little text beside them.
        ImageMayHoldText = "image-may-hold-text",
        /// Much is drawn on the page, which may be outlines of letters.
        DrawnText = "drawn-text",
        /// The page's text is with the page before it, with which it was read in one pass.
        ReadWithPrevious = "read-with-previous",
        /// The page has ink, but the model wrote nothing.
        EmptyAnswer = "empty-answer",
        /// The page has ink, but no line of text was found on it.
        NoTextFound = "no-text-found",
        /// Lines on the page were not read: most likely the model does not know their script.
        UnreadableScript = "unreadable-script",
    }
}

words! {
    /// The kind of a warning about a result.
    WarningKind {
        /// Fonts that the document does not embed were missing and others took their place.
        FontsMissing = "fonts-missing",
        /// The page was rasterized at a lower resolution to stay within its limit.
        DpiLowered = "dpi-lowered",
        /// A picture ends too early or is damaged; what there is of it was read.
        PictureCutShort = "picture-cut-short",
        /// PP-OCR read mostly other words on the page than GOT.
        EnginesDisagree = "engines-disagree",
        /// The page's text ends before its end.
        TextCutShort = "text-cut-short",
        /// Pictures or drawings on the page may hold text that was not read.
        PicturesNotRead = "pictures-not-read",
        /// The document shows another text in viewers that fill in XFA forms.
        XfaForm = "xfa-form",
        /// Something is drawn on the page, but no line of text was found on it.
        NoTextFound = "no-text-found",
        /// Lines on the page were not read: most likely the model does not know their script.
        UnreadableScript = "unreadable-script",
        /// A word that this version does not know.
        #[serde(other)]
        Other = "other",
    }
}

words! {
    /// The reason why a page was given to GOT whole, in tiles or in rows.
    TilingReason {
        /// One view shows the page well enough.
        Ordinary = "ordinary",
        /// The options ask for it.
        Asked = "asked",
        /// A box is read, and the reference takes no tiles beside one.
        Box = "box",
        /// A colored box is read, and the reference takes no tiles beside one.
        Color = "color",
        /// The model is one that reads rows.
        Rows = "rows",
        /// One view would show the type too small.
        SmallText = "small-text",
        /// The page has more text than the model writes from one view.
        Dense = "dense",
        /// The page is much longer than wide, or wider than long.
        Long = "long",
        /// The sheet is so large that one view would show ordinary type too small.
        Huge = "huge",
        /// The page has so little text that it is read together with others.
        Short = "short",
        /// An attempt before this one did not come to its end.
        Fallback = "fallback",
        /// A word that this version does not know.
        #[serde(other)]
        Other = "other",
    }
}

words! {
    /// The method of one attempt at a page.
    AttemptKind {
        /// Several pages together.
        Pass = "pass",
        /// The page by itself.
        Single = "single",
        /// Without repeating what it wrote before.
        NoRepeatNgram = "no-repeat-ngram",
        /// In one view in place of tiles.
        Whole = "whole",
        /// As plain text.
        Plain = "plain",
        /// By PP-OCR.
        Ppocr = "ppocr",
        /// A word that this version does not know.
        #[serde(other)]
        Other = "other",
    }
}

words! {
    /// The reason why the model stopped writing.
    FinishReason {
        /// The model said that it was done.
        End = "end",
        /// The most tokens were written, or the context was full.
        Length = "length",
        /// The page's time was over.
        Time = "time",
        /// The text repeated itself and was cut where that began.
        Repetition = "repetition",
    }
}

words! {
    /// The reason why the text of an attempt was rejected.
    RejectionKind {
        /// It repeated itself.
        Repetition = "repetition",
        /// It was not at its end after the most tokens.
        Length = "length",
        /// It was not at its end in time.
        Time = "time",
        /// Nothing was written.
        Empty = "empty",
        /// It lacks words that are on the page.
        TooFewWords = "too-few-words",
        /// A word that this version does not know.
        #[serde(other)]
        Other = "other",
    }
}

/// The reason for the outcome of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PageReason {
    /// The reason why its text comes from where it does, or why there is none.
    Text(TextReason),
    /// The reason why it failed.
    Failure(FailureKind),
}

impl PageReason {
    /// The word it is written as.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text(reason) => reason.as_str(),
            Self::Failure(kind) => kind.as_str(),
        }
    }

    /// The failure that it is, if it is one.
    pub fn failure(self) -> Option<FailureKind> {
        match self {
            Self::Text(_) => None,
            Self::Failure(kind) => Some(kind),
        }
    }
}

impl fmt::Display for PageReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<TextReason> for PageReason {
    fn from(reason: TextReason) -> Self {
        Self::Text(reason)
    }
}

impl From<FailureKind> for PageReason {
    fn from(kind: FailureKind) -> Self {
        Self::Failure(kind)
    }
}

/// A failure of a document or a page: a machine-readable code and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureDetail {
    /// The machine-readable code.
    pub kind: FailureKind,
    /// A sentence for people: the error and what to do about it.
    pub message: String,
}

/// The reason for the outcome of a page: a machine-readable code and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The machine-readable code.
    pub kind: PageReason,
    /// Explanation for people; for a failure also the remedy.
    pub message: String,
}

impl Reason {
    /// A reason of that kind.
    pub fn new(kind: impl Into<PageReason>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
        }
    }

    /// The failure that this reason is; none for a page that did not fail.
    pub fn into_failure(self) -> Option<FailureDetail> {
        Some(FailureDetail {
            kind: self.kind.failure()?,
            message: self.message,
        })
    }
}

impl From<FailureDetail> for Reason {
    fn from(failure: FailureDetail) -> Self {
        Self::new(failure.kind, failure.message)
    }
}

impl FailureDetail {
    /// A failure of that kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    /// A set's words as JSON writes them, and what reading each gives.
    fn round_trip<T>(all: &[T], as_str: fn(T) -> &'static str) -> BTreeSet<&'static str>
    where
        T: Copy + PartialEq + fmt::Debug + Serialize + for<'de> Deserialize<'de>,
    {
        let mut words = BTreeSet::new();
        for &value in all {
            let word = as_str(value);
            assert_eq!(serde_json::to_value(value).unwrap(), word);
            assert_eq!(serde_json::from_value::<T>(json!(word)).unwrap(), value);
            let is_kebab = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(word.chars().all(is_kebab), "{word}");
            assert!(words.insert(word), "{word} is there twice");
        }
        words
    }

    #[test]
    fn every_word_is_written_and_read_as_it_is_shown() {
        let failures = round_trip(FailureKind::ALL, FailureKind::as_str);
        round_trip(FailureStage::ALL, FailureStage::as_str);
        let texts = round_trip(TextReason::ALL, TextReason::as_str);
        round_trip(WarningKind::ALL, WarningKind::as_str);
        round_trip(TilingReason::ALL, TilingReason::as_str);
        round_trip(AttemptKind::ALL, AttemptKind::as_str);
        round_trip(FinishReason::ALL, FinishReason::as_str);
        round_trip(RejectionKind::ALL, RejectionKind::as_str);
        // A page's reason is one or the other, told apart by its word alone.
        assert_eq!(failures.intersection(&texts).count(), 0);
        for &kind in FailureKind::ALL {
            let reason: PageReason = serde_json::from_value(json!(kind)).unwrap();
            assert_eq!(reason, PageReason::Failure(kind));
        }
        for &text in TextReason::ALL {
            let reason: PageReason = serde_json::from_value(json!(text)).unwrap();
            assert_eq!(reason, PageReason::Text(text));
        }
    }

    /// A newer program of the same major version may have more words.
    #[test]
    fn an_unknown_word_is_read_as_other() {
        let newer = || json!("moon-phase");
        let read = serde_json::from_value::<FailureKind>(newer()).unwrap();
        assert_eq!(read, FailureKind::Other);
        let read = serde_json::from_value::<PageReason>(newer()).unwrap();
        assert_eq!(read, PageReason::Failure(FailureKind::Other));
        let read = serde_json::from_value::<WarningKind>(newer()).unwrap();
        assert_eq!(read, WarningKind::Other);
    }

    #[test]
    fn the_schema_lists_every_word() {
        let schema = schemars::schema_for!(Reason);
        let text = serde_json::to_value(&schema).unwrap().to_string();
        for &kind in FailureKind::ALL {
            assert!(text.contains(&format!("\"{kind}\"")), "{kind}");
        }
        for &reason in TextReason::ALL {
            assert!(text.contains(&format!("\"{reason}\"")), "{reason}");
        }
        let kinds = schemars::schema_for!(FailureKind);
        let listed: &Value = kinds.get("oneOf").unwrap();
        assert_eq!(listed.as_array().unwrap().len(), FailureKind::ALL.len());
    }

    #[test]
    fn every_word_has_a_sentence() {
        assert_eq!(
            FailureKind::Damaged.description(),
            "The document cannot be opened, though its format is known."
        );
        for &kind in FailureKind::ALL {
            assert!(kind.description().ends_with('.'), "{kind}");
        }
    }
}
