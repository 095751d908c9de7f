//! Panics, told by their place in the program. A panic's own text is never written: it may quote a document.

use std::panic::{self, PanicHookInfo};

use crate::os::terminal::Shown;

/// Has panics of this process go to the log, or where there is none to standard error.
pub(crate) fn hide_texts() {
    panic::set_hook(Box::new(|panicked| {
        let place = place(panicked);
        if tracing::dispatcher::has_been_set() {
            tracing::error!(
                place,
                "panicked; this is a defect of recto, please report it"
            );
        } else {
            eprintln!("recto: panicked at {place}; this is a defect of recto, please report it");
        }
    }));
}

/// `worker/src/job/read.rs:12:5`.
fn place(panicked: &PanicHookInfo<'_>) -> String {
    panicked.location().map_or_else(
        || "an unknown place".to_owned(),
        |place| Shown(place).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_panic_is_told_by_its_place_alone() {
        let before = panic::take_hook();
        let told = Arc::new(Mutex::new(String::new()));
        let found = Arc::clone(&told);
        panic::set_hook(Box::new(move |panicked| {
            *found.lock().unwrap() = place(panicked)
        }));
        let ended = panic::catch_unwind(|| panic!("text of a document"));
        panic::set_hook(before);
        assert!(ended.is_err());
        let told = told.lock().unwrap();
        assert!(
            told.contains("panics.rs:") && !told.contains("text"),
            "{told}"
        );
    }
}
