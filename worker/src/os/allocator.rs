//! Allocator: as little free memory as possible that the system does not know of.

/// Has glibc keep an arena for each core, not eight: freed bitmaps stay in the arena of the thread that made them, which
/// with 16 arenas made a third of the memory of two cores. To be called before threads are started.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "mallopt has no safe binding")]
pub(crate) fn limit_arenas() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // SAFETY: no other thread runs yet, and the value is a number of arenas.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, i32::try_from(cores).unwrap_or(i32::MAX)) };
}

#[cfg(not(target_env = "gnu"))]
pub(crate) fn limit_arenas() {}

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
