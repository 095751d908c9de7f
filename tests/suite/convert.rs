//! `recto convert` as a person uses it.

mod limits;
mod tree;

use std::{
    fs,
    io::Write,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use recto_schemas::{
    DocumentState, Manifest, PageOutcome, PageRecord, SchemaName, TextReason, WarningKind,
};

use crate::support::{
    eventually,
    outputs::{manifest, without_timing},
    pdf, recto, repository, sample, seen, wait_until,
};

const LETTER: &[&str] = &[
    "Dear Mrs. Aldous,",
    "the registers have come back from the binder",
    "in good order.",
];

/// `recto convert OPTIONS… INPUT -o OUT`.
fn convert(options: &[&str], input: &Path, out: &Path) -> Output {
    recto()
        .arg("convert")
        .args(options)
        .arg(input)
        .arg("-o")
        .arg(out)
        .output()
        .unwrap()
}

/// A page image of the pipeline's fixtures, in one script.
fn script_page(script: &str) -> PathBuf {
    repository().join(format!("pipeline/fixtures/scripts/{script}.png"))
}

#[test]
fn a_page_in_a_script_that_is_not_read_is_never_ok_and_the_program_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = convert(
        &["--engine", "ppocr"],
        &script_page("cyrillic"),
        folder.path(),
    );
    assert_eq!(output.status.code(), Some(1), "{}", seen(&output));
    assert!(seen(&output).contains("read in part"), "{}", seen(&output));

    let manifest = manifest(&folder.path().join("cyrillic.json"));
    assert_eq!(manifest.state, DocumentState::Partial);
    assert_eq!((manifest.counts.ok, manifest.counts.partial), (1, 1));
    assert_eq!(manifest.warnings[0].kind, WarningKind::UnreadableScript);
    let page = &manifest.pages[0];
    assert_eq!(page.outcome, PageOutcome::Partial);
    let reason = page.reason.as_ref().unwrap();
    assert_eq!(reason.kind, TextReason::UnreadableScript.into());
    assert!(
        page.unread
            .is_some_and(|unread| unread.share > 0.8 && unread.lines >= 3)
    );

    let records = fs::read_to_string(folder.path().join("cyrillic.pages.jsonl")).unwrap();
    let record: PageRecord<'_> = serde_json::from_str(&records).unwrap();
    assert!(record.unread.len() >= 3);
    let markdown = fs::read_to_string(folder.path().join("cyrillic.md")).unwrap();
    assert!(
        markdown.contains("% not read (unreadable-script) -->"),
        "{markdown}"
    );
}

#[test]
fn a_picture_without_text_is_told_apart_from_a_blank_page() {
    let folder = tempfile::tempdir().unwrap();
    let drawing = folder.path().join("drawing.pdf");
    fs::write(&drawing, pdf::with_pages(&["100 100 300 300 re f"])).unwrap();
    let output = convert(&[], &drawing, folder.path());
    assert!(output.status.success(), "{}", seen(&output));
    let manifest = manifest(&folder.path().join("drawing.json"));
    let page = &manifest.pages[0];
    assert_eq!(page.outcome, PageOutcome::Empty);
    let reason = page.reason.as_ref().unwrap();
    assert_eq!(reason.kind, TextReason::NoTextFound.into());
    assert_eq!(manifest.warnings[0].kind, WarningKind::NoTextFound);
}

#[test]
fn a_document_leaves_markdown_pages_and_a_manifest_that_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let output = convert(&[], &sample("report.pdf"), folder.path());
    assert!(output.status.success(), "{}", seen(&output));
    assert!(output.stdout.is_empty(), "Markdown goes to the folder");

    let manifest = manifest(&folder.path().join("report.json"));
    let counts = manifest.counts;
    assert_eq!(
        counts.selected,
        counts.ok + counts.empty + counts.text_layer + counts.failed + counts.skipped
    );
    assert_eq!(counts.document as usize, manifest.pages.len());
    assert_eq!(counts.empty, 1, "the report has one blank page");
    assert_eq!(
        manifest.source.bytes,
        Some(fs::metadata(sample("report.pdf")).unwrap().len())
    );

    let pages = fs::read_to_string(folder.path().join("report.pages.jsonl")).unwrap();
    let schema = serde_json::to_value(recto_schemas::schema(SchemaName::Page)).unwrap();
    for (line, summary) in pages.lines().zip(&manifest.pages) {
        assert!(jsonschema::is_valid(
            &schema,
            &serde_json::from_str(line).unwrap()
        ));
        let record: PageRecord = serde_json::from_str(line).unwrap();
        assert_eq!(
            (record.page, record.outcome),
            (summary.page, summary.outcome)
        );
        let characters: usize = record
            .lines
            .iter()
            .map(|line| line.text.chars().count())
            .sum();
        assert_eq!(
            summary.characters as usize, characters,
            "page {}",
            record.page
        );
    }
    assert_eq!(pages.lines().count(), manifest.pages.len());

    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 3, "nothing else is left: {left:?}");
}

#[test]
fn the_same_document_gives_the_same_results() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (folder, threads) in folders.iter().zip(["1", "2"]) {
        let output = convert(
            &["--threads", threads, "--html", "--pages", "1-2"],
            &sample("report.pdf"),
            folder.path(),
        );
        assert!(output.status.success(), "{}", seen(&output));
    }
    for name in ["report.md", "report.pages.jsonl"] {
        let [a, b] = folders
            .each_ref()
            .map(|folder| fs::read(folder.path().join(name)).unwrap());
        assert!(a == b, "{name} differs");
    }
    let [a, b] = folders
        .each_ref()
        .map(|folder| without_timing(&folder.path().join("report.json")));
    assert_eq!(a, b);
}

#[test]
fn one_bad_input_does_not_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    fs::create_dir(&archive).unwrap();
    fs::write(
        archive.join("letter.pdf"),
        pdf::with_pages(&[&pdf::text(LETTER)]),
    )
    .unwrap();
    fs::write(archive.join("broken.pdf"), b"%PDF-1.4\nnothing of the kind").unwrap();
    fs::write(archive.join("page.html.pdf"), b"<html>not found</html>").unwrap();
    let out = folder.path().join("out");
    let output = convert(&[], &archive, &out);
    let seen = seen(&output);
    assert_eq!(output.status.code(), Some(1), "{seen}");
    assert!(
        seen.contains("broken.pdf: ") && seen.contains("page.html.pdf: "),
        "{seen}"
    );
    assert!(
        fs::read_to_string(out.join("letter.pdf.md"))
            .unwrap()
            .contains("the registers have come back")
    );
    assert_eq!(manifest(&out.join("letter.pdf.json")).failure, None);
    for (name, kind) in [
        ("broken.pdf", "damaged"),
        ("page.html.pdf", "not-a-document"),
    ] {
        let manifest = manifest(&out.join(format!("{name}.json")));
        assert_eq!(manifest.failure.unwrap().kind.as_str(), kind, "{name}");
        assert!(manifest.source.sha256.is_some());
        assert!(!out.join(format!("{name}.md")).exists());
    }
}

#[test]
fn what_a_folder_holds_beside_documents_is_counted_and_named() {
    let input = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "a.docx",
        "b.docx",
        "notes.txt",
        ".trash/old.pdf",
        "drafts/c.pdf",
    ] {
        let path = input.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "no document").unwrap();
    }
    fs::write(
        input.path().join("letter"),
        pdf::with_pages(&[&pdf::text(LETTER)]),
    )
    .unwrap();
    std::os::unix::fs::symlink("letter", input.path().join("same")).unwrap();
    let stats = folder.path().join("stats.json");
    let options = ["--exclude", "drafts", "--stats", stats.to_str().unwrap()];
    let output = convert(&options, input.path(), &folder.path().join("out"));
    assert!(output.status.success(), "{}", seen(&output));
    assert!(
        folder.path().join("out/letter.md").exists(),
        "{}",
        seen(&output)
    );
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let passed_over = "6 files passed over: 2 .docx, 1 .txt, 1 folder beginning with a dot, \
                       1 folder left out by a pattern, 1 other name of what is read already";
    assert!(told.contains(passed_over), "{told}");
    let stats: serde_json::Value = serde_json::from_slice(&fs::read(stats).unwrap()).unwrap();
    assert_eq!(
        stats["passed_over"],
        serde_json::json!({
            ".docx": 2, ".txt": 1, "dot-folder": 1, "excluded-folder": 1, "read-already": 1
        })
    );
}

#[test]
fn without_a_folder_markdown_alone_is_on_standard_output() {
    let mut child = recto()
        .args(["convert", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&pdf::with_pages(&[
            &pdf::text(LETTER),
            &pdf::text(&["Page two."]),
        ]))
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", seen(&output));
    let markdown = String::from_utf8(output.stdout).unwrap();
    assert!(
        markdown.starts_with("<!-- page 1 -->\n\nDear Mrs. Aldous,\n"),
        "{markdown}"
    );
    assert!(
        markdown.ends_with("\n<!-- page 2 -->\n\nPage two.\n"),
        "{markdown}"
    );
}

#[test]
fn options_of_the_result_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("three.pdf");
    fs::write(
        &path,
        pdf::with_pages(
            &["one", "two", "three"]
                .map(|word| pdf::text(&[&format!("Page {word} of the book.")]))
                .each_ref()
                .map(String::as_str),
        ),
    )
    .unwrap();
    let output = recto()
        .args(["convert", "--pages", "2-", "--page-markers=off"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "Page two of the book.\n\nPage three of the book.\n"
    );
}

#[test]
fn the_text_layer_is_used_as_asked_and_the_manifest_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.pdf");
    fs::write(&path, pdf::with_pages(&[&pdf::text(LETTER)])).unwrap();
    for (choice, outcome) in [
        ("auto", PageOutcome::TextLayer),
        ("always", PageOutcome::TextLayer),
        ("never", PageOutcome::Ok),
    ] {
        let output = convert(&["--text-layer", choice], &path, folder.path());
        assert!(output.status.success(), "{}", seen(&output));
        let manifest = manifest(&folder.path().join("letter.json"));
        assert_eq!(manifest.pages[0].outcome, outcome, "{choice}");
        assert!(manifest.pages[0].reason.is_some(), "{choice}");
        let markdown = fs::read_to_string(folder.path().join("letter.md")).unwrap();
        assert!(
            markdown.contains("the registers have come back from the binder in good order."),
            "{choice}: {markdown}"
        );
    }
}

#[test]
fn the_right_password_opens() {
    let output = recto()
        .args(["convert", "--password", "archive"])
        .arg(repository().join("tests/fixtures/encrypted.pdf"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", seen(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("kept under lock and key"));
}

#[test]
fn a_review_page_needs_nothing_and_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evil.pdf");
    fs::write(
        &path,
        pdf::with_pages(&[&pdf::text(&["<script>alert(1)</script> is only text"])]),
    )
    .unwrap();
    let output = convert(&["--html"], &path, folder.path());
    assert!(output.status.success(), "{}", seen(&output));
    let html = fs::read_to_string(folder.path().join("evil.html")).unwrap();
    assert!(html.contains("default-src 'none'"));
    assert!(html.contains("&lt;script&gt;alert(1)"));
    assert!(!html.contains("<script") && !html.contains("http:") && !html.contains("https:"));
    assert!(html.contains("data:image/jpeg;base64,"));
}

#[test]
fn an_interrupt_stops_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.pdf");
    let text = pdf::text(LETTER);
    fs::write(&path, pdf::with_pages(&vec![text.as_str(); 400])).unwrap();
    let out = folder.path().join("out");
    let mut child = recto()
        .args(["convert", "--text-layer", "never"])
        .arg(&path)
        .arg("-o")
        .arg(&out)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its children are there while it works.
    let started = Instant::now();
    while children(child.id()).is_empty() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "no rasterizer was started"
        );
        thread::sleep(Duration::from_millis(20));
    }
    let rasterizers = children(child.id());
    assert!(
        Command::new("kill")
            .arg("-INT")
            .arg(child.id().to_string())
            .status()
            .unwrap()
            .success()
    );
    let output = wait_at_most(&mut child, Duration::from_secs(20));
    assert_eq!(output.code(), Some(130), "signal {:?}", output.signal());
    let left = fs::read_dir(&out).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    let is_kept = |name: &std::ffi::OsString| name == ".long.recto-parts";
    assert!(
        left.iter().all(is_kept),
        "no result, but the pages that were read may be kept: {left:?}"
    );
    for pid in rasterizers {
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(
            state.is_empty() || state.contains(") Z "),
            "a rasterizer is still there: {state}"
        );
    }
}

fn children(pid: u32) -> Vec<u32> {
    fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn wait_at_most(child: &mut std::process::Child, most: Duration) -> std::process::ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > most {
            child.kill().unwrap();
            panic!("still running after {most:?}");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_run_that_was_cut_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let pages: Vec<String> = (1..=70)
        .map(|page| pdf::text(&[&format!("Folio {page}, the register of the year 1921")]))
        .collect();
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    let volume = folder.path().join("volume.pdf");
    fs::write(&volume, pdf::with_pages(&pages)).unwrap();
    let convert = |out: &str| {
        let mut command = recto();
        command.args(["convert", "-q", "--text-layer", "never", "--dpi", "72"]);
        command.arg(&volume).arg("-o").arg(folder.path().join(out));
        command
    };
    let kept = folder.path().join("cut/.volume.recto-parts");
    let parts = || fs::read_dir(&kept).map_or(0, |files| files.count().saturating_sub(1));

    // As when the machine loses its power, and then by Ctrl-C.
    let mut killed = convert("cut").spawn().unwrap();
    wait_until("two parts are kept", || parts() >= 2, String::new);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let stopped = convert("cut").spawn().unwrap();
    let before = parts();
    wait_until("one more is", || parts() > before, String::new);
    let pid = rustix::process::Pid::from_child(&stopped);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = stopped.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", seen(&output));
    assert!(!folder.path().join("cut/volume.md").exists());

    assert!(convert("cut").status().unwrap().success());
    assert!(convert("whole").status().unwrap().success());
    let text = |out: &str, ending: &str| {
        fs::read_to_string(folder.path().join(format!("{out}/volume.{ending}"))).unwrap()
    };
    for ending in ["md", "pages.jsonl"] {
        assert_eq!(text("cut", ending), text("whole", ending));
    }
    assert!(!kept.exists(), "nothing is left");
    let parts = |out| {
        let manifest: Manifest = serde_json::from_str(&text(out, "json")).unwrap();
        manifest.timing.parts
    };
    let (cut, whole) = (parts("cut"), parts("whole"));
    assert!(cut[0].read_at < whole[0].read_at, "{cut:?}");
}
