//! The other side: what a child process does, from its first limit to its last page.

/// Runs a child until its parent hangs up; gives the exit code.
pub fn main() -> i32 {
    0
}
