//! Closed sets of label values. A value outside of them cannot be counted, so that no message and no document can
//! create series.

use recto_schemas::{AttemptKind, FailureKind, PageOutcome, RejectionKind, ResultState};

/// One label and all values it may have.
pub(crate) trait MetricLabel: Copy + 'static {
    /// The label's name.
    const KEY: &'static str;
    /// Every value, in the order of [`MetricLabel::index`].
    const ALL: &'static [Self];
    /// The position of this value in [`MetricLabel::ALL`].
    fn index(self) -> usize;
    /// The value as it is written.
    fn as_str(self) -> &'static str;
}

/// Makes a label of an enum that has its words and `ALL` already.
macro_rules! label_of {
    ($name:ident, $key:literal) => {
        impl MetricLabel for $name {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &$name::ALL;

            fn index(self) -> usize {
                self as usize
            }

            fn as_str(self) -> &'static str {
                $name::as_str(self)
            }
        }
    };
}

/// Makes an enum whose variants are all values of one label: none can be forgotten.
macro_rules! label {
    (
        $(#[$about:meta])*
        $name:ident, $key:literal { $($(#[$what:meta])* $variant:ident = $value:expr,)+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$what])* $variant,)+ }

        impl MetricLabel for $name {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn index(self) -> usize {
                self as usize
            }

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }
    };
}

label_of!(ResultState, "state");
label_of!(PageOutcome, "outcome");
label_of!(FailureKind, "kind");
label_of!(AttemptKind, "method");
label_of!(RejectionKind, "reason");

label! {
    /// The disposition of a job's message.
    JobDisposition, "disposition" {
        /// Its result is stored; the message is done with.
        Ack = "ack",
        /// It goes to the dead-letter queue.
        DeadLetter = "dead-letter",
        /// It is tried again after a delay.
        Retry = "retry",
        /// It goes back to its queue as it is.
        Requeue = "requeue",
    }
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
    /// The direction of bytes between store and worker.
    TransferDirection, "direction" {
        /// From the store.
        Fetched = "fetched",
        /// Into the store.
        Stored = "stored",
    }
}

label! {
    /// The outcome of a part of a long document.
    PartOutcome, "outcome" {
        /// Its pages were read here and are kept.
        Stored = "stored",
        /// Its pages were read before, by this worker or another one, and are not read again.
        Loaded = "loaded",
        /// Its pages were read here, and another worker had stored them meanwhile.
        Duplicate = "duplicate",
        /// It was not whole, and its pages are read again.
        Broken = "broken",
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
        Unroutable = FailureKind::Unroutable.as_str(),
        /// It refused it.
        Nacked = FailureKind::Nacked.as_str(),
        /// Nothing, in time.
        TimedOut = FailureKind::ConfirmTimeout.as_str(),
        /// Nothing: the connection went.
        BrokerLost = FailureKind::BrokerLost.as_str(),
    }
}

label! {
    /// The way on which an event came.
    EventOrigin, "source" {
        /// A queue of the broker.
        Amqp = "amqp",
        /// A queue of Amazon SQS.
        Sqs = "sqs",
        /// A request to the service.
        Http = "http",
        /// A watched folder.
        Folder = "folder",
        /// No event: a sweep found it.
        Sweep = "sweep",
    }
}

label! {
    /// The outcome of an event.
    EventOutcome, "outcome" {
        /// It became a job.
        Submitted = "submitted",
        /// The ledger knew the job, which was lost, and it was sent again.
        SentAgain = "sent-again",
        /// The ledger knows the job.
        Known = "known",
        /// No object was there, or it could not be looked at, for minutes.
        Gone = "gone",
        /// The store or the workers do not take it.
        Refused = "refused",
        /// No rule is for it.
        NoRule = "no-rule",
        /// It is a result.
        Result = "result",
        /// Its size is not one of the rule's.
        Size = "size",
        /// It tells of a removal.
        Removed = "removed",
        /// It is a test of a store or a service.
        Test = "test",
        /// It tells of something else.
        OtherEvent = "other-event",
        /// It tells of a store that is not read.
        OtherStore = "other-store",
        /// It cannot be read.
        Unreadable = "unreadable",
    }
}
