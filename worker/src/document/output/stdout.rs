//! Markdown on standard output, each page as soon as it is read.

use std::io::{self, Write as _};

use recto_pipeline::read::{PageResult, PageSink};
use recto_schemas::{Manifest, PageSummary};

use super::{ResultSink, markdown::MarkdownPages};

/// Writes a document's Markdown to standard output.
pub(crate) struct StdoutWriter {
    /// Written before the first page if several documents follow one another.
    title: Option<String>,
    pages: MarkdownPages,
    summaries: Vec<PageSummary>,
}

impl StdoutWriter {
    /// Nothing is written yet.
    pub(crate) fn new(title: Option<String>) -> Self {
        Self {
            title,
            pages: MarkdownPages::default(),
            summaries: Vec::new(),
        }
    }
}

impl PageSink for StdoutWriter {
    fn open(&mut self, _pages: u32) -> io::Result<()> {
        if let Some(title) = &self.title {
            // `--` would end the comment.
            let title = title.replace("--", "-\u{2010}");
            writeln!(io::stdout(), "<!-- document {title} -->\n")?;
        }
        Ok(())
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        let mut out = io::stdout().lock();
        self.pages.write(&mut out, &page)?;
        out.flush()?;
        self.summaries.push(page.summary);
        Ok(())
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
