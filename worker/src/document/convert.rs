//! Conversion of one document: fetch → read → publish, the same way for every command.

use std::{sync::Arc, time::Instant};

use recto_schemas::{Manifest, ResultTiming};
use tracing::Instrument as _;

use super::{
    context::{ConvertContext, Requester},
    error::ConvertError,
    publish::PublishedResult,
    read::{ReadResult, ReadTask},
    source::DocumentSource,
    target::{DocumentTarget, StoreTarget},
};
use crate::{
    observe::{logging, metrics::JobStage},
    store::{ErrorCause, StoreError},
};

/// A document that was converted, or whose failure is in its manifest.
#[derive(Debug)]
pub(crate) struct ConvertedDocument {
    /// The manifest of the result. If another worker published its own first, that one.
    pub(crate) manifest: Manifest,
    /// True if the result is that of this conversion.
    pub(crate) is_ours: bool,
    /// The time that each stage took.
    pub(crate) timing: ResultTiming,
    /// True if the reader of standard output has gone.
    pub(crate) reader_left: bool,
}

/// Converts a document.
///
/// # Errors
/// The document has no result. What a person asked for has a result, which says why, unless that cannot be written.
pub(crate) async fn convert(
    source: DocumentSource,
    target: DocumentTarget,
    context: &Arc<ConvertContext>,
) -> Result<ConvertedDocument, ConvertError> {
    let max_bytes = context.options.limits.max_document_size.bytes();
    let is_remote = source.place.is_remote();
    let download = source.place.download(max_bytes, &context.cancel);
    let (fetched, fetch_s) = stage(context, JobStage::Fetch, download).await;
    let document = match (fetched, &context.requester) {
        (Err(ConvertError::Cancelled), _) => return Err(ConvertError::Cancelled),
        (Err(error), Requester::Job { .. }) => return Err(error),
        (document, _) => document.map_err(|error| too_large(error, max_bytes)),
    };
    if document.is_ok() && is_remote {
        context.observer.fetched();
    }

    let task = ReadTask {
        document,
        source: source.info,
        target,
        context: Arc::clone(context),
    };
    let (read, read_s) = stage(context, JobStage::Read, task.run()).await;
    let ReadResult {
        manifest,
        reader_left,
        target,
    } = read?;
    context.observer.read(&manifest);

    let timing = ResultTiming {
        fetch_s: Some(fetch_s),
        read_s: Some(read_s),
        ..ResultTiming::default()
    };
    let read = ConvertedDocument {
        manifest,
        is_ours: true,
        timing,
        reader_left,
    };
    match target {
        DocumentTarget::Store(target) => publish(read, &target, context).await,
        DocumentTarget::Folder(_) | DocumentTarget::Stdout { .. } => Ok(read),
    }
}

/// Publishes the files of a document that was read.
async fn publish(
    read: ConvertedDocument,
    target: &StoreTarget,
    context: &ConvertContext,
) -> Result<ConvertedDocument, ConvertError> {
    let mut document = read;
    let publish = target.publish(&mut document.manifest, context.observer.as_ref());
    let (published, store_s) = stage(context, JobStage::Store, publish).await;
    document.timing.store_s = Some(store_s);
    match published {
        Ok(PublishedResult::Ours) => Ok(document),
        Ok(PublishedResult::Anothers(manifest)) => Ok(ConvertedDocument {
            manifest: *manifest,
            is_ours: false,
            ..document
        }),
        Err(error) => Err(ConvertError::Publish {
            error,
            manifest: Box::new(document.manifest),
        }),
    }
}

/// A person is told of the limit by the option that raises it.
fn too_large(error: ConvertError, max_bytes: u64) -> ConvertError {
    match error {
        ConvertError::Fetch(StoreError {
            cause: ErrorCause::TooLarge { .. },
            ..
        }) => ConvertError::TooLarge { max_bytes },
        error => error,
    }
}

/// Runs a stage in a span of its own; gives its seconds too.
pub(super) async fn stage<T>(
    context: &ConvertContext,
    stage: JobStage,
    work: impl Future<Output = T>,
) -> (T, f64) {
    let started = Instant::now();
    let result = work.instrument(logging::stage_span(stage)).await;
    let took = started.elapsed();
    context.observer.stage(stage, took);
    (result, took.as_secs_f64())
}
