//! Reading of some pages of a document into its parts. Nothing is assembled.

use std::sync::Arc;

use recto_pipeline::{
    cancel::CancelToken,
    read::{self, PagePositions, ReadError, ReadSignals},
};
use recto_schemas::DocumentPassword;
use tokio::task::spawn_blocking;

use super::{
    context::ConvertContext,
    convert::stage,
    error::ConvertError,
    parts::{ObjectParts, ObservedParts},
    read::CancelOnDrop,
    source::DocumentSource,
};
use crate::observe::metrics::JobStage;

/// Reads those pages at `positions` that `parts` does not have. Dropping the future stops it at the next page. Returns
/// true if a part was stored that was not there.
///
/// # Errors
/// The document cannot be read, a page was lost by this machine's fault, or a part cannot be stored;
/// [`ConvertError::Stopped`] if it was stopped before its end.
pub(crate) async fn read_positions(
    source: DocumentSource,
    positions: PagePositions,
    parts: ObjectParts,
    context: Arc<ConvertContext>,
) -> Result<bool, ConvertError> {
    let max_bytes = context.options.limits.max_document_size.bytes();
    let is_remote = source.place.is_remote();
    let download = source.place.download(max_bytes, &context.cancel);
    let (fetched, _) = stage(&context, JobStage::Fetch, download).await;
    let document = fetched?;
    if is_remote {
        context.observer.fetched();
    }
    let cancel = context.cancel.child();
    let _cancel_on_drop = CancelOnDrop(cancel.clone());
    let (span, info) = (tracing::Span::current(), source.info);
    let reading = Arc::clone(&context);
    let read = spawn_blocking(move || {
        let mut info = info;
        span.in_scope(|| {
            let file = document.open(max_bytes, &mut info)?;
            read_blocking(file, &positions, parts, &reading, &cancel)
        })
    });
    let (read, _) = stage(&context, JobStage::Read, read).await;
    read.unwrap_or_else(|panicked| Err(ConvertError::panicked(&panicked)))
}

fn read_blocking(
    file: std::fs::File,
    positions: &PagePositions,
    mut parts: ObjectParts,
    context: &ConvertContext,
    cancel: &CancelToken,
) -> Result<bool, ConvertError> {
    let input = read::DocumentInput {
        file,
        password: context.password.as_ref().map(DocumentPassword::reveal),
        rasterizer: &context.rasterizer,
    };
    let signals = ReadSignals {
        cancel,
        stop: &context.stop,
    };
    let pages = positions.end() - positions.start() + 1;
    context.observer.opened(pages);
    let mut observed = ObservedParts {
        parts: &mut parts,
        observer: context.observer.as_ref(),
    };
    let engine = context.engine.as_ref();
    let read = read::read_positions(
        input,
        &context.options,
        engine,
        positions,
        &mut observed,
        signals,
    );
    read.map_err(|error| match error {
        ReadError::Stopped => ConvertError::Stopped,
        ReadError::Cancelled => ConvertError::Cancelled,
        ReadError::Parts(error) => ConvertError::of_parts(error, ConvertError::Scratch),
        error => ConvertError::Read(error),
    })?;
    match parts.record.lost_page {
        Some(failure) => Err(ConvertError::LostPage(failure)),
        None => Ok(parts.record.stored_any),
    }
}
