//! The results of one document in a folder of this machine.
//!
//! Every file is written under a temporary name and takes its own only when it is whole, the manifest after the others: a
//! manifest says that all of its files are there.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Seek, Write},
    os::unix::fs::{FileExt, MetadataExt as _, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use recto_pipeline::read::{PageResult, PageSink};
use recto_schemas::{Manifest, Options, PageSummary};
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::{FORMATS, MANIFEST, ResultSink, ResultWriter};

/// The beginning of temporary files' names.
pub(crate) const TEMPORARY_PREFIX: &str = ".recto-";

/// The name of a document's results, and the folder they are written to.
#[derive(Clone, Debug)]
pub(crate) struct ResultName {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The stem of all files' names.
    pub(crate) stem: String,
    /// The document's title for people.
    pub(crate) title: String,
}

impl ResultName {
    /// The path of the file with this ending.
    pub(crate) fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.stem))
    }
}

/// The results of one document while they are written.
pub(crate) struct ResultFolder {
    name: ResultName,
    writers: Vec<Box<dyn ResultWriter>>,
    written: ByteCount,
    summaries: Vec<PageSummary>,
}

impl ResultFolder {
    /// Starts the outputs that the options ask for. The folder is made if it is not there.
    pub(crate) fn create(name: ResultName, options: &Options) -> io::Result<Self> {
        fs::create_dir_all(&name.folder)?;
        let written = ByteCount::default();
        let outputs = OutputFiles {
            name: &name,
            written: &written,
        };
        let wanted = FORMATS.iter().filter(|format| (format.is_wanted)(options));
        let writers = wanted
            .map(|format| (format.create)(&outputs))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            name,
            writers,
            written,
            summaries: Vec::new(),
        })
    }
}

impl PageSink for ResultFolder {
    fn open(&mut self, pages: u32) -> io::Result<()> {
        self.writers
            .iter_mut()
            .try_for_each(|writer| writer.start(pages))
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        self.writers
            .iter_mut()
            .try_for_each(|writer| writer.page(&page))?;
        self.summaries.push(page.summary);
        Ok(())
    }

    fn heading_levels(&mut self, levels: &[u8]) -> io::Result<()> {
        self.writers
            .iter_mut()
            .try_for_each(|writer| writer.heading_levels(levels))
    }
}

impl ResultSink for ResultFolder {
    fn written_bytes(&self) -> u64 {
        self.written.get()
    }

    fn take_summaries(&mut self) -> Vec<PageSummary> {
        std::mem::take(&mut self.summaries)
    }

    /// A document without any page leaves only its manifest.
    fn finish(self: Box<Self>, manifest: &Manifest) -> io::Result<()> {
        if manifest.pages.is_empty() {
            for format in FORMATS {
                remove(&self.name.path(format.ending))?;
            }
        } else {
            for writer in self.writers {
                writer.finish()?;
            }
        }
        write_manifest(&self.name, manifest)
    }
}

/// The files of a result, as its writers create them.
pub(super) struct OutputFiles<'a> {
    pub(super) name: &'a ResultName,
    pub(super) written: &'a ByteCount,
}

impl OutputFiles<'_> {
    /// A new file, which gets its name with this ending when it is whole.
    pub(super) fn create(&self, ending: &str) -> io::Result<OutputFile> {
        Ok(OutputFile {
            out: BufWriter::new(temporary(&self.name.folder)?),
            folder: self.name.folder.clone(),
            path: self.name.path(ending),
            written: self.written.clone(),
        })
    }
}

/// A file under a temporary name.
#[derive(Debug)]
pub(super) struct OutputFile {
    out: BufWriter<NamedTempFile>,
    folder: PathBuf,
    path: PathBuf,
    written: ByteCount,
}

impl OutputFile {
    /// Writes the file once more: `rewrite` is given what is in it, and where to write.
    pub(super) fn rewrite(
        &mut self,
        rewrite: impl FnOnce(&File, &mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.out.flush()?;
        let mut again = BufWriter::new(temporary(&self.folder)?);
        let mut file = self.out.get_ref().as_file();
        file.rewind()?;
        rewrite(file, &mut again)?;
        self.out = again;
        Ok(())
    }

    /// Changes single bytes at places in the file.
    pub(super) fn patch(&mut self, changes: &[(u64, u8)]) -> io::Result<()> {
        self.out.flush()?;
        let file = self.out.get_ref().as_file();
        changes
            .iter()
            .try_for_each(|&(at, byte)| file.write_all_at(&[byte], at))
    }

    /// Gives the file its name; one of a former run is replaced.
    pub(super) fn persist(self) -> io::Result<()> {
        persist(self.out, &self.path)
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.written.add(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Bytes that all files of a result have come to.
#[derive(Clone, Debug, Default)]
pub(super) struct ByteCount(Arc<AtomicU64>);

impl ByteCount {
    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The files of a result in `folder` and below it, but for its manifest: their names from there, with slashes, and
/// their paths, in the order of their names.
pub(crate) fn result_files(folder: &Path, manifest: &str) -> io::Result<Vec<(String, PathBuf)>> {
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

/// Writes a document's manifest. The folder is made if it is not there.
pub(crate) fn write_manifest(name: &ResultName, manifest: &Manifest) -> io::Result<()> {
    let file = format!("{}.{}", name.stem, MANIFEST.0);
    write_json(&name.folder, &file, manifest)
}

/// Writes a JSON file, whole or not at all. The folder is made if it is not there.
pub(crate) fn write_json(folder: &Path, file: &str, value: &impl Serialize) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut out = BufWriter::new(temporary(folder)?);
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n")?;
    persist(out, &folder.join(file))
}

/// A new file under a temporary name, locked for as long as it is open: so [`remove_leftovers`] can tell it from those of
/// processes that were killed.
pub(crate) fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        // What any new file gets; the process's umask takes its share.
        let permissions = Permissions::from_mode(0o666);
        let file = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .permissions(permissions)
            .tempfile_in(folder)?;
        // Where there are no locks, leftovers stay.
        let _ = flock(file.as_file(), FlockOperation::LockExclusive);
        // Another process may have removed it before it was locked.
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Removes temporary files from a folder whose processes are gone. What cannot be removed stays.
pub(crate) fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_temporary = name
            .as_encoded_bytes()
            .starts_with(TEMPORARY_PREFIX.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_temporary
            && let Ok(file) = File::open(entry.path())
            && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Gives a file its name.
pub(crate) fn persist(out: BufWriter<NamedTempFile>, path: &Path) -> io::Result<()> {
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
