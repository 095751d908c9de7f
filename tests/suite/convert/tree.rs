//! Whole trees: results that mirror them, runs that are killed and go on, and the account of every file.
//!
//! `RECTO_TEST_TREE_FILES=3000` makes the tree of the trial in `docs/scale.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsStr,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    process::Child,
};

use recto_schemas::RunReport;

use super::*;

/// Files of the tree, unless `RECTO_TEST_TREE_FILES` says otherwise.
const FILES: usize = 60;
/// Runs that are killed.
const KILLS: u32 = 5;
/// One file in so many is no document, though it is called one.
const BAD: usize = 100;
/// Files in one folder.
const IN_FOLDER: usize = 25;

/// A tree with equal names, links, dot folders, odd endings and bad files.
fn make_tree(root: &Path, files: usize) {
    let write = |below: &OsStr, bytes: &[u8]| {
        let path = root.join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let page = |number: usize| {
        let line = format!("Folio {number}, the register of the parish");
        pdf::with_pages(&[&pdf::text(&[&line])])
    };
    let bad: [&[u8]; 3] = [b"%PDF-1.4\nnothing of the kind", b"<html>not found", b""];
    for number in 0..files {
        let (folder, name) = (number / IN_FOLDER, number % IN_FOLDER);
        let ending = ["pdf", "PDF", "tif", "dat", "scan"][number % 5];
        let below = format!("{}/box {folder}/{name:03}.{ending}", 1900 + folder % 40);
        let bytes = match number % BAD {
            7 => bad[number / BAD % bad.len()].to_vec(),
            _ => page(number),
        };
        write(OsStr::new(&below), &bytes);
    }
    let odd: [&[u8]; 8] = [
        b"run",
        b"run.pdf",
        b"noending",
        b"50%.pdf",
        b"a, \"b\"\n.pdf",
        b"\xFF.pdf",
        b"\xFE.pdf",
        &[b'x'; 240],
    ];
    for (number, name) in odd.into_iter().enumerate() {
        write(OsStr::from_bytes(name), &page(number));
    }
    for below in ["notes.txt", "minutes.docx", ".trash/old.pdf", ".old.pdf"] {
        write(OsStr::new(below), &page(0));
    }
    write(OsStr::new("letters/same.txt"), b"no document");
    symlink("../1900/box 0/000.pdf", root.join("letters/linked.pdf")).unwrap();
    symlink("..", root.join("letters/up")).unwrap();
    symlink("nowhere", root.join("letters/gone.pdf")).unwrap();
    fs::hard_link(root.join("noending"), root.join("same")).unwrap();
}

/// All that is below a folder but the account, manifests without times.
fn results(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
                continue;
            }
            let below = path.strip_prefix(root).unwrap().to_owned();
            let content = match path.extension().is_some_and(|ending| ending == "json") {
                true => without_timing(&path).to_string().into_bytes(),
                false => fs::read(&path).unwrap(),
            };
            found.insert(below, content);
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    assert!(found.remove(Path::new("run.json")).is_some());
    assert!(found.remove(Path::new("run.csv")).is_some());
    found
}

/// The account of the last run into a folder, and its rows' states by their paths.
fn account(out: &Path) -> (RunReport, BTreeMap<String, String>) {
    let text = fs::read(out.join("run.json")).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let schema = serde_json::to_value(recto_schemas::schema(SchemaName::Run)).unwrap();
    assert!(jsonschema::is_valid(&schema, &value), "{value}");
    let run: RunReport = serde_json::from_value(value).unwrap();
    let text = fs::read_to_string(out.join("run.csv")).unwrap();
    let rows = rows(&text);
    assert_eq!(rows[0][..3], ["path", "manifest", "state"]);
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut read, mut skipped) = (0, 0);
    for row in &rows[1..] {
        assert_eq!(row.len(), 9, "{row:?}");
        *states.entry(&row[2]).or_default() += 1;
        let pages: u64 = row[5].parse().unwrap();
        *(if row[2] == "skipped" {
            &mut skipped
        } else {
            &mut read
        }) += pages;
    }
    let files = run.files;
    for (state, count) in [
        ("done", files.done),
        ("partial", files.partial),
        ("failed", files.failed),
        ("skipped", files.skipped),
        ("passed-over", files.passed_over),
    ] {
        assert_eq!(states.get(state).copied().unwrap_or(0), count, "{state}");
    }
    assert_eq!(rows.len() as u64 - 1, files.found);
    assert_eq!((read, skipped), (run.pages.read, run.pages.skipped));
    assert_eq!(run.failed_by_kind.values().sum::<u64>(), files.failed);
    assert_eq!(
        run.passed_over_by_kind.values().sum::<u64>(),
        files.passed_over
    );
    let by_path: BTreeMap<String, String> = rows[1..]
        .iter()
        .map(|row| (row[0].clone(), row[2].clone()))
        .collect();
    (run, by_path)
}

/// The rows of a text of RFC 4180.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut letters) = (false, text.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            letter => field.push(letter),
        }
    }
    rows
}

fn start(tree: &Path, out: &Path) -> Child {
    let mut command = recto();
    command.arg("convert").arg(tree).arg("-o").arg(out);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Returns true once a run has begun its account.
fn has_begun(out: &Path) -> bool {
    let entries = fs::read_dir(out).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.file_name().as_bytes().starts_with(b".recto-"))
}

#[test]
fn a_tree_is_mirrored_and_runs_that_are_killed_end_as_one_would_that_is_not() {
    let files = env::var("RECTO_TEST_TREE_FILES").map_or(FILES, |files| files.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    make_tree(&tree, files);
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));

    let started = Instant::now();
    let status = start(&tree, &whole).wait().unwrap();
    let undisturbed = started.elapsed();
    assert_eq!(status.code(), Some(1), "some files are no documents");
    let (run, rows) = account(&whole);
    eprintln!(
        "{files} files, {undisturbed:?}: {:?} {:?}",
        run.files, run.pages
    );
    assert!(run.is_complete);
    let bad = (0..files).filter(|number| number % BAD == 7).count() as u64;
    assert_eq!(run.files.failed + run.files.partial, bad, "{run:?}");
    // The files with odd names, and two that are documents in spite of their endings.
    assert_eq!(run.files.done, files as u64 - bad + 10, "{run:?}");
    assert_eq!(run.pages.read, run.files.done, "each has one page");
    let passed_over: BTreeSet<&str> = rows
        .iter()
        .filter(|(_, state)| *state == "passed-over")
        .map(|(path, _)| path.rsplit('/').next().unwrap())
        .collect();
    let wanted = [
        ".old.pdf",
        ".trash",
        "gone.pdf",
        "linked.pdf",
        "same",
        "same.txt",
        "up",
    ];
    assert_eq!(passed_over, wanted.into(), "{run:?}");

    for number in 1..=KILLS {
        let mut child = start(&tree, &killed);
        eventually("the run has begun", || {
            has_begun(&killed) || child.try_wait().unwrap().is_some()
        });
        // A random moment, so that each run has something left to do.
        let moment = undisturbed.mul_f64(rand::random_range(0.0..1.0) / f64::from(KILLS));
        thread::sleep(moment);
        match number {
            // Ctrl-C for one of them.
            3 => {
                let pid = rustix::process::Pid::from_child(&child);
                rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
            }
            _ => child.kill().unwrap(),
        }
        let ended = child.wait().unwrap();
        eprintln!("run {number} ended after {moment:?} more: {ended}");
    }
    let status = start(&tree, &killed).wait().unwrap();
    assert_eq!(status.code(), Some(1));
    let (rest, again) = account(&killed);
    eprintln!("the rest: {:?} {:?}", rest.files, rest.pages);
    assert_eq!(rest.files.found, run.files.found);
    assert_eq!(rest.pages.read + rest.pages.skipped, run.pages.read);
    assert!(again.keys().eq(rows.keys()));
    let (expected, found) = (results(&whole), results(&killed));
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    for (path, content) in &expected {
        assert!(found[path] == *content, "{}", path.display());
    }

    let started = Instant::now();
    let status = start(&tree, &killed).wait().unwrap();
    let (second, _) = account(&killed);
    eprintln!(
        "once more, {:?}: {:?} {:?}",
        started.elapsed(),
        second.files,
        second.pages
    );
    assert_eq!(status.code(), Some(1), "as the run that read them");
    assert_eq!((second.pages.read, second.files.done), (0, 0));
    assert_eq!(second.files.skipped, run.files.done + run.files.partial);
    assert!(results(&killed) == expected);
}

#[test]
fn a_document_is_read_again_if_it_or_the_options_changed_or_a_person_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, out) = (folder.path().join("tree"), folder.path().join("out"));
    fs::create_dir(&tree).unwrap();
    let write = |line: &str| {
        let path = tree.join("letter.pdf");
        fs::write(path, pdf::with_pages(&[&pdf::text(&[line])])).unwrap();
    };
    let read = |tree: &Path, options: &[&str]| {
        let output = convert(options, tree, &out);
        assert!(output.status.success(), "{}", seen(&output));
        account(&out).0.pages.read
    };
    write("Dear Mrs. Aldous,");
    assert_eq!(read(&tree, &[]), 1);
    assert_eq!(read(&tree, &[]), 0);
    assert_eq!(read(&tree, &["--force"]), 1);
    assert_eq!(read(&tree, &["--page-markers=off"]), 1, "other options");
    assert_eq!(
        read(&tree, &["--page-markers=off", "--page-timeout", "99s"]),
        0
    );
    write("Dear Mr. Aldous,");
    assert_eq!(read(&tree, &["--page-markers=off"]), 1, "another document");
    fs::remove_file(out.join("letter.pdf.md")).unwrap();
    assert_eq!(read(&tree, &["--page-markers=off"]), 1, "a file is missing");

    // The same bytes at another place and time are the same document.
    let moved = folder.path().join("moved");
    fs::create_dir(&moved).unwrap();
    fs::write(
        moved.join("letter.pdf"),
        fs::read(tree.join("letter.pdf")).unwrap(),
    )
    .unwrap();
    assert_eq!(read(&moved, &["--page-markers=off"]), 0);
    let found = manifest(&out.join("letter.pdf.json"));
    assert!(
        found.source.uri.ends_with("moved/letter.pdf"),
        "{:?}",
        found.source
    );
}

#[test]
fn inputs_that_would_share_results_are_refused_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let page = pdf::with_pages(&[&pdf::text(LETTER)]);
    for name in ["1921/001.pdf", "1922/001.pdf"] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &page).unwrap();
    }
    let run = |inputs: [&str; 2]| {
        let mut command = recto();
        command.current_dir(&folder).arg("convert").args(inputs);
        command.args(["-o", "out"]).output().unwrap()
    };
    for inputs in [["1921", "1922"], ["1921/001.pdf", "1922/001.pdf"]] {
        let output = run(inputs);
        assert_eq!(output.status.code(), Some(1), "{}", seen(&output));
        let told = seen(&output);
        assert!(told.contains("would have the same results"), "{told}");
        assert!(!folder.path().join("out").exists());
    }
    let output = run(["1921/001.pdf", "1922"]);
    assert!(output.status.success(), "{}", seen(&output));
    for name in ["001.md", "001.pdf.md", "run.csv"] {
        assert!(folder.path().join("out").join(name).exists(), "{name}");
    }
}
