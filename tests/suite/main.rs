//! Promises to users, shown with the real binary, models and documents.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where; clippy.toml frees test functions, not their helpers"
)]

mod support;
mod schemas;
mod rasterizer;
mod read;
mod convert;
mod hostile_names;
mod script_fallback;
mod layout_model;
mod ledger;
mod service;
mod events;
mod page;
mod eval;
mod store;
mod stores;
mod worker;
mod queues;
mod submit;
mod samples;
mod got;
mod messages;
mod corpus;
mod docs;
mod pinned;
mod words;
mod every_letter;
mod structure;
mod formulas;
