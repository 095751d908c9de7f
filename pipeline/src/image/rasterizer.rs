//! The pool of child processes: documents in, pages out, deadlines kept.
