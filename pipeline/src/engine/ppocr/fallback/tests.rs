use std::sync::Mutex;

use super::*;
use crate::{
    engine::ppocr::{ink::LineInk, recognize::RecognizedText, unread::page_lines},
    page::Rect,
};

/// Time for a page.
const PATIENCE: Duration = Duration::from_secs(60);

/// A line of 15 heights of ink, of which this share was not read.
pub(super) fn line(text: &str, confidence: f32, unread: f32) -> RecognizedLine {
    let bounds = Rect {
        right: 400.0,
        bottom: 20.0,
        ..Rect::default()
    };
    RecognizedLine {
        text: RecognizedText {
            text: text.to_owned(),
            latin: None,
            confidence,
            classes: text.len(),
            ink: LineInk {
                length: 15.0,
                unread: 15.0 * unread,
            },
        },
        quad: bounds.into(),
        read_by: None,
    }
}

pub(super) fn reading(text: &str, confidence: f32) -> LineReading {
    LineReading {
        text: text.to_owned(),
        confidence,
        by_letter: false,
    }
}

/// A reader that reads the lines of a page in turn as its texts say, each in its own language.
struct FakeReader {
    identity: FallbackReader,
    /// Texts by the width of their lines' images, with their languages.
    texts: Vec<(u32, &'static str, &'static str)>,
    calls: Mutex<Vec<(String, usize)>>,
    fails: bool,
}

impl ScriptReader for FakeReader {
    fn identity(&self) -> &FallbackReader {
        &self.identity
    }

    fn read(
        &self,
        lines: &[&LineImage],
        language: &str,
        _: ReadLimits<'_>,
    ) -> Result<Vec<LineReading>, ScriptReaderError> {
        let mut calls = self.calls.lock().unwrap();
        calls.push((language.to_owned(), lines.len()));
        if self.fails {
            return Err(ScriptReaderError::Failed("it fell".to_owned()));
        }
        Ok(lines
            .iter()
            .map(|line| {
                let found = self
                    .texts
                    .iter()
                    .find(|(width, ..)| width.abs_diff(line.width) < 25);
                match found {
                    Some((_, own, text)) if *own == language => reading(text, 0.95),
                    _ => reading("0 7 гы", 0.4),
                }
            })
            .collect())
    }
}

fn fake(texts: &[(u32, &'static str, &'static str)], fails: bool) -> (Fallback, Arc<FakeReader>) {
    let reader = Arc::new(FakeReader {
        identity: FallbackReader {
            name: "fake".to_owned(),
            version: "1".to_owned(),
            languages: ["ell", "rus", "ukr"].map(str::to_owned).to_vec(),
            data_sha256: None,
        },
        texts: texts.to_vec(),
        calls: Mutex::default(),
        fails,
    });
    let shared = Arc::clone(&reader) as Arc<dyn ScriptReader>;
    (Fallback::new(shared, &["a".to_owned()]), reader)
}

fn page() -> PageImage {
    PageImage {
        width: 500,
        height: 100,
        dpi: 200.0,
        rgb: vec![255; 500 * 100 * 3],
    }
}

/// An unread line whose image is about so wide.
fn unread(width: u32) -> RecognizedLine {
    let bounds = Rect {
        right: width as f32,
        bottom: 20.0,
        ..Rect::default()
    };
    RecognizedLine {
        quad: bounds.into(),
        ..line("Bce", 0.9, 0.9)
    }
}

#[test]
fn a_page_that_was_read_costs_no_call() {
    let (fallback, reader) = fake(&[], false);
    let mut lines = vec![line("all read", 0.99, 0.01); 3];
    fallback.complete(&page(), &mut lines, PATIENCE, &CancelToken::new());
    assert_eq!(reader.calls.lock().unwrap().len(), 0);
    assert_eq!(fallback.usage(), FallbackUsage::default());
}

#[test]
fn lines_of_two_scripts_are_read_each_in_its_language() {
    let texts = [
        (100, "rus", "Все люди"),
        (200, "ell", "Όλοι οι άνθρωποι"),
        (300, "rus", "свободными"),
    ];
    let (fallback, reader) = fake(&texts, false);
    let mut lines = vec![
        line("Annex to the contract", 0.99, 0.0),
        unread(100),
        unread(200),
        unread(300),
    ];
    fallback.complete(&page(), &mut lines, PATIENCE, &CancelToken::new());
    let page = page_lines(lines, 0.5);
    let read: Vec<(&str, Option<&str>)> = page
        .lines
        .iter()
        .map(|line| {
            let language = line.read_by.as_ref().map(|by| by.language.as_str());
            (line.text.as_str(), language)
        })
        .collect();
    assert_eq!(
        read,
        [
            ("Annex to the contract", None),
            ("Все люди", Some("rus")),
            ("Όλοι οι άνθρωποι", Some("ell")),
            ("свободными", Some("rus")),
        ]
    );
    assert_eq!(page.unread, None);
    assert_eq!(fallback.usage().lines, 3);
    // Three languages are tried, and the two that read a line surely read them all.
    let calls = reader.calls.lock().unwrap();
    let counts: Vec<(&str, usize)> = calls.iter().map(|(l, n)| (l.as_str(), *n)).collect();
    assert_eq!(
        counts,
        [("ell", 3), ("rus", 3), ("ukr", 3), ("rus", 4), ("ell", 4)]
    );
}

#[test]
fn lines_that_no_language_reads_stay_unread_and_mark_the_page() {
    let (fallback, _) = fake(&[(100, "rus", "Все люди")], false);
    let mut lines = vec![unread(100), unread(200)];
    fallback.complete(&page(), &mut lines, PATIENCE, &CancelToken::new());
    let page = page_lines(lines, 0.5);
    assert_eq!(page.lines.len(), 1);
    let unread = page.unread.expect("a line is unread");
    assert_eq!(unread.lines.len(), 1);
    assert!((unread.share - 0.45).abs() < 0.01, "{}", unread.share);
}

#[test]
fn a_reader_that_fails_leaves_the_page_as_it_was() {
    let (fallback, _) = fake(&[], true);
    let mut lines = vec![unread(100), unread(200)];
    let before = lines.clone();
    fallback.complete(&page(), &mut lines, PATIENCE, &CancelToken::new());
    assert_eq!(lines, before);
    assert_eq!((fallback.usage().failures, fallback.usage().lines), (1, 0));
}
