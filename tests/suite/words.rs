//! Retired words and British spellings: none in sources, docs, help, messages and scripts. CONTRIBUTING.md's glossary has
//! the words to use.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use regex::{Regex, RegexBuilder};

use crate::support::repository;

/// Retired names in code, exactly as written, and the words that took their place.
const NAMES: &[(&str, &str)] = &[
    ("AtWork", "InFlightJobs"),
    ("Carried", "ProcessedPage"),
    ("Carrier", "PageProcessor"),
    ("Chosen", "PageSelection"),
    ("Consuming", "ConsumeOptions"),
    ("Coming", "Waiting"),
    ("Desk", "ConsumerContext"),
    ("Drain", "Shutdown"),
    ("Furniture", "HeadersFooters"),
    ("HandBack", "Requeue"),
    ("Handling", "DeliveryHandler"),
    ("Lane", "worker"),
    ("Nature", "Retryability"),
    ("Outlet", "ResultPublisher"),
    ("Patience", "Deadline"),
    ("Patient", "DeadlineStream"),
    ("Rung", "FallbackStep"),
    ("Starter", "Spawner"),
    ("Stretch", "Span"),
    ("Tell", "ProgressReporter"),
    ("Trail", "AttemptLog"),
    ("Turnstile", "InOrderWindow"),
    ("UnderWay", "KeyedLock"),
    ("Verdict", "Disposition"),
    ("Visit", "RequestReader"),
    ("die_with", "set_parent_death_signal"),
    ("last_words", "exit_reason"),
    ("shut_doors", "restrict_filesystem"),
    ("soften", "softmax"),
];

/// Retired phrases as regular expressions, in any case, and the words that took their place.
const PHRASES: &[(&str, &str)] = &[
    (r"\bhand(s|ed|ing)?[ _-](\w+ )?back\b", "requeue, return"),
    (r"\bcrash[ _-]loops?\b", "poison message"),
    (r"\bfurniture\b", "headers and footers"),
    (r"\bturnstiles?\b", "in-order window"),
    (r"\bunder[ _]way\b", "in flight, running"),
    (r"\bat_work\b", "in_flight"),
    (
        r"\bengine's own wish\b|\bengine's wish\b|\bwish(es)?\b",
        "engine default, preferred",
    ),
    (r"\banew\b", "again"),
    (r"\bpassing (file|folder|one)\b", "temporary"),
    (
        r"\bwork (folder|dir|directory)\b|\bwork[_-](dir|megabytes)\b",
        "scratch directory",
    ),
    (r"\ba word for programs\b", "machine-readable code"),
    (r"\b(stop(s|ped)?|ends?|exits?) in good order\b", "cleanly"),
    (r"\brecto result\b", "recto results"),
    (
        r"\brasterizer[_-]mib\b|\bmax_raster_mib\b",
        "rasterizer-memory",
    ),
    (
        r"\bmax[_-]megabytes\b|\bmax_document_bytes\b",
        "max-document-size",
    ),
    (r"\bno[_-]page[_-]markers\b", "page-markers=off"),
    (r"\brecto_document_seconds\b", "recto_job_duration_seconds"),
    (
        r"\brecto_confirms?_(total|seconds)\b",
        "recto_publisher_confirm…",
    ),
    (r"\brecto_engine_lanes\b", "recto_engine_workers"),
    (r"\brecto_work_", "recto_scratch_"),
];

/// British spellings, in any case and as parts of words and names.
const BRITISH: &[(&str, &str)] = &[
    ("colour", "color"),
    (r"\bcentre", "center"),
    ("_centre", "_center"),
    ("grey", "gray"),
    ("neighbour", "neighbor"),
    ("honour", "honor"),
    ("behaviour", "behavior"),
    ("favour", "favor"),
    ("labour", "labor"),
    ("licence", "license"),
    ("artefact", "artifact"),
    ("labelled", "labeled"),
    ("modelled", "modeled"),
    ("travelled", "traveled"),
    (r"\bwhilst\b", "while"),
    (r"\bmetres?\b", "meter"),
    (
        "(recogn|normal|initial|optim|organ|serial|summar|token|vector|util|minim|maxim|real|quant|raster|binar|visual|standard|categor|synchron|prior|special|general|capital|emphas|parallel)is(e|ed|er|es|ing|ation|able)",
        "-ize",
    ),
    (r"\banalys(e|ed|er|ing)\b", "analyze"),
];

/// Openings of doc comments that make the reader guess what the thing is.
const RIDDLE: &str = r"^\s*//[/!] (What|Who|Where|How|Why|Whether)\b";

/// Folders of the repository that are not ours to word, or whose words are documents' texts and fixed expectations.
const SKIPPED: &[&str] = &[
    ".git",
    "target",
    "out",
    "schemas/json",
    "pipeline/fixtures",
    "pipeline/models",
    "tests/samples",
    "tests/reference/expected",
    "tests/reference/checkpoints",
    "training/runs",
];
/// Files that speak of retired words themselves.
const EXEMPT: &[&str] = &[
    "tests/suite/words.rs",
    "pipeline/src/engine/ppocr/tests.rs",
    "CHANGELOG.md",
    "LICENSE",
    "Cargo.lock",
];
/// Endings of files with words.
const ENDINGS: &[&str] = &[
    "rs", "md", "txt", "toml", "py", "sh", "yml", "yaml", "example", "css",
];

#[test]
fn no_retired_word_and_one_spelling() {
    let rules = Rules::new();
    let mut found = Vec::new();
    for file in files(repository()) {
        let Ok(text) = fs::read_to_string(repository().join(&file)) else {
            continue;
        };
        rules.check(&file, &text, &mut found);
    }
    found.sort();
    let mut list = String::new();
    for (file, line, word, instead) in &found {
        let _ = writeln!(list, "{}:{line}: {word} -> {instead}", file.display());
    }
    assert!(found.is_empty(), "{} retired words:\n{list}", found.len());
}

#[test]
fn each_rule_finds_what_it_is_for() {
    let rules = Rules::new();
    let text = "/// Whether it holds.\nlet desk: Desk = hand_back(colour, recogniser);\nprecise, raise, realistic, perimeter, desk\n";
    let mut found = Vec::new();
    rules.check(Path::new("a.rs"), text, &mut found);
    found.sort();
    let words: Vec<(usize, &str)> = found
        .iter()
        .map(|(_, line, word, _)| (*line, &**word))
        .collect();
    assert_eq!(
        words,
        [
            (1, "/// Whether"),
            (2, "Desk"),
            (2, "colour"),
            (2, "hand_back"),
            (2, "recognise")
        ]
    );
}

/// Where a word is: file, line, the word, what to write instead.
type Finding = (PathBuf, usize, String, String);

struct Rules {
    /// For code.
    names: Vec<(Regex, String)>,
    /// For everything.
    words: Vec<(Regex, String)>,
    /// For doc comments.
    riddle: Regex,
}

impl Rules {
    fn new() -> Self {
        let rule = |pattern: &str, instead: &str, any_case: bool| {
            let built = RegexBuilder::new(pattern)
                .case_insensitive(any_case)
                .build();
            (built.unwrap(), instead.to_owned())
        };
        let names = NAMES.iter();
        let words = PHRASES.iter().chain(BRITISH);
        Self {
            names: names
                .map(|(name, instead)| rule(&format!(r"\b{name}\b"), instead, false))
                .collect(),
            words: words
                .map(|(pattern, instead)| rule(pattern, instead, true))
                .collect(),
            riddle: Regex::new(RIDDLE).unwrap(),
        }
    }

    fn check(&self, file: &Path, text: &str, found: &mut Vec<Finding>) {
        for (pattern, instead) in &self.words {
            for word in pattern.find_iter(text) {
                let line = 1 + text[..word.start()].matches('\n').count();
                found.push((
                    file.to_owned(),
                    line,
                    word.as_str().to_owned(),
                    instead.clone(),
                ));
            }
        }
        if file.extension().is_some_and(|ending| ending == "rs") {
            self.check_rust(file, text, found);
        }
    }

    fn check_rust(&self, file: &Path, text: &str, found: &mut Vec<Finding>) {
        let mut in_doc = false;
        for (index, line) in text.lines().enumerate() {
            let mut add = |word: &str, instead: &str| {
                found.push((
                    file.to_owned(),
                    index + 1,
                    word.to_owned(),
                    instead.to_owned(),
                ));
            };
            let start = line.trim_start();
            let is_doc = start.starts_with("///") || start.starts_with("//!");
            // Only the first line of a doc comment opens it.
            if is_doc && !in_doc && self.riddle.is_match(line) {
                add(
                    start
                        .split_inclusive(' ')
                        .take(2)
                        .collect::<String>()
                        .trim(),
                    "begin with the thing itself",
                );
            }
            in_doc = is_doc;
            if !start.starts_with("//") {
                for (name, instead) in &self.names {
                    name.find_iter(line)
                        .for_each(|found| add(found.as_str(), instead));
                }
            }
        }
    }
}

/// Files with words, named from the repository's folder.
fn files(repository: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(repository.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            let is = |list: &[&str]| list.iter().any(|listed| path == Path::new(listed));
            if is(SKIPPED) || is(EXEMPT) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if is_worded(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn is_worded(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
        || path.ends_with("Makefile")
        || path.ends_with(".ci/run")
}
