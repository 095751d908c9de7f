//! GOT with small checkpoints (`tests/reference`), through the real program. What the model computes is compared with
//! the reference in the engine's own tests; here is what a user sees of it.

mod asked;
mod again;
mod loops;
mod jobs;
mod nano;
mod growth;
