//! Documents: from a source to the files of a result, the manifest last.

mod convert;
pub(crate) mod manifest;
pub(crate) mod media_type;
pub(crate) mod output;
mod publish;
mod source;
pub(crate) mod walk;

pub(crate) use convert::{
    ConvertContext, ConvertError, ConvertObserver, ConvertedDocument, DocumentTarget, Requester,
    convert,
};
pub(crate) use publish::{StoreTarget, stored_manifest};
pub(crate) use source::{DocumentSource, ObjectSource};
