//! Lookahead in LaTeX: the ends of formulas, environments and arguments. Each look is bounded by what it
//! consumes or by a length, so that all looks together take time in proportion to the text.

/// Longest argument that is skipped or taken whole.
const MAX_ARGUMENT_BYTES: usize = 400;

/// A stretch of the source and what comes after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SourceSpan {
    /// Its end.
    pub end: usize,
    /// The start of the text after its closing mark.
    pub next: usize,
}

/// The end of the formula whose content starts at `at`: its closing mark, or, if it has none, before what
/// cannot belong to it; in a table at the latest at the end of the cell.
pub(super) fn formula(src: &str, at: usize, display: bool, in_table: bool) -> SourceSpan {
    let bytes = src.as_bytes();
    let (mut depth, mut inner) = (0_usize, 0_usize);
    let mut blank = None;
    let mut i = at;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => {
                match bytes.get(i + 1) {
                    Some(b')' | b']') if inner == 0 => {
                        return SourceSpan {
                            end: i,
                            next: i + 2,
                        };
                    }
                    Some(b')' | b']') => inner -= 1,
                    Some(b'(' | b'[') if depth > 0 => inner += 1,
                    Some(b'(' | b'[') => break,
                    Some(b'b' | b'e') if stops(&src[i..]) => break,
                    _ => {}
                }
                i += 1;
            }
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b'\n' if ends_paragraph(src, i) => {
                blank = blank.or(Some(i));
                if !display {
                    break;
                }
            }
            _ => {}
        }
        i += 1;
    }
    let mut end = blank.unwrap_or(i).min(src.len());
    if in_table {
        end = cell_end(src, at, end);
    }
    SourceSpan { end, next: end }
}

/// Returns true if a table begins or ends here, which no formula outlasts.
fn stops(rest: &str) -> bool {
    [
        "\\begin{tabular",
        "\\end{tabular",
        "\\begin{table",
        "\\end{table",
    ]
    .iter()
    .any(|word| rest.starts_with(word))
}

/// The end of the cell that holds `at..end`.
fn cell_end(src: &str, at: usize, end: usize) -> usize {
    let mut depth = 0_usize;
    let mut i = at;
    while i < end {
        let rest = &src.as_bytes()[i..end];
        match rest {
            [b'&', ..] | [b'\\', b'\\', ..] if depth == 0 => return i,
            [b'\\', b'b', ..] if rest.starts_with(b"\\begin{") => depth += 1,
            [b'\\', b'e', ..] if rest.starts_with(b"\\end{") => depth = depth.saturating_sub(1),
            _ => {}
        }
        i += if rest[0] == b'\\' { 2 } else { 1 };
    }
    end
}

/// The end of the environment `name` whose content starts at `at`: its end, or if it has none, the
/// paragraph's or before the next one of its name.
pub(super) fn environment(src: &str, at: usize, name: &str) -> SourceSpan {
    let (begin, end) = (format!("\\begin{{{name}}}"), format!("\\end{{{name}}}"));
    // Environments that may be nested in themselves, and so must end with the paragraph.
    let nests = name.ends_with("matrix") || matches!(name, "array" | "cases" | "aligned");
    let bytes = src.as_bytes();
    let mut depth = 0_usize;
    let mut blank = None;
    let mut i = at;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' if src[i..].starts_with(&end) => {
                if depth == 0 {
                    let next = i + end.len();
                    return SourceSpan { end: i, next };
                }
                depth -= 1;
            }
            b'\\' if src[i..].starts_with(&begin) => {
                if !nests {
                    break;
                }
                depth += 1;
            }
            b'\n' if ends_paragraph(src, i) => {
                blank = blank.or(Some(i));
                if nests {
                    break;
                }
            }
            _ => {}
        }
        i += 1;
    }
    let end = blank.unwrap_or(i);
    SourceSpan { end, next: end }
}

/// A formula between dollar signs, whose content starts at `at`: only what looks like one, for a dollar sign may be
/// one.
pub(super) fn dollars(src: &str, at: usize) -> Option<SourceSpan> {
    let content = &src[at..];
    let first = content.chars().next().filter(|c| !c.is_whitespace())?;
    let mut end = None;
    let mut escaped = false;
    for (i, b) in content.bytes().enumerate().take(MAX_ARGUMENT_BYTES) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'$' => {
                end = Some(i);
                break;
            }
            b'\n' if ends_paragraph(content, i) => return None,
            _ => {}
        }
    }
    let inside = &content[..end?];
    let after = content[inside.len() + 1..].chars().next();
    let formula = inside.contains(['\\', '^', '_', '=', '{', '|'])
        || inside.chars().count() <= 2 && first.is_alphabetic();
    let whole = !inside.ends_with(char::is_whitespace) && !inside.is_empty();
    (formula && whole && !after.is_some_and(|c| c.is_ascii_digit())).then(|| SourceSpan {
        end: at + inside.len(),
        next: at + inside.len() + 1,
    })
}

/// The argument in `brackets` that starts at `at`, white space before it skipped; not longer than a paragraph.
pub(super) fn argument(src: &str, at: usize, brackets: [char; 2]) -> Option<SourceSpan> {
    let rest = &src[at..];
    let start = at
        + rest
            .bytes()
            .take(20)
            .take_while(|b| matches!(b, b' ' | b'\n'))
            .count();
    let inner = src[start..].strip_prefix(brackets[0])?;
    let from = src.len() - inner.len();
    let mut depth = 0_usize;
    let mut escaped = false;
    for (i, c) in inner.char_indices().take(MAX_ARGUMENT_BYTES) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == brackets[1] && depth == 0 => {
                let end = from + i;
                return Some(SourceSpan { end, next: end + 1 });
            }
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '\n' if ends_paragraph(inner, i) => return None,
            _ => {}
        }
    }
    None
}

/// Returns true if the line after the line feed at `at` is blank.
pub(super) fn ends_paragraph(src: &str, at: usize) -> bool {
    let rest = &src.as_bytes()[at + 1..];
    let space = rest
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t' | b'\r'))
        .count();
    rest.get(space).is_none_or(|b| *b == b'\n')
}
