//! Folders with a lock in them. Whoever holds the lock owns the folder; one whose lock is free is a dead worker's.
//!
//! The base may be `/tmp`, where others write too: only folders of our name pattern and our user are looked at, and no
//! symbolic link is followed.

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

/// Names that are tried before giving up; only a worker that cleans up in that very moment takes one away.
const ATTEMPTS: u32 = 8;

/// A folder of this process. Removed, with everything in it, when dropped.
#[derive(Debug)]
pub(super) struct LockedDir {
    path: PathBuf,
    /// Held until the folder is gone.
    _lock: OwnedFd,
}

impl LockedDir {
    /// Makes `BASE/recto-worker-PID-RANDOM/lock` and locks it.
    pub(super) fn create(base: &Path) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let path = base.join(new_name());
            create_private(&path)?;
            match lock(&path, OFlags::EXCL) {
                Ok(Some(lock)) => return Ok(Self { path, _lock: lock }),
                // A worker that cleans up saw the folder before it had its lock, and removes it.
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
            "other workers keep removing the new folder; start again",
        ))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl LockedDir {
    /// Removes the folder now.
    pub(super) fn remove(&self) {
        remove(&self.path);
    }
}

impl Drop for LockedDir {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Removes the folders of dead workers in `base`.
pub(super) fn remove_leftovers(base: &Path) -> io::Result<()> {
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        let path = entry.path();
        // One that another worker removes right now is not a reason to stop.
        if !entry.file_name().to_str().is_some_and(is_ours)
            || !entry.metadata().is_ok_and(|about| is_own_folder(&about))
        {
            continue;
        }
        match lock(&path, OFlags::empty()) {
            Ok(Some(_lock)) => remove_leftover(base, &path),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(
                work.folder = %path.display(), %error,
                "cannot tell whether this is a dead worker's; it stays"
            ),
        }
    }
    Ok(())
}

/// Under another name first: whoever made it and comes only now to lock it must not find it any more.
fn remove_leftover(base: &Path, path: &Path) {
    let passing = base.join(new_name());
    match fs::rename(path, &passing) {
        Ok(()) => {
            remove(&passing);
            tracing::info!(work.folder = %path.display(), "removed what a dead worker left");
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::warn!(work.folder = %path.display(), %error, "cannot remove this folder; it stays");
        }
    }
}

/// Makes a folder that only this user can look into: documents are nobody else's business.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Removes a folder with everything in it, without following links.
pub(super) fn remove(path: &Path) {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(work.folder = %path.display(), %error, "cannot remove this folder; it stays");
        }
        _ => {}
    }
}

/// Takes the lock of a folder, or gives `None` if somebody has it or took the folder away meanwhile.
fn lock(path: &Path, flags: OFlags) -> io::Result<Option<OwnedFd>> {
    // Nothing that is started from here may inherit the lock and keep it after this process died.
    let common = OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let folder = open(path, common | OFlags::DIRECTORY, Mode::empty())?;
    let lock = openat(
        &folder,
        LOCK,
        common | flags | OFlags::CREATE | OFlags::RDWR,
        Mode::RUSR | Mode::WUSR,
    )?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let (held, there) = (fstat(&lock)?, fs::symlink_metadata(path.join(LOCK))?);
    Ok((held.st_ino == there.ino() && held.st_dev == there.dev()).then_some(lock))
}

fn new_name() -> String {
    format!("{PREFIX}{}-{:016x}", process::id(), rand::random::<u64>())
}

/// `recto-worker-`, a process id, `-` and 16 hexadecimal digits.
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

fn is_own_folder(about: &Metadata) -> bool {
    about.is_dir() && about.uid() == geteuid().as_raw()
}
