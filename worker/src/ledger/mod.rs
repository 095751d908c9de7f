//! The ledger: one row for each job and one sum for each batch and state, in SQLite or PostgreSQL.
//!
//! Rows and sums change in one transaction, so that a reader always sees numbers that add up. `recto serve` writes what
//! the events say ([`intake`]) and finds jobs that no queue holds any more ([`audit`]); `recto batch` reads, and writes
//! what it submits again.

pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod database;
pub(crate) mod intake;
pub(crate) mod rate;
pub(crate) mod record;
mod rows;
pub(crate) mod view;
pub(crate) mod webhooks;

pub(crate) use database::{BatchSum, Ledger, LedgerError};
