//! Documents: from a source to the files of a result, the manifest last.

mod convert;
mod context;
mod observer;
mod error;
mod source;
mod read;
mod read_positions;
pub(crate) mod output;
pub(crate) mod manifest;
pub(crate) mod fingerprint;
mod stored;
mod target;
mod publish;
pub(crate) mod parts;
pub(crate) mod media_type;
pub(crate) mod passed_over;
pub(crate) mod selection;
pub(crate) mod walk;

pub(crate) use context::{ConvertContext, PartsPlace, Requester};
pub(crate) use convert::{ConvertedDocument, convert};
pub(crate) use error::ConvertError;
pub(crate) use observer::ConvertObserver;
pub(crate) use publish::{MAX_MANIFEST_BYTES, stored_manifest};
pub(crate) use read_positions::read_positions;
pub(crate) use source::{DocumentSource, ObjectSource, SourcePlace};
pub(crate) use stored::stored_result;
pub(crate) use target::{DocumentTarget, StoreTarget};
