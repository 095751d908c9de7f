//! Limits of what one document may cost: pages, size, time.

use super::*;

#[test]
fn limits_that_are_hit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.pdf");
    fs::write(
        &path,
        pdf::with_pages(&[&pdf::text(LETTER), &pdf::text(LETTER), &pdf::text(LETTER)]),
    )
    .unwrap();
    let output = convert(&["--max-pages", "2"], &path, folder.path());
    assert_eq!(output.status.code(), Some(1), "{}", seen(&output));
    let manifest = manifest(&folder.path().join("many.json"));
    assert_eq!(manifest.failure.unwrap().kind.as_str(), "page-limit");
    assert_eq!(manifest.options.limits.max_pages.get(), 2);
}

#[test]
fn a_document_that_becomes_too_much_fails_and_the_one_beside_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let line = "words ".repeat(30);
    let page = pdf::text(&[line.as_str(); 40]);
    let pages = vec![page.as_str(); 10];
    fs::write(folder.path().join("much.pdf"), pdf::with_pages(&pages)).unwrap();
    fs::write(
        folder.path().join("little.pdf"),
        pdf::with_pages(&[&pdf::text(LETTER)]),
    )
    .unwrap();
    let out = folder.path().join("out");
    let output = convert(&["--max-output-size", "20kB"], folder.path(), &out);
    assert_eq!(output.status.code(), Some(1), "{}", seen(&output));
    let much = manifest(&out.join("much.pdf.json")).failure.unwrap();
    assert_eq!(much.kind.as_str(), "output-too-large");
    assert!(
        much.message.contains("--max-output-size"),
        "{}",
        much.message
    );
    assert_eq!(
        manifest(&out.join("little.pdf.json")).state,
        DocumentState::Done
    );
    let written = fs::metadata(out.join("much.pdf.md")).map_or(0, |file| file.len());
    assert!(written < 40_000, "{written} bytes");
}

/// A frozen cgroup, a debugger: the time does not count.
#[test]
fn a_process_that_is_stopped_and_resumed_loses_no_page_to_its_time_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.pdf");
    let text = pdf::text(LETTER);
    fs::write(&path, pdf::with_pages(&[text.as_str(); 12])).unwrap();
    let out = folder.path().join("out");
    let mut child = recto()
        .args(["convert", "--text-layer", "never", "--dpi", "72"])
        .args(["--page-timeout", "8s", "--document-timeout", "8s"])
        .arg(&path)
        .arg("-o")
        .arg(&out)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let signal = |name: &str| {
        let sent = Command::new("kill")
            .arg(name)
            .arg(child.id().to_string())
            .status();
        assert!(sent.unwrap().success());
    };
    // Outputs have temporary names from the moment at which reading begins.
    let is_output =
        |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".recto-");
    let begun = || {
        let entries = fs::read_dir(&out).into_iter().flatten().flatten();
        entries.into_iter().any(is_output)
    };
    wait_until("reading has begun", begun, String::new);
    signal("-STOP");
    assert!(!out.join("long.md").exists(), "it is being read");
    thread::sleep(Duration::from_secs(9));
    signal("-CONT");
    assert!(child.wait().unwrap().success());
    assert_eq!(manifest(&out.join("long.json")).state, DocumentState::Done);
}
