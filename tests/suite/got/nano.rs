//! GOT-nano, the model that comes with Recto: it reads print, asked for by nothing but `--engine got`.

use recto_schemas::{FinishReason, TilingReason};

use crate::{
    samples::{error_percent, truth},
    support::{got::GotRun, repository},
};

/// Character errors of 100 characters that it may make on a sample: a third more than it makes.
const SAMPLES: [(&str, f64); 2] = [("report.pdf", 2.0), ("two-columns.png", 2.3)];

/// Markdown without what is no text: page marks, headings' signs, escapes.
fn text(markdown: &str) -> String {
    let lines = markdown.lines().filter(|line| !line.starts_with("<!--"));
    let lines = lines.map(|line| line.trim_start_matches('#').replace('\\', ""));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn it_reads_scans_and_says_so() {
    for (file, most_percent) in SAMPLES {
        let path = repository().join("tests/samples").join(file);
        let run = GotRun::by_default(&path, &["--got-mode", "plain"]);
        let (name, _) = file.split_once('.').unwrap();
        let error = error_percent(&truth(name), &text(&run.markdown));
        println!("{file}: {error:.2} % character errors");
        assert!(
            error <= most_percent,
            "{file}: {error:.2} %\n{}",
            run.markdown
        );
        assert_eq!(run.manifest.model.name, "got-nano");
        let pages = run.manifest.pages.iter();
        let decodings: Vec<_> = pages.filter_map(|page| page.decoding.as_ref()).collect();
        assert!(!decodings.is_empty());
        for decoding in decodings {
            let how = (decoding.stop, decoding.tiling.reason);
            assert_eq!(how, (FinishReason::End, TilingReason::Rows));
        }
    }
}
