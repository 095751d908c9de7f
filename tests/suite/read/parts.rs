//! Documents that are read in parts: nothing is read twice, and the result is that of one reading.

use std::{collections::BTreeMap, sync::Mutex};

use recto_pipeline::read::{
    PagePositions, PartStore, ReadPage, ReadSignals, decode_pages, encode_pages, read_positions,
    read_with_parts,
};

use super::*;

/// Parts in memory, as bytes, as a store has them.
#[derive(Default)]
struct MemoryParts {
    parts: BTreeMap<(u32, u32), Vec<u8>>,
    /// Stops the reading after so many parts.
    stop_after: Option<(usize, CancelToken)>,
}

impl PartStore for MemoryParts {
    fn pages_per_part(&self) -> u32 {
        4
    }

    fn stored(&mut self, _pages: u32) -> io::Result<Vec<PagePositions>> {
        Ok(self
            .parts
            .keys()
            .map(|(first, last)| *first..=*last)
            .collect())
    }

    fn load(&mut self, part: &PagePositions) -> io::Result<Vec<ReadPage>> {
        decode_pages(&self.parts[&(*part.start(), *part.end())])
    }

    fn store(&mut self, part: PagePositions, pages: &[ReadPage]) -> io::Result<()> {
        assert_eq!(part.clone().count(), pages.len());
        let key = (*part.start(), *part.end());
        self.parts.insert(key, encode_pages(pages)?);
        if let Some((after, stop)) = &self.stop_after
            && self.parts.len() == *after
        {
            stop.cancel();
        }
        Ok(())
    }
}

/// Counts the pages that an engine is asked for, by their width.
static ASKED: Mutex<u64> = Mutex::new(0);

fn counted(_serial: u64) -> (Duration, Result<(), EngineError>) {
    *ASKED.lock().unwrap() += 1;
    (Duration::from_millis(5), Ok(()))
}

/// A reader sees this: the Markdown and the record of each page.
fn text(pages: &[PageResult]) -> String {
    let one = |page: &PageResult| {
        let mut page = page.clone();
        page.summary.timing = Default::default();
        let record = serde_json::to_string(&page.record()).unwrap();
        format!("{}{record}{:?}\n", page.assembled.markdown, page.summary)
    };
    pages.iter().map(one).collect()
}

#[test]
fn a_document_that_was_stopped_goes_on_and_no_page_is_read_twice() {
    let engine = FakeEngine::new(1, 3, &counted);
    let options = options();
    let mut whole = PageCollector::default();
    run(
        document(30),
        &options,
        engine,
        &mut whole,
        &CancelToken::new(),
    )
    .unwrap();
    *ASKED.lock().unwrap() = 0;

    let rasterizer = rasterizer();
    let input = || DocumentInput {
        file: document(30),
        password: None,
        rasterizer: &rasterizer,
    };
    let (cancel, stop) = (CancelToken::new(), CancelToken::new());
    let mut parts = MemoryParts {
        stop_after: Some((2, stop.clone())),
        ..MemoryParts::default()
    };
    let signals = ReadSignals {
        cancel: &cancel,
        stop: &stop,
    };
    let stopped = read_with_parts(
        input(),
        &options,
        &engine,
        &mut PageCollector::default(),
        &mut parts,
        signals,
    );
    assert!(matches!(stopped, Err(ReadError::Stopped)), "{stopped:?}");
    let kept = parts.parts.len();
    assert!(
        (3..=5).contains(&kept),
        "the pages in hand are kept: {kept}"
    );

    // Some pages of the middle, on another worker.
    parts.stop_after = None;
    let go_on = CancelToken::new();
    let signals = ReadSignals {
        cancel: &cancel,
        stop: &go_on,
    };
    read_positions(input(), &options, &engine, &(19..=26), &mut parts, signals).unwrap();
    assert!(
        parts.parts.contains_key(&(21, 24)),
        "{:?}",
        parts.parts.keys()
    );

    let mut sink = PageCollector::default();
    let outcome =
        read_with_parts(input(), &options, &engine, &mut sink, &mut parts, signals).unwrap();
    assert_eq!(outcome.counts.ok, 30);
    assert_eq!(text(&sink.pages), text(&whole.pages));
    assert_eq!(*ASKED.lock().unwrap(), 30, "each page is read once");
}

#[test]
fn pages_that_are_read_together_are_so_in_parts_too() {
    let engine = FakeEngine::new(3, 2, AT_ONCE);
    let rasterizer = rasterizer();
    let signals = ReadSignals {
        cancel: &CancelToken::new(),
        stop: &CancelToken::new(),
    };
    let input = DocumentInput {
        file: document(10),
        password: None,
        rasterizer: &rasterizer,
    };
    let mut parts = MemoryParts::default();
    read_positions(input, &options(), &engine, &(5..=6), &mut parts, signals).unwrap();
    let kept: Vec<_> = parts.parts.into_keys().collect();
    assert_eq!(kept, [(4, 6)], "all pages of the request are kept");
}
