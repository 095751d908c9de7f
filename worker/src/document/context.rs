//! Context of a conversion: engine, rasterizer, options, and the party that asked.

use std::sync::Arc;

use recto_pipeline::{cancel::CancelToken, engine::Engine, image::rasterizer::Rasterizer};
use recto_schemas::{DocumentPassword, FailureKind, Options};

use super::{observer::ConvertObserver, parts::ObjectParts};

/// Everything that documents are converted with.
pub(crate) struct ConvertContext {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) rasterizer: Arc<Rasterizer>,
    pub(crate) options: Options,
    pub(crate) password: Option<DocumentPassword>,
    pub(crate) requester: Requester,
    pub(crate) observer: Arc<dyn ConvertObserver>,
    /// Gives everything up.
    pub(crate) cancel: CancelToken,
    /// Begins no further page: the pages in hand are kept, if pages are.
    pub(crate) stop: CancelToken,
    /// The place of pages that were read, until the result is there; none if they are not kept.
    pub(crate) parts: Option<PartsPlace>,
}

/// The place of the parts of a document.
pub(crate) enum PartsPlace {
    /// A folder beside the result's files, if these are in a folder.
    Folder,
    /// Objects of a store.
    Objects(ObjectParts),
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
