//! Operating system: signals, the allocator, the clock, this process, the terminal, the scratch directory.

pub(crate) mod allocator;
pub(crate) mod clock;
pub(crate) mod process;
pub(crate) mod scratch;
pub(crate) mod signals;
pub(crate) mod terminal;
