//! Review page: each page's image beside its text, for checking by eye.

use std::{io, path::PathBuf};

use recto_pipeline::{
    read::PageResult,
    text::review::{MAX_INLINE_PAGES, ReviewImages, ReviewWriter},
};

use super::{
    OutputFormat, ResultWriter,
    folder::{ByteCount, OutputFile, OutputFiles},
};

/// `NAME.html`, and for long documents the images in `NAME.images`.
pub(super) const REVIEW_PAGE: OutputFormat = OutputFormat {
    ending: "html",
    media_type: "text/html; charset=utf-8",
    is_wanted: |options| options.html,
    create: |files| Ok(Box::new(ReviewPage::create(files)?)),
    uri: |uris| &mut uris.html,
};

/// The review page while it is written.
struct ReviewPage {
    /// Taken when the page count is known, which is in the head of the review page.
    file: Option<OutputFile>,
    writer: Option<ReviewWriter<'static, OutputFile>>,
    title: String,
    images: PathBuf,
    /// Bytes that change when the levels of headings are known, and their places.
    level_changes: Vec<(u64, u8)>,
    /// True if the images are files beside the review page.
    images_beside: bool,
    written: ByteCount,
}

impl ReviewPage {
    fn create(files: &OutputFiles<'_>) -> io::Result<Self> {
        Ok(Self {
            file: Some(files.create(REVIEW_PAGE.ending)?),
            writer: None,
            title: files.name.title.clone(),
            images: files.name.path("images"),
            level_changes: Vec::new(),
            images_beside: false,
            written: files.written.clone(),
        })
    }
}

impl ResultWriter for ReviewPage {
    fn start(&mut self, pages: u32) -> io::Result<()> {
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let images = ReviewImages::in_folder(self.images.clone());
        self.images_beside = pages > MAX_INLINE_PAGES;
        self.writer = Some(ReviewWriter::start(file, &self.title, pages, images)?);
        Ok(())
    }

    fn page(&mut self, page: &PageResult) -> io::Result<()> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        writer.page(&page.assembled, &page.summary, page.preview.as_ref())?;
        if let (true, Some(preview)) = (self.images_beside, &page.preview) {
            self.written.add(preview.jpeg.len());
        }
        Ok(())
    }

    fn heading_levels(&mut self, levels: &[u8]) -> io::Result<()> {
        if let Some(writer) = &self.writer {
            self.level_changes = writer.level_changes(levels);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let Some(writer) = self.writer else {
            return Ok(());
        };
        let mut file = writer.finish()?;
        file.patch(&self.level_changes)?;
        file.persist()
    }
}
