//! The subcommands of `recto`, one folder each: its arguments and its work.

pub(crate) mod convert;
pub(crate) mod eval;
pub(crate) mod queues;
pub(crate) mod results;
pub(crate) mod schema;
pub(crate) mod submit;
pub(crate) mod worker;
