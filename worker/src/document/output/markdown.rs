//! Markdown: the text of a document, page after page.

use std::io::{self, Write};

use recto_pipeline::read::PageResult;

use super::{
    OutputFormat, ResultWriter,
    folder::{OutputFile, OutputFiles},
};

/// `NAME.md`.
pub(super) const MARKDOWN: OutputFormat = OutputFormat {
    ending: "md",
    media_type: "text/markdown; charset=utf-8",
    is_wanted: |_| true,
    create: |files| Ok(Box::new(MarkdownFile::create(files)?)),
    uri: |uris| &mut uris.markdown,
};

struct MarkdownFile {
    file: OutputFile,
    pages: MarkdownPages,
}

impl MarkdownFile {
    fn create(files: &OutputFiles<'_>) -> io::Result<Self> {
        Ok(Self {
            file: files.create(MARKDOWN.ending)?,
            pages: MarkdownPages::default(),
        })
    }
}

impl ResultWriter for MarkdownFile {
    fn page(&mut self, page: &PageResult) -> io::Result<()> {
        self.pages.write(&mut self.file, page)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.file.persist()
    }
}

/// Pages one after another, a blank line between them; a page without text leaves nothing.
#[derive(Debug, Default)]
pub(super) struct MarkdownPages {
    any_text: bool,
}

impl MarkdownPages {
    /// Writes the next page.
    pub(super) fn write(&mut self, out: &mut dyn Write, page: &PageResult) -> io::Result<()> {
        let markdown = &page.assembled.markdown;
        if markdown.is_empty() {
            return Ok(());
        }
        if std::mem::replace(&mut self.any_text, true) {
            out.write_all(b"\n")?;
        }
        out.write_all(markdown.as_bytes())
    }
}
