//! The closed sets of label values. A value that is not here cannot be counted, so that no message and no document
//! can make series.

use recto_schemas::{PageOutcome, ResultState};

/// One label and all values it may have.
pub(crate) trait MetricLabel: Copy + 'static {
    /// The label's name.
    const KEY: &'static str;
    /// Every value, in the order of [`MetricLabel::index`].
    const VALUES: &'static [&'static str];
    /// The variants, in the same order.
    const ALL: &'static [Self];
    /// The index of this value in [`MetricLabel::VALUES`].
    fn index(self) -> usize;

    /// The value as it is written.
    fn as_str(self) -> &'static str {
        Self::VALUES[self.index()]
    }

    /// The value that is written so.
    fn named(word: &str) -> Option<Self> {
        let at = Self::VALUES.iter().position(|value| *value == word)?;
        Self::ALL.get(at).copied()
    }
}

/// An enum whose variants are all values of one label: none can be forgotten.
macro_rules! label {
    (
        $(#[$about:meta])*
        $name:ident, $key:literal { $($(#[$what:meta])* $variant:ident = $value:literal,)+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$what])* $variant,)+ }

        impl MetricLabel for $name {
            const KEY: &'static str = $key;
            const VALUES: &'static [&'static str] = &[$($value),+];
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label! {
    /// The stages that time is measured of; the first four once a document, the last three once a page.
    JobStage, "stage" {
        /// From the store into the scratch directory.
        Fetch = "fetch",
        /// From opening the document to its last page.
        Read = "read",
        /// Results into the store.
        Store = "store",
        /// The result message, until it is confirmed.
        Publish = "publish",
        /// Opening, inspecting and rasterizing a page.
        Raster = "raster",
        /// A page's wait for the engine.
        Queue = "queue",
        /// A page in the engine.
        Engine = "engine",
    }
}

label! {
    /// The outcome of a document.
    DocumentEnd, "state" {
        /// Every page has a result.
        Done = "done",
        /// Some pages have.
        Partial = "partial",
        /// None has.
        Failed = "failed",
        /// The result was there already.
        Skipped = "skipped",
    }
}

impl From<ResultState> for DocumentEnd {
    fn from(state: ResultState) -> Self {
        match state {
            ResultState::Done => Self::Done,
            ResultState::Partial => Self::Partial,
            ResultState::Failed => Self::Failed,
            ResultState::Skipped => Self::Skipped,
        }
    }
}

label! {
    /// The outcome of a page.
    PageEnd, "outcome" {
        /// Read by the engine.
        Ok = "ok",
        /// Without ink.
        Empty = "empty",
        /// Its own text was taken.
        TextLayer = "text-layer",
        /// Failed, or not reached in time.
        Failed = "failed",
        /// After the most pages that are read from one document.
        Skipped = "skipped",
    }
}

impl From<PageOutcome> for PageEnd {
    fn from(outcome: PageOutcome) -> Self {
        match outcome {
            PageOutcome::Ok => Self::Ok,
            PageOutcome::Empty => Self::Empty,
            PageOutcome::TextLayer => Self::TextLayer,
            PageOutcome::Failed => Self::Failed,
        }
    }
}

label! {
    /// The method of one attempt at a page.
    AttemptMethod, "way" {
        /// Together with others.
        Pass = "pass",
        /// By itself.
        Single = "single",
        /// Without repeating what it wrote before.
        NoRepeatNgram = "no-repeat-ngram",
        /// As plain text.
        Plain = "plain",
        /// By PP-OCR.
        Ppocr = "ppocr",
        /// Another way.
        Other = "other",
    }
}

label! {
    /// The reason why an attempt's text was not kept.
    RejectionReason, "reason" {
        /// It repeated itself.
        Repetition = "repetition",
        /// It lacks words that are on the page.
        TooFewWords = "too-few-words",
        /// It did not come to its end within the most tokens.
        Length = "length",
        /// It did not come to its end in time.
        Time = "time",
        /// Something else.
        Other = "other",
    }
}

label! {
    /// Which way bytes went between store and worker.
    TransferDirection, "direction" {
        /// From the store.
        Fetched = "fetched",
        /// Into the store.
        Stored = "stored",
    }
}

label! {
    /// A peer that a worker is connected to and connects to again.
    ReconnectPeer, "peer" {
        /// RabbitMQ.
        Broker = "broker",
    }
}

label! {
    /// The broker's answer to a published message.
    ConfirmOutcome, "outcome" {
        /// It has it.
        Confirmed = "confirmed",
        /// No queue takes it.
        Unroutable = "unroutable",
        /// It refused it.
        Nacked = "nacked",
        /// Nothing, in time.
        TimedOut = "confirm-timeout",
        /// Nothing: the connection went.
        BrokerLost = "broker-lost",
    }
}
