//! GOT with small checkpoints (`tests/reference`), through the real program. What the model computes is compared with
//! the reference in the engine's own tests; here is what a user sees of it.

// What is asked for, and what the manifest says of it.
mod asked;
// The same pages again, alone and in batches.
mod again;
// Text that repeats itself, and tables that only seem to.
mod loops;
// `recto worker` with GOT.
mod jobs;
// The model that comes with Recto.
mod nano;
// Memory after many pages.
mod growth;
