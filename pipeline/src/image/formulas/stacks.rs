//! Stacks: parts that stand over one another without a bar: limits of operators, binomials, matrices, cases.

use super::{
    math_fonts::MathFont,
    part::{Part, around, largest, union},
    structure::{latex, take},
    symbols::{self, SignKind},
};

/// Type of limits is smaller than this share of the type around.
const SMALL: f64 = 0.85;
/// Largest distance of a limit from its operator, in ems: TeX's are at most 0.2 and ink stands off a little more.
const LIMIT_GAP: f64 = 0.6;
/// The same of a sign beside one that is as close.
const LOW_LIMIT_GAP: f64 = 1.0;
/// Gap between two signs of one limit, in ems of their type.
const LIMIT_STEP: f64 = 0.6;
/// Least gap between the rows of a stack, in ems.
const ROW_GAP: f64 = 0.06;
/// Least gap between the columns of a matrix, in ems: TeX's are 1.
const COLUMN_GAP: f64 = 0.6;
/// Height, in ems, from which a delimiter may hold rows.
const ROWS_HEIGHT: f64 = 1.1;
/// Most rows and columns.
const MOST_CELLS: usize = 400;

/// Puts limits on the operators that they stand over and under.
pub(super) fn put_limits(mut parts: Vec<Part>, depth: u32) -> Option<Vec<Part>> {
    parts.sort_by(|a, b| a.x.total_cmp(&b.x));
    let takes = |part: &Part| match part.kind {
        SignKind::LargeOperator => true,
        SignKind::Name => symbols::takes_limits(&part.latex),
        _ => false,
    };
    let mut at = 0;
    while at < parts.len() {
        if !takes(&parts[at]) {
            at += 1;
            continue;
        }
        let operator = parts[at].clone();
        let above = limit(&parts, &operator, |part| operator.ink[1] - part.ink[3]);
        let below = limit(&parts, &operator, |part| part.ink[1] - operator.ink[3]);
        let before = above
            .iter()
            .chain(&below)
            .filter(|&&index| index < at)
            .count();
        let (upper, lower) = take(&mut parts, &above, &below);
        at -= before;
        let operator = &mut parts[at];
        for limit in upper.iter().chain(&lower) {
            operator.x = operator.x.min(limit.x);
            operator.end = operator.end.max(limit.end);
        }
        if !lower.is_empty() {
            operator.ink[3] = operator.ink[3].max(around(&lower)[3]);
            operator.latex += &format!("_{{{}}}", latex(lower, &[], depth + 1)?);
            operator.sign = None;
        }
        if !upper.is_empty() {
            operator.ink[1] = operator.ink[1].min(around(&upper)[1]);
            operator.latex += &format!("^{{{}}}", latex(upper, &[], depth + 1)?);
            operator.sign = None;
        }
        at += 1;
    }
    Some(parts)
}

/// Indices of the small signs over or under an operator: those that overlap it, and what is beside them.
fn limit(parts: &[Part], operator: &Part, distance: impl Fn(&Part) -> f64) -> Vec<usize> {
    let em = largest(parts);
    // Indices of nested scripts are a step further away.
    let is_small = |part: &Part| {
        part.size < SMALL * em && part.font != Some(MathFont::Extension) || part.is_tall
    };
    // Commas and the like stand lower than the letters beside them.
    let near = |part: &Part| (-0.1 * em..LOW_LIMIT_GAP * em).contains(&distance(part));
    let candidates: Vec<usize> = (0..parts.len())
        .filter(|&index| is_small(&parts[index]) && near(&parts[index]))
        .filter(|&index| parts[index].latex != operator.latex || parts[index].x != operator.x)
        .collect();
    let [left, _, right, _] = operator.ink;
    let overlaps = |index: usize| parts[index].ink[0] < right && left < parts[index].ink[2];
    let seeds = |index: usize| overlaps(index) && distance(&parts[index]) < LIMIT_GAP * em;
    let Some(seed) = candidates.iter().position(|&index| seeds(index)) else {
        return Vec::new();
    };
    let step = |a: usize, b: usize| {
        let (a, b) = (&parts[a], &parts[b]);
        b.x - a.end < LIMIT_STEP * a.size.max(b.size)
    };
    let (mut first, mut last) = (seed, seed);
    while first > 0 && step(candidates[first - 1], candidates[first]) {
        first -= 1;
    }
    while last + 1 < candidates.len()
        && (step(candidates[last], candidates[last + 1]) || overlaps(candidates[last + 1]))
    {
        last += 1;
    }
    candidates[first..=last].to_vec()
}

/// Builds what stands in rows between tall delimiters.
pub(super) fn build(mut parts: Vec<Part>, depth: u32) -> Option<Vec<Part>> {
    parts.sort_by(|a, b| a.x.total_cmp(&b.x));
    let em = largest(&parts).max(1.0);
    let is_tall =
        |part: &Part| part.is_tall && part.sign.is_some() && part.height() > ROWS_HEIGHT * em;
    let mut at = 0;
    while at < parts.len() {
        let closes =
            is_tall(&parts[at]) && matches!(parts[at].sign, Some(')' | ']' | '}' | '|' | '‖'));
        let open = closes.then(|| opening(&parts, at, is_tall)).flatten();
        let Some(open) = open else {
            at += 1;
            continue;
        };
        let rows = rows(&parts[open + 1..at], em);
        if rows.len() < 2 {
            at += 1;
            continue;
        }
        let signs = (parts[open].sign?, parts[at].sign?);
        let ink = around(&parts[open..=at]);
        let size = largest(&parts[open + 1..at]);
        let latex = matrix(rows, signs, em, depth)?;
        parts.splice(open..=at, [Part::built(latex, ink, size)]);
        at = open + 1;
    }
    build_cases(parts, em, depth)
}

/// The tall delimiter that the one at `close` answers.
fn opening(parts: &[Part], close: usize, is_tall: impl Fn(&Part) -> bool) -> Option<usize> {
    let answered = match parts[close].sign? {
        ')' => '(',
        ']' => '[',
        '}' => '{',
        sign => sign,
    };
    let open = (0..close)
        .rev()
        .find(|&index| is_tall(&parts[index]) && parts[index].sign == Some(answered))?;
    let heights = parts[open].height() / parts[close].height();
    ((0.8..1.25).contains(&heights) && open + 1 < close).then_some(open)
}

/// Builds cases: a tall brace, and rows after it to the end.
fn build_cases(mut parts: Vec<Part>, em: f64, depth: u32) -> Option<Vec<Part>> {
    let is_brace = |part: &Part| part.sign == Some('{') && part.is_tall && part.height() > 2.0 * em;
    let Some(brace) = parts.iter().rposition(is_brace) else {
        return Some(parts);
    };
    let rows = rows(&parts[brace + 1..], em);
    if rows.len() < 2 {
        return Some(parts);
    }
    let ink = around(&parts[brace..]);
    let size = largest(&parts[brace + 1..]);
    let latex = grid(rows, "cases", em, depth)?;
    parts.truncate(brace);
    parts.push(Part::built(latex, ink, size));
    Some(parts)
}

/// The rows that `parts` stand in, one below the other, from the top.
fn rows(parts: &[Part], em: f64) -> Vec<Vec<Part>> {
    let mut sorted: Vec<&Part> = parts.iter().collect();
    sorted.sort_by(|a, b| a.ink[1].total_cmp(&b.ink[1]));
    let mut rows: Vec<Vec<Part>> = Vec::new();
    let mut bottom = f64::MIN;
    for part in sorted {
        if part.ink[1] > bottom + ROW_GAP * em || rows.is_empty() {
            rows.push(Vec::new());
        }
        if let Some(row) = rows.last_mut() {
            row.push(part.clone());
        }
        bottom = bottom.max(part.ink[3]);
    }
    rows
}

fn matrix(rows: Vec<Vec<Part>>, signs: (char, char), em: f64, depth: u32) -> Option<String> {
    let environment = match signs {
        ('(', ')') => "pmatrix",
        ('[', ']') => "bmatrix",
        ('{', '}') => "Bmatrix",
        ('|', '|') => "vmatrix",
        ('‖', '‖') => "Vmatrix",
        _ => return None,
    };
    if rows.len() == 2 && signs == ('(', ')') && column_gaps(&rows, em).is_empty() {
        let mut rows = rows.into_iter();
        let upper = latex(rows.next()?, &[], depth + 1)?;
        let lower = latex(rows.next()?, &[], depth + 1)?;
        return Some(format!("\\binom{{{upper}}}{{{lower}}}"));
    }
    grid(rows, environment, em, depth)
}

fn grid(rows: Vec<Vec<Part>>, environment: &str, em: f64, depth: u32) -> Option<String> {
    let gaps = column_gaps(&rows, em);
    if rows.len() * (gaps.len() + 1) > MOST_CELLS {
        return None;
    }
    let mut written = Vec::new();
    for row in rows {
        let mut cells: Vec<Vec<Part>> = vec![Vec::new(); gaps.len() + 1];
        for part in row {
            let column = gaps.partition_point(|gap| *gap < part.center().0);
            cells[column].push(part);
        }
        let cell = |parts: Vec<Part>| {
            if parts.is_empty() {
                Some(String::new())
            } else {
                latex(parts, &[], depth + 1)
            }
        };
        let cells: Option<Vec<String>> = cells.into_iter().map(cell).collect();
        written.push(cells?.join(" & "));
    }
    Some(format!(
        "\\begin{{{environment}}}{}\\end{{{environment}}}",
        written.join(" \\\\ ")
    ))
}

/// Middles of the gaps that go through all rows.
fn column_gaps(rows: &[Vec<Part>], em: f64) -> Vec<f64> {
    let mut inks: Vec<[f64; 4]> = rows.iter().flatten().map(|part| part.ink).collect();
    inks.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let mut gaps = Vec::new();
    let mut reached: Option<[f64; 4]> = None;
    for ink in inks {
        if let Some(before) = reached
            && ink[0] - before[2] > COLUMN_GAP * em
        {
            gaps.push((ink[0] + before[2]) / 2.0);
        }
        reached = Some(reached.map_or(ink, |before| union(before, ink)));
    }
    gaps
}
