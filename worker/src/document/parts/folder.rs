//! [`FolderParts`]: the parts of a document whose result is written to a folder.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use recto_pipeline::read::{PagePositions, PartStore, ReadPage};
use recto_schemas::{Manifest, PartReport};
use sha2::{Digest as _, Sha256};

use super::{DocumentParts, PAGES_PER_PART, decode, encode, name, parse_name, report};
use crate::document::{
    manifest::hex,
    output::{ResultName, TEMPORARY_PREFIX, temporary},
};

/// The file that says which reading the parts are of.
const IDENTITY: &str = "identity";

/// The ending of the folder's name.
const ENDING: &str = "recto-parts";

/// Parts in the folder `.<stem>.recto-parts` beside the result.
pub(crate) struct FolderParts {
    folder: PathBuf,
    identity: String,
    reports: Vec<PartReport>,
    is_used: bool,
}

impl FolderParts {
    /// The parts for a result of which `blank` is the manifest before anything was read: parts of another document,
    /// engine or version of recto, or of other options, are removed.
    pub(crate) fn open(result: &ResultName, blank: &Manifest) -> io::Result<Self> {
        let folder = Self::folder_of(result);
        let deciding = serde_json::to_vec(&(
            &blank.source.sha256,
            &blank.model,
            &blank.options,
            blank.pipeline_revision,
            env!("CARGO_PKG_VERSION"),
        ))?;
        let identity = hex(&Sha256::digest(deciding));
        let known = fs::read_to_string(folder.join(IDENTITY)).ok();
        let is_ours = known.as_ref() == Some(&identity);
        // One without identity is of a process that was killed while it made the folder.
        if !is_ours && folder.is_dir() {
            remove(&folder)?;
        }
        Ok(Self {
            is_used: is_ours,
            folder,
            identity,
            reports: Vec::new(),
        })
    }

    /// Removes the parts of a result that is there: its process was killed before it could.
    pub(crate) fn discard(result: &ResultName) {
        let folder = Self::folder_of(result);
        if folder.is_dir()
            && let Err(error) = remove(&folder)
        {
            tracing::warn!(%error, "parts that were kept of a document stay");
        }
    }

    fn folder_of(result: &ResultName) -> PathBuf {
        result.folder.join(format!(".{}.{ENDING}", result.stem))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = temporary(&self.folder)?;
        file.write_all(bytes)?;
        file.persist(self.folder.join(name))?;
        Ok(())
    }
}

/// Removes the parts, and the folder if nothing else is in it.
fn remove(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| {
            name == IDENTITY || name.starts_with(TEMPORARY_PREFIX) || parse_name(name).is_some()
        });
        if is_ours {
            fs::remove_file(entry.path())?;
        }
    }
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
        _ => Ok(()),
    }
}

impl PartStore for FolderParts {
    fn pages_per_part(&self) -> u32 {
        PAGES_PER_PART
    }

    fn stored(&mut self, _pages: u32) -> io::Result<Vec<PagePositions>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut parts = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Some(part) = entry.file_name().to_str().and_then(parse_name) else {
                continue;
            };
            // One that a full disk or a power cut broke is read again.
            match decode(&fs::read(entry.path())?) {
                Ok(_) => parts.push(part),
                Err(_) => fs::remove_file(entry.path())?,
            }
        }
        Ok(parts)
    }

    fn load(&mut self, part: &PagePositions) -> io::Result<Vec<ReadPage>> {
        let (report, pages) = decode(&fs::read(self.folder.join(name(part)))?)?;
        self.reports.push(report);
        Ok(pages)
    }

    fn store(&mut self, part: PagePositions, pages: &[ReadPage]) -> io::Result<()> {
        if !self.is_used {
            fs::create_dir_all(&self.folder)?;
            self.write(IDENTITY, self.identity.as_bytes())?;
            self.is_used = true;
        }
        let read = report(&part, "");
        self.write(&name(&part), &encode(read.clone(), None, pages)?)?;
        self.reports.push(read);
        Ok(())
    }
}

impl DocumentParts for FolderParts {
    fn reports(&self) -> Vec<PartReport> {
        self.reports.clone()
    }

    fn finished(&mut self) -> io::Result<()> {
        match self.is_used {
            true => remove(&self.folder),
            false => Ok(()),
        }
    }
}
