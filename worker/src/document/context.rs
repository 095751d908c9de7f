//! Context of a conversion: engine, rasterizer, options, and the party that asked.

use std::sync::Arc;

use recto_pipeline::{cancel::CancelToken, engine::Engine, image::rasterizer::Rasterizer};
use recto_schemas::{DocumentPassword, FailureKind, Options};

use super::observer::ConvertObserver;

/// Everything that documents are converted with.
pub(crate) struct ConvertContext {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) rasterizer: Arc<Rasterizer>,
    pub(crate) options: Options,
    pub(crate) password: Option<DocumentPassword>,
    pub(crate) requester: Requester,
    pub(crate) observer: Arc<dyn ConvertObserver>,
    pub(crate) cancel: CancelToken,
}

/// The party that asked for a document, which decides what becomes of a failure.
pub(crate) enum Requester {
    /// A person: a document that cannot be read leaves a manifest that says why.
    Person,
    /// A job: a failure leaves no result, so that another try can make one. The manifest names the job.
    Job {
        /// Its `id`.
        id: String,
        /// The fingerprint of its result.
        fingerprint: String,
        /// Returns true if a page that fails so was lost by this machine's fault, not by the document's.
        is_machine_fault: fn(FailureKind) -> bool,
    },
}
