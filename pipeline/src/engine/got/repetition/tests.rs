//! Tests of the repetition detector.

use std::time::{Duration, Instant};

use super::*;

/// A vocabulary that grows with the texts: one id per text.
#[derive(Default)]
struct Words(Vec<&'static str>);

impl Words {
    fn ids(&mut self, texts: &[&'static str]) -> Vec<u32> {
        let id = |text| match self.0.iter().position(|known| *known == text) {
            Some(id) => id as u32,
            None => {
                self.0.push(text);
                self.0.len() as u32 - 1
            }
        };
        texts.iter().copied().map(id).collect()
    }
}

/// The detector's result on texts, and the tokens that it took until then.
fn seen(texts: &[&'static str], max_equal_rows: usize) -> Option<(DetectedLoop, usize)> {
    let mut words = Words::default();
    let ids = words.ids(texts);
    let vocabulary = words.0.iter().enumerate().map(|(id, t)| (id as u32, *t));
    let token_classes = Arc::new(TokenClasses::new(&[], vocabulary));
    let mut detector = RepetitionDetector::new(token_classes, max_equal_rows);
    ids.iter()
        .enumerate()
        .find_map(|(at, id)| Some((detector.push(*id)?, at + 1)))
}

fn repeat(before: &[&'static str], unit: &[&'static str], copies: usize) -> Vec<&'static str> {
    [before, &unit.repeat(copies)].concat()
}

const INTRO: &[&str] = &["\\title{", "Report", "}", "\n", "of", "the", "year"];
const ROW: &[&str] = &["N", "/A", " &", " 0", " \\\\", " \\", "hline", "\n"];
const EMPTY_ROW: &[&str] = &[" &", " &", " &", " \\\\"];

#[test]
fn honest_repetition_is_not_cut() {
    let paragraph: Vec<&'static str> = vec!["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let cases: &[(&str, &[&'static str], usize)] = &[
        ("leader dots", &["."], 150),
        ("spaced dots", &[" .", " "], 60),
        ("a rule", &["_"], 150),
        ("digits", &["0"], 24),
        ("a table of equal rows", ROW, 100),
        ("a table of empty rows", EMPTY_ROW, 100),
        (
            "a table of equal rows in Markdown",
            &["|", " a", " |\n"],
            100,
        ),
        ("a row of empty cells", &[" &"], 60),
        ("a row of equal cells", &[" &", " ", "0", ".", "0"], 30),
        ("a list of N/A", &["N", "/A", "\n"], 30),
        ("lines to sign on", &["Name", ":", "____", "\n"], 20),
        ("some words", &["ha", ","], 20),
        ("a paragraph twice", &paragraph, 2),
        (
            "labels",
            &[
                "Mr", "A", "Main", "Street", "1", "X", "City", "Land", "Box", "9",
            ],
            8,
        ),
    ];
    for (name, unit, copies) in cases {
        let texts = repeat(INTRO, unit, *copies);
        assert_eq!(seen(&texts, 0), None, "{name}");
    }
}

#[test]
fn loops_are_cut_after_their_first_copy() {
    // The unit, and the maximum tokens until it is detected.
    let cases: &[(&str, &[&'static str], usize)] = &[
        ("one token", &["x"], 40),
        ("two tokens", &["ha", "ho"], 60),
        ("a short phrase", &["in", "the", "year", "of"], 60),
        (
            "a formula",
            &["\\(", "x", "_", "{", "1", "}", "+", "y", "\\)"],
            100,
        ),
        ("dots without an end", &["."], 170),
        ("dashes without an end", &["-", " "], 170),
        ("lines without an end", &["N", "/A", "\n"], 110),
        ("cells without an end", &[" &"], 80),
        ("cells with zeros", &[" &", " ", "0"], 220),
        ("rows without an end", EMPTY_ROW, 410),
        ("rows with rules", ROW, 820),
    ];
    for (name, unit, most) in cases {
        let texts = repeat(INTRO, unit, 1000);
        let (found, at) = seen(&texts, 0).unwrap_or_else(|| panic!("{name} is not seen"));
        assert_eq!(found.start, INTRO.len() + unit.len(), "{name}");
        assert!(at - INTRO.len() <= *most, "{name}: seen after {at} tokens");
    }
}

#[test]
fn a_page_may_say_how_many_equal_rows_it_has() {
    assert_eq!(seen(&repeat(INTRO, ROW, 400), 400), None);
    let (found, at) = seen(&repeat(INTRO, ROW, 500), 400).expect("a loop");
    assert_eq!(found.start, INTRO.len() + ROW.len());
    assert!(at <= INTRO.len() + 402 * ROW.len());
}

/// Tokens of a plain vocabulary in which nothing repeats.
fn noise(count: usize, words: u32, mut state: u32) -> Vec<u32> {
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 12) % words
    };
    (0..count).map(next).collect()
}

fn plain_detector() -> RepetitionDetector {
    RepetitionDetector::new(Arc::new(TokenClasses::default()), 0)
}

fn first_loop(tokens: &[u32]) -> Option<(DetectedLoop, usize)> {
    let mut detector = plain_detector();
    tokens
        .iter()
        .enumerate()
        .find_map(|(at, token)| Some((detector.push(*token)?, at + 1)))
}

#[test]
fn units_up_to_the_longest_are_seen() {
    for period in [1, 2, 8, 9, 33, 64, 65, 256, 257, MAX_PERIOD] {
        let unit = noise(period, 50_000, 5);
        let intro = noise(300, 50_000, 77);
        let tokens = [intro, unit.repeat(60)].concat();
        let (found, at) = first_loop(&tokens).unwrap_or_else(|| panic!("period {period}"));
        assert_eq!(found.start, 300 + period, "period {period}");
        let most = (period * 3).max((period * 5).min(1024)).max(100);
        assert!(at <= 300 + most, "period {period}: at {at}");
    }
}

#[test]
fn a_loop_of_whole_tables_is_seen_though_its_rows_are_honest() {
    let mut unit = vec!["\\begin{tabular}"];
    unit.extend(ROW.repeat(30));
    unit.extend(["\\end{tabular}", "Table", "of", "figures"]);
    let texts = repeat(INTRO, &unit, 10);
    let (found, at) = seen(&texts, 0).expect("a loop");
    assert_eq!(found.start, INTRO.len() + unit.len());
    // Counted in rows: the same allowance as for one table of equal rows.
    assert!(at <= INTRO.len() + 5 * unit.len());
}

#[test]
fn text_that_does_not_repeat_is_never_cut() {
    for seed in 0..20 {
        for words in [3, 10, 5000] {
            assert_eq!(first_loop(&noise(4096, words, seed)), None);
        }
    }
}

#[test]
fn the_worst_text_costs_little() {
    // Acceptable repetition without an end: each token is suspicious.
    let row = [1, 2, 3, 4];
    let token_classes = TokenClasses::new(&[], [(4, "\\\\")]);
    let mut detector = RepetitionDetector::new(Arc::new(token_classes), 1_000_000);
    let tokens = row.repeat(2048);
    let started = Instant::now();
    for token in &tokens {
        assert_eq!(detector.push(*token), None);
    }
    // A hundred times the usual: this finds a wrong order of growth, not a slow machine.
    let most = Duration::from_micros(500) * u32::try_from(tokens.len()).expect("few");
    assert!(started.elapsed() < most, "{:?}", started.elapsed());
}
