//! Allocator: free memory that the system does not know of.

/// Returns free memory to the system. glibc keeps the blocks of freed bitmaps in an arena for each thread: a worker that
/// had ten documents at once would hold 650 MB for good. May take some milliseconds.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "malloc_trim has no safe binding")]
pub(crate) fn trim() {
    // SAFETY: callable at any time from any thread; it only returns memory that is not in use.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
pub(crate) fn trim() {}
