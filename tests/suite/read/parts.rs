//! Documents that are read in parts: nothing is read twice, and the result is that of one reading.

use std::{cell::Cell, collections::BTreeMap, fs, sync::Mutex};

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

/// Pages of the document that is only assembled, and of its parts.
const MANY_PAGES: u32 = 4_000;
const PART_PAGES: u32 = 16;

/// Most pages that are held at one time: a part, and three in assembly.
const MAX_HELD: u32 = PART_PAGES + 3;

/// Most bytes by which the process may grow between the thousandth page and the last one: some two thousand a
/// page, less than its text takes.
const MAX_GROWTH: u64 = 6 << 20;

/// The pages that were loaded and not delivered yet, and the process's size on the way.
#[derive(Default)]
struct HeldPages {
    loaded: Cell<u32>,
    delivered: Cell<u32>,
    most: Cell<u32>,
    bytes_before: Cell<u64>,
    bytes_after: Cell<u64>,
}

/// All parts of a long document, dense pages each, made when they are asked for.
struct ManyParts<'a> {
    part: Vec<u8>,
    held: &'a HeldPages,
}

impl PartStore for ManyParts<'_> {
    fn pages_per_part(&self) -> u32 {
        PART_PAGES
    }

    fn stored(&mut self, pages: u32) -> io::Result<Vec<PagePositions>> {
        let firsts = (1..=pages).step_by(PART_PAGES as usize);
        Ok(firsts.map(|first| first..=first + PART_PAGES - 1).collect())
    }

    fn load(&mut self, _part: &PagePositions) -> io::Result<Vec<ReadPage>> {
        let held = self.held;
        held.loaded.set(held.loaded.get() + PART_PAGES);
        let now = held.loaded.get() - held.delivered.get();
        held.most.set(held.most.get().max(now));
        decode_pages(&self.part)
    }

    fn store(&mut self, part: PagePositions, _pages: &[ReadPage]) -> io::Result<()> {
        panic!("all is read: {part:?}")
    }
}

/// Takes pages and keeps none.
struct PageCounter<'a>(&'a HeldPages);

impl PageSink for PageCounter<'_> {
    fn open(&mut self, _: u32) -> io::Result<()> {
        Ok(())
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        assert!(page.assembled.markdown.contains("of the register"));
        let delivered = &self.0.delivered;
        delivered.set(delivered.get() + 1);
        match delivered.get() {
            1_000 => self.0.bytes_before.set(resident_bytes()),
            MANY_PAGES => self.0.bytes_after.set(resident_bytes()),
            _ => {}
        }
        Ok(())
    }

    fn heading_levels(&mut self, _levels: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Memory of this process, as Linux counts it (`VmRSS`, proc(5)).
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// A part of dense pages with a text of their own, as a store has it.
fn dense_part(rasterizer: &Rasterizer, signals: ReadSignals<'_>) -> Vec<u8> {
    let pages = (1..=PART_PAGES).map(|page| {
        let line = |line| format!("{page}.{line} of the register, copied by hand in 1921 in town");
        let lines: Vec<String> = (1..=50).map(line).collect();
        pdf::text(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    });
    let pages: Vec<String> = pages.collect();
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    let input = DocumentInput {
        file: file(&pdf::with_pages(&pages)),
        password: None,
        rasterizer,
    };
    let engine = FakeEngine::new(1, 1, AT_ONCE);
    let mut parts = MemoryParts::default();
    let positions = 1..=PART_PAGES;
    read_positions(
        input,
        &Options::default(),
        &engine,
        &positions,
        &mut parts,
        signals,
    )
    .unwrap();
    let all = parts
        .parts
        .values()
        .flat_map(|part| decode_pages(part).unwrap());
    encode_pages(&all.collect::<Vec<_>>()).unwrap()
}

#[test]
fn four_thousand_pages_are_assembled_in_flat_memory() {
    let rasterizer = rasterizer();
    let go_on = CancelToken::new();
    let signals = ReadSignals {
        cancel: &go_on,
        stop: &go_on,
    };
    let held = HeldPages::default();
    let mut parts = ManyParts {
        part: dense_part(&rasterizer, signals),
        held: &held,
    };
    let input = DocumentInput {
        file: document(MANY_PAGES),
        password: None,
        rasterizer: &rasterizer,
    };
    let engine = FakeEngine::new(1, 1, AT_ONCE);
    let mut sink = PageCounter(&held);
    let started = Instant::now();
    let options = Options::default();
    let outcome =
        read_with_parts(input, &options, &engine, &mut sink, &mut parts, signals).unwrap();
    let grown = held
        .bytes_after
        .get()
        .saturating_sub(held.bytes_before.get());
    eprintln!(
        "{} pages in {:.1} s, {} held at most, {grown} bytes more",
        held.delivered.get(),
        started.elapsed().as_secs_f64(),
        held.most.get()
    );
    assert_eq!(held.delivered.get(), MANY_PAGES);
    assert_eq!(outcome.counts.text_layer, MANY_PAGES);
    assert!(held.most.get() <= MAX_HELD, "{} pages", held.most.get());
    assert!(grown <= MAX_GROWTH, "{grown} bytes");
}
