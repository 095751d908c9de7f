//! From the hub into the cache, file by file, the weights last: a cache with weights has all the rest.
//!
//! The `hf-hub` crate, which is asked about models and files, knows no time-outs, so that all works on a thread of its own
//! and is given up when no byte comes any more; what it has is kept and gone on with the next time.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError, SyncSender},
    thread,
    time::Duration,
};

use anyhow::{Context, anyhow, bail, ensure};
use hf_hub::api::{Progress, sync::ApiBuilder};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget};

use super::{HubClient, ModelId, ProgressReporter, file::RemoteModel, files, is_word, repo};
use crate::{document::manifest::sha256, os::terminal::Shown};

/// Longest time without a byte.
const SILENCE: Duration = Duration::from_secs(60);

/// Longest time to look through a file that has come.
const LOOKING: Duration = Duration::from_secs(3600);

/// Waits for a file that another process is downloading: an hour together.
const MOST_WAITS: u32 = 720;

/// One of them.
const WAIT: Duration = Duration::from_secs(5);

/// News on their way to who shows them; the download waits where they are not taken.
const NEWS: usize = 64;

/// Digits of a SHA-256: what the hub calls large files by.
const SHA256_DIGITS: usize = 64;

/// An event of the download's thread.
pub(super) enum DownloadEvent {
    /// A file of so many bytes begins.
    File(String, u64),
    /// So many bytes came.
    Bytes(u64),
    /// The hub is asked for something.
    Asked,
    /// A file has come, and is looked through: that takes as long as it takes.
    Came,
    /// It has ended.
    Ended(anyhow::Result<PathBuf>),
}

/// Downloads what is not in the cache yet, and gives the folder.
pub(super) fn download(
    hub: &HubClient,
    id: &ModelId,
    tell: ProgressReporter,
) -> anyhow::Result<PathBuf> {
    let (sender, news) = mpsc::sync_channel(NEWS);
    let (hub, id) = (hub.clone(), id.clone());
    thread::Builder::new()
        .name("download".to_owned())
        .spawn(move || {
            let ended = fetch(&hub, &id, &sender);
            // Nobody listens where it was given up.
            let _ = sender.send(DownloadEvent::Ended(ended));
        })
        .context("cannot start a thread")?;
    let mut shown = DownloadDisplay { tell, bar: None };
    let mut patience = SILENCE;
    loop {
        let next = news.recv_timeout(patience);
        patience = match next {
            Ok(DownloadEvent::Came) => LOOKING,
            _ => SILENCE,
        };
        match next {
            Ok(DownloadEvent::File(name, bytes)) => shown.file(&name, bytes),
            Ok(DownloadEvent::Bytes(bytes)) => shown.bytes(bytes),
            Ok(DownloadEvent::Asked | DownloadEvent::Came) => {}
            Ok(DownloadEvent::Ended(ended)) => return ended,
            Err(RecvTimeoutError::Timeout) => {
                bail!("the hub sent nothing for {} s", SILENCE.as_secs())
            }
            Err(RecvTimeoutError::Disconnected) => bail!("the download broke off"),
        }
    }
}

fn fetch(
    hub: &HubClient,
    id: &ModelId,
    news: &SyncSender<DownloadEvent>,
) -> anyhow::Result<PathBuf> {
    let api = ApiBuilder::from_cache(hub.cache.clone())
        .with_endpoint(hub.endpoint.clone())
        .with_token(hub.token.clone())
        .with_user_agent("recto", env!("CARGO_PKG_VERSION"))
        .build()?;
    let info = api.repo(repo(id, &id.revision)).info()?;
    ensure!(is_word(&info.sha), "the hub names no commit");
    // All files of one commit, whatever becomes of the branch meanwhile.
    let at_commit = hub.repo(id, &info.sha);
    let folder = at_commit.pointer_path(&info.sha);
    let remote = RemoteModel {
        hub,
        repo: api.repo(repo(id, &info.sha)),
        api: &api,
        cache: hub.repo(id, &info.sha),
        commit: &info.sha,
        news,
    };
    let model: BTreeSet<String> = info
        .siblings
        .into_iter()
        .map(|file| file.rfilename)
        .collect();
    for file in files::small(&model)? {
        one(&remote, &folder, file)?;
    }
    for file in files::weights(&model, &folder)? {
        one(&remote, &folder, &file)?;
    }
    ensure!(
        files::complete(&folder),
        "the hub sent another commit's files"
    );
    hub.repo(id, &id.revision).create_ref(&info.sha)?;
    Ok(folder)
}

/// One file, unless it is there; waits while another process downloads it.
fn one(model: &RemoteModel<'_>, folder: &Path, file: &str) -> anyhow::Result<()> {
    let place = folder.join(file);
    for _ in 0..MOST_WAITS {
        let _ = model.news.send(DownloadEvent::Asked);
        if place.exists() || model.download(file).with_context(|| file.to_owned())? {
            return Ok(());
        }
        thread::sleep(WAIT);
    }
    Err(anyhow!(
        "another process has been downloading it for an hour"
    ))
    .context(file.to_owned())
}

/// Returns true if a file is what its name in the cache says; one that is not is removed.
pub(super) fn checked(path: &Path) -> anyhow::Result<()> {
    let blob = fs::canonicalize(path)?;
    let named = blob
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("");
    let is_sha256 = named.len() == SHA256_DIGITS && named.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_sha256 || sha256(&mut File::open(&blob)?)?.eq_ignore_ascii_case(named) {
        return Ok(());
    }
    fs::remove_file(path)?;
    fs::remove_file(&blob)?;
    bail!("what came does not have the SHA-256 that the hub names; try again")
}

/// The display of it.
struct DownloadDisplay {
    tell: ProgressReporter,
    /// The file that is coming.
    bar: Option<(String, ProgressBar)>,
}

impl DownloadDisplay {
    fn file(&mut self, name: &str, bytes: u64) {
        if self.bar.as_ref().is_some_and(|(shown, _)| shown == name) {
            return;
        }
        let hidden = ProgressDrawTarget::hidden;
        let target = match self.tell {
            ProgressReporter::Person => ProgressDrawTarget::stderr(),
            ProgressReporter::Nobody | ProgressReporter::Log => hidden(),
        };
        let mut bar = ProgressBar::with_draw_target(None, target);
        Progress::init(&mut bar, usize::try_from(bytes).unwrap_or(usize::MAX), name);
        match self.tell {
            ProgressReporter::Person if bar.is_hidden() => {
                eprintln!("downloading {}, {}", Shown(name), HumanBytes(bytes))
            }
            ProgressReporter::Log => tracing::info!(file = name, bytes, "downloading the model"),
            ProgressReporter::Person | ProgressReporter::Nobody => {}
        }
        if let Some((_, before)) = self.bar.replace((name.to_owned(), bar)) {
            before.finish();
        }
    }

    fn bytes(&self, bytes: u64) {
        if let Some((_, bar)) = &self.bar {
            bar.inc(bytes);
        }
    }
}

impl Drop for DownloadDisplay {
    fn drop(&mut self) {
        if let Some((_, bar)) = &self.bar {
            bar.finish();
        }
    }
}
