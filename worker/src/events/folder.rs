//! Folders of rules: documents that are in them, and a watch for those that arrive.
//!
//! The system tells only of what happens on this machine: what another one writes to a shared folder is found by sweeps.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, Metadata},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context as _;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::{JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{intake::EventIntake, notification::ObjectHint, rules::Rule, sweep::sweep};
use crate::{
    document::{
        selection::PathSelection,
        walk::{DocumentWalk, WalkEntry},
    },
    observe::metrics::events::EventOrigin,
    store::{ListedObject, StoreUri, file_etag},
};

/// Time for which size and time of change of a file must have been the same before it is taken.
const REST: Duration = Duration::from_secs(5);
/// Time between two looks at files that may be written.
const LOOK: Duration = Duration::from_secs(1);
/// Maximum files that are looked at; of more, a sweep finds the rest.
const MAX_FILES: usize = 100_000;
/// Maximum paths that the system has told of and nobody has looked at yet: more than it tells in a second.
const MAX_TOLD: usize = 16_384;
/// Maximum files that are handed over at the same time.
const MAX_SETTLING: usize = 500;

/// The documents below a folder that are at rest.
pub(super) async fn documents(folder: String) -> anyhow::Result<Vec<ListedObject>> {
    let walked = spawn_blocking(move || {
        walk(Path::new(&folder), |path, found| {
            let is_at_rest = found.modified().is_ok_and(|at| {
                // A time to come is that of another clock.
                SystemTime::now()
                    .duration_since(at)
                    .is_ok_and(|age| age >= REST)
            });
            let path = path.to_str().filter(|_| is_at_rest)?.to_owned();
            Some(ListedObject {
                location: StoreUri::File { path },
                bytes: found.len(),
                etag: Some(file_etag(found)),
            })
        })
    });
    walked.await?
}

/// The answers of `take` to the documents below a folder.
fn walk<T>(folder: &Path, take: impl Fn(&Path, &Metadata) -> Option<T>) -> anyhow::Result<Vec<T>> {
    let selection = PathSelection::default();
    let mut taken = Vec::new();
    for entry in DocumentWalk::new(folder, &selection, None) {
        match entry {
            WalkEntry::Document(path) => {
                if let Ok(found) = fs::metadata(&path) {
                    taken.extend(take(&path, &found));
                }
            }
            WalkEntry::PassedOver(..) => {}
            WalkEntry::Unreadable(error) if error.folder == folder => {
                return Err(error.error)
                    .with_context(|| format!("cannot read the folder {}", folder.display()));
            }
            WalkEntry::Unreadable(error) => {
                tracing::warn!(folder = %error.folder.display(), error = %error.error, "a folder cannot be read");
            }
        }
    }
    Ok(taken)
}

/// Watches the folder of a rule until told to stop, and takes what is in it at the start.
///
/// # Errors
/// The folder cannot be watched.
pub(super) async fn run(
    intake: &Arc<EventIntake>,
    rule: &Rule,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let StoreUri::File { path: folder } = &rule.documents else {
        return Ok(());
    };
    let folder = Path::new(folder);
    let (sender, mut told) = mpsc::channel(MAX_TOLD);
    let overflow = Arc::new(AtomicBool::new(false));
    let _watcher = watch(folder, sender, Arc::clone(&overflow))?;
    tracing::info!(rule = rule.name, folder = %folder.display(), "watching a folder");
    let mut resting = RestingFiles::default();
    let mut settling = JoinSet::new();
    // What is there at the start.
    resting.told(HashSet::from([folder.to_owned()])).await;
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            _ = looks.tick() => {}
        }
        while settling.try_join_next().is_some() {}
        if overflow.swap(false, Ordering::Relaxed) || resting.has_overflown() {
            tracing::warn!(
                rule = rule.name,
                "the system told of more files than could be noted; sweeping"
            );
            let swept = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                swept = sweep(intake, rule, false, |_| {}) => swept,
            };
            if let Err(error) = swept {
                tracing::warn!(rule = rule.name, %error, "a sweep failed");
            }
        }
        resting.told(all(&mut told)).await;
        for path in resting
            .at_rest(MAX_SETTLING.saturating_sub(settling.len()))
            .await
        {
            let intake = Arc::clone(intake);
            settling.spawn(async move {
                let at = StoreUri::File { path };
                let hint = ObjectHint { at, since_ms: 0 };
                let hints = std::slice::from_ref(&hint);
                intake.settle_all(EventOrigin::Folder, hints, false).await;
            });
        }
    }
}

/// Has the system tell of what changes below a folder, as long as the watcher lives; `missed` becomes true if it could not
/// tell of all.
fn watch(
    folder: &Path,
    sender: Sender<PathBuf>,
    missed: Arc<AtomicBool>,
) -> anyhow::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event.inspect_err(|_| missed.store(true, Ordering::Relaxed)) else {
            return;
        };
        if event.need_rescan() {
            missed.store(true, Ordering::Relaxed);
        }
        if matches!(event.kind, EventKind::Access(_) | EventKind::Remove(_)) {
            return;
        }
        for path in event.paths {
            if sender.try_send(path).is_err() {
                missed.store(true, Ordering::Relaxed);
            }
        }
    })
    .context("cannot watch folders; the system has no means for it")?;
    watcher
        .watch(folder, RecursiveMode::Recursive)
        .with_context(|| {
            format!(
                "cannot watch the folder {}; raise fs.inotify.max_user_watches if it has many folders",
                folder.display()
            )
        })?;
    Ok(watcher)
}

/// Every path that was told of.
fn all(told: &mut Receiver<PathBuf>) -> HashSet<PathBuf> {
    std::iter::from_fn(|| told.try_recv().ok()).collect()
}

/// The size of a file and the time of its change, and since when they are so.
type Seen = (String, Instant);

/// Files that may be written still.
#[derive(Debug, Default)]
struct RestingFiles {
    files: HashMap<PathBuf, Seen>,
    has_overflown: bool,
}

impl RestingFiles {
    /// Notes files that were told of, and all files below folders that were.
    async fn told(&mut self, paths: HashSet<PathBuf>) {
        if paths.is_empty() {
            return;
        }
        let found = spawn_blocking(move || {
            let mut found = Vec::new();
            for path in paths {
                match fs::metadata(&path) {
                    Ok(there) if there.is_dir() => found.extend(
                        walk(&path, |path, there| {
                            Some((path.to_owned(), file_etag(there)))
                        })
                        .unwrap_or_default(),
                    ),
                    Ok(there) if there.is_file() => found.push((path, file_etag(&there))),
                    _ => {}
                }
            }
            found
        });
        for (path, etag) in found.await.unwrap_or_default() {
            if self.files.len() >= MAX_FILES && !self.files.contains_key(&path) {
                self.has_overflown = true;
                continue;
            }
            self.files.insert(path, (etag, Instant::now()));
        }
    }

    fn has_overflown(&mut self) -> bool {
        std::mem::take(&mut self.has_overflown)
    }

    /// Takes up to so many files that are at rest.
    async fn at_rest(&mut self, at_most: usize) -> Vec<String> {
        let due = self
            .files
            .iter()
            .filter(|(_, (_, since))| since.elapsed() >= REST);
        let due: Vec<(PathBuf, String)> = due
            .take(at_most)
            .map(|(path, (etag, _))| (path.clone(), etag.clone()))
            .collect();
        if due.is_empty() {
            return Vec::new();
        }
        let looked = spawn_blocking(move || {
            let look = |(path, before): (PathBuf, String)| {
                let now = fs::metadata(&path).ok().map(|found| file_etag(&found));
                (path, before, now)
            };
            due.into_iter().map(look).collect::<Vec<_>>()
        });
        let mut resting = Vec::new();
        for (path, before, now) in looked.await.unwrap_or_default() {
            match now {
                // Writers that the system does not tell of change it too.
                Some(now) if now != before => {
                    self.files.insert(path, (now, Instant::now()));
                }
                found => {
                    self.files.remove(&path);
                    let path = path.to_str().map(str::to_owned);
                    resting.extend(path.filter(|_| found.is_some()));
                }
            }
        }
        resting
    }
}
