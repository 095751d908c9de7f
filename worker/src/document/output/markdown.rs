//! Markdown: the text of a document, page after page.

use std::io::{self, BufReader, Read, Write};

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

    fn heading_levels(&mut self, levels: &[u8]) -> io::Result<()> {
        self.pages.end(&mut self.file)?;
        if self.pages.has_levels(levels) {
            return Ok(());
        }
        let pages = &self.pages;
        self.file
            .rewrite(|from, to| pages.copy_with_levels(from, to, levels))
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        // Of a document that could not be read to its end.
        self.pages.end(&mut self.file)?;
        self.file.persist()
    }
}

/// Pages one after another, a blank line between them; a page without text leaves nothing.
#[derive(Debug, Default)]
pub(super) struct MarkdownPages {
    any_text: bool,
    /// Bytes written.
    written: u64,
    /// The places of the number signs of all headings, in bytes.
    signs: Vec<HeadingSigns>,
}

/// The number signs of a heading: their place, and the level that they say.
#[derive(Clone, Copy, Debug)]
struct HeadingSigns {
    start: u64,
    level: u8,
}

impl MarkdownPages {
    /// Writes the next page.
    pub(super) fn write(&mut self, out: &mut dyn Write, page: &PageResult) -> io::Result<()> {
        // The line feed at a page's end waits: the next page may go on in its last line.
        let Some(markdown) = page.assembled.markdown.strip_suffix('\n') else {
            return Ok(());
        };
        if std::mem::replace(&mut self.any_text, true) {
            let between: &[u8] = if page.assembled.continues {
                b" "
            } else {
                b"\n\n"
            };
            out.write_all(between)?;
            self.written += between.len() as u64;
        }
        let signs = page.assembled.heading_signs.iter();
        self.signs.extend(signs.map(|signs| HeadingSigns {
            start: self.written + signs.start as u64,
            level: u8::try_from(signs.len()).unwrap_or(u8::MAX),
        }));
        self.written += markdown.len() as u64;
        out.write_all(markdown.as_bytes())
    }

    /// Ends the last line, once.
    pub(super) fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let open = std::mem::take(&mut self.any_text);
        out.write_all(if open { b"\n" } else { b"" })
    }

    /// Returns true if the headings are written with those levels.
    pub(super) fn has_levels(&self, levels: &[u8]) -> bool {
        let written = self.signs.iter().map(|signs| signs.level);
        written.eq(levels.iter().copied())
    }

    /// Copies what was written, the headings with those levels.
    pub(super) fn copy_with_levels(
        &self,
        from: impl Read,
        to: &mut dyn Write,
        levels: &[u8],
    ) -> io::Result<()> {
        let mut from = BufReader::new(from);
        let mut at = 0;
        for (signs, level) in self.signs.iter().zip(levels) {
            io::copy(&mut from.by_ref().take(signs.start.saturating_sub(at)), to)?;
            io::copy(
                &mut from.by_ref().take(u64::from(signs.level)),
                &mut io::sink(),
            )?;
            to.write_all(&b"######"[..usize::from((*level).min(6))])?;
            at = signs.start + u64::from(signs.level);
        }
        io::copy(&mut from, to)?;
        Ok(())
    }
}
