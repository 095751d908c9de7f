//! To be written.

use std::path::Path;

use super::{Engine, EngineError, EngineInfo, Request, Ticket, Usage};

/// Stub.
pub struct PpOcr;
/// Stub.
pub struct PpOcrConfig {
    /// Stub.
    pub threads: usize,
}
impl PpOcr {
    /// Stub.
    pub fn load(_: &Path, _: PpOcrConfig) -> Result<Self, EngineError> {
        Ok(Self)
    }
}
impl Engine for PpOcr {
    fn info(&self) -> &EngineInfo {
        unreachable!()
    }
    fn submit(&self, _: Request) -> Result<Ticket, EngineError> {
        unreachable!()
    }
    fn usage(&self) -> Usage {
        unreachable!()
    }
}
