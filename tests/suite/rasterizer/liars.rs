//! Children that lie: whatever they say costs their document, and this process little.

use std::{path::Path, process::Command};

use super::*;

/// Memory that a lie may cost this process, in bytes.
const COST: u64 = 64 << 20;

/// A child program that tells one lie (`liar.c`).
fn liar(folder: &Path, lie: &str) -> PathBuf {
    let program = folder.join(lie);
    let built = Command::new("cc")
        .args(["-w", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/rasterizer/liar.c"))
        .arg(format!("-DLIE=\"{lie}\""))
        .status()
        .expect("a C compiler");
    assert!(built.success(), "the liar does not build");
    program
}

fn rasterizer_of(program: PathBuf) -> Rasterizer {
    Rasterizer::new(RasterizerConfig {
        program,
        pdfium: pdfium(),
        children: 1,
        pages_per_child: 100,
        font_dirs: Vec::new(),
        sandbox: SandboxConfig::REQUIRED,
    })
    .expect("a rasterizer")
}

/// The most memory that this process has had, in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<u64>().unwrap() * 1024
}

#[test]
fn a_lie_costs_its_document_and_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let limits = DocumentLimits {
        page_timeout: "10s".parse().unwrap(),
        ..DocumentLimits::default()
    };
    let bytes = documents::pages(&[b"0 0 10 10 re f"]);
    for lie in [
        "length",
        "brackets",
        "sentence",
        "bookmarks",
        "images",
        "lines",
        "formulas",
        "glyphs",
    ] {
        let rasterizer = rasterizer_of(liar(folder.path(), lie));
        let before = peak_memory();
        let error = open(&rasterizer, &bytes, None, &limits)
            .and_then(|document| rasterize(&document, 1, &REQUEST, &CancelToken::new()))
            .unwrap_err();
        let expected = match lie {
            "sentence" => "io",
            _ => "crashed",
        };
        assert_eq!(error.kind().as_str(), expected, "{lie}: {error}");
        assert!(error.to_string().len() < 1_000, "{lie}");
        // Of a process that runs other tests too, the peak says nothing.
        if env::var_os("NEXTEST").is_some() {
            let cost = peak_memory() - before;
            assert!(cost <= COST, "{lie} cost {} MiB", cost >> 20);
        }
    }
}

#[test]
fn a_child_that_counts_four_thousand_million_pages_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let rasterizer = rasterizer_of(liar(folder.path(), "pages"));
    let bytes = documents::pages(&[b"0 0 10 10 re f"]);
    let document = open(&rasterizer, &bytes, None, &DocumentLimits::default()).unwrap();
    assert_eq!(document.info().pages, 1 << 20);
}

/// A child that takes its time for its sandbox and then does not open the document: both together have a page's time.
#[test]
fn opening_has_one_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let rasterizer = rasterizer_of(liar(folder.path(), "slow"));
    let limits = DocumentLimits {
        page_timeout: "3s".parse().unwrap(),
        ..DocumentLimits::default()
    };
    let bytes = documents::pages(&[b"0 0 10 10 re f"]);
    let started = Instant::now();
    let error = open(&rasterizer, &bytes, None, &limits).unwrap_err();
    let took = started.elapsed();
    assert_eq!(error.kind().as_str(), "page-timeout", "{error}");
    // Of its own for each, they would have had five seconds.
    assert!(took < Duration::from_secs(4), "{took:?}");
}
