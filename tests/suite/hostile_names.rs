//! File names that strangers chose, on a terminal and in Markdown.

use std::fs;

use crate::support::{recto, sample, seen};

/// A title for the terminal, a line of the program's own, and text that shows from right to left.
const NAME: &str = "a\u{1b}]0;OWNED\u{7}\nb.pdf: 99 pages in 0.1 s\u{202e}fdp.x --> <b>";

#[test]
fn a_file_name_neither_steers_the_terminal_nor_forges_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let read = folder.path().join(format!("{NAME}.pdf"));
    fs::copy(sample("born-digital.pdf"), &read).unwrap();
    let broken = folder.path().join(format!("broken {NAME}.pdf"));
    fs::write(&broken, "%PDF-1.7 cut").unwrap();
    let out = tempfile::tempdir().unwrap();
    let to_folder = out.path().join(format!("out{NAME}"));
    for output in [None, Some(&to_folder)] {
        let mut command = recto();
        command.arg("convert").arg(folder.path());
        if let Some(output) = output {
            command.arg("-o").arg(output);
        }
        let ended = command.output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{}", seen(&ended));
        let stdout = String::from_utf8(ended.stdout.clone()).unwrap();
        let stderr = String::from_utf8(ended.stderr.clone()).unwrap();
        assert!(
            stderr.contains("OWNED") && stderr.contains("broken"),
            "{stderr}"
        );
        for text in [&stdout, &stderr] {
            for sign in ['\u{1b}', '\u{7}', '\u{202e}'] {
                assert!(!text.contains(sign), "{sign:?} in {text:?}");
            }
            assert!(
                !text.lines().any(|line| line.starts_with("b.pdf")),
                "{text}"
            );
        }
        if output.is_none() {
            let title = stdout
                .lines()
                .find(|line| line.starts_with("<!-- document "))
                .unwrap();
            assert!(
                title.contains("OWNED") && title.ends_with("<b>.pdf -->"),
                "{title}"
            );
            assert_eq!(title.matches("-->").count(), 1, "{title}");
        }
    }
}

#[test]
fn an_error_about_a_file_is_one_line() {
    let ended = recto()
        .arg("convert")
        .arg(format!("/nowhere/{NAME}"))
        .output()
        .unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(
        stderr.contains("OWNED") && !stderr.contains(['\u{1b}', '\u{202e}']),
        "{stderr:?}"
    );
    assert!(
        !stderr.lines().any(|line| line.starts_with("b.pdf")),
        "{stderr}"
    );
}
