//! The review page.
use std::{io, path::Path};

use super::AssembledPage;
use crate::image::preview::Preview;
/// Stub.
pub struct Images;
impl Images {
    /// Stub.
    pub fn beside(_: &Path, _: &str, _: u32) -> Self {
        Self
    }
}
/// Stub.
pub struct Review<W>(W);
impl<W: io::Write> Review<W> {
    /// Stub.
    pub fn start(out: W, _: &str, _: u32, _: Images) -> io::Result<Self> {
        Ok(Self(out))
    }
    /// Stub.
    pub fn page(
        &mut self,
        _: &AssembledPage,
        _: &recto_schemas::PageSummary,
        _: Option<&Preview>,
    ) -> io::Result<()> {
        Ok(())
    }
    /// Stub.
    pub fn finish(self) -> io::Result<W> {
        Ok(self.0)
    }
}
