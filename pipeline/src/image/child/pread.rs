//! Reading a file that several processes share: its offset is common to all of them, so it is never used.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    sync::Arc,
};

/// A reader with an offset of its own.
#[derive(Clone, Debug)]
pub(super) struct PreadFile {
    file: Arc<File>,
    length: u64,
    offset: u64,
}

impl PreadFile {
    /// A reader at the start of `file`.
    pub fn new(file: File) -> io::Result<Self> {
        Ok(Self {
            length: file.metadata()?.len(),
            file: Arc::new(file),
            offset: 0,
        })
    }

    /// The file's length in bytes when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buffer` from `offset`.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    /// The first `most` bytes, or all if there are fewer.
    pub fn head(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut start = self.clone();
        start.offset = 0;
        start.take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for PreadFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl Seek for PreadFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.offset.checked_add_signed(by),
        };
        self.offset = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.offset)
    }
}
