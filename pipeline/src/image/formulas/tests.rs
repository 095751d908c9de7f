use super::{math_fonts::MathFont, *};
use crate::image::formulas::symbols::{SignKind, kind};

const LETTERS: Option<MathFont> = Some(MathFont::Letters);
const SYMBOLS: Option<MathFont> = Some(MathFont::Symbols);
const ROMAN: Option<MathFont> = Some(MathFont::Roman);
const EXTENSION: Option<MathFont> = Some(MathFont::Extension);

/// Sets type as on a page: each sign half an em wide.
#[derive(Default)]
struct Page {
    glyphs: Vec<Glyph>,
    bars: Vec<Bar>,
    x: f64,
    y: f64,
}

impl Page {
    /// A page that sets its next sign there.
    fn at(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            ..Self::default()
        }
    }

    fn to(mut self, x: f64, y: f64) -> Self {
        (self.x, self.y) = (x, y);
        self
    }

    fn gap(mut self, points: f64) -> Self {
        self.x += points;
        self
    }

    /// Signs of ten points on the line.
    fn set(self, font: Option<MathFont>, text: &str) -> Self {
        self.sized(font, text, 10.0, 0.0)
    }

    /// A slanted letter of the text's own type.
    fn slanted(mut self, letter: &str) -> Self {
        self = self.set(None, letter);
        if let Some(glyph) = self.glyphs.last_mut() {
            glyph.italic = true;
        }
        self
    }

    /// Relations and binary operators of ten points, with their space around.
    fn op(self, font: Option<MathFont>, text: &str) -> Self {
        self.gap(2.8).set(font, text).gap(2.8)
    }

    /// Signs of a script, so much above the line.
    fn script(self, font: Option<MathFont>, text: &str, above: f64) -> Self {
        self.sized(font, text, 7.0, above)
    }

    fn sized(mut self, font: Option<MathFont>, text: &str, size: f64, above: f64) -> Self {
        let baseline = self.y - above;
        for text in text.chars() {
            if text == ' ' {
                self.x += 0.33 * size;
                continue;
            }
            let width = 0.5 * size;
            let high = if text.is_lowercase() { 0.45 } else { 0.7 };
            self.glyphs.push(Glyph {
                text,
                origin: (self.x, baseline),
                direction: (1.0, 0.0),
                bounds: [
                    self.x,
                    baseline - 0.9 * size,
                    self.x + width,
                    baseline + 0.2 * size,
                ],
                outline: [
                    self.x + 0.2,
                    baseline - high * size,
                    self.x + width - 0.2,
                    baseline,
                ],
                size,
                math_font: font,
                ..Glyph::default()
            });
            self.x += width;
        }
        self
    }

    /// A large sign of the extension font, from `top` to `bottom`.
    fn large(mut self, text: char, width: f64, top: f64, bottom: f64) -> Self {
        self.glyphs.push(Glyph {
            text,
            origin: (self.x, top),
            direction: (1.0, 0.0),
            bounds: [self.x, top, self.x + width, bottom],
            outline: [self.x, top, self.x + width, bottom],
            size: 10.0,
            math_font: if text == '√' { SYMBOLS } else { EXTENSION },
            ..Glyph::default()
        });
        if kind(text) != SignKind::LargeOperator || width > 0.0 {
            self.x += width;
        }
        self
    }

    fn bar(mut self, left: f64, right: f64, y: f64) -> Self {
        self.bars.push([left, y, right, y + 0.4]);
        self
    }

    /// A line of text across the column above and below what follows.
    fn between_lines(self) -> Self {
        let (x, y) = (self.x, self.y);
        self.to(50.0, y - 40.0)
            .set(
                None,
                "A line of plain text that is as wide as the column is and says so",
            )
            .to(50.0, y + 40.0)
            .set(
                None,
                "and another line of plain text that is as wide as the column is",
            )
            .to(x, y)
    }

    fn latex(&self) -> Vec<String> {
        let found = find(&self.glyphs, &self.bars);
        found.into_iter().map(|formula| formula.latex).collect()
    }
}

#[test]
fn a_formula_in_a_line_takes_its_numbers_and_scripts() {
    let page = Page::at(50.0, 100.0)
        .set(ROMAN, "where ")
        .set(LETTERS, "x")
        .script(LETTERS, "i", -1.5)
        .op(ROMAN, "=")
        .set(ROMAN, "10")
        .script(ROMAN, "25", 3.6)
        .set(ROMAN, " and 7 of them, say ")
        .set(LETTERS, "α")
        .set(ROMAN, ", are");
    assert_eq!(page.latex(), ["x_{i}=10^{25}", "\\alpha"]);
    let found = find(&page.glyphs, &page.bars);
    assert!(!found[0].is_display);
    assert_eq!(found[0].plain, "xi = 1025");
}

#[test]
fn a_letter_before_a_bracket_of_another_font_is_a_function() {
    let page = Page::at(50.0, 100.0)
        .set(None, "we conclude that there is ")
        .slanted("c")
        .set(ROMAN, "(")
        .slanted("g")
        .set(ROMAN, ")")
        .set(None, " as well as c(g) here");
    assert_eq!(page.latex(), ["c(g)"]);
}

#[test]
fn an_equation_in_the_text_s_own_type_is_one_where_no_words_are_beside_it() {
    let latex = |page: Page| {
        let marked = put_in_place(page.glyphs, &page.bars);
        let formulas = marked.into_iter().filter_map(|glyph| glyph.formula);
        formulas
            .map(|formula| formula.latex.clone())
            .collect::<Vec<_>>()
    };
    let equation = |page: Page| {
        page.slanted("a")
            .script(None, "2", 3.6)
            .op(None, "+")
            .slanted("b")
            .script(None, "2", 3.6)
            .op(None, "=")
            .slanted("c")
            .script(None, "2", 3.6)
    };
    let alone = equation(Page::at(150.0, 200.0).between_lines());
    assert_eq!(latex(alone), ["a^{2}+b^{2}=c^{2}"]);
    let in_text = equation(Page::at(50.0, 200.0).set(None, "the sides of which are "));
    assert_eq!(latex(in_text), Vec::<String>::new());
    let number = Page::at(150.0, 200.0).between_lines().slanted("n");
    assert_eq!(
        latex(number.op(None, "=").set(None, "25")),
        Vec::<String>::new()
    );
}

#[test]
fn brackets_of_the_text_stay_with_the_text() {
    let page = Page::at(50.0, 100.0)
        .set(ROMAN, "the size (")
        .set(LETTERS, "n")
        .set(ROMAN, ") of ")
        .set(LETTERS, "f")
        .set(ROMAN, "(")
        .set(LETTERS, "x")
        .set(ROMAN, ") and log ")
        .set(LETTERS, "n");
    assert_eq!(page.latex(), ["n", "f(x)", "\\log n"]);
}

#[test]
fn notes_and_numbers_of_the_text_are_no_formulas() {
    let note = Page::at(50.0, 100.0)
        .set(ROMAN, "a word")
        .script(SYMBOLS, "∗", 3.6)
        .set(ROMAN, " and another")
        .script(ROMAN, "2", 3.6)
        .set(ROMAN, " of 1987 (page 3)");
    assert_eq!(note.latex(), Vec::<String>::new());
    let bullet = Page::at(50.0, 100.0)
        .set(SYMBOLS, "•")
        .set(ROMAN, " one thing");
    assert_eq!(bullet.latex(), Vec::<String>::new());
}

#[test]
fn a_fraction_on_a_line_of_its_own_has_its_number() {
    let page = Page::at(150.0, 200.0)
        .between_lines()
        .set(LETTERS, "y")
        .op(ROMAN, "=")
        .to(170.0, 193.0)
        .set(LETTERS, "a")
        .set(ROMAN, "+1")
        .bar(170.0, 185.0, 197.3)
        .to(175.0, 206.8)
        .set(LETTERS, "x")
        .to(390.0, 200.0)
        .set(ROMAN, "(12)");
    assert_eq!(page.latex(), ["y=\\frac{a+1}{x}\\tag{12}"]);
    assert!(find(&page.glyphs, &page.bars)[0].is_display);
}

#[test]
fn limits_stand_over_and_under_their_sum() {
    let page = Page::at(150.0, 200.0)
        .between_lines()
        .set(LETTERS, "s")
        .op(ROMAN, "=")
        .large('∑', 14.0, 190.0, 204.0)
        .to(171.0, 188.5)
        .script(LETTERS, "n", 0.0)
        .to(166.0, 211.0)
        .script(LETTERS, "i", 0.0)
        .script(ROMAN, "=1", 0.0)
        .to(183.0, 200.0)
        .set(LETTERS, "x")
        .script(LETTERS, "i", -1.5);
    assert_eq!(page.latex(), ["s=\\sum_{i=1}^{n}x_{i}"]);
}

#[test]
fn roots_and_binomials_are_told_by_bars_and_delimiters() {
    let page = Page::at(150.0, 200.0)
        .between_lines()
        .set(LETTERS, "r")
        .op(ROMAN, "=")
        .large('√', 8.0, 190.0, 203.0)
        .set(LETTERS, "p")
        .script(ROMAN, "2", 3.6)
        .bar(173.6, 182.1, 190.0)
        .op(ROMAN, "+")
        .large('(', 6.0, 186.0, 208.0)
        .to(199.0, 194.0)
        .set(LETTERS, "n")
        .to(199.0, 206.0)
        .set(LETTERS, "k")
        .large(')', 6.0, 186.0, 208.0);
    assert_eq!(page.latex(), ["r=\\sqrt{p^{2}}+\\binom{n}{k}"]);
}

#[test]
fn letters_of_special_fonts_are_written_as_such() {
    let page = Page::at(50.0, 100.0)
        .set(ROMAN, "for ")
        .set(LETTERS, "x")
        .op(SYMBOLS, "∈")
        .set(Some(MathFont::AmsB), "R")
        .set(ROMAN, " and ")
        .set(SYMBOLS, "N");
    assert_eq!(page.latex(), ["x\\in\\mathbb{R}", "\\mathcal{N}"]);
}

#[test]
fn signs_without_a_meaning_make_no_formula() {
    let page = Page::at(50.0, 100.0)
        .set(ROMAN, "for ")
        .set(LETTERS, "x\u{FFFD}y")
        .set(ROMAN, " we");
    assert!(page.latex().iter().all(|latex| !latex.contains('\u{FFFD}')));
}

#[test]
fn the_signs_of_a_formula_become_one() {
    let page = Page::at(50.0, 100.0)
        .set(ROMAN, "so ")
        .set(LETTERS, "x")
        .op(ROMAN, "=")
        .set(ROMAN, "2 is");
    let placed = put_in_place(page.glyphs, &page.bars);
    let formulas: Vec<_> = placed
        .iter()
        .filter_map(|glyph| glyph.formula.as_ref())
        .collect();
    assert_eq!((placed.len(), formulas.len()), (5, 1));
    assert_eq!(formulas[0].latex, "x=2");
}

#[test]
fn hostile_numbers_cost_nothing() {
    let mut page = Page::at(50.0, 100.0).set(LETTERS, &"x".repeat(3_000));
    for glyph in page.glyphs.iter_mut().step_by(2) {
        glyph.origin.1 = f64::NAN;
        glyph.outline = [f64::NAN; 4];
    }
    page.bars = vec![[f64::NAN, 0.0, f64::INFINITY, 1.0]; 5_000];
    let _ = page.latex();
    let deep = Page::at(50.0, 100.0).set(SYMBOLS, &"√".repeat(700));
    assert_eq!(deep.latex(), Vec::<String>::new());
}
