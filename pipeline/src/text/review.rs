//! The review page: each page's image beside its text, in one file that needs nothing else.
