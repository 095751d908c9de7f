//! Running headers and footers over documents made up by chance: nothing of the body is ever taken for one, and those
//! that there are are found.

use super::*;

/// A small generator of numbers (xorshift), so that each document is the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

const NOUNS: [&str; 12] = [
    "Anchor", "Rope", "Valve", "Lamp", "Pump", "Chain", "Rudder", "Winch", "Sail", "Oar", "Buoy",
    "Mast",
];
const HEADS: [&str; 6] = ["Item", "Description", "Shelf", "Amount", "Balance", "Date"];
const PROSE: [&str; 5] = [
    "the harbour commission met to review the contract for the basin",
    "members agreed that the survey should be repeated before winter",
    "residents along the canal asked for quieter pumps at night and",
    "the treasurer reported a small surplus for the year, as before",
    "old units will be replaced in spring by others that cost less",
];

/// The text that fills the pages of a made-up document.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Body {
    /// A table from top to bottom, with a head row on each page.
    Table {
        columns: usize,
        ruled: bool,
        repeats_head: bool,
    },
    /// Running text.
    Prose,
    /// Short lines under one another, which differ little.
    List,
}

/// A made-up document: its pages, and the lines of each that run through them.
struct MadeUp {
    pages: Vec<PageContent>,
    running: Vec<Vec<TextLine>>,
}

/// Traits that the pages of one document have in common.
struct Style {
    body: Body,
    /// Distance of rows, in pixels.
    step: f32,
    head: bool,
    /// The running head is on the outer side: left on even pages.
    facing: bool,
    number: bool,
    is_ocr: bool,
    first_number: u32,
    pages: u32,
}

fn style(chance: &mut Chance) -> Style {
    let body = match chance.below(5) {
        0 => Body::Prose,
        1 => Body::List,
        _ => Body::Table {
            columns: 2 + chance.below(5),
            ruled: chance.one_in(2),
            repeats_head: !chance.one_in(3),
        },
    };
    Style {
        body,
        step: 24.0 + chance.below(20) as f32,
        head: !chance.one_in(4),
        facing: chance.one_in(3),
        number: !chance.one_in(4),
        is_ocr: chance.one_in(3),
        first_number: 1 + chance.below(40) as u32,
        pages: 1 + chance.below(6) as u32,
    }
}

fn made_up(seed: u64) -> MadeUp {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let style = style(&mut chance);
    let titles = [
        chance.pick(&NOUNS),
        chance.pick(&NOUNS),
        chance.pick(&NOUNS),
    ];
    let mut made = MadeUp {
        pages: Vec::new(),
        running: Vec::new(),
    };
    let mut row = 0;
    for n in 1..=style.pages {
        let running = running(&style, n, &titles, &mut chance);
        let top = if style.head || chance.one_in(2) {
            110.0
        } else {
            40.0
        };
        let (mut lines, rulings) = body(&style, top, &mut row, &mut chance);
        lines.extend(running.iter().cloned());
        if !style.is_ocr {
            lines.iter_mut().for_each(|line| line.confidence = None);
        }
        made.pages.push(PageContent {
            rulings,
            ..page(n, lines)
        });
        made.running.push(running);
    }
    made
}

/// The running head and the page number of page `n`.
fn running(style: &Style, n: u32, titles: &[&str; 3], chance: &mut Chance) -> Vec<TextLine> {
    let mut lines = Vec::new();
    let even = n.is_multiple_of(2);
    if style.head {
        let title = if style.facing && even {
            titles[0]
        } else {
            titles[1 + (n as usize / 5) % 2]
        };
        let mut text = format!("The {title} Stores");
        if style.is_ocr && chance.one_in(6) {
            text = text.replacen('o', "c", 1);
        }
        let x = if style.facing && !even {
            900.0 - 10.0 * text.len() as f32
        } else {
            100.0
        };
        lines.push(line(x, 40.0, &text));
    }
    if style.number {
        let text = format!("{}", style.first_number + n - 1);
        let x = match (style.facing, even) {
            (false, _) => 500.0 - 5.0 * text.len() as f32,
            (true, true) => 100.0,
            (true, false) => 900.0 - 10.0 * text.len() as f32,
        };
        lines.push(line(x, 1340.0, &text));
    }
    lines
}

fn body(
    style: &Style,
    top: f32,
    row: &mut usize,
    chance: &mut Chance,
) -> (Vec<TextLine>, PageRulings) {
    match style.body {
        Body::Table {
            columns,
            ruled,
            repeats_head,
        } => {
            let mut lines = Vec::new();
            let mut y = top;
            let mut edges = vec![y - 4.0];
            if repeats_head || *row == 0 {
                lines.extend((0..columns).map(|c| line(cell_left(c), y, HEADS[c])));
                y += style.step;
                edges.push(y - 4.0);
            }
            while y < 1280.0 {
                *row += 1;
                lines.extend(cells(columns, *row, y, chance));
                y += style.step;
                edges.push(y - 4.0);
            }
            (
                lines,
                if ruled {
                    grid(columns, &edges)
                } else {
                    PageRulings::default()
                },
            )
        }
        Body::Prose | Body::List => {
            let rows = ((1280.0 - top) / style.step) as usize;
            let text = |chance: &mut Chance| match style.body {
                Body::Prose => chance.pick(&PROSE).to_owned(),
                _ => format!("{}son, {}", chance.pick(&NOUNS), chance.pick(&NOUNS)),
            };
            let lines = (0..rows).map(|i| line(100.0, top + i as f32 * style.step, &text(chance)));
            (lines.collect(), PageRulings::default())
        }
    }
}

fn cell_left(column: usize) -> f32 {
    100.0 + 140.0 * column as f32
}

/// The cells of a row: its number, a word, amounts, now and then a total or nothing.
fn cells(columns: usize, row: usize, y: f32, chance: &mut Chance) -> Vec<TextLine> {
    let number = if chance.one_in(40) {
        1 + chance.below(3)
    } else {
        row
    };
    let mut lines = vec![line(cell_left(0), y, &number.to_string())];
    lines.push(line(cell_left(1), y, chance.pick(&NOUNS)));
    for c in 2..columns {
        let text = match chance.below(6) {
            0 => continue,
            1 => format!("{}", chance.below(50)),
            2 => "12.50".to_owned(),
            _ => format!("{}.{:02}", chance.below(30), chance.below(100)),
        };
        lines.push(line(cell_left(c), y, &text));
    }
    if chance.one_in(30) {
        lines.retain(|cell| cell.text.parse::<u32>().is_ok());
    }
    lines
}

fn grid(columns: usize, edges: &[f32]) -> PageRulings {
    let (left, right) = (cell_left(0) - 10.0, cell_left(columns) - 10.0);
    let (top, bottom) = (edges[0], edges[edges.len() - 1]);
    PageRulings {
        horizontal: edges
            .iter()
            .map(|&at| RulingLine {
                at,
                start: left,
                end: right,
            })
            .collect(),
        vertical: (0..=columns)
            .map(|c| RulingLine {
                at: cell_left(c) - 10.0,
                start: top,
                end: bottom,
            })
            .collect(),
    }
}

fn same_place(record: &recto_schemas::LineRecord, line: &TextLine) -> bool {
    record.quad[0] == [line.quad.0[0].x, line.quad.0[0].y]
}

#[test]
fn no_row_of_a_body_is_taken_and_running_heads_are_found() {
    let (mut found, mut all, mut taken) = (0, 0, Vec::new());
    for seed in 1..=600 {
        let MadeUp { pages, running } = made_up(seed);
        let several = pages.len() > 1;
        for (page, running) in assemble(HeadersFooters::Drop, false, pages)
            .iter()
            .zip(&running)
        {
            let marked = page.lines.iter().filter(|line| {
                matches!(
                    line.role,
                    LineRole::Header | LineRole::Footer | LineRole::PageNumber
                )
            });
            for record in marked {
                if running.iter().any(|line| same_place(record, line)) {
                    found += 1;
                } else {
                    taken.push(format!(
                        "document {seed}, page {}: {:?}",
                        page.number, record.text
                    ));
                }
            }
            all += if several { running.len() } else { 0 };
        }
    }
    assert!(taken.is_empty(), "{} lines: {taken:#?}", taken.len());
    assert!(
        found * 10 > all * 9,
        "{found} of {all} running heads and page numbers"
    );
}

#[test]
fn every_cell_of_a_table_is_in_its_table() {
    for seed in 1..=300 {
        let MadeUp { pages, running } = made_up(seed);
        for (page, running) in assemble(HeadersFooters::Drop, false, pages.clone())
            .iter()
            .zip(&running)
        {
            if pages[0].rulings.horizontal.is_empty() {
                continue;
            }
            for record in &page.lines {
                let runs = running.iter().any(|line| same_place(record, line));
                assert!(
                    runs || record.role == LineRole::Table,
                    "document {seed}, page {}: {:?} is a {:?}\n{}",
                    page.number,
                    record.text,
                    record.role,
                    page.markdown
                );
            }
        }
    }
}

#[test]
fn a_table_over_several_pages_keeps_its_head_row_and_its_first_number() {
    let pages = |ruled: bool| {
        (1..=3).map(move |n| {
            let head = ["Item", "Description", "Shelf"];
            let mut lines: Vec<TextLine> =
                (0..3).map(|c| line(cell_left(c), 110.0, head[c])).collect();
            let mut edges = vec![106.0, 132.0];
            for i in 0..20 {
                let y = 136.0 + i as f32 * STEP;
                let item = (n - 1) * 20 + i + 1;
                let part = NOUNS[(item * 7 % 12) as usize];
                lines.push(line(cell_left(0), y, &item.to_string()));
                lines.push(line(cell_left(1), y, part));
                lines.push(line(cell_left(2), y, &format!("C{item}")));
                edges.push(y + 22.0);
            }
            lines.push(line(100.0, 40.0, "Inventory of the stores"));
            lines.push(line(880.0, 40.0, &n.to_string()));
            let rulings = if ruled {
                grid(3, &edges)
            } else {
                PageRulings::default()
            };
            PageContent {
                rulings,
                ..page(n as u32, lines)
            }
        })
    };
    for ruled in [true, false] {
        for page in assemble(HeadersFooters::Drop, false, pages(ruled).collect()) {
            let first = (page.number - 1) * 20 + 1;
            let text = &page.markdown;
            assert!(
                text.starts_with("| Item | Description | Shelf |\n"),
                "{text}"
            );
            assert!(text.contains(&format!("| {first} |")), "{text}");
            assert_eq!(text.lines().count(), 22, "{text}");
        }
    }
}

#[test]
fn a_sentence_that_repeats_without_white_below_is_no_running_head() {
    let pages = (1..=3).map(|n| {
        let mut lines = block(
            100.0,
            60.0,
            &[
                "Perturbation Evaluation Set. For each of the tests we",
                "created new sets to measure",
            ],
        );
        lines.extend(block(100.0, 60.0 + 2.0 * STEP, &PROSE[n as usize..]));
        page(n, lines)
    });
    for page in assemble(HeadersFooters::Drop, false, pages.collect()) {
        assert!(
            page.markdown.starts_with("Perturbation Evaluation Set."),
            "{}",
            page.markdown
        );
    }
}

#[test]
fn a_stamped_number_counts_with_the_pages() {
    let pages = (1..=3).map(|n| {
        let mut lines = prose(100.0);
        lines.push(line(700.0, 1340.0, &format!("{:06}", 122 + n)));
        page(n, lines)
    });
    for page in assemble(HeadersFooters::Drop, false, pages.collect()) {
        assert!(!page.markdown.contains("0012"), "{}", page.markdown);
    }
}
