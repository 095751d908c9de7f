//! This process, as others see it.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Closes this process's memory to other processes of the same user (`/proc/PID/mem`, `ptrace`), and to core dumps: it
/// holds documents, passwords and keys, and its children read what strangers wrote.
pub(crate) fn close_to_others() {
    // Both are lowerings, which nobody is refused.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
}
