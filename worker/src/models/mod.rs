//! Models and libraries: found on this machine or on the Hugging Face hub, and loaded.

pub(crate) mod config;
pub(crate) mod hub;
pub(crate) mod loader;
