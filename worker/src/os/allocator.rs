//! Memory that is free and that the system does not know of.

/// Gives what is free back to the system. glibc keeps the blocks of bitmaps that are gone, in an arena for each
/// thread: a worker that had ten documents at once would sit on 650 MB for good. May take some milliseconds.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "malloc_trim has no safe binding")]
pub(crate) fn give_back() {
    // SAFETY: callable at any time from any thread; it only returns memory that is not in use.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}
