//! Lock files of worker directories. Whoever holds the lock owns the directory; if the lock is free, its worker is dead.
//!
//! The base may be `/tmp`, where others write too: only directories with our name pattern and of our user are looked at,
//! and no symbolic link is followed.

use std::{
    fs::{self, DirBuilder, Metadata},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
    process,
};

use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, fstat, open, openat},
    io::Errno,
    process::geteuid,
};

const PREFIX: &str = "recto-worker-";
const LOCK: &str = "lock";

/// Names that are tried before giving up: only a worker that cleans up at that very moment removes one.
const ATTEMPTS: u32 = 8;

/// A directory of this process. Removed, with everything in it, when dropped.
#[derive(Debug)]
pub(super) struct LockedDir {
    path: PathBuf,
    /// Held until the directory is gone.
    _lock: OwnedFd,
}

impl LockedDir {
    /// Creates `BASE/recto-worker-PID-RANDOM/lock` and locks it.
    pub(super) fn create(base: &Path) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let path = base.join(new_name());
            create_private(&path)?;
            match lock(&path, OFlags::EXCL) {
                Ok(Some(lock)) => return Ok(Self { path, _lock: lock }),
                // A worker that cleans up saw the directory before it was locked, and removes it.
                Ok(None) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                    ) => {}
                Err(error) => {
                    remove(&path);
                    return Err(error);
                }
            }
        }
        Err(io::Error::other(
            "other workers keep removing the new directory; start again",
        ))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the directory now.
    pub(super) fn remove(&self) {
        remove(&self.path);
    }
}

impl Drop for LockedDir {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Removes the directories of dead workers in `base`.
pub(super) fn remove_leftovers(base: &Path) -> io::Result<()> {
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        let path = entry.path();
        // One that another worker removes right now is no reason to stop.
        if !entry.file_name().to_str().is_some_and(is_ours)
            || !entry.metadata().is_ok_and(|metadata| is_own_dir(&metadata))
        {
            continue;
        }
        match lock(&path, OFlags::empty()) {
            Ok(Some(_lock)) => remove_leftover(base, &path),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(
                scratch.path = %path.display(), %error,
                "cannot tell if this directory is a dead worker's; it stays"
            ),
        }
    }
    Ok(())
}

/// Renames it first: a worker that has just created it and is about to lock it must not find it any more.
fn remove_leftover(base: &Path, path: &Path) {
    let renamed = base.join(new_name());
    match fs::rename(path, &renamed) {
        Ok(()) => {
            remove(&renamed);
            tracing::info!(scratch.path = %path.display(), "removed the directory of a dead worker");
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::warn!(scratch.path = %path.display(), %error, "cannot remove this directory; it stays");
        }
    }
}

/// Creates a directory that only this user can look into: documents are private.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Removes a directory with everything in it, without following links.
pub(super) fn remove(path: &Path) {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(scratch.path = %path.display(), %error, "cannot remove this directory; it stays");
        }
        _ => {}
    }
}

/// Takes the lock of a directory. `None` if somebody else has it or removed the directory meanwhile.
fn lock(path: &Path, flags: OFlags) -> io::Result<Option<OwnedFd>> {
    // No child process may inherit the lock and keep it after this process died.
    let common = OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let dir = open(path, common | OFlags::DIRECTORY, Mode::empty())?;
    let lock = openat(
        &dir,
        LOCK,
        common | flags | OFlags::CREATE | OFlags::RDWR,
        Mode::RUSR | Mode::WUSR,
    )?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    // The file may have been replaced between opening and locking it; then the lock is worth nothing.
    let (held, found) = (fstat(&lock)?, fs::symlink_metadata(path.join(LOCK))?);
    Ok((held.st_ino == found.ino() && held.st_dev == found.dev()).then_some(lock))
}

fn new_name() -> String {
    format!("{PREFIX}{}-{:016x}", process::id(), rand::random::<u64>())
}

/// Returns true for `recto-worker-`, a process id, `-` and 16 hexadecimal digits.
fn is_ours(name: &str) -> bool {
    let Some((pid, random)) = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('-'))
    else {
        return false;
    };
    let digit = |byte: u8| byte.is_ascii_digit();
    !pid.is_empty()
        && pid.bytes().all(digit)
        && random.len() == 16
        && random
            .bytes()
            .all(|byte| digit(byte) || (b'a'..=b'f').contains(&byte))
}

fn is_own_dir(metadata: &Metadata) -> bool {
    metadata.is_dir() && metadata.uid() == geteuid().as_raw()
}
