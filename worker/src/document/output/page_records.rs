//! Page records: each page's lines with their boxes, one page a line of JSON.

use std::io::{self, Write as _};

use recto_pipeline::read::PageResult;

use super::{
    OutputFormat, ResultWriter,
    folder::{OutputFile, OutputFiles},
};

/// `NAME.pages.jsonl`.
pub(super) const PAGE_RECORDS: OutputFormat = OutputFormat {
    ending: "pages.jsonl",
    media_type: "application/x-ndjson",
    is_wanted: |_| true,
    create: |files| Ok(Box::new(PageRecordFile::create(files)?)),
    uri: |uris| &mut uris.pages,
};

struct PageRecordFile(OutputFile);

impl PageRecordFile {
    fn create(files: &OutputFiles<'_>) -> io::Result<Self> {
        Ok(Self(files.create(PAGE_RECORDS.ending)?))
    }
}

impl ResultWriter for PageRecordFile {
    fn page(&mut self, page: &PageResult) -> io::Result<()> {
        let mut record = serde_json::to_vec(&page.record())?;
        record.push(b'\n');
        self.0.write_all(&record)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.persist()
    }
}
