//! `recto batch verify`: every stored file of a batch against its hash.

use std::{
    collections::HashSet,
    io::{self, Write as _},
    process::ExitCode,
};

use super::stored::StoredResults;
use crate::{
    commands::EXIT_FAILED,
    ledger::{Ledger, database::JobFilter, record::JobRecord},
    os::terminal::Shown,
};

/// Compares the files of a batch and names those that are not as they were stored.
pub(super) async fn verify(
    ledger: &Ledger,
    results: &StoredResults,
    batch: &str,
) -> anyhow::Result<ExitCode> {
    let (mut files, mut faults, mut manifests) = (0_u64, 0_u64, 0_u64);
    let mut seen = HashSet::new();
    let mut out = io::stdout().lock();
    let mut after = String::new();
    let filter = JobFilter {
        batch: batch.to_owned(),
        ..JobFilter::default()
    };
    loop {
        let page = ledger.jobs(&filter, &after).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for job in page.iter().filter(|job| is_new(&mut seen, job)) {
            manifests += 1;
            for file in results.check(job).await {
                files += 1;
                if let Err(fault) = &file.checked {
                    faults += 1;
                    writeln!(out, "{} {}", Shown(&file.uri), Shown(fault))?;
                }
            }
        }
    }
    let count = |number: u64, word: &str| match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    eprintln!(
        "{} of {} compared; {faults} not as stored",
        count(files, "file"),
        count(manifests, "result")
    );
    Ok(match faults {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_FAILED),
    })
}

/// Returns true for a job with a result that no job before had.
pub(super) fn is_new(seen: &mut HashSet<[u8; 16]>, job: &JobRecord) -> bool {
    use sha2::{Digest as _, Sha256};
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(&job.manifest)[..16]);
    !job.manifest.is_empty() && seen.insert(hash)
}
