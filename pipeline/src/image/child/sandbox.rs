//! The sandbox of a child: rights that it gives up before it looks at a document.

use std::{io, path::PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{
    Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};

use super::super::protocol::EXIT_OUT_OF_MEMORY;

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

/// Sets the limits that hold for the child's whole life.
pub(crate) fn set_limits(bytes: u64) -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    for (resource, most) in [
        (Resource::As, bytes),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, MAX_OPEN_FILES),
    ] {
        // A limit that is already lower stays.
        let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let most = Some(most.min(hard));
        setrlimit(
            resource,
            Rlimit {
                current: most,
                maximum: most,
            },
        )?;
    }
    catch_out_of_memory();
    Ok(())
}

/// Allows `seconds` of processor time from now on, in case the parent cannot keep its deadline.
pub(crate) fn allow_cpu_time(seconds: u64) {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime).tv_sec;
    let soft = u64::try_from(used)
        .unwrap_or(0)
        .saturating_add(seconds.max(1));
    let hard = getrlimit(Resource::Cpu).maximum;
    let _ = setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(soft.min(hard.unwrap_or(u64::MAX))),
            maximum: hard,
        },
    );
}

/// Denies access to files but for reading `font_dirs`, and to the network, as far as the kernel can (Landlock).
pub(super) fn restrict_filesystem(font_dirs: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    restrict(font_dirs, AccessFs::ReadFile | AccessFs::ReadDir)
}

/// The same for a child that becomes another program: it may read and run what is below `paths`.
pub(crate) fn restrict_to_programs(paths: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    restrict(
        paths,
        AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::Execute,
    )
}

fn restrict(paths: &[PathBuf], rights: BitFlags<AccessFs>) -> Result<RulesetStatus, RulesetError> {
    let abi = ABI::V6;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(paths, rights))?
        .restrict_self()?;
    Ok(status.ruleset)
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
pub(super) fn forget_out_of_memory() {
    // SAFETY: `errno` is this thread's own.
    unsafe { *libc::__errno_location() = 0 }
}

/// Returns true if the last failed call failed for want of memory: PDFium goes on without what it could not
/// hold, and would show a page without its image as if it were whole.
pub(super) fn out_of_memory() -> bool {
    io::Error::last_os_error().raw_os_error() == Some(libc::ENOMEM)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::ErrorKind, thread};

    use super::*;

    #[test]
    fn in_the_sandbox_only_fonts_can_be_read() {
        let (fonts, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in [&fonts, &other] {
            fs::write(dir.path().join("file"), "text").unwrap();
        }
        // Landlock holds for one thread and its children.
        let held = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let dirs = [fonts.path().to_owned(), "/nowhere".into()];
                    if restrict_filesystem(&dirs).unwrap() == RulesetStatus::NotEnforced {
                        return None;
                    }
                    let read = |dir: &tempfile::TempDir| fs::read(dir.path().join("file"));
                    let write = fs::write(fonts.path().join("new"), "");
                    Some((read(&fonts), read(&other), write))
                })
                .join()
                .unwrap()
        });
        let Some((font, secret, write)) = held else {
            eprintln!("skipped: this kernel has no Landlock");
            return;
        };
        assert_eq!(font.unwrap(), b"text");
        assert_eq!(secret.unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(write.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }

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
