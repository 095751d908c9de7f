use super::*;
use crate::text_marks::{self, MarkedType};

/// Draws `text` from `(x, y)` in `direction`: each character half an em wide (a full one for Chinese), spaces
/// as gaps of `space` ems without a character.
fn draw(
    text: &str,
    (x, y): (f64, f64),
    direction: (f64, f64),
    size: f64,
    space: f64,
) -> Vec<Glyph> {
    let mut at = (x, y);
    let mut glyphs = Vec::new();
    for c in text.chars() {
        let ems = match c {
            ' ' => space,
            c if is_square(c) => 1.0,
            _ => 0.5,
        };
        let end = (
            at.0 + direction.0 * ems * size,
            at.1 + direction.1 * ems * size,
        );
        if c != ' ' {
            let up = (direction.1 * 0.8 * size, -direction.0 * 0.8 * size);
            let down = (-direction.1 * 0.2 * size, direction.0 * 0.2 * size);
            let corners = [
                (at.0 + up.0, at.1 + up.1),
                (end.0 + up.0, end.1 + up.1),
                (end.0 + down.0, end.1 + down.1),
                (at.0 + down.0, at.1 + down.1),
            ];
            let by = |f: fn(f64, f64) -> f64, of: fn(&(f64, f64)) -> f64| {
                corners.iter().map(of).reduce(f).unwrap()
            };
            glyphs.push(Glyph {
                text: c,
                origin: at,
                direction,
                bounds: [
                    by(f64::min, |p| p.0),
                    by(f64::min, |p| p.1),
                    by(f64::max, |p| p.0),
                    by(f64::max, |p| p.1),
                ],
                outline: [
                    by(f64::min, |p| p.0),
                    by(f64::min, |p| p.1),
                    by(f64::max, |p| p.0),
                    by(f64::max, |p| p.1),
                ],
                size,
                ..Glyph::default()
            });
        }
        at = end;
    }
    glyphs
}

const RIGHT: (f64, f64) = (1.0, 0.0);

/// The lines of `glyphs`, raised type after `^` and lowered type after `_`, each up to `|`.
fn texts(glyphs: &[Glyph]) -> Vec<String> {
    let shown = |line: LayerLine| {
        let up = MarkedType::Raised.begin();
        let text = line
            .text
            .replace(up, "^")
            .replace(MarkedType::Lowered.begin(), "_");
        text.replace(text_marks::END, "|")
    };
    lines(glyphs).into_iter().map(shown).collect()
}

#[test]
fn spaces_come_back_from_gaps() {
    let glyphs = draw("a line of words", (10.0, 50.0), RIGHT, 10.0, 0.25);
    let lines = lines(&glyphs);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].text, "a line of words");
    assert_eq!(lines[0].size, 10.0);
    assert_eq!(lines[0].quad[0], (10.0, 42.0));
    assert_eq!(lines[0].quad[2], (10.0 + 12.0 * 5.0 + 3.0 * 2.5, 52.0));
}

#[test]
fn letter_spaced_type_is_one_word() {
    let mut glyphs = draw("CHAPTER ONE", (0.0, 50.0), RIGHT, 10.0, 0.6);
    for (index, glyph) in glyphs.iter_mut().enumerate() {
        let shift = index as f64 * 3.0;
        glyph.origin.0 += shift;
        glyph.bounds[0] += shift;
        glyph.bounds[2] += shift;
    }
    assert_eq!(texts(&glyphs), ["CHAPTER ONE"]);
}

#[test]
fn columns_and_cells_are_lines_of_their_own() {
    let mut glyphs = draw("left", (0.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs.extend(draw("right", (20.0 + 15.1, 50.0), RIGHT, 10.0, 0.25));
    glyphs.extend(draw("left below", (0.0, 62.0), RIGHT, 10.0, 0.25));
    assert_eq!(texts(&glyphs), ["left", "right", "left below"]);
}

#[test]
fn words_drawn_out_of_order_join() {
    let mut glyphs = draw("words", (40.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs.extend(draw("below", (0.0, 62.0), RIGHT, 10.0, 0.25));
    glyphs.extend(draw("several", (0.0, 50.2), RIGHT, 10.0, 0.25));
    assert_eq!(texts(&glyphs), ["several words", "below"]);
}

#[test]
fn exponents_stay_in_their_line() {
    let mut glyphs = draw("x", (0.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs.extend(draw("2", (5.0, 46.0), RIGHT, 7.0, 0.25));
    glyphs.extend(draw("+1", (8.6, 50.0), RIGHT, 10.0, 0.25));
    assert_eq!(texts(&glyphs), ["x^2|+1"]);
}

#[test]
fn exponents_drawn_later_find_their_place() {
    let mut glyphs = draw("24", (0.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs.extend(draw("century", (18.0, 50.0), RIGHT, 10.0, 0.25));
    glyphs.extend(draw("th", (10.2, 46.0), RIGHT, 6.0, 0.25));
    assert_eq!(texts(&glyphs), ["24^th| century"]);
    // The number's box is wider than its advance.
    let mut glyphs = draw("24", (1.5, 50.0), RIGHT, 10.0, 0.25);
    glyphs.extend(draw("century", (18.0, 50.0), RIGHT, 10.0, 0.25));
    glyphs.extend(draw("th", (10.0, 44.5), RIGHT, 6.0, 0.25));
    assert_eq!(texts(&glyphs), ["24^th| century"]);
}

#[test]
fn a_line_of_small_type_beside_a_large_number_is_not_raised() {
    let mut glyphs = draw("1040", (0.0, 50.0), RIGHT, 20.0, 0.25);
    glyphs.extend(draw(
        "Internal Revenue Service",
        (44.0, 45.0),
        RIGHT,
        8.0,
        0.25,
    ));
    assert_eq!(texts(&glyphs), ["1040 Internal Revenue Service"]);
}

#[test]
fn indices_are_lowered_and_full_size_signs_are_not() {
    let mut glyphs = draw("H", (0.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs.extend(draw("2", (5.0, 52.0), RIGHT, 6.0, 0.25));
    glyphs.extend(draw("O", (8.0, 50.0), RIGHT, 10.0, 0.25));
    assert_eq!(texts(&glyphs), ["H_2|O"]);
    // Small capitals stand on the line.
    let mut glyphs = draw("N", (0.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs.extend(draw("ASA", (5.0, 50.0), RIGHT, 8.0, 0.25));
    assert_eq!(texts(&glyphs), ["NASA"]);
}

#[test]
fn accents_join_the_letter_they_are_drawn_over() {
    let accent = |c: char, at: f64| Glyph {
        ..draw(&c.to_string(), (at, 50.0), RIGHT, 10.0, 0.25).remove(0)
    };
    // Drawn before the letter and after it.
    let mut glyphs = vec![accent('´', 0.2)];
    glyphs.extend(draw("ecole", (0.0, 50.0), RIGHT, 10.0, 0.25));
    assert_eq!(texts(&glyphs), ["école"]);
    let mut glyphs = draw("Go", (0.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs.push(accent('¨', 5.3));
    glyphs.extend(draw("del", (10.0, 50.0), RIGHT, 10.0, 0.25));
    assert_eq!(texts(&glyphs), ["Gödel"]);
    let mut glyphs = vec![accent('ˇ', 0.0)];
    glyphs.extend(draw("ı", (0.0, 50.0), RIGHT, 10.0, 0.25));
    assert_eq!(texts(&glyphs), ["ǐ"]);
    // After the rest of the line, as pieces in the order of their places come.
    let mut glyphs = draw("Ji", (0.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs.extend(draw("menez, Jose", (10.0, 50.0), RIGHT, 10.0, 0.25));
    glyphs.extend([accent('´', 15.3), accent('´', 57.7)]);
    assert_eq!(texts(&glyphs), ["Jiménez, José"]);
    // Beside a letter it is what it is.
    let glyphs = draw("a~b", (0.0, 50.0), RIGHT, 10.0, 0.25);
    assert_eq!(texts(&glyphs), ["a~b"]);
}

#[test]
fn two_single_quotes_are_a_double_one() {
    let glyphs = draw("a ‘‘form 2’’ of 5’’ ‘x’", (0.0, 50.0), RIGHT, 10.0, 0.25);
    assert_eq!(texts(&glyphs), ["a “form 2” of 5’’ ‘x’"]);
}

#[test]
fn a_large_initial_is_no_part_of_the_row_it_stands_on() {
    let rows = [("ver the years", 42.0), ("pressure grew", 62.0)];
    let row = |(text, y): (&str, f64)| draw(text, (16.0, y), RIGHT, 10.0, 0.25);
    let with_initial = |baseline: f64| {
        let initial = draw("O", (0.0, baseline), RIGHT, 30.0, 0.25);
        let glyphs: Vec<Glyph> = rows.into_iter().flat_map(row).chain(initial).collect();
        texts(&glyphs)
    };
    assert_eq!(with_initial(62.0), ["ver the years", "O", "pressure grew"]);
    // One that stands on the first row goes on in it.
    assert_eq!(with_initial(42.0), ["Over the years", "pressure grew"]);
}

#[test]
fn right_to_left_lines_read_in_order_with_numbers_and_words_of_other_scripts() {
    // What a viewer shows from left to right, and how it is read.
    let cases = [
        (".2024 תנשל 1,250", "1,250 לשנת 2024."),
        ("(ב) א", "א (ב)"),
        ("ג PDF 1.7 ץבוק", "קובץ PDF 1.7 ג"),
        ("the word םולש is", "the word שלום is"),
    ];
    for (shown, read) in cases {
        let glyphs = draw(shown, (0.0, 50.0), RIGHT, 10.0, 0.25);
        assert_eq!(texts(&glyphs), [read], "{shown}");
    }
}

#[test]
fn a_line_with_a_lost_letter_is_doubted_and_a_bullet_is_none() {
    let lost = |text: &str, at: usize| {
        let mut glyphs = draw(text, (0.0, 50.0), RIGHT, 10.0, 0.25);
        glyphs[at].unmapped = true;
        lines(&glyphs)[0].doubt
    };
    assert_eq!(lost("the o\u{fffd}cial", 4), Some(LineDoubt::LostLetter));
    assert_eq!(lost("\u{f0b7} item of a list", 0), None);
    let foreign = draw("signif㘶cant", (0.0, 50.0), RIGHT, 10.0, 0.25);
    assert_eq!(lines(&foreign)[0].doubt, Some(LineDoubt::LostLetter));
    let several = draw("the e㘠陦cacy of", (0.0, 50.0), RIGHT, 10.0, 0.25);
    assert_eq!(lines(&several)[0].doubt, Some(LineDoubt::LostLetter));
    let mixed = draw("the word 木 is", (0.0, 50.0), RIGHT, 10.0, 0.25);
    assert_eq!(lines(&mixed)[0].doubt, None);
}

#[test]
fn text_of_a_font_whose_map_is_wrong_is_doubted() {
    let exchanged = draw(
        "wkh kduerxu frpplvvlrq phw rq wxhvgdb",
        (0.0, 50.0),
        RIGHT,
        10.0,
        0.25,
    );
    assert_eq!(lines(&exchanged)[0].doubt, Some(LineDoubt::Implausible));
    let sound = draw(
        "the harbour commission met on tuesday",
        (0.0, 50.0),
        RIGHT,
        10.0,
        0.25,
    );
    assert_eq!(lines(&sound)[0].doubt, None);
}

#[test]
fn letters_drawn_in_no_order_make_their_line() {
    let drawn = draw(
        "the silt survey should wait",
        (0.0, 50.0),
        RIGHT,
        10.0,
        0.25,
    );
    // Every fifth letter, then every fifth from the next one on, and so on.
    let shuffled: Vec<Glyph> = (0..5)
        .flat_map(|start| drawn.iter().skip(start).step_by(5).cloned())
        .collect();
    assert_eq!(texts(&shuffled), ["the silt survey should wait"]);
}

#[test]
fn a_made_up_space_needs_some_gap() {
    let hint = |at: f64| Glyph {
        text: HINTED_SPACE,
        ..draw("x", (at, 50.0), RIGHT, 10.0, 0.0).remove(0)
    };
    let mut glyphs = draw("tight", (0.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs.push(hint(25.0));
    glyphs.extend(draw("ly", (25.2, 50.0), RIGHT, 10.0, 0.25));
    glyphs.push(hint(35.0));
    glyphs.extend(draw("set", (36.2, 50.0), RIGHT, 10.0, 0.25));
    assert_eq!(texts(&glyphs), ["tightly set"]);
}

#[test]
fn a_column_does_not_go_on_in_the_next() {
    let mut glyphs = draw("hy\u{2}", (0.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs.extend(draw("phens", (0.0, 62.0), RIGHT, 10.0, 0.25));
    glyphs.extend(draw("next", (22.0, 50.0), RIGHT, 10.0, 0.25));
    glyphs.extend(draw("column", (25.0 + 9.0, 62.0), RIGHT, 10.0, 0.25));
    assert_eq!(texts(&glyphs), ["hy-", "phens", "next", "column"]);
}

#[test]
fn turned_text_has_its_own_direction() {
    // Bottom to top, as along a figure's left edge.
    let up = (0.0, -1.0);
    let lines = lines(&draw("axis label", (30.0, 200.0), up, 10.0, 0.25));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].text, "axis label");
    let [start, end, ..] = lines[0].quad;
    assert_eq!(start, (22.0, 200.0));
    assert_eq!(end, (22.0, 200.0 - 9.0 * 5.0 - 2.5));
}

#[test]
fn chinese_stands_without_spaces_across_and_down() {
    let across = draw("中文文字", (0.0, 50.0), RIGHT, 10.0, 0.25);
    assert_eq!(texts(&across), ["中文文字"]);
    let down: Vec<Glyph> = "中文文字"
        .chars()
        .enumerate()
        .flat_map(|(index, c)| {
            let at = (0.0, 50.0 + 10.0 * index as f64);
            draw(&c.to_string(), at, RIGHT, 10.0, 0.25)
        })
        .collect();
    let lines = lines(&down);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].text, "中文文字");
    assert_eq!(lines[0].quad[2], (10.0, 82.0));
}

#[test]
fn ligatures_and_soft_hyphens_are_typed_out() {
    let glyphs = draw(
        "e\u{FB03}\u{AD}cient co\u{AD}",
        (0.0, 50.0),
        RIGHT,
        10.0,
        0.25,
    );
    assert_eq!(texts(&glyphs), ["efficient co-"]);
    let glyphs = draw("exam\u{2}", (0.0, 50.0), RIGHT, 10.0, 0.25);
    assert_eq!(texts(&glyphs), ["exam-"]);
}

#[test]
fn bold_is_what_most_of_a_line_is() {
    let mut glyphs = draw("Head ing", (0.0, 50.0), RIGHT, 10.0, 0.25);
    for glyph in glyphs.iter_mut().take(5) {
        glyph.bold = true;
    }
    assert!(lines(&glyphs)[0].bold);
    glyphs[0].bold = false;
    glyphs[1].bold = false;
    assert!(!lines(&glyphs)[0].bold);
}

#[test]
fn nonsense_does_no_harm() {
    let mut glyphs = draw("abc", (0.0, 50.0), RIGHT, 10.0, 0.25);
    glyphs[0].size = f64::NAN;
    glyphs[1].bounds = [f64::NAN; 4];
    glyphs[2].origin = (1e300, -1e300);
    lines(&glyphs);
    assert!(lines(&[]).is_empty());
}
