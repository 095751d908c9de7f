//! Sandbox of the processes that handle strangers' bytes: layers that a process puts on itself before it looks at any.
//!
//! Each layer closes by itself most of what a process could do beyond its work: a `seccomp` filter allows a short
//! list of system calls, `landlock` closes files and TCP, and `namespaces` leave a root without files, a network
//! without interfaces, and no processes and shared memory of others. Limits (`limits`) hold in any case.

mod landlock;
pub(crate) mod limits;
mod namespaces;
mod seccomp;

use std::{fmt, io, path::PathBuf};

use rustix::{
    process::{DumpableBehavior, set_dumpable_behavior},
    thread::{CapabilitySet, CapabilitySets, set_capabilities},
};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ppocr")]
pub(crate) use self::{landlock::restrict_to_programs, namespaces::leave_network};

/// The layers that a sandbox is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxLayers {
    /// A filter of system calls.
    pub seccomp: bool,
    /// Rules for files, TCP and signals.
    pub landlock: bool,
    /// User, mount, network, PID, IPC and UTS namespaces.
    pub namespaces: bool,
}

/// The sandbox that a process is put into.
#[derive(Clone, Copy, Debug)]
pub struct SandboxConfig {
    /// The layers that are tried; all but in tests.
    pub layers: SandboxLayers,
    /// True if nothing may be opened in a sandbox that is not [`SandboxReport::is_sufficient`].
    pub required: bool,
}

/// One layer: it holds, or is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SandboxLayer {
    /// It holds.
    Active,
    /// It does not, for this reason.
    Missing(String),
}

/// The layers of a process's sandbox: which hold, and why others do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// The filter of system calls.
    pub seccomp: SandboxLayer,
    /// Rules for files, TCP and signals.
    pub landlock: SandboxLayer,
    /// User, mount, network, PID, IPC and UTS namespaces.
    pub namespaces: SandboxLayer,
}

impl SandboxLayers {
    /// Every layer.
    pub const ALL: Self = Self {
        seccomp: true,
        landlock: true,
        namespaces: true,
    };
}

impl SandboxConfig {
    /// All layers; nothing is opened where they do not suffice.
    pub const REQUIRED: Self = Self {
        layers: SandboxLayers::ALL,
        required: true,
    };
    /// All layers that can be had.
    pub const BEST_EFFORT: Self = Self {
        layers: SandboxLayers::ALL,
        required: false,
    };
}

impl SandboxLayer {
    /// Returns true if the layer holds.
    pub fn is_active(&self) -> bool {
        *self == Self::Active
    }

    fn of<E: fmt::Display>(wanted: bool, enter: impl FnOnce() -> Result<(), E>) -> Self {
        if !wanted {
            return Self::Missing("it is switched off".to_owned());
        }
        match enter() {
            Ok(()) => Self::Active,
            Err(error) => Self::Missing(error.to_string()),
        }
    }
}

impl SandboxReport {
    /// A sandbox whose layers all hold.
    pub const ALL_ACTIVE: Self = Self {
        seccomp: SandboxLayer::Active,
        landlock: SandboxLayer::Active,
        namespaces: SandboxLayer::Active,
    };

    /// Returns true if a process in it reaches no file, network or process of others: the filter of system calls
    /// holds, and one of the two that close files.
    pub fn is_sufficient(&self) -> bool {
        self.seccomp.is_active() && (self.landlock.is_active() || self.namespaces.is_active())
    }

    /// Each layer and its name.
    pub fn layers(&self) -> [(&'static str, &SandboxLayer); 3] {
        [
            ("seccomp", &self.seccomp),
            ("landlock", &self.landlock),
            ("namespaces", &self.namespaces),
        ]
    }

    /// The layers that are missing, each with its reason and what would allow it; empty if there are none.
    pub fn missing(&self) -> String {
        let missing = self.layers().into_iter().filter_map(|(name, layer)| {
            let SandboxLayer::Missing(why) = layer else {
                return None;
            };
            let switch = match name {
                "seccomp" => "CONFIG_SECCOMP_FILTER in the kernel",
                "landlock" => "a kernel from 5.13 on with landlock in lsm=",
                _ => "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0, or a container \
                      profile that allows unshare, mount and pivot_root",
            };
            Some(format!("{name} ({why}; needs {switch})"))
        });
        missing.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for SandboxReport {
    /// The layers that hold, such as `seccomp, landlock`; `no layer` if there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active: Vec<_> = self
            .layers()
            .into_iter()
            .filter_map(|(name, layer)| layer.is_active().then_some(name))
            .collect();
        match active.is_empty() {
            true => f.write_str("no layer"),
            false => f.write_str(&active.join(", ")),
        }
    }
}

/// Puts this process, which must have one thread, into a sandbox in which it reads files below `readable` alone.
/// Seccomp comes last, because the other layers need calls that it closes. The limits and the death of the parent are set
/// in between: new namespaces may undo the second, and the filter allows neither.
///
/// # Errors
/// If a limit cannot be set, or the parent has ended. A layer that cannot be had is no error.
pub(crate) fn enter(
    layers: SandboxLayers,
    readable: &[PathBuf],
    limits: &limits::ProcessLimits,
    parent: u32,
) -> io::Result<SandboxReport> {
    let namespaces = SandboxLayer::of(layers.namespaces, || namespaces::enter(readable));
    rustix::thread::set_no_new_privs(true)?;
    let landlock = SandboxLayer::of(layers.landlock, || landlock::restrict_to_reading(readable));
    drop_capabilities();
    // Other processes of the same user may neither trace it nor read its memory.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    limits::set_parent_death_signal(parent)?;
    limits::set_limits(limits)?;
    let seccomp = SandboxLayer::of(layers.seccomp, seccomp::allow_reading);
    Ok(SandboxReport {
        seccomp,
        landlock,
        namespaces,
    })
}

/// Closes all descriptors but the standard ones: the document, the socket to the parent, and nothing.
pub(crate) fn close_inherited_descriptors() {
    const FIRST: libc::c_uint = 3;
    #[expect(
        unsafe_code,
        reason = "descriptors that are not known to Rust are closed"
    )]
    // SAFETY: called first of all, when this process owns no descriptor beyond the standard ones.
    unsafe {
        libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0);
    }
}

/// Gives up root's rights, in a namespace of its own or not; nothing to do for others.
pub(crate) fn drop_capabilities() {
    let none = CapabilitySet::empty();
    // Fails only for lack of the system call.
    let _ = set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    );
}
