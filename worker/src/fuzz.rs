//! The worker's fuzz target, for `tests/fuzz`: a library that is empty unless `cargo fuzz` compiles it.

#![cfg(fuzzing)]
#![expect(dead_code, reason = "the program's modules, without its commands")]

mod cli;
mod commands;

mod consumer;
mod job;

mod document;

mod broker;
mod models;
mod observe;
mod os;
mod store;

pub use job::checks::job_message;
