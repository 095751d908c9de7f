//! Markdown on standard output, when the document is read: only then are the levels of its headings known. Until then its
//! pages wait in a file without a name, so that memory does not grow with them.

use std::{
    fs::File,
    io::{self, BufWriter, Seek as _, Write as _},
};

use recto_pipeline::read::{PageResult, PageSink};
use recto_schemas::{Manifest, PageSummary};

use super::{ResultSink, markdown::MarkdownPages};
use crate::os::terminal::Shown;

/// Writes a document's Markdown to standard output.
pub(crate) struct StdoutWriter {
    /// Written before the first page if several documents follow one another.
    title: Option<String>,
    pages: MarkdownPages,
    /// The pages so far.
    waiting: BufWriter<File>,
    levels: Vec<u8>,
    summaries: Vec<PageSummary>,
}

impl StdoutWriter {
    /// Nothing is written yet.
    pub(crate) fn new(title: Option<String>) -> io::Result<Self> {
        Ok(Self {
            title,
            pages: MarkdownPages::default(),
            waiting: BufWriter::new(tempfile::tempfile()?),
            levels: Vec::new(),
            summaries: Vec::new(),
        })
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.pages.end(&mut self.waiting)?;
        self.waiting.flush()?;
        self.waiting.rewind()?;
        let mut out = io::stdout().lock();
        self.pages
            .copy_with_levels(self.waiting.get_ref(), &mut out, &self.levels)?;
        out.flush()
    }
}

impl PageSink for StdoutWriter {
    fn open(&mut self, _pages: u32) -> io::Result<()> {
        if let Some(title) = &self.title {
            // `--` would end the comment.
            let title = Shown(title).to_string().replace("--", "-\u{2010}");
            writeln!(io::stdout(), "<!-- document {title} -->\n")?;
        }
        Ok(())
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        self.pages.write(&mut self.waiting, &page)?;
        self.summaries.push(page.summary);
        Ok(())
    }

    fn heading_levels(&mut self, levels: &[u8]) -> io::Result<()> {
        self.levels = levels.to_vec();
        self.write_out()
    }
}

impl ResultSink for StdoutWriter {
    fn take_summaries(&mut self) -> Vec<PageSummary> {
        std::mem::take(&mut self.summaries)
    }

    fn finish(self: Box<Self>, _manifest: &Manifest) -> io::Result<()> {
        Ok(())
    }
}
