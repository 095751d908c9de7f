//! A document's results: the files that are written for it, the manifest last.

pub(crate) mod manifest;
pub(crate) mod media_type;
pub(crate) mod output;
pub(crate) mod walk;
