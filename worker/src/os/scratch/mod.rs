//! Scratch directory: the place of documents and results while a job runs, with a limit on its bytes.
//!
//! Each worker has a directory of its own below a base that several may share, and holds a lock in it while it lives.
//! So a worker that starts can tell the directories of dead workers from those in use, and removes them. All calls
//! here touch the disk: async code makes them on a blocking thread.

pub(crate) mod config;
mod lockfile;

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

use lockfile::LockedDir;

/// Free space below which the disk counts as full.
const MIN_FREE_BYTES: u64 = 16 << 20;

/// The scratch directory cannot take more. All of it is transient: the job is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScratchError {
    /// The worker's own limit.
    #[error(
        "the scratch directory is full: {wanted_bytes} bytes wanted, {used_bytes} of {limit_bytes} in use; \
         raise --scratch-size or run fewer jobs at once"
    )]
    Full {
        /// Bytes that were asked for.
        wanted_bytes: u64,
        /// Bytes in use by jobs.
        used_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The disk has less than the limit allows.
    #[error(
        "the disk of {} is full: {wanted_bytes} bytes wanted, {free_bytes} free; \
         free some or set --scratch-dir to another disk", path.display()
    )]
    Disk {
        /// Bytes that were asked for.
        wanted_bytes: u64,
        /// Bytes that are free.
        free_bytes: u64,
        /// The scratch directory.
        path: PathBuf,
    },
    /// The scratch directory cannot be used.
    #[error("cannot use the scratch directory {}: {error}; check its disk and permissions or set --scratch-dir", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
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

/// A worker's own directory. Removed, with everything in it, when dropped.
#[derive(Debug)]
pub(crate) struct ScratchDir {
    dir: LockedDir,
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
    /// Removes what dead workers left in `base`, then creates a directory there that may take `limit_bytes`.
    pub(crate) fn open(base: &Path, limit_bytes: u64) -> Result<Self, ScratchError> {
        let wrong = |error| ScratchError::Io {
            path: base.to_owned(),
            error,
        };
        fs::create_dir_all(base).map_err(wrong)?;
        lockfile::remove_leftovers(base).map_err(wrong)?;
        Ok(Self {
            dir: LockedDir::create(base).map_err(wrong)?,
            bytes: Arc::new(ByteBudget {
                used: AtomicU64::new(0),
                limit: limit_bytes,
            }),
            jobs: AtomicU64::new(0),
        })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Removes the directory, with everything in it. Whoever still works in it fails.
    pub(crate) fn remove(&self) {
        self.dir.remove();
    }

    /// Bytes that jobs have reserved.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.bytes.used.load(Ordering::Relaxed)
    }

    /// Maximum bytes that jobs may reserve.
    pub(crate) fn limit_bytes(&self) -> u64 {
        self.bytes.limit
    }

    /// Checks that `wanted_bytes` more could be reserved and would fit on the disk.
    pub(crate) fn check(&self, wanted_bytes: u64) -> Result<(), ScratchError> {
        self.check_disk(wanted_bytes)?;
        self.reserve(wanted_bytes).map(drop)
    }

    /// Checks that there is room for any job at all; readiness asks this.
    pub(crate) fn check_room(&self) -> Result<(), ScratchError> {
        self.check(MIN_FREE_BYTES.min(self.limit_bytes()))
    }

    /// Reserves `bytes` of the limit. The disk is not asked: see [`ScratchDir::check_disk`].
    pub(crate) fn reserve(&self, bytes: u64) -> Result<ByteReservation, ScratchError> {
        let mut reservation = ByteReservation {
            of: Arc::clone(&self.bytes),
            bytes: 0,
        };
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    /// Creates a directory for one job with `bytes` of the limit. Its name is a number: nothing of a job gets into a path.
    pub(crate) fn job_dir(&self, bytes: u64) -> Result<JobDir, ScratchError> {
        self.check_disk(bytes)?;
        let reservation = self.reserve(bytes)?;
        let number = self.jobs.fetch_add(1, Ordering::Relaxed);
        let path = self.path().join(format!("job-{number}"));
        lockfile::create_private(&path).map_err(|error| match is_disk_full(&error) {
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

    /// Checks that the disk has `wanted_bytes` free for this user.
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

/// A share of the scratch directory's bytes. Released when dropped.
#[derive(Debug)]
pub(crate) struct ByteReservation {
    of: Arc<ByteBudget>,
    bytes: u64,
}

impl ByteReservation {
    /// The bytes that are reserved.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The bytes that all reservations may come to.
    pub(crate) fn limit(&self) -> u64 {
        self.of.limit
    }

    /// Reserves `more_bytes`, or leaves everything as it was.
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

/// One job's directory. Removed, and its bytes released, when dropped.
#[derive(Debug)]
pub(crate) struct JobDir {
    path: PathBuf,
    /// The bytes that it may take.
    pub(crate) reservation: ByteReservation,
}

impl JobDir {
    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for JobDir {
    fn drop(&mut self) {
        lockfile::remove(&self.path);
    }
}

/// Returns true if an error says that there is no room: on the disk, in the user's quota or in a file.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    let full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    );
    // A writer in between may have wrapped the system's error.
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
