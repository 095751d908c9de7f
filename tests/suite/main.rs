//! What a user may rely on, shown with the real binary, models and documents.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where; clippy.toml frees test functions, not their helpers"
)]

// Finding and running `recto`; small documents made on the spot.
mod support;
// The published JSON Schemas against documents that are right, wrong and from a newer version.
mod schemas;
// The rasterizer: documents of every kind, limits, deadlines, children.
mod rasterizer;
// The pipeline around an engine: order, windows, fairness, cancelling, deadlines.
mod read;
// `recto convert` as a person uses it.
mod convert;
// `recto eval` as a person uses it.
mod eval;
// `recto convert` from and to an object store.
mod store;
// `recto worker` between a real broker and a real store.
mod worker;
// `recto queues` against a real RabbitMQ.
mod queues;
// `recto submit` and `recto result` against a real broker and store.
mod submit;
// The samples against what stands in them, upright, turned and skewed.
mod samples;
// GOT with small checkpoints: `recto convert` and `recto worker`.
mod got;
// What a person reads when something is wrong.
mod messages;
// Accuracy, hostile files and memory, on documents that no one here wrote (`RECTO_CORPUS`).
mod corpus;
