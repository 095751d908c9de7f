//! Account of a run: `run.csv` with a row for each file that was found, and `run.json` with their sums.
//!
//! Rows are written as the files end, under a temporary name; both files take their names when the run ends. A run that is
//! killed leaves the account of the run before.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use recto_schemas::{FileState, RunReport};
use tempfile::{NamedTempFile, TempDir};

use super::{OutputTarget, result_path::ACCOUNT};
use crate::{
    commands::csv,
    document::output::{persist, remove_leftovers, temporary, write_json},
    store::{ObjectStore as _, ObjectStores, StoreUri, WriteCondition},
};

/// The first row.
const HEAD: &str = "path,manifest,state,reason,message,pages,failed_pages,bytes,seconds\r\n";

/// A row of the account.
#[derive(Debug)]
pub(super) struct AccountRow<'a> {
    /// The file, as it was found.
    pub(super) path: &'a str,
    /// Its manifest below the output; empty if it has none.
    pub(super) manifest: &'a str,
    pub(super) state: FileState,
    /// The failure's kind, the kind that was passed over, or the state of the result that was there.
    pub(super) reason: &'a str,
    /// A sentence for people.
    pub(super) message: &'a str,
    pub(super) pages: u32,
    pub(super) failed_pages: u32,
    pub(super) bytes: Option<u64>,
    pub(super) seconds: f64,
}

/// The account while the run goes on.
pub(super) struct RunAccount {
    rows: Mutex<Rows>,
    folder: PathBuf,
    /// The prefix that both files are put to, and the folder of this machine that they are made in until then.
    published: Option<(Arc<ObjectStores>, StoreUri, TempDir)>,
}

/// The rows that were written.
struct Rows {
    out: BufWriter<NamedTempFile>,
    /// The first error, which ends the writing.
    error: Option<io::Error>,
}

impl RunAccount {
    /// Begins the account of a run into that target; there is none on standard output.
    pub(super) fn begin(target: &OutputTarget) -> io::Result<Option<Self>> {
        let (folder, published) = match target {
            OutputTarget::Stdout => return Ok(None),
            OutputTarget::Folder(folder) => (folder.clone(), None),
            OutputTarget::Store { stores, folder } => {
                let made_in = tempfile::tempdir()?;
                let published = (Arc::clone(stores), folder.clone(), made_in);
                (published.2.path().to_owned(), Some(published))
            }
        };
        remove_leftovers(&folder);
        let mut out = BufWriter::new(temporary(&folder)?);
        out.write_all(HEAD.as_bytes())?;
        Ok(Some(Self {
            rows: Mutex::new(Rows { out, error: None }),
            folder,
            published,
        }))
    }

    /// Adds a row. If that fails, the run goes on, and [`RunAccount::end`] fails.
    pub(super) fn add(&self, row: &AccountRow<'_>) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.error.is_none() {
            rows.error = write_row(&mut rows.out, row).err();
        }
    }

    /// Gives both files their names, `run.csv` first.
    pub(super) async fn end(self, report: &RunReport) -> anyhow::Result<()> {
        let rows = self.rows.into_inner();
        let Rows { mut out, error } = rows.unwrap_or_else(PoisonError::into_inner);
        let names = [format!("{ACCOUNT}.csv"), format!("{ACCOUNT}.json")];
        error
            .map_or(Ok(()), Err)
            .and_then(|()| out.flush())
            .and_then(|()| persist(out, &self.folder.join(&names[0])))
            .and_then(|()| write_json(&self.folder, &names[1], report))
            .with_context(|| {
                format!(
                    "cannot write the account of the run to {}",
                    self.folder.display()
                )
            })?;
        let Some((stores, prefix, _)) = &self.published else {
            return Ok(());
        };
        for (name, media_type) in names
            .iter()
            .zip(["text/csv; charset=utf-8", "application/json"])
        {
            let at = prefix.join(name)?;
            let file = self.folder.join(name);
            stores
                .put(&at, &file, media_type, WriteCondition::Always)
                .await?;
        }
        Ok(())
    }
}

/// RFC 4180, with a point before the decimals.
fn write_row(out: &mut impl Write, row: &AccountRow<'_>) -> io::Result<()> {
    let bytes = row
        .bytes
        .map_or_else(String::new, |bytes| bytes.to_string());
    writeln!(
        out,
        "{},{},{},{},{},{},{},{bytes},{:.3}\r",
        csv::field(row.path),
        csv::field(row.manifest),
        row.state,
        csv::field(row.reason),
        csv::field(row.message),
        row.pages,
        row.failed_pages,
        row.seconds,
    )
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn fields_that_would_end_a_row_are_quoted() {
        let mut text = Vec::new();
        let row = AccountRow {
            path: "a, \"b\".pdf",
            manifest: "",
            state: FileState::PassedOver,
            reason: ".docx",
            message: "",
            pages: 0,
            failed_pages: 0,
            bytes: None,
            seconds: 0.0,
        };
        write_row(&mut text, &row).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text,
            "\"a, \"\"b\"\".pdf\",,passed-over,.docx,,0,0,,0.000\r\n"
        );
    }

    #[tokio::test]
    async fn a_run_that_is_killed_leaves_the_account_before_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("run.csv"), "before").unwrap();
        let target = OutputTarget::Folder(folder.path().to_owned());
        let account = RunAccount::begin(&target).unwrap().unwrap();
        let names = || {
            let entries = fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names().len(), 2);
        // A process that is killed removes nothing, and its locks are gone.
        let rows = account.rows.into_inner().unwrap().out.into_inner().unwrap();
        let (file, path): (File, _) = rows.keep().unwrap();
        remove_leftovers(folder.path());
        assert!(path.exists(), "its process still runs");
        drop(file);
        let _next = RunAccount::begin(&target).unwrap().unwrap();
        assert!(!path.exists());
        assert_eq!(fs::read(folder.path().join("run.csv")).unwrap(), b"before");
    }
}
