//! Tests of the whole engine, on the real model and a page made for it (`fixtures/ppocr-page.png`).

use std::{env, path::PathBuf, sync::OnceLock};

use super::*;
use crate::{
    cancel::CancelToken,
    engine::{DocumentId, OcrContent, OcrResult},
    image::PageImage,
    page::TextLine,
};

/// The page's text, from top to bottom and left to right.
const LINES: [&str; 8] = [
    "Harvest Report 1987",
    "The orchard gave 412 crates of apples, nine more",
    "than in the year before; plums were few because",
    "of the late frost. Two new presses stand in the",
    "old barn, and the third was sold to a neighbour.",
    "Honey: 86 jars. Walnuts: none to speak of.",
    "Kept by A. Brandt",
    "page 12",
];

/// Long enough for a page on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

fn models() -> PathBuf {
    part("RECTO_PPOCR_MODELS", "models")
}

fn config() -> PpOcrConfig {
    PpOcrConfig::new(part("RECTO_ONNXRUNTIME", "onnxruntime/libonnxruntime.so"))
}

/// The file that `variable` names, else the one that `make setup` put into the cache.
fn part(variable: &str, below_cache: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return path.into();
    }
    let cache = env::var_os("RECTO_CACHE")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            let user = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
            user.unwrap_or_else(home).join("recto")
        });
    cache.join(below_cache)
}

/// One engine for all tests: they run at the same time, as documents do.
fn engine() -> &'static PpOcr {
    static ENGINE: OnceLock<PpOcr> = OnceLock::new();
    ENGINE.get_or_init(|| start(2))
}

fn start(workers: usize) -> PpOcr {
    let config = PpOcrConfig {
        workers,
        ..config()
    };
    PpOcr::load(&models(), config).unwrap_or_else(|e| panic!("no model to test with: {e}"))
}

fn page() -> PageImage {
    fixture("ppocr-page.png")
}

fn fixture(name: &str) -> PageImage {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    let image = image::open(file).expect("the fixture is there").into_rgb8();
    let (width, height) = image.dimensions();
    PageImage {
        width,
        height,
        dpi: 200.0,
        rgb: image.into_raw(),
    }
}

fn request(document: u64, pages: Vec<PageImage>) -> EngineRequest {
    EngineRequest {
        document: DocumentId(document),
        pages: pages.into_iter().map(Arc::new).collect(),
        is_whole: true,
        options: Arc::default(),
        cancel: CancelToken::new(),
    }
}

fn read(document: u64, page: PageImage) -> OcrResult {
    let ticket = engine()
        .submit(request(document, vec![page]))
        .expect("it runs");
    ticket.wait(PATIENCE).expect("it reads").remove(0)
}

fn lines(reading: &OcrResult) -> &[TextLine] {
    match &reading.content {
        OcrContent::Regions(lines) => lines,
        OcrContent::Markup(_) => panic!("PP-OCR gives lines"),
    }
}

fn texts(reading: &OcrResult) -> Vec<&str> {
    let mut lines: Vec<&TextLine> = lines(reading).iter().collect();
    let place = |line: &TextLine| {
        let bounds = line.quad.bounds();
        ((bounds.top / 40.0).round() as i32, bounds.left as i32)
    };
    lines.sort_by_key(|line| place(line));
    lines.iter().map(|line| line.text.as_str()).collect()
}

#[test]
fn a_page_reads_as_it_was_written() {
    let reading = read(1, page());
    assert_eq!(texts(&reading), LINES);
    assert_eq!((reading.rotation, reading.first, reading.count), (0, 0, 1));
    assert!(reading.skew_deg.abs() < 0.2, "{}", reading.skew_deg);
    assert!(
        reading.confidence.is_some_and(|c| c > 0.95),
        "{:?}",
        reading.confidence
    );
    assert!(reading.inference_time > Duration::ZERO);
}

#[test]
fn boxes_lie_on_their_lines() {
    let reading = read(2, page());
    let title = lines(&reading)
        .iter()
        .find(|l| l.text == LINES[0])
        .expect("was read");
    let bounds = title.quad.bounds();
    assert!(
        (bounds.left - 60.0).abs() < 20.0 && (bounds.top - 42.0).abs() < 20.0,
        "{bounds:?}"
    );
    assert!((30.0..80.0).contains(&title.size), "{}", title.size);
}

#[test]
fn turned_pages_read_the_same_and_say_how_they_were_turned() {
    for turn in [90, 180, 270] {
        let reading = read(3, page().rotated(turn));
        assert_eq!(reading.rotation, 360 - turn);
        assert_eq!(texts(&reading), LINES, "turned by {turn}");
    }
}

#[test]
fn a_reading_does_not_depend_on_what_else_is_read() {
    let alone = read(4, page());
    let others: Vec<_> = (5..9)
        .map(|document| {
            let other = page().rotated(if document % 2 == 0 { 90 } else { 0 });
            engine()
                .submit(request(document, vec![other]))
                .expect("it runs")
        })
        .collect();
    let among = read(9, page());
    drop(others);
    assert_eq!(alone.content, among.content);
}

#[test]
fn a_line_alone_reads_as_among_others() {
    let files = ModelFiles::read(&models(), &config()).expect("it is there");
    let mut recognizer = files.recognizer().expect("it loads");
    let page = page();
    for line in lines(&read(10, page.clone())) {
        let alone = recognize::recognize(&mut recognizer, &page, &line.quad).expect("it reads");
        assert_eq!(
            (alone.text, Some(alone.confidence)),
            (line.text.clone(), line.confidence)
        );
    }
}

#[test]
fn a_request_of_several_pages_gets_a_reading_for_each_in_order() {
    let blank = PageImage {
        rgb: vec![255; 300 * 200 * 3],
        width: 300,
        height: 200,
        dpi: 100.0,
    };
    let ticket = engine()
        .submit(request(11, vec![blank.clone(), page(), blank]))
        .expect("it runs");
    let readings = ticket.wait(PATIENCE).expect("it reads");
    assert_eq!(
        readings.iter().map(|r| r.first).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(
        readings.iter().map(|r| lines(r).len()).collect::<Vec<_>>(),
        [0, LINES.len(), 0]
    );
    assert_eq!(readings[0].confidence, None);
}

/// Pages of a few lines of the Universal Declaration of Human Rights, each in one script.
const UNKNOWN_SCRIPTS: [&str; 9] = [
    "cyrillic",
    "greek",
    "arabic",
    "hebrew",
    "hangul",
    "devanagari",
    "thai",
    "bengali",
    "georgian",
];

#[test]
fn a_page_in_a_script_that_the_model_does_not_know_is_not_read_and_says_so() {
    for script in UNKNOWN_SCRIPTS {
        let reading = read(20, fixture(&format!("scripts/{script}.png")));
        let unread = reading
            .unread
            .as_ref()
            .unwrap_or_else(|| panic!("{script} is read as {:?}", texts(&reading)));
        assert!(unread.share > 0.3, "{script}: {}", unread.share);
    }
}

#[test]
fn a_script_of_which_the_model_lacks_some_letters_is_read_in_part() {
    let reading = read(21, fixture("scripts/vietnamese.png"));
    assert!(texts(&reading)[0].starts_with("T"), "{:?}", texts(&reading));
    assert!(reading.unread.is_some_and(|unread| unread.share < 0.3));
}

#[test]
fn pages_in_the_scripts_that_the_model_knows_are_read_whole() {
    for script in ["latin", "han", "kana"] {
        let reading = read(22, fixture(&format!("scripts/{script}.png")));
        assert_eq!(reading.unread, None, "{script}");
        assert!(lines(&reading).len() >= 4, "{script}");
    }
}

#[test]
fn one_line_in_another_script_leaves_the_rest_of_its_page_as_it_is() {
    let reading = read(23, fixture("scripts/latin-and-hebrew.png"));
    assert_eq!(lines(&reading).len(), 3, "{:?}", texts(&reading));
    let unread = reading.unread.as_ref().expect("one line");
    assert_eq!(unread.lines.len(), 1);
    let last = lines(&reading)
        .iter()
        .map(|l| l.quad.bounds().bottom)
        .fold(0.0, f32::max);
    assert!(unread.lines[0].quad.bounds().top > last - 20.0);
}

#[test]
fn a_bitmap_that_lies_about_its_size_fails_alone() {
    let lie = PageImage {
        width: 4000,
        height: 4000,
        dpi: 200.0,
        rgb: vec![0; 12],
    };
    let ticket = engine().submit(request(12, vec![lie])).expect("it runs");
    assert!(matches!(ticket.wait(PATIENCE), Err(EngineError::Model(_))));
    assert_eq!(texts(&read(12, page())).len(), LINES.len());
}

#[test]
fn tiny_and_thin_bitmaps_are_read_without_harm() {
    for (width, height) in [(1, 1), (1, 3000), (3000, 1), (40, 2000)] {
        let rgb = (0..width * height * 3)
            .map(|i| (i * 97 % 251) as u8)
            .collect();
        let reading = read(
            13,
            PageImage {
                width,
                height,
                dpi: 72.0,
                rgb,
            },
        );
        assert_eq!(reading.count, 1);
    }
}

#[test]
fn a_cancelled_request_is_not_read() {
    let engine = start(1);
    let busy = engine.submit(request(1, vec![page()])).expect("it runs");
    let dropped = request(2, vec![page()]);
    let flag = dropped.cancel.clone();
    let ticket = engine.submit(dropped).expect("it has a place");
    flag.cancel();
    assert_eq!(ticket.wait(PATIENCE), Err(EngineError::Cancelled));
    assert!(busy.wait(PATIENCE).is_ok());
    let usage = engine.usage();
    assert!(usage.workers == 1 && usage.busy > Duration::ZERO);
}

#[test]
fn dropping_the_engine_tells_those_who_wait() {
    let engine = start(1);
    let tickets: Vec<_> = (0..2)
        .map(|document| {
            engine
                .submit(request(document, vec![page()]))
                .expect("it has a place")
        })
        .collect();
    drop(engine);
    let last = tickets.into_iter().next_back().expect("two were submitted");
    assert_eq!(last.wait(PATIENCE), Err(EngineError::Stopped));
}

#[test]
fn a_missing_model_says_what_to_do() {
    let empty = tempfile::tempdir().expect("a folder");
    let Err(error) = PpOcr::load(empty.path(), config()) else {
        panic!("loaded from an empty folder");
    };
    let text = error.to_string();
    assert!(
        text.contains(DETECTOR_FILE) && text.contains("make setup"),
        "{text}"
    );
    for name in [DETECTOR_FILE, RECOGNIZER_FILE] {
        std::fs::write(empty.path().join(name), b"not a network").expect("writes");
    }
    let Err(error) = PpOcr::load(empty.path(), config()) else {
        panic!("loaded from a file that is no network");
    };
    assert!(matches!(error, LoadError::Invalid { .. }), "{error}");
}

#[test]
fn a_missing_runtime_says_what_to_do() {
    // Another test's engine may have loaded the real one: either way this one is refused.
    let Err(error) = PpOcr::load(&models(), PpOcrConfig::new("/nowhere/lib.so".into())) else {
        panic!("loaded without a runtime");
    };
    assert!(matches!(error, LoadError::Runtime { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("make setup") && text.contains("RECTO_ONNXRUNTIME"),
        "{text}"
    );
}
