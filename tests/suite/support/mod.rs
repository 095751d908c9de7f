//! Finding and running `recto`; small documents made on the spot.

pub mod pdf;
pub mod outputs;
pub mod got;
pub mod http;
pub mod objects;
pub mod proxy;
pub mod rabbit;
pub mod postgres;
pub mod amqp;
pub mod cluster;

use std::{
    env,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// One of the sample documents.
pub fn sample(name: &str) -> PathBuf {
    repository().join("tests/samples").join(name)
}

/// The binary that `cargo build` put beside this test, or the one that RECTO_TEST_BINARY names.
pub fn recto_path() -> PathBuf {
    if let Some(path) = env::var_os("RECTO_TEST_BINARY") {
        return PathBuf::from(path);
    }
    let test = env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("recto");
    assert!(
        path.is_file(),
        "{} is not there: run `cargo build` first",
        path.display()
    );
    path
}

/// `recto`, with nothing of the environment that would change what it does.
pub fn recto() -> Command {
    let mut command = Command::new(recto_path());
    for (name, _) in env::vars_os() {
        let parts = [
            "RECTO_PDFIUM",
            "RECTO_ONNXRUNTIME",
            "RECTO_PPOCR_MODELS",
            "RECTO_CACHE",
        ];
        if name.to_string_lossy().starts_with("RECTO_") && !parts.iter().any(|part| name == *part) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// PDFium's library as the program would find it.
pub fn pdfium() -> PathBuf {
    part("RECTO_PDFIUM", "pdfium/libpdfium.so")
}

pub fn part(variable: &str, below_cache: &str) -> PathBuf {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set(variable).unwrap_or_else(|| {
        let cache = set("RECTO_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|caches| caches.join("recto")))
            .or_else(|| set("HOME").map(|home| home.join(".cache/recto")))
            .expect("HOME is set");
        cache.join(below_cache)
    })
}

/// The output and exit status of a run, as a person sees them.
pub fn seen(output: &Output) -> String {
    let mut text = String::new();
    for (name, bytes) in [("out", &output.stdout), ("err", &output.stderr)] {
        for line in String::from_utf8_lossy(bytes).lines() {
            writeln!(text, "{name}| {line}").unwrap();
        }
    }
    writeln!(
        text,
        "exit {}",
        output
            .status
            .code()
            .map_or("by signal".to_owned(), |c| c.to_string())
    )
    .unwrap();
    text
}

/// The corpus, if it is at hand; else says that the test is skipped.
pub fn corpus(below: &str) -> Option<PathBuf> {
    let folder = env::var_os("RECTO_CORPUS")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    match folder {
        Some(folder) => {
            let folder = folder.join(below);
            assert!(folder.is_dir(), "RECTO_CORPUS has no {below}");
            Some(folder)
        }
        None => {
            eprintln!("skipped: RECTO_CORPUS is not set");
            None
        }
    }
}

/// Longest wait for anything; reached only when something is wrong.
const DEADLINE: Duration = Duration::from_secs(120);
/// Time between two looks at a condition.
const LOOK: Duration = Duration::from_millis(30);

/// Waits until something is so, and panics with what else was seen if it never is.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool, seen: impl Fn() -> String) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(
            Instant::now() < deadline,
            "not so in time: {what}\n{}",
            seen()
        );
        thread::sleep(LOOK);
    }
}

/// [`wait_until`], with nothing to say beside.
pub fn eventually(what: &str, is_so: impl FnMut() -> bool) {
    wait_until(what, is_so, String::new);
}
