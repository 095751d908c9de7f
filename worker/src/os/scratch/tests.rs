use std::{
    fs::File,
    io::Write,
    os::unix::{fs::symlink, net::UnixStream},
    process::{Command, Stdio},
};

use super::*;

const DEAD: &str = "recto-worker-4194305-0123456789abcdef";

fn names(base: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(base)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn everything_goes_with_the_worker_and_a_jobs_folder_with_the_job() {
    let base = tempfile::tempdir().unwrap();
    let work = ScratchDir::open(base.path(), 1000).unwrap();
    let (mut first, second) = (work.job_dir(10).unwrap(), work.job_dir(20).unwrap());
    fs::write(first.path().join("document"), "bytes").unwrap();
    fs::write(second.path().join("document"), "bytes").unwrap();
    assert_eq!(work.used_bytes(), 30);
    let gone = first.path().to_owned();
    first.reservation.grow(5).unwrap();
    assert_eq!(work.used_bytes(), 35);
    drop(first);
    assert!(!gone.exists() && second.path().exists());
    assert_eq!(work.used_bytes(), 20);
    drop(work);
    assert!(names(base.path()).is_empty());
    drop(second);
}

#[test]
fn only_this_user_can_look_into_the_folders() {
    use std::os::unix::fs::PermissionsExt;
    let base = tempfile::tempdir().unwrap();
    let work = ScratchDir::open(base.path(), 1000).unwrap();
    let job = work.job_dir(0).unwrap();
    for path in [work.path(), job.path()] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0);
    }
}

#[test]
fn the_cap_holds_and_what_is_given_back_can_be_had_again() {
    let base = tempfile::tempdir().unwrap();
    let work = ScratchDir::open(base.path(), 100).unwrap();
    let mut first = work.reserve(60).unwrap();
    first.grow(30).unwrap();
    assert!(matches!(
        first.grow(11),
        Err(ScratchError::Full {
            wanted_bytes: 11,
            used_bytes: 90,
            limit_bytes: 100
        })
    ));
    assert!(matches!(
        work.reserve(u64::MAX),
        Err(ScratchError::Full { .. })
    ));
    assert!(matches!(work.job_dir(11), Err(ScratchError::Full { .. })));
    assert!(matches!(work.check(11), Err(ScratchError::Full { .. })));
    assert_eq!((work.used_bytes(), work.limit_bytes()), (90, 100));
    drop(first);
    work.check(100).unwrap();
    assert_eq!(work.used_bytes(), 0);
}

#[test]
fn a_cap_above_the_disk_does_not_hide_that_the_disk_is_full() {
    let base = tempfile::tempdir().unwrap();
    let work = ScratchDir::open(base.path(), u64::MAX).unwrap();
    let error = work.job_dir(u64::MAX).unwrap_err();
    assert!(matches!(error, ScratchError::Disk { .. }), "{error}");
    assert!(error.to_string().contains("--scratch-dir"), "{error}");
    assert_eq!(work.used_bytes(), 0);
}

#[test]
fn leftovers_of_dead_workers_are_removed_at_start() {
    let base = tempfile::tempdir().unwrap();
    let dead = base.path().join(DEAD);
    fs::create_dir_all(dead.join("job-0")).unwrap();
    fs::write(dead.join("job-0/document"), "bytes").unwrap();
    File::create(dead.join("lock")).unwrap();
    // One that died before it had its lock.
    fs::create_dir(base.path().join("recto-worker-7-00000000000000ff")).unwrap();
    let work = ScratchDir::open(base.path(), 1000).unwrap();
    assert_eq!(
        names(base.path()),
        [work.path().file_name().unwrap().to_str().unwrap()]
    );
}

#[test]
fn a_living_workers_folder_stays() {
    let base = tempfile::tempdir().unwrap();
    let living = ScratchDir::open(base.path(), 1000).unwrap();
    let job = living.job_dir(0).unwrap();
    let other = ScratchDir::open(base.path(), 1000).unwrap();
    assert!(job.path().exists());
    assert_ne!(living.path(), other.path());
}

#[test]
fn children_do_not_inherit_the_lock() {
    let base = tempfile::tempdir().unwrap();
    let work = ScratchDir::open(base.path(), 1000).unwrap();
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let path = work.path().canonicalize().unwrap();
    let open: Vec<_> = fs::read_dir(format!("/proc/{}/fd", child.id()))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .collect();
    child.stdin.take().unwrap().write_all(b"").unwrap();
    child.wait().unwrap();
    assert!(!open.iter().any(|file| file.starts_with(&path)), "{open:?}");
}

#[test]
fn nothing_else_in_the_base_is_touched() {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("precious"), "bytes").unwrap();
    let base = tempfile::tempdir().unwrap();
    let at = |name: &str| base.path().join(name);
    let kept = [
        "recto-worker-",
        "recto-worker-12",
        "recto-worker-12-0123456789abcde",
        "recto-worker-12-0123456789ABCDEF",
        "recto-worker-x-0123456789abcdef",
        "recto-worker-12-0123456789abcdef.bak",
        "somebody-else",
    ];
    for name in kept {
        fs::create_dir(at(name)).unwrap();
    }
    symlink(elsewhere.path(), at("recto-worker-1-0123456789abcdef")).unwrap();
    fs::write(at("recto-worker-2-0123456789abcdef"), "a file").unwrap();
    // A dead worker's folder that leads out in two ways.
    fs::create_dir(at(DEAD)).unwrap();
    symlink(elsewhere.path(), at(DEAD).join("job-0")).unwrap();
    // And one whose lock does.
    fs::create_dir(at("recto-worker-3-0123456789abcdef")).unwrap();
    symlink(
        elsewhere.path().join("precious"),
        at("recto-worker-3-0123456789abcdef").join("lock"),
    )
    .unwrap();
    let work = ScratchDir::open(base.path(), 1000).unwrap();
    assert_eq!(
        fs::read(elsewhere.path().join("precious")).unwrap(),
        b"bytes"
    );
    drop(work);
    let mut expected: Vec<String> = kept.map(str::to_owned).to_vec();
    for number in 1..=3 {
        expected.push(format!("recto-worker-{number}-0123456789abcdef"));
    }
    expected.sort();
    assert_eq!(names(base.path()), expected);
}

#[test]
fn workers_that_start_at_once_do_not_take_each_others_folders() {
    let base = tempfile::tempdir().unwrap();
    let started: Vec<ScratchDir> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = ScratchDir::open(base.path(), 1000).unwrap();
                    for _ in 0..50 {
                        last = ScratchDir::open(base.path(), 1000).unwrap();
                        fs::write(last.path().join("document"), "bytes").unwrap();
                    }
                    last
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for work in &started {
        assert!(work.path().join("document").exists());
    }
    assert_eq!(names(base.path()).len(), started.len());
}

#[test]
fn a_base_that_cannot_be_used_is_named() {
    let base = tempfile::NamedTempFile::new().unwrap();
    let error = ScratchDir::open(&base.path().join("below"), 1)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("below") && error.contains("--scratch-dir"),
        "{error}"
    );
}

#[test]
fn a_full_disk_is_told_from_other_trouble() {
    let mut full = File::options().write(true).open("/dev/full").unwrap();
    let error = full.write_all(b"x").unwrap_err();
    assert!(is_disk_full(&error));
    assert!(is_disk_full(&io::Error::other(error)));
    for errno in [rustix::io::Errno::DQUOT, rustix::io::Errno::FBIG] {
        assert!(is_disk_full(&errno.into()));
    }
    assert!(!is_disk_full(&UnixStream::connect("/nowhere").unwrap_err()));
    assert!(!is_disk_full(&io::Error::other("disk full, says a text")));
}
