//! Memory does not grow with the pages read.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use crate::support::{got::convert, pdf};

/// Most that page 500 may leave above what page 100 left.
const MOST_GROWTH_KIB: u64 = 16 * 1024;

/// Resident memory of one process, without those it started.
fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.expect("the process is alive").parse().unwrap()
}

#[test]
fn no_more_memory_after_500_pages_than_after_100() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.pdf");
    let entries = "/MediaBox [0 0 144 144] /Resources << /Font << /F1 3 0 R >> >>";
    // Pages after the last that is looked at, so that the process is still there then.
    let contents: Vec<String> = (1..=550)
        .map(|page| format!("BT /F1 12 Tf 20 100 Td (Page {page}) Tj ET"))
        .collect();
    let pages: Vec<_> = contents.iter().map(|c| (entries, c.as_str())).collect();
    fs::write(&path, pdf::with_page_entries(&pages)).unwrap();
    let line = "--text-layer never --got-tiles never --got-pages-per-pass 1 --got-max-new-tokens 8";
    let mut command = convert("hub-new", &line.split(' ').collect::<Vec<_>>());
    let mut child = command.arg(&path).stdout(Stdio::piped()).spawn().unwrap();

    // Markdown comes page by page.
    let mut markdown = BufReader::new(child.stdout.take().unwrap());
    let mut resident_after = |page: u32| {
        let marker = format!("<!-- page {page} -->");
        let mut line = String::new();
        while line.trim_end() != marker {
            line.clear();
            assert!(markdown.read_line(&mut line).unwrap() > 0, "no page {page}");
        }
        resident_kib(child.id())
    };
    let (early, late) = (resident_after(100), resident_after(500));
    markdown.read_to_end(&mut Vec::new()).unwrap();
    assert!(child.wait().unwrap().success());
    println!("after page 100: {early} KiB, after page 500: {late} KiB");
    assert!(
        late <= early + MOST_GROWTH_KIB,
        "after page 100: {early} KiB, after page 500: {late} KiB"
    );
}
