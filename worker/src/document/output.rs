//! Outputs of a document: Markdown, pages, review page and, last, the manifest.
//!
//! Every file is written under a passing name and takes its own only when it is whole, the manifest
//! after the others: where it stands, they stand.

use std::{
    fs::{self, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use recto_pipeline::{
    read::{PageResult, PageSink},
    text::review::{ReviewImages, ReviewWriter},
};
use recto_schemas::{Manifest, PageSummary};
use serde::Serialize;
use tempfile::NamedTempFile;

/// The results of one document in a folder.
pub(crate) struct ResultFolder {
    folder: PathBuf,
    name: String,
    title: String,
    markdown: BufWriter<NamedTempFile>,
    pages: BufWriter<NamedTempFile>,
    /// The review page, if it is wanted: started when the page count is known.
    review: Option<Option<ReviewWriter<'static, BufWriter<NamedTempFile>>>>,
    any_text: bool,
    /// Bytes of the pages so far, about.
    written: u64,
    /// One entry a page, for the manifest.
    pub(crate) summaries: Vec<PageSummary>,
}

impl ResultFolder {
    /// Starts the results `name` in `folder`, which is made where it is not there.
    pub(crate) fn create(folder: &Path, name: &str, title: &str, html: bool) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            title: title.to_owned(),
            markdown: BufWriter::new(passing(folder)?),
            pages: BufWriter::new(passing(folder)?),
            review: html.then_some(None),
            any_text: false,
            written: 0,
            summaries: Vec::new(),
        })
    }

    /// Bytes that the pages so far take in the folder, about.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Gives the files their names, the manifest last. A document without any page leaves only its manifest.
    pub(crate) fn finish(mut self, manifest: &Manifest) -> io::Result<()> {
        if manifest.pages.is_empty() {
            for ending in ["md", "pages.jsonl", "html"] {
                remove(&self.path(ending))?;
            }
        } else {
            if let Some(Some(review)) = self.review.take() {
                keep(review.finish()?, &self.path("html"))?;
            }
            let (markdown, pages) = (self.path("md"), self.path("pages.jsonl"));
            keep(self.markdown, &markdown)?;
            keep(self.pages, &pages)?;
        }
        write_manifest(&self.folder, &self.name, manifest)
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }
}

impl PageSink for ResultFolder {
    fn open(&mut self, pages: u32) -> io::Result<()> {
        let images = ReviewImages::in_folder(self.path("images"));
        if let Some(review) = &mut self.review {
            let out = BufWriter::new(passing(&self.folder)?);
            *review = Some(ReviewWriter::start(out, &self.title, pages, images)?);
        }
        Ok(())
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        write_page(
            &mut self.markdown,
            &mut self.any_text,
            &page.assembled.markdown,
        )?;
        let mut record = serde_json::to_vec(&page.record)?;
        record.push(b'\n');
        self.pages.write_all(&record)?;
        self.written += (page.assembled.markdown.len() + record.len()) as u64;
        if let Some(Some(review)) = &mut self.review {
            review.page(&page.assembled, &page.summary, page.preview.as_ref())?;
            // Base64 in the page, and its text once more.
            let image = page
                .preview
                .as_ref()
                .map_or(0, |preview| preview.jpeg.len());
            self.written += (image * 4 / 3 + record.len()) as u64;
        }
        self.summaries.push(page.summary);
        Ok(())
    }
}

/// Markdown on standard output, a page as soon as it is there.
pub(crate) struct Stdout {
    out: io::Stdout,
    /// Said before the first page, where several documents follow one another.
    title: Option<String>,
    any_text: bool,
    /// One entry a page.
    pub(crate) summaries: Vec<PageSummary>,
}

impl Stdout {
    /// Nothing is written yet.
    pub(crate) fn new(title: Option<String>) -> Self {
        Self {
            out: io::stdout(),
            title,
            any_text: false,
            summaries: Vec::new(),
        }
    }
}

impl PageSink for Stdout {
    fn open(&mut self, _pages: u32) -> io::Result<()> {
        if let Some(title) = &self.title {
            // `--` would end the comment.
            writeln!(
                self.out,
                "<!-- document {} -->\n",
                title.replace("--", "-\u{2010}")
            )?;
        }
        Ok(())
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        let mut out = self.out.lock();
        write_page(&mut out, &mut self.any_text, &page.assembled.markdown)?;
        out.flush()?;
        self.summaries.push(page.summary);
        Ok(())
    }
}

/// The files of a result in `folder` and below it, but for its manifest: their names from there, with slashes, and
/// their paths, in the order of their names.
pub(crate) fn files(folder: &Path, manifest: &str) -> io::Result<Vec<(String, PathBuf)>> {
    fn walk(folder: &Path, below: &str, found: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                walk(&entry.path(), &format!("{name}/"), found)?;
            } else {
                found.push((name, entry.path()));
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found)?;
    found.retain(|(name, _)| name != manifest);
    found.sort();
    Ok(found)
}

/// Writes `NAME.json` in `folder`, which is made where it is not there.
pub(crate) fn write_manifest(folder: &Path, name: &str, manifest: &Manifest) -> io::Result<()> {
    write_json(folder, &format!("{name}.json"), manifest)
}

/// Writes a file in `folder`, which is made where it is not there.
pub(crate) fn write_json(folder: &Path, file: &str, value: &impl Serialize) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut out = BufWriter::new(passing(folder)?);
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n")?;
    keep(out, &folder.join(file))
}

/// Pages stand one after another with a blank line between; a page without text leaves nothing.
fn write_page(out: &mut dyn Write, any_text: &mut bool, markdown: &str) -> io::Result<()> {
    if markdown.is_empty() {
        return Ok(());
    }
    if std::mem::replace(any_text, true) {
        out.write_all(b"\n")?;
    }
    out.write_all(markdown.as_bytes())
}

fn passing(folder: &Path) -> io::Result<NamedTempFile> {
    // What any new file gets; the process's umask takes its share.
    let permissions = Permissions::from_mode(0o666);
    tempfile::Builder::new()
        .prefix(".recto-")
        .permissions(permissions)
        .tempfile_in(folder)
}

fn keep(out: BufWriter<NamedTempFile>, path: &Path) -> io::Result<()> {
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
