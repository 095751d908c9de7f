//! The structure of a formula from the places of its signs: accents, roots, fractions, limits, stacks, scripts.
//!
//! Each step takes the signs that belong together and puts one part in their place, from the inside out; what is left is
//! one row of parts with scripts. The distances are those of TeX's rules (Knuth, *The TeXbook*, appendix G), which
//! other typesetters follow roughly. What does not fit the rules gives no formula.

use super::{
    math_fonts::MathFont,
    part::{NEGATION, Part, around, join_pieces, largest, union},
    row, stacks,
    symbols::{self, SignKind},
};

/// Left, top, right and bottom of a bar, in points of the displayed page.
pub(super) type Bar = [f64; 4];

/// Depth of scripts within fractions within roots.
const MAX_DEPTH: u32 = 12;
/// Parts looked back at for the word that a letter goes on: limits may stand under it.
const WORD_REACH: usize = 16;
/// Distance, in ems, by which ink may lie over a bar that it belongs to.
const SLACK: f64 = 0.12;
/// Largest distance of a numerator or denominator from its bar or from its own next row, in ems.
const FRACTION_GAP: f64 = 0.8;
/// Largest distance of a line from the letter it is drawn over, in ems.
const OVERLINE_GAP: f64 = 0.35;

/// LaTeX of a formula of these parts and bars; `None` if they make none.
pub(super) fn latex(parts: Vec<Part>, bars: &[Bar], depth: u32) -> Option<String> {
    if depth > MAX_DEPTH || parts.is_empty() {
        return None;
    }
    let mut bars = bars.to_vec();
    let parts = join_pieces(parts);
    let parts = join_words(parts);
    let parts = put_accents(parts)?;
    let parts = build_roots(parts, &mut bars, depth)?;
    let parts = build_fractions(parts, bars, depth)?;
    let parts = stacks::put_limits(parts, depth)?;
    let parts = stacks::build(parts, depth)?;
    row::latex(parts, depth)
}

/// Makes words of upright letters side by side, such as `log`.
fn join_words(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut joined: Vec<(Part, String)> = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(sign) = part.sign.filter(|_| part.is_upright_letter()) else {
            joined.push((part, String::new()));
            continue;
        };
        let continues = |(last, word): &&mut (Part, String)| {
            let same_line = (last.baseline - part.baseline).abs() < 0.05 * part.size;
            let same_type = (last.size / part.size - 1.0).abs() < 0.02 && last.bold == part.bold;
            !word.is_empty() && same_line && same_type && part.x - last.end < 0.12 * part.size
        };
        // Scripts of letters before may have been drawn between them.
        match joined.iter_mut().rev().take(WORD_REACH).find(continues) {
            Some((last, word)) => {
                word.push(sign);
                last.ink = union(last.ink, part.ink);
                last.end = part.end;
                last.sign = None;
            }
            None => joined.push((part, sign.to_string())),
        }
    }
    let finish = |(mut part, word): (Part, String)| {
        if word.is_empty() {
            return part;
        }
        if symbols::is_name(&word) {
            part.kind = SignKind::Name;
            part.latex = symbols::upright(&word);
        } else if part.bold {
            part.latex = format!("\\mathbf{{{word}}}");
        } else if !(word.chars().count() == 1 && part.latex.starts_with('\\')) {
            part.latex = symbols::upright(&word);
        }
        part
    };
    joined.into_iter().map(finish).collect()
}

/// Puts accents on the letters below them, and strokes through relations.
fn put_accents(parts: Vec<Part>) -> Option<Vec<Part>> {
    let is_accent = |part: &Part| {
        let sign = part.sign.unwrap_or_default();
        let is_high = part.font != Some(MathFont::Letters) || sign == '\u{20D7}';
        sign == NEGATION || symbols::accent(sign).is_some() && is_high
    };
    let (accents, mut parts): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(is_accent);
    for accent in accents {
        let sign = accent.sign?;
        if sign == NEGATION {
            negate(&accent, &mut parts)?;
            continue;
        }
        let (narrow, wide) = symbols::accent(sign)?;
        let below = |part: &Part| {
            let [left, _, right, _] = accent.ink;
            let middle = part.center().0;
            let over = (left..=right).contains(&middle)
                || (part.ink[0]..=part.ink[2]).contains(&((left + right) / 2.0));
            over && part.center().1 > accent.center().1
                && part.ink[1] - accent.ink[3] < OVERLINE_GAP * accent.size
                && part.kind == SignKind::Ordinary
        };
        let (under, rest): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(below);
        parts = rest;
        let mut under = under;
        under.sort_by(|a, b| a.x.total_cmp(&b.x));
        let first = under.first()?.clone();
        let inner: String = under.iter().map(|part| part.latex.as_str()).collect();
        let command = if under.len() > 1 || accent.font == Some(MathFont::Extension) {
            wide
        } else {
            narrow
        };
        let ink = union(around(&under), accent.ink);
        parts.push(Part {
            latex: format!("{command}{{{inner}}}"),
            end: under.last()?.end,
            // Where it stands in its row is told by the letter.
            ink: [ink[0], ink[1], ink[2], around(&under)[3]],
            sign: None,
            ..first
        });
    }
    Some(parts)
}

fn negate(stroke: &Part, parts: &mut [Part]) -> Option<()> {
    let distance = |part: &Part| (part.center().0 - stroke.center().0).abs();
    let relation = parts
        .iter_mut()
        .filter(|part| part.kind == SignKind::Relation && distance(part) < 0.6 * stroke.size)
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    relation.latex = match relation.sign {
        Some('=') => "\\neq".to_owned(),
        Some('∈') => "\\notin".to_owned(),
        _ => format!("\\not{}", relation.latex),
    };
    relation.x = relation.x.min(stroke.x);
    relation.sign = None;
    Some(())
}

/// Builds roots: a radical sign, the bar at its top, and what is under it.
fn build_roots(mut parts: Vec<Part>, bars: &mut Vec<Bar>, depth: u32) -> Option<Vec<Part>> {
    let is_radical = |part: &Part| matches!(part.sign, Some('√' | '⎷'));
    let mut roots: Vec<(Part, Bar)> = Vec::new();
    for radical in parts.iter().filter(|part| is_radical(part)) {
        let reach = 0.2 * radical.size;
        let index = bars.iter().position(|bar| {
            (bar[0] - radical.ink[2]).abs() < reach && (bar[1] - radical.ink[1]).abs() < reach
        })?;
        roots.push((radical.clone(), bars.swap_remove(index)));
    }
    parts.retain(|part| !is_radical(part));
    // Inner roots first.
    roots.sort_by(|a, b| (a.1[2] - a.1[0]).total_cmp(&(b.1[2] - b.1[0])));
    for (radical, bar) in roots {
        let slack = SLACK * radical.size;
        let below = |part: &Part| {
            let (x, y) = part.center();
            bar[0] < x && x < bar[2] && bar[1] - slack < y && y < radical.ink[3] + 2.0 * slack
        };
        let (inside, rest): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(below);
        let of_degree = |part: &Part| {
            let (x, y) = part.center();
            let [left, top, right, bottom] = radical.ink;
            let near = left - 0.3 * radical.size < x && x < (left + right) / 2.0;
            part.size < 0.75 * radical.size && near && y < (top + bottom) / 2.0 && top - slack < y
        };
        let (degree, rest): (Vec<Part>, Vec<Part>) = rest.into_iter().partition(of_degree);
        let ink = union(around(&inside), union(radical.ink, bar));
        let size = largest(&inside);
        let inner = latex(inside, &take_inside(bars, ink), depth + 1)?;
        let latex = if degree.is_empty() {
            format!("\\sqrt{{{inner}}}")
        } else {
            let degree = latex(degree, &[], depth + 1)?;
            format!("\\sqrt[{degree}]{{{inner}}}")
        };
        parts = rest;
        parts.push(Part::built(latex, ink, size));
    }
    Some(parts)
}

/// Takes the bars that lie in `ink` out of `bars`.
fn take_inside(bars: &mut Vec<Bar>, ink: [f64; 4]) -> Vec<Bar> {
    let inside = |bar: &Bar| {
        let (x, y) = ((bar[0] + bar[2]) / 2.0, (bar[1] + bar[3]) / 2.0);
        ink[0] < x && x < ink[2] && ink[1] <= y && y <= ink[3]
    };
    let (taken, left) = bars.drain(..).partition(inside);
    *bars = left;
    taken
}

/// Builds fractions, and lines over and under letters, from the widest bar on.
fn build_fractions(mut parts: Vec<Part>, mut bars: Vec<Bar>, depth: u32) -> Option<Vec<Part>> {
    bars.sort_by(|a, b| (a[2] - a[0]).total_cmp(&(b[2] - b[0])));
    while let Some(bar) = bars.pop() {
        let em = largest(&parts).max(1.0);
        let slack = SLACK * em;
        let middle = (bar[1] + bar[3]) / 2.0;
        let within = |part: &Part| {
            let x = part.center().0;
            bar[0] - slack < x && x < bar[2] + slack
        };
        let is_across =
            |part: &Part| part.ink[1] < middle - 2.0 * slack && middle + 2.0 * slack < part.ink[3];
        if parts
            .iter()
            .any(|part| within(part) && is_across(part) && part.kind == SignKind::Ordinary)
        {
            return None;
        }
        let above = near_bar(
            &parts,
            |part| within(part) && part.center().1 < middle,
            |part| middle - part.ink[3],
            em,
        );
        let below = near_bar(
            &parts,
            |part| within(part) && part.center().1 > middle,
            |part| part.ink[1] - middle,
            em,
        );
        let (upper, lower) = take(&mut parts, &above, &below);
        let size = largest(&upper).max(largest(&lower));
        if !upper.is_empty() && !lower.is_empty() {
            let ink = union(union(around(&upper), around(&lower)), bar);
            let top = latex(
                upper,
                &take_inside(&mut bars, [bar[0], ink[1], bar[2], middle]),
                depth + 1,
            )?;
            let bottom = latex(
                lower,
                &take_inside(&mut bars, [bar[0], middle, bar[2], ink[3]]),
                depth + 1,
            )?;
            let fraction = format!("\\frac{{{top}}}{{{bottom}}}");
            // Its ink is not what is off the bar, so that its place is the bar's.
            parts.push(Part::built(
                fraction,
                [ink[0], ink[1].min(middle), ink[2], ink[3]],
                size,
            ));
        } else if !lower.is_empty() {
            let ink = around(&lower);
            if ink[1] - middle > OVERLINE_GAP * em {
                return None;
            }
            let (baseline, one) = (lower[0].baseline, lower.len() == 1);
            let inner = latex(lower, &take_inside(&mut bars, ink), depth + 1)?;
            let command = if one { "\\bar" } else { "\\overline" };
            let line = Part::built(format!("{command}{{{inner}}}"), ink, size);
            parts.push(Part {
                baseline,
                is_tall: false,
                ..line
            });
        } else if !upper.is_empty() {
            let ink = around(&upper);
            let baseline = upper[0].baseline;
            let inner = latex(upper, &take_inside(&mut bars, ink), depth + 1)?;
            let line = Part::built(format!("\\underline{{{inner}}}"), ink, size);
            parts.push(Part {
                baseline,
                is_tall: false,
                ..line
            });
        }
    }
    Some(parts)
}

/// Indices of the parts on one side of a bar that follow one another from it without a wide gap.
fn near_bar(
    parts: &[Part],
    on_side: impl Fn(&Part) -> bool,
    distance: impl Fn(&Part) -> f64,
    em: f64,
) -> Vec<usize> {
    let mut side: Vec<usize> = (0..parts.len())
        .filter(|&index| on_side(&parts[index]))
        .collect();
    side.sort_by(|&a, &b| distance(&parts[a]).total_cmp(&distance(&parts[b])));
    let mut reached = 0.0_f64;
    let near = side.iter().take_while(|&&index| {
        let near = distance(&parts[index]) - reached < FRACTION_GAP * em;
        reached = reached.max(distance(&parts[index]) + parts[index].height());
        near
    });
    near.copied().collect()
}

/// Takes the parts of those indices out of `parts`.
pub(super) fn take(
    parts: &mut Vec<Part>,
    above: &[usize],
    below: &[usize],
) -> (Vec<Part>, Vec<Part>) {
    let (mut upper, mut lower, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for (index, part) in parts.drain(..).enumerate() {
        if above.contains(&index) {
            upper.push(part);
        } else if below.contains(&index) {
            lower.push(part);
        } else {
            rest.push(part);
        }
    }
    *parts = rest;
    (upper, lower)
}
