//! One row of a formula: parts on a baseline, their scripts, the spaces between them.

use super::{
    math_fonts::MathFont,
    part::{AXIS, Part, around, largest},
    structure,
    symbols::SignKind,
};

/// Type of scripts is smaller than this share of their row's.
const SMALL: f64 = 0.85;
/// Least distance of a script's baseline from its row's, in ems.
const SHIFT: f64 = 0.07;
/// Largest distance from the row's baseline of type that stands on it, in ems.
const ON_LINE: f64 = 0.12;
/// A gap that the writer of the formula made, in ems: a relation has 0.28 on each side.
const QUAD: f64 = 0.9;
/// The gap that tells a bar between two terms from a delimiter, in ems.
const MID_GAP: f64 = 0.2;

/// The place of a part beside the row's baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    On,
    Raised,
    Lowered,
}

/// A part on the baseline with its scripts.
struct Term {
    part: Part,
    raised: Vec<Part>,
    lowered: Vec<Part>,
}

impl Term {
    /// The group of scripts that a still smaller one is a script of.
    fn group_of(&self, part: &Part) -> Option<Level> {
        let distance = |group: &[Part]| {
            let larger = group
                .iter()
                .rev()
                .find(|script| part.size < SMALL * script.size && !script.is_tall)?;
            let near = part.x - larger.end < 0.3 * larger.size;
            (near && !part.is_tall).then(|| (part.baseline - larger.baseline).abs())
        };
        match (distance(&self.raised), distance(&self.lowered)) {
            (None, None) => None,
            (Some(_), None) => Some(Level::Raised),
            (None, Some(_)) => Some(Level::Lowered),
            (Some(up), Some(low)) => Some(if up < low {
                Level::Raised
            } else {
                Level::Lowered
            }),
        }
    }
}

/// LaTeX of parts that stand in one row; `None` if they do not.
pub(super) fn latex(mut parts: Vec<Part>, depth: u32) -> Option<String> {
    parts.sort_by(|a, b| a.x.total_cmp(&b.x));
    let size = main_size(&parts);
    let baseline = main_baseline(&parts, size);
    let mut terms: Vec<Term> = Vec::new();
    for part in parts {
        let mut level = level(&part, size, baseline)?;
        if let Some(group) = terms.last().and_then(|term| term.group_of(&part)) {
            level = group;
        }
        if level == Level::On {
            terms.push(Term {
                part,
                raised: Vec::new(),
                lowered: Vec::new(),
            });
            continue;
        }
        if terms.is_empty() {
            // A script before its letter: on nothing.
            terms.push(Term {
                part: Part {
                    latex: "{}".to_owned(),
                    x: part.x,
                    end: part.x,
                    ink: [part.x, baseline, part.x, baseline],
                    baseline,
                    size,
                    ..Part::default()
                },
                raised: Vec::new(),
                lowered: Vec::new(),
            });
        }
        let term = terms.last_mut()?;
        match level {
            Level::Raised => term.raised.push(part),
            _ => term.lowered.push(part),
        }
    }
    if overlap(&terms, size) {
        return None;
    }
    write(terms, size, depth)
}

/// The size of the type on the baseline.
fn main_size(parts: &[Part]) -> f64 {
    let plain: Vec<Part> = parts.iter().filter(|part| !part.is_tall).cloned().collect();
    largest(if plain.is_empty() { parts } else { &plain })
}

fn main_baseline(parts: &[Part], size: f64) -> f64 {
    let mut baselines: Vec<f64> = parts
        .iter()
        .filter(|part| !part.is_tall && part.size > SMALL * size)
        .map(|part| part.baseline)
        .collect();
    if baselines.is_empty() {
        let ink = around(parts);
        return (ink[1] + ink[3]) / 2.0 + AXIS * size;
    }
    baselines.sort_by(f64::total_cmp);
    baselines[baselines.len() / 2]
}

fn level(part: &Part, size: f64, baseline: f64) -> Option<Level> {
    let axis = baseline - AXIS * size;
    if part.is_tall {
        let [_, top, _, bottom] = part.ink;
        return Some(if bottom < axis {
            Level::Raised
        } else if top > axis {
            Level::Lowered
        } else {
            Level::On
        });
    }
    let above = (baseline - part.baseline) / size;
    if part.size > SMALL * size {
        return (above.abs() < ON_LINE).then_some(Level::On);
    }
    Some(if above > SHIFT {
        Level::Raised
    } else if above < -SHIFT {
        Level::Lowered
    } else {
        Level::On
    })
}

/// Returns true if parts of the row lie over one another, so that it is none.
fn overlap(terms: &[Term], size: f64) -> bool {
    terms.windows(2).any(|pair| {
        let (a, b) = (&pair[0].part, &pair[1].part);
        let both = a.end.min(b.end) - a.x.max(b.x);
        both > 0.6 * (a.end - a.x).min(b.end - b.x) && both > 0.2 * size
    })
}

fn write(terms: Vec<Term>, size: f64, depth: u32) -> Option<String> {
    let delimiters = delimiters(&terms);
    let mut out = String::new();
    let ends: Vec<(f64, f64)> = terms
        .iter()
        .map(|term| {
            let scripts = term.raised.iter().chain(&term.lowered);
            (
                term.part.x,
                scripts.fold(term.part.end, |end, script| end.max(script.end)),
            )
        })
        .collect();
    let dots = dots(&terms);
    for (index, term) in terms.into_iter().enumerate() {
        let gap = index
            .checked_sub(1)
            .map_or(0.0, |before| ends[index].0 - ends[before].1);
        let after = ends
            .get(index + 1)
            .map_or(0.0, |next| next.0 - ends[index].1);
        if gap > QUAD * size {
            push(
                &mut out,
                if gap > 1.8 * size {
                    "\\qquad"
                } else {
                    "\\quad"
                },
            );
        }
        let is_bar = term.part.sign == Some('|') && !term.part.is_tall;
        match dots.get(index).copied().flatten() {
            Some("") => continue,
            Some(command) => push(&mut out, command),
            None if is_bar && gap > MID_GAP * size && after > MID_GAP * size => {
                push(&mut out, "\\mid")
            }
            // An operator that has limits takes no further script.
            None if is_built_operator(&term) => push(&mut out, &format!("{{{}}}", term.part.latex)),
            None => push(
                &mut out,
                &format!("{}{}", delimiters[index], term.part.latex),
            ),
        }
        if !term.lowered.is_empty() {
            out += &format!("_{{{}}}", structure::latex(term.lowered, &[], depth + 1)?);
        }
        if !term.raised.is_empty() {
            out += &format!("^{{{}}}", structure::latex(term.raised, &[], depth + 1)?);
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Returns true for an operator with limits that has scripts beside it too.
fn is_built_operator(term: &Term) -> bool {
    let is_operator = matches!(term.part.kind, SignKind::LargeOperator | SignKind::Name);
    let has_scripts = !(term.raised.is_empty() && term.lowered.is_empty());
    is_operator && has_scripts && term.part.latex.contains(['_', '^'])
}

/// Appends LaTeX, with a space where a command would run into a letter.
fn push(out: &mut String, latex: &str) {
    let command = out.rfind('\\').is_some_and(|at| {
        let name = &out[at + 1..];
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic())
    });
    if command && latex.starts_with(|c: char| c.is_ascii_alphabetic()) {
        out.push(' ');
    }
    out.push_str(latex);
}

/// The command before each term that is a tall delimiter: `\left` and `\right` for those that answer one another.
fn delimiters(terms: &[Term]) -> Vec<&'static str> {
    let mut before = vec![""; terms.len()];
    let mut open: Vec<usize> = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        let is_delimiter = term.part.is_tall
            && term.part.sign.is_some()
            && term.part.font == Some(MathFont::Extension);
        if !is_delimiter {
            continue;
        }
        match term.part.kind {
            SignKind::Open => {
                before[index] = "\\big";
                open.push(index);
            }
            SignKind::Close => match open.pop() {
                Some(first) => {
                    before[first] = "\\left";
                    before[index] = "\\right";
                }
                None => before[index] = "\\big",
            },
            _ if matches!(term.part.sign, Some('|' | '‖' | '/' | '\\')) => {
                before[index] = "\\big"
            }
            _ => {}
        }
    }
    // `\left` and `\right` must answer each other inside what they hold.
    before
}

/// Three dots in a row: the command for the first, nothing for the others.
fn dots(terms: &[Term]) -> Vec<Option<&'static str>> {
    let mut dots = vec![None; terms.len()];
    let is = |index: usize, signs: &str| {
        let term: Option<&Term> = terms.get(index);
        term.is_some_and(|term| term.part.sign.is_some_and(|sign| signs.contains(sign)))
    };
    let is_bare = |index: usize| {
        terms
            .get(index)
            .is_some_and(|term| term.raised.is_empty() && term.lowered.is_empty())
    };
    let mut at = 0;
    while at + 2 < terms.len() {
        let command = [(".", "\\ldots"), ("·⋅", "\\cdots")]
            .into_iter()
            .find(|(signs, _)| (at..at + 3).all(|index| is(index, signs)))
            .map(|(_, command)| command);
        match command {
            Some(command) if is_bare(at) && is_bare(at + 1) => {
                dots[at + 2] = Some(command);
                dots[at] = Some("");
                dots[at + 1] = Some("");
                at += 3;
            }
            _ => at += 1,
        }
    }
    dots
}
