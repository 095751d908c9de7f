//! Models' markup beside the Markdown that becomes of it.

use std::time::{Duration, Instant};

use pulldown_cmark::{Event, Options, Parser as Reader};
use recto_schemas::Options as DocumentOptions;

use super::*;
use crate::text::markdown;

fn written(markup: &str) -> String {
    markdown::page(&blocks(markup), &DocumentOptions::default(), false).text
}

/// `samples/NAME.mmd` becomes `samples/NAME.md`. `RECTO_BLESS=1` writes those again.
#[test]
fn samples_become_what_people_use() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/text/mathpix/samples");
    for name in ["article", "table", "plain", "broken"] {
        let markup = std::fs::read_to_string(format!("{folder}/{name}.mmd")).unwrap();
        let path = format!("{folder}/{name}.md");
        let found = written(&markup);
        if std::env::var_os("RECTO_BLESS").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(&path).unwrap(), "{name}");
    }
}

/// A reader of Markdown finds the formulas and the tables again.
#[test]
fn readers_find_formulas_and_tables() {
    let options = Options::ENABLE_TABLES | Options::ENABLE_MATH;
    let found = |markdown: &str| -> Vec<String> {
        let said = |event| match event {
            Event::InlineMath(latex) => Some(format!("${latex}")),
            Event::DisplayMath(latex) => Some(format!("$${}", latex.trim())),
            Event::Start(pulldown_cmark::Tag::Table(_)) => Some("table".to_owned()),
            Event::Text(text) => Some(text.to_string()),
            _ => None,
        };
        Reader::new_ext(markdown, options)
            .filter_map(said)
            .collect()
    };
    let markup = "Costs $5-$6, \\(a_b*c*\\) and\n\\[\n- x\n\\]\n\\begin{tabular}{ll} \\(|x|\\) & \\$1-\\$2 \\\\ b & c \\end{tabular}";
    assert_eq!(
        found(&written(markup)),
        [
            "Costs ",
            "$5-",
            "$6, ",
            "$a_b*c*",
            " and",
            "$$- x",
            "table",
            r"$\vert x\vert",
            "$1-",
            "$2",
            "b",
            "c"
        ]
    );
}

/// Pieces that matter, thrown together: nothing panics, and no word is lost.
#[test]
fn no_word_is_lost_whatever_stands_together() {
    let pieces = [
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\begin{tabular}{ll}",
        "\\end{tabular}",
        "\\begin{align}",
        "\\end{align}",
        "\\begin{itemize}",
        "\\item ",
        "\\end{itemize}",
        "\\title{",
        "\\section*{",
        "\\textbf{",
        "{",
        "}",
        "&",
        "\\\\",
        "\n",
        "\n\n",
        "$",
        "$$",
        "**",
        "\\left(",
        "\\right)",
        "\\multicolumn{2}{c}{",
        "\\multirow{2}{*}{",
        "\\hline ",
        "| ",
        "|-|\n",
        "# ",
        "- ",
        "1. ",
        "\\footnote{",
        "\\unknown",
        "\\",
        "%",
        "é",
        "汉",
        "\\frac{",
        "\\begin{array}{c}",
        "\\end{array}",
        "<br>",
        "\\textsuperscript{",
        "-\n",
        "\\'",
        "_",
    ];
    let mut state = 7_u32;
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 12) as usize % below
    };
    for _ in 0..20_000 {
        let mut markup = String::new();
        let mut words = Vec::new();
        for i in 0..14 {
            markup.push_str(pieces[next(pieces.len())]);
            if next(2) == 0 {
                let word = format!("w{i}w");
                markup.push_str(&format!(" {word} "));
                words.push(word);
            }
        }
        let markdown = written(&markup);
        for word in words {
            assert!(
                markdown.contains(&word),
                "{word} of {markup:?} is not in {markdown:?}"
            );
        }
    }
}

#[test]
fn hostile_markup_takes_time_in_proportion() {
    for piece in [
        "\\(",
        "\\[",
        "\\[\n\n",
        "{",
        "}",
        "\\left(",
        "\\right)",
        "{\\right)",
        "$a",
        "$$a",
        "**a",
        "&",
        "\\begin{tabular}{l}",
        "\\begin{tabular}{l}&\\\\",
        "\\begin{align}\n\n",
        "\\begin{array}\n\n",
        "\\begin{itemize}\\item ",
        "\\textbf{",
        "\\section{",
        "\\footnote{",
        "\\hspace{",
        "\\item[",
        "\\'",
        "1. a\n",
        "| a\n|-|\n",
        "|",
        "# ",
        "\\multicolumn{9999}{c}{",
        "\\(\\begin{a}",
        "\\(\\left(&",
        "-\n",
    ] {
        for before in ["", "\\begin{tabular}{l} ", "\\("] {
            let markup = format!("{before}{}", piece.repeat(100_000 / piece.len()));
            let start = Instant::now();
            let markdown = written(&markup);
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{piece:?} after {before:?}"
            );
            assert!(
                markdown.len() < 40 * markup.len(),
                "{piece:?} after {before:?}"
            );
        }
    }
}
