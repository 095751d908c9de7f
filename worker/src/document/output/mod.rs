//! The outputs of a document: one table of them, and the trait that each one's writer has.
//!
//! A new output is a file with its [`ResultWriter`] and its [`OutputFormat`], a line in [`FORMATS`], and in the schemas an
//! option that asks for it and a member of [`OutputUris`].

mod folder;
mod markdown;
mod page_records;
mod review_page;
mod stdout;

use std::io;

use recto_pipeline::read::{PageResult, PageSink};
use recto_schemas::{Manifest, Options, OutputUris, PageSummary};

use folder::OutputFiles;
pub(crate) use folder::{
    ResultFolder, ResultName, TEMPORARY_PREFIX, persist, remove_leftovers, result_files, temporary,
    write_json, write_manifest,
};
pub(crate) use stdout::StdoutWriter;

/// Every output of a document but its manifest, which is written after all of them.
pub(crate) const FORMATS: [&OutputFormat; 3] = [
    &markdown::MARKDOWN,
    &page_records::PAGE_RECORDS,
    &review_page::REVIEW_PAGE,
];

/// Ending and media type of the manifest.
pub(crate) const MANIFEST: (&str, &str) = ("json", "application/json");

/// One output of a document.
pub(crate) struct OutputFormat {
    /// The ending of its file's name, without the first dot.
    pub(crate) ending: &'static str,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// Returns true if the options ask for it.
    pub(crate) is_wanted: fn(&Options) -> bool,
    /// Creates its writer.
    create: fn(&OutputFiles<'_>) -> io::Result<Box<dyn ResultWriter>>,
    /// Its member of a result message.
    pub(crate) uri: fn(&mut OutputUris) -> &mut Option<String>,
}

/// The writer of one output. Pages come in order; nothing has its final name before [`ResultWriter::finish`].
pub(crate) trait ResultWriter {
    /// The document is open, and this many pages will come.
    fn start(&mut self, _pages: u32) -> io::Result<()> {
        Ok(())
    }

    /// Writes the next page.
    fn page(&mut self, page: &PageResult) -> io::Result<()>;

    /// Takes the levels of all headings, in order, after the last page.
    fn heading_levels(&mut self, _levels: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// Completes the output and gives it its final name.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A sink of pages that makes the result of a document.
pub(crate) trait ResultSink: PageSink {
    /// Bytes that were written to files so far.
    fn written_bytes(&self) -> u64 {
        0
    }

    /// One entry for each page so far, for the manifest.
    fn take_summaries(&mut self) -> Vec<PageSummary>;

    /// Completes the result; files get their names, the manifest last.
    fn finish(self: Box<Self>, manifest: &Manifest) -> io::Result<()>;
}
