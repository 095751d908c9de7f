//! Limits of a process that handles strangers' bytes: memory, time, files, processes.

use std::io;

use rustix::process::{
    Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};

/// Exit code of a process that ran into its address-space limit.
pub(crate) const EXIT_OUT_OF_MEMORY: i32 = 86;
/// Open files a child needs: document, socket, null, and a font or two.
const MAX_OPEN_FILES: u64 = 32;

/// Has the kernel kill this process with its parent from now on.
///
/// # Errors
/// If the parent has ended already: the signal would never come.
pub(crate) fn set_parent_death_signal(parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if now != Some(parent) {
        return Err(io::Error::other("the parent is gone"));
    }
    Ok(())
}

/// Limits that hold for a process's whole life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessLimits {
    /// Address space in bytes.
    pub memory_bytes: u64,
    /// Processor time in seconds after which it is ended; a parent may move it up to `max_cpu_s`.
    pub cpu_s: u64,
    /// Processor time in seconds that nobody may move.
    pub max_cpu_s: u64,
    /// Processes and threads of the same user at which no other is started; none can be if it is 0.
    pub processes: Option<u64>,
}

/// Sets the limits of this process and all that it starts.
///
/// # Errors
/// The kernel's.
pub(crate) fn set_limits(limits: &ProcessLimits) -> io::Result<()> {
    for (resource, soft, hard) in [
        (Resource::As, limits.memory_bytes, limits.memory_bytes),
        (Resource::Core, 0, 0),
        (Resource::Fsize, 0, 0),
        (Resource::Nofile, MAX_OPEN_FILES, MAX_OPEN_FILES),
        (Resource::Cpu, limits.cpu_s.max(1), limits.max_cpu_s.max(1)),
    ] {
        lower(resource, soft, hard)?;
    }
    if let Some(processes) = limits.processes {
        lower(Resource::Nproc, processes, processes)?;
    }
    catch_out_of_memory();
    Ok(())
}

/// Sets a limit; one that is lower already stays.
fn lower(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit {
        current: Some(soft.min(hard).min(most)),
        maximum: Some(hard.min(most)),
    };
    setrlimit(resource, limit)?;
    Ok(())
}

/// Tells running out of memory from other crashes. Allocators set `errno` to `ENOMEM` when they are
/// refused memory, and nothing sets it back before the library that asked gives up.
#[expect(unsafe_code, reason = "signal handlers are set through libc")]
fn catch_out_of_memory() {
    extern "C" fn handler(_signal: libc::c_int) {
        // SAFETY: both functions are async-signal-safe; `errno` is this thread's own.
        unsafe {
            if *libc::__errno_location() == libc::ENOMEM {
                libc::_exit(EXIT_OUT_OF_MEMORY);
            }
        }
        // Returning runs into the same fault again, now with the default action.
    }
    for signal in [
        libc::SIGABRT,
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGTRAP,
    ] {
        // SAFETY: the action is a plain handler that keeps to what signal handlers may do; all zero is
        // a valid `sigaction` to start from, with an empty mask.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_RESETHAND | libc::SA_NODEFER;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Forgets that an allocation failed; see [`out_of_memory`].
#[expect(unsafe_code, reason = "errno is reached through libc")]
pub(crate) fn forget_out_of_memory() {
    // SAFETY: `errno` is this thread's own.
    unsafe { *libc::__errno_location() = 0 }
}

/// Returns true if the last failed call failed for want of memory: PDFium goes on without what it could not
/// hold, and would show a page without its image as if it were whole.
pub(crate) fn out_of_memory() -> bool {
    io::Error::last_os_error().raw_os_error() == Some(libc::ENOMEM)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_a_lack_of_memory_looks_like_one() {
        forget_out_of_memory();
        assert!(!out_of_memory());
        assert!(Vec::<u8>::new().try_reserve_exact(1 << 46).is_err());
        assert!(out_of_memory());
        assert!(fs::read("/nowhere").is_err());
        assert!(!out_of_memory());
    }
}
