//! Namespaces: a root with nothing but the folders that are needed, and a network without interfaces
//! (`namespaces(7)`, `pivot_root(2)`).

use std::{
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use rustix::{
    mount::{
        MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
        unmount,
    },
    process::{chdir, getgid, getuid, pivot_root},
    thread::UnshareFlags,
};

/// A folder that every system has and that is of no use any more once the user is mapped: the new root is mounted
/// over it, in this process's view alone.
const NEW_ROOT: &str = "/proc";

/// Namespaces that neither files nor threads show.
const ALONE: UnshareFlags = UnshareFlags::NEWUSER
    .union(UnshareFlags::NEWNET)
    .union(UnshareFlags::NEWIPC)
    .union(UnshareFlags::NEWUTS);

/// Moves this process, which must have one thread, away from network and shared memory; files stay as they are.
///
/// # Errors
/// If this system does not allow it.
#[cfg(feature = "ppocr")]
pub(crate) fn leave_network() -> io::Result<()> {
    unshare(ALONE)
}

/// Moves this process, which must have one thread, into namespaces of its own; of all files it sees what is below
/// `readable`, read-only.
///
/// # Errors
/// The step that this system does not allow. Those before it hold.
pub(super) fn enter(readable: &[PathBuf]) -> Result<(), String> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    step(
        "unshare",
        unshare(ALONE | UnshareFlags::NEWNS | UnshareFlags::NEWPID),
    )?;
    // Files in the new root belong to somebody only if the user is mapped.
    step("setgroups", fs::write("/proc/self/setgroups", "deny"))?;
    step(
        "uid_map",
        fs::write("/proc/self/uid_map", format!("{user} {user} 1")),
    )?;
    step(
        "gid_map",
        fs::write("/proc/self/gid_map", format!("{group} {group} 1")),
    )?;
    step("mount", new_root(readable))
}

fn new_root(readable: &[PathBuf]) -> io::Result<()> {
    // Nothing that is mounted here shows in the namespace that this one was copied from.
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let closed = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", NEW_ROOT, "tmpfs", closed, c"size=64k,mode=0755")?;
    let root = Path::new(NEW_ROOT);
    for folder in readable.iter().filter(|folder| folder.is_dir()) {
        let place = root.join(folder.strip_prefix("/").map_err(io::Error::other)?);
        // It is there already if it lies below another one.
        if !place.is_dir() {
            fs::create_dir_all(&place)?;
        }
        mount_bind_recursive(folder, &place)?;
    }
    set_read_only(root)?;
    chdir(NEW_ROOT)?;
    // The old root comes to lie over the new one, and is taken away (pivot_root(2), "pivot_root(".", ".")").
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")?;
    Ok(())
}

/// Nothing below `root` can be written, run or be a device, in any mount (Linux 5.12).
fn set_read_only(root: &Path) -> io::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY
            | libc::MOUNT_ATTR_NOSUID
            | libc::MOUNT_ATTR_NODEV
            | libc::MOUNT_ATTR_NOEXEC,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let path = std::ffi::CString::new(root.as_os_str().as_bytes())?;
    #[expect(unsafe_code, reason = "neither rustix nor libc has a function for it")]
    // SAFETY: the path ends with NUL, the attributes have the size that is told, and both outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "rustix marks it so because of CLONE_FILES")]
fn unshare(spaces: UnshareFlags) -> io::Result<()> {
    // SAFETY: the table of descriptors stays shared.
    unsafe { rustix::thread::unshare_unsafe(spaces) }?;
    Ok(())
}

fn step(name: &str, done: io::Result<()>) -> Result<(), String> {
    done.map_err(|error| format!("{name}: {error}"))
}
