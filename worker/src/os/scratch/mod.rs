//! The work folder: where documents and results lie while a job runs, with a cap on its bytes.
//!
//! Each worker has a folder of its own under a base that several may share, and holds a lock in it while it lives.
//! So a worker that starts can tell the folders of dead ones from those in use, and removes the dead ones'. All calls
//! here touch the disk: async code makes them on a blocking thread.

pub(crate) mod config;
// Folders with a lock: made, found and removed.
mod locked;

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::fs::statvfs;

use locked::LockedDir;

/// Why there is no room. All of it passes: the job is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScratchError {
    /// The worker's own cap.
    #[error(
        "the work folder is full: {wanted_bytes} bytes wanted, {used_bytes} of {limit_bytes} in use; \
         raise --scratch-size or run fewer jobs at once"
    )]
    Full {
        /// Bytes that were asked for.
        wanted_bytes: u64,
        /// Bytes in use by jobs.
        used_bytes: u64,
        /// The cap.
        limit_bytes: u64,
    },
    /// The disk has less than the cap allows.
    #[error(
        "the disk of {} is full: {wanted_bytes} bytes wanted, {free_bytes} free; \
         free some or set --scratch-dir to another disk", path.display()
    )]
    Disk {
        /// Bytes that were asked for.
        wanted_bytes: u64,
        /// Bytes that are free.
        free_bytes: u64,
        /// The work folder.
        path: PathBuf,
    },
    /// The work folder cannot be used.
    #[error("cannot use the work folder {}: {error}; look at its disk and permissions or set --scratch-dir", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl From<ScratchError> for io::Error {
    fn from(error: ScratchError) -> Self {
        let kind = match &error {
            ScratchError::Full { .. } | ScratchError::Disk { .. } => io::ErrorKind::StorageFull,
            ScratchError::Io { error, .. } => error.kind(),
        };
        Self::new(kind, error)
    }
}

/// A worker's own folder. Removed, with everything in it, when dropped.
#[derive(Debug)]
pub(crate) struct ScratchDir {
    folder: LockedDir,
    bytes: Arc<ByteBudget>,
    jobs: AtomicU64,
}

/// Bytes in use, and how many may be.
#[derive(Debug)]
struct ByteBudget {
    used: AtomicU64,
    limit: u64,
}

impl ScratchDir {
    /// Removes what dead workers left in `base`, then makes a folder there that may take `limit_bytes`.
    pub(crate) fn open(base: &Path, limit_bytes: u64) -> Result<Self, ScratchError> {
        let wrong = |error| ScratchError::Io {
            path: base.to_owned(),
            error,
        };
        fs::create_dir_all(base).map_err(wrong)?;
        locked::remove_leftovers(base).map_err(wrong)?;
        Ok(Self {
            folder: LockedDir::create(base).map_err(wrong)?,
            bytes: Arc::new(ByteBudget {
                used: AtomicU64::new(0),
                limit: limit_bytes,
            }),
            jobs: AtomicU64::new(0),
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes the folder, with everything in it. Whoever still works in it fails.
    pub(crate) fn remove(&self) {
        self.folder.remove();
    }

    /// Bytes that jobs have reserved.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.bytes.used.load(Ordering::Relaxed)
    }

    /// Most bytes that jobs may reserve.
    pub(crate) fn limit_bytes(&self) -> u64 {
        self.bytes.limit
    }

    /// Whether `wanted_bytes` more could be reserved and would fit on the disk: what readiness asks.
    pub(crate) fn check(&self, wanted_bytes: u64) -> Result<(), ScratchError> {
        self.check_disk(wanted_bytes)?;
        self.reserve(wanted_bytes).map(drop)
    }

    /// Sets `bytes` of the cap aside. The disk is not asked: see [`ScratchDir::check_disk`].
    pub(crate) fn reserve(&self, bytes: u64) -> Result<ByteReservation, ScratchError> {
        let mut reservation = ByteReservation {
            of: Arc::clone(&self.bytes),
            bytes: 0,
        };
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    /// Makes a folder for one job with `bytes` of the cap. Its name is a number: nothing of a job gets into a path.
    pub(crate) fn job_folder(&self, bytes: u64) -> Result<JobDir, ScratchError> {
        self.check_disk(bytes)?;
        let reservation = self.reserve(bytes)?;
        let number = self.jobs.fetch_add(1, Ordering::Relaxed);
        let path = self.path().join(format!("job-{number}"));
        locked::create_private(&path).map_err(|error| match is_disk_full(&error) {
            true => ScratchError::Disk {
                wanted_bytes: bytes,
                free_bytes: 0,
                path: path.clone(),
            },
            false => ScratchError::Io {
                path: path.clone(),
                error,
            },
        })?;
        Ok(JobDir { path, reservation })
    }

    /// Whether the disk has `wanted_bytes` free for this user.
    pub(crate) fn check_disk(&self, wanted_bytes: u64) -> Result<(), ScratchError> {
        let disk = statvfs(self.path()).map_err(|error| ScratchError::Io {
            path: self.path().to_owned(),
            error: error.into(),
        })?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free_bytes < wanted_bytes {
            return Err(ScratchError::Disk {
                wanted_bytes,
                free_bytes,
                path: self.path().to_owned(),
            });
        }
        Ok(())
    }
}

/// A share of the work folder's bytes. Given back when dropped.
#[derive(Debug)]
pub(crate) struct ByteReservation {
    of: Arc<ByteBudget>,
    bytes: u64,
}

impl ByteReservation {
    /// Takes `more_bytes`, or leaves everything as it was.
    pub(crate) fn grow(&mut self, more_bytes: u64) -> Result<(), ScratchError> {
        let limit_bytes = self.of.limit;
        self.of
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(more_bytes)
                    .filter(|total| *total <= limit_bytes)
            })
            .map_err(|used_bytes| ScratchError::Full {
                wanted_bytes: more_bytes,
                used_bytes,
                limit_bytes,
            })?;
        self.bytes += more_bytes;
        Ok(())
    }
}

impl Drop for ByteReservation {
    fn drop(&mut self) {
        self.of.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// One job's folder. Removed, and its bytes given back, when dropped.
#[derive(Debug)]
pub(crate) struct JobDir {
    path: PathBuf,
    /// The bytes it may take; to be grown before more is written.
    pub(crate) reservation: ByteReservation,
}

impl JobDir {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for JobDir {
    fn drop(&mut self) {
        locked::remove(&self.path);
    }
}

/// Whether an error says that there is no room: on the disk, in the user's share or in a file.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    let full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    );
    // A writer on the way may have put the system's error into one of its own.
    full || error.get_ref().is_some_and(|inner| {
        let mut inner: Option<&(dyn Error + 'static)> = Some(inner);
        while let Some(error) = inner {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return is_disk_full(error);
            }
            inner = error.source();
        }
        false
    })
}

#[cfg(test)]
mod tests;
