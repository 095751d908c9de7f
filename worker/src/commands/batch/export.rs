//! `recto batch export`: the results of a batch as a BagIt bag (RFC 8493).

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use serde_json::json;

use super::{
    list::{CSV_HEAD, as_csv},
    stored::{CheckedFile, StoredFile, StoredResults},
    verify::is_new,
};
use crate::{
    commands::EXIT_FAILED,
    document::manifest::sha256,
    ledger::{Ledger, database::JobFilter, record::JobRecord},
    os::{
        clock::{from_milliseconds, now},
        terminal::Shown,
    },
};

/// The declaration of every bag (RFC 8493, 2.1.1).
const DECLARATION: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
/// The tag files, which `tagmanifest-sha256.txt` has the hashes of.
const TAG_FILES: [&str; 5] = [
    "bagit.txt",
    "bag-info.txt",
    "manifest-sha256.txt",
    "jobs.csv",
    "events.jsonl",
];
/// Longest name of a file or folder, in bytes (Linux).
const MAX_NAME_BYTES: usize = 255;

/// A bag while it is written.
struct Bag {
    folder: PathBuf,
    manifest: BufWriter<File>,
    jobs: BufWriter<File>,
    events: BufWriter<File>,
    files: u64,
    bytes: u64,
}

/// Writes the results of a batch to a folder.
pub(super) async fn export(
    ledger: &Ledger,
    results: &StoredResults,
    batch: &str,
    folder: &Path,
) -> anyhow::Result<ExitCode> {
    let mut bag = Bag::create(folder)?;
    let (mut seen, mut faults, mut jobs) = (HashSet::new(), 0_u64, 0_u64);
    let filter = JobFilter {
        batch: batch.to_owned(),
        ..JobFilter::default()
    };
    let mut after = String::new();
    loop {
        let page = ledger.jobs(&filter, &after).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for job in &page {
            jobs += 1;
            writeln!(bag.jobs, "{}", as_csv(job))?;
            let files = match is_new(&mut seen, job) {
                true => results.check(job).await,
                false => Vec::new(),
            };
            let mut is_whole = true;
            for file in &files {
                let added = match &file.checked {
                    Ok(checked) => bag
                        .add(job, file, checked)
                        .map_err(|error| error.to_string()),
                    Err(fault) => Err(fault.to_string()),
                };
                if let Err(fault) = added {
                    (is_whole, faults) = (false, faults + 1);
                    eprintln!("recto: {}: {}", Shown(&file.uri), Shown(&fault));
                }
            }
            bag.record(job, (!files.is_empty()).then_some(is_whole))?;
        }
    }
    anyhow::ensure!(
        jobs > 0,
        "the ledger knows no batch {:?}",
        Shown(batch).to_string()
    );
    let (files, bytes) = bag.finish(batch)?;
    eprintln!(
        "{jobs} jobs, {files} files, {bytes} bytes in {}; {faults} files are missing",
        folder.display()
    );
    Ok(match faults {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_FAILED),
    })
}

impl Bag {
    fn create(folder: &Path) -> anyhow::Result<Self> {
        let is_used = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        anyhow::ensure!(
            !is_used,
            "{} is not empty; name another folder",
            folder.display()
        );
        fs::create_dir_all(folder.join("data"))
            .with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(folder.join("bagit.txt"), DECLARATION)?;
        let create = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
        let mut jobs = create("jobs.csv")?;
        writeln!(jobs, "{CSV_HEAD}")?;
        Ok(Self {
            folder: folder.to_owned(),
            manifest: create("manifest-sha256.txt")?,
            jobs,
            events: create("events.jsonl")?,
            files: 0,
            bytes: 0,
        })
    }

    /// Copies a file below `data/`.
    fn add(
        &mut self,
        job: &JobRecord,
        file: &StoredFile,
        checked: &CheckedFile,
    ) -> anyhow::Result<()> {
        let name = payload_name(&file.uri.to_string(), &job.output)?;
        let to = self.folder.join(&name);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(&checked.path, &to)?;
        writeln!(self.manifest, "{}  {}", checked.sha256, in_manifest(&name))?;
        self.files += 1;
        self.bytes += checked.bytes;
        Ok(())
    }

    /// Writes the events of a document, in the words of PREMIS (event type, date, outcome, agent).
    fn record(&mut self, job: &JobRecord, is_whole: Option<bool>) -> anyhow::Result<()> {
        let program = format!("recto {}", env!("CARGO_PKG_VERSION"));
        let mut events = Vec::new();
        if let Some(at) = from_milliseconds(job.submitted) {
            events.push(
                json!({"eventType": "ingestion", "eventDateTime": at, "eventOutcome": "success"}),
            );
        }
        if let Some(at) = from_milliseconds(job.ended) {
            events.push(json!({
                "eventType": "creation", "eventDateTime": at, "eventOutcome": job.state.as_str(),
                "eventOutcomeDetail": job.message, "linkingAgent": job.worker,
            }));
        }
        if let Some(is_whole) = is_whole {
            let outcome = if is_whole { "pass" } else { "fail" };
            events.push(json!({
                "eventType": "fixity check", "eventDateTime": now(), "eventOutcome": outcome, "linkingAgent": program,
            }));
        }
        for mut event in events {
            event["linkingObject"] = job.source.clone().into();
            event["eventIdentifier"] = format!(
                "{}/{}",
                job.message_id(),
                event["eventType"].as_str().unwrap_or_default()
            )
            .into();
            writeln!(self.events, "{event}")?;
        }
        Ok(())
    }

    /// Writes the tag files; gives the number of payload files and their bytes.
    fn finish(mut self, batch: &str) -> anyhow::Result<(u64, u64)> {
        self.manifest.flush()?;
        self.jobs.flush()?;
        self.events.flush()?;
        let date = now();
        let info = format!(
            "Bag-Software-Agent: recto {}\nBagging-Date: {}\nExternal-Identifier: {}\nPayload-Oxum: {}.{}\n",
            env!("CARGO_PKG_VERSION"),
            date.get(..10).unwrap_or(&date),
            batch.replace(['\r', '\n'], " "),
            self.bytes,
            self.files
        );
        fs::write(self.folder.join("bag-info.txt"), info)?;
        let mut hashes = String::new();
        for name in TAG_FILES {
            let hash = sha256(&mut File::open(self.folder.join(name))?)?;
            hashes += &format!("{hash}  {name}\n");
        }
        fs::write(self.folder.join("tagmanifest-sha256.txt"), hashes)?;
        Ok((self.files, self.bytes))
    }
}

/// The path of a file in the bag: `data/` and what follows the job's output prefix.
fn payload_name(uri: &str, output: &str) -> anyhow::Result<String> {
    let below = uri
        .strip_prefix(output.trim_end_matches('/'))
        .filter(|below| below.starts_with('/'));
    let path = below
        .or_else(|| uri.split_once("://").map(|(_, path)| path))
        .unwrap_or(uri);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    for part in &parts {
        anyhow::ensure!(
            !matches!(*part, "." | ".."),
            "its name leads out of the bag"
        );
        anyhow::ensure!(
            part.len() <= MAX_NAME_BYTES,
            "a part of its name has {} bytes, and files have at most {MAX_NAME_BYTES}",
            part.len()
        );
    }
    Ok(format!("data/{}", parts.join("/")))
}

/// A path as a manifest has it (RFC 8493, 2.1.3): line ends and percent signs are encoded.
fn in_manifest(path: &str) -> String {
    path.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_what_follows_its_prefix_and_stays_in_the_bag() {
        let named = |uri: &str, output: &str| payload_name(uri, output).ok();
        let wanted = Some("data/a.pdf/1/document.md".to_owned());
        assert_eq!(
            named("s3://b/out/a.pdf/1/document.md", "s3://b/out/"),
            wanted
        );
        assert_eq!(
            named("s3://b/out/a.pdf/1/document.md", "s3://b/out"),
            wanted
        );
        assert_eq!(
            named("s3://b/x/document.md", "s3://b/out"),
            Some("data/b/x/document.md".to_owned())
        );
        assert_eq!(named("s3://b/out/../document.md", "s3://b/out"), None);
        assert_eq!(in_manifest("data/50%\n.md"), "data/50%25%0A.md");
    }
}
