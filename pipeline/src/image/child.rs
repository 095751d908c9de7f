//! The other side: what a child process does, from its first limit to its last page.
