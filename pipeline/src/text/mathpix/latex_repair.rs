//! LaTeX repair: a formula as a model wrote it becomes one that renderers take. Open groups are closed, comments and
//! dollar signs inside are made harmless, line ends are spaces.

use crate::text::latex::trimmed;

/// `latex` mended, on one line. Nothing that shows is taken away.
pub(super) fn repair(latex: &str) -> String {
    let pairs = pairs(latex);
    let mut repair_state = LatexRepair {
        src: latex,
        at: 0,
        out: String::with_capacity(latex.len() + 8),
        open: vec![OpenGroup {
            kind: LatexGroupKind::All,
            start: 0,
        }],
        shut: vec![false; latex.len()],
        inserts: Vec::new(),
        environments: 0,
        in_dollars: false,
    };
    while let Some(c) = repair_state.next() {
        repair_state.step(c, &pairs);
    }
    repair_state.finish()
}

/// An environment that LaTeX puts on lines of its own, as what may be between dollar signs.
pub(super) fn environment(name: &str, inside: &str) -> String {
    let inner = match name.trim_end_matches('*') {
        "equation" | "displaymath" | "math" => return repair(inside),
        "align" | "eqnarray" | "flalign" | "alignat" | "split" => "aligned",
        "gather" | "multline" => "gathered",
        _ => name,
    };
    repair(&format!("\\begin{{{inner}}}{inside}\\end{{{inner}}}"))
}

/// For each byte with a brace the place of the brace that pairs with it, if there is one.
fn pairs(latex: &str) -> Vec<Option<usize>> {
    let mut pairs = vec![None; latex.len()];
    let mut open = Vec::new();
    let mut escaped = false;
    for (at, b) in latex.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => open.push(at),
            b'}' => {
                if let Some(start) = open.pop() {
                    pairs[start] = Some(at);
                    pairs[at] = Some(start);
                }
            }
            _ => {}
        }
    }
    pairs
}

enum LatexGroupKind<'a> {
    /// The whole formula.
    All,
    /// A brace, and its place if it is closed later.
    Brace(Option<usize>),
    Left,
    Environment(&'a str),
}

struct OpenGroup<'a> {
    kind: LatexGroupKind<'a>,
    /// The start of its content, or of the current cell of it, in the output.
    start: usize,
}

struct LatexRepair<'a> {
    src: &'a str,
    at: usize,
    out: String,
    /// The groups that are open; the first is the whole formula, which stays.
    open: Vec<OpenGroup<'a>>,
    /// By source byte: opening braces whose end has been written before its time.
    shut: Vec<bool>,
    /// Places in the output at which something is missing further up.
    inserts: Vec<usize>,
    /// Environments that are open.
    environments: usize,
    in_dollars: bool,
}

impl<'a> LatexRepair<'a> {
    fn next(&mut self) -> Option<char> {
        let c = self.src[self.at..].chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn step(&mut self, c: char, pairs: &[Option<usize>]) {
        match c {
            '\\' => self.command(),
            '{' => {
                let at = self.at - 1;
                self.out.push('{');
                self.push(LatexGroupKind::Brace(pairs[at].map(|_| at)));
            }
            '}' => {
                if let Some(start) = pairs[self.at - 1].filter(|&start| !self.shut[start]) {
                    self.close_until(
                        |kind| matches!(kind, LatexGroupKind::Brace(Some(at)) if *at == start),
                    );
                }
            }
            '&' => {
                self.cell();
                self.out.push('&');
                self.restart();
            }
            '%' => self.out.push_str("\\%"),
            '$' => {
                self.in_dollars = !self.in_dollars;
                self.out
                    .push_str(if self.in_dollars { "\\(" } else { "\\)" });
            }
            c if c.is_whitespace() => {
                if !self.out.is_empty() && !self.out.ends_with(' ') {
                    self.out.push(' ');
                }
            }
            '\u{fffc}' => {}
            c if c.is_control() => {}
            c => self.out.push(c),
        }
    }

    fn command(&mut self) {
        let rest = &self.src[self.at..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let name = &rest[..letters];
        self.at += letters;
        match name {
            "" => match self.next() {
                None => {}
                Some('\\') => {
                    self.cell();
                    self.out.push_str("\\\\");
                    self.restart();
                }
                // Delimiters of math in math.
                Some('(' | ')' | '[' | ']') if !self.in_text() => {}
                Some(c) if c.is_whitespace() => self.out.push_str("\\ "),
                Some(c) if c.is_control() => {}
                Some(c) => self.out.extend(['\\', c]),
            },
            "left" => {
                self.out.push_str("\\left");
                self.delimiter();
                self.push(LatexGroupKind::Left);
            }
            "right" => self.right(),
            "begin" | "end" => self.environment(name),
            "label" => {
                if self.argument().is_none() {
                    self.out.push_str("\\label");
                }
            }
            name => self.out.extend(["\\", name]),
        }
    }

    /// Returns true if a brace is open, as that of `\text` is, in which math may be.
    fn in_text(&self) -> bool {
        matches!(self.open.last(), Some(open) if matches!(open.kind, LatexGroupKind::Brace(_)))
    }

    /// Writes the delimiter after `\left` or `\right`: a full stop, which shows nothing, if there is none.
    fn delimiter(&mut self) {
        let rest = self.src[self.at..].trim_start();
        let first = rest.chars().next();
        let length = match first {
            Some('\\') => {
                let letters = rest[1..].bytes().take_while(u8::is_ascii_alphabetic);
                let letters = letters.count();
                let symbol = rest[1..].chars().next().map_or(0, char::len_utf8);
                1 + letters.max(symbol)
            }
            Some('{' | '}' | '&' | '%' | '$') | None => 0,
            Some(c) if c.is_alphanumeric() || c.is_control() => 0,
            Some(c) => c.len_utf8(),
        };
        let delimiter = &rest[..length];
        if matches!(
            delimiter,
            "" | "\\" | "\\\\" | "\\end" | "\\begin" | "\\right" | "\\left"
        ) {
            self.out.push('.');
        } else {
            self.out.push_str(delimiter);
            self.at = self.src.len() - rest.len() + length;
        }
    }

    fn right(&mut self) {
        while matches!(self.open.last(), Some(open) if matches!(open.kind, LatexGroupKind::Brace(None)))
        {
            self.close();
        }
        match self.open.last() {
            Some(open) if matches!(open.kind, LatexGroupKind::Left) => {
                self.open.pop();
            }
            open => self.inserts.push(open.map_or(0, |open| open.start)),
        }
        self.out.push_str("\\right");
        self.delimiter();
    }

    fn environment(&mut self, word: &str) {
        let Some(name) = self.argument() else {
            return self.out.extend(["\\", word]);
        };
        if word == "begin" {
            self.out.extend(["\\begin{", name, "}"]);
            self.environments += 1;
            self.push(LatexGroupKind::Environment(name));
        } else if self.environments > 0 {
            self.close_until(|kind| matches!(kind, LatexGroupKind::Environment(_)));
        }
    }

    /// The short name in braces that comes next.
    fn argument(&mut self) -> Option<&'a str> {
        let rest = self.src[self.at..].trim_start().strip_prefix('{')?;
        let near = rest.bytes().take(80);
        let end = near
            .take_while(|b| !matches!(b, b'{' | b'}' | b'\\'))
            .count();
        let name = rest.get(..end).filter(|_| rest[end..].starts_with('}'))?;
        self.at = self.src.len() - rest.len() + end + 1;
        Some(name)
    }

    fn push(&mut self, kind: LatexGroupKind<'a>) {
        let start = self.out.len();
        self.open.push(OpenGroup { kind, start });
    }

    /// A cell or a row ends: what was to grow with its content ends in it.
    fn cell(&mut self) {
        while matches!(self.open.last(), Some(open) if matches!(open.kind, LatexGroupKind::Left)) {
            self.close();
        }
    }

    fn restart(&mut self) {
        let start = self.out.len();
        if let Some(open) = self.open.last_mut() {
            open.start = start;
        }
    }

    /// Closes what was opened last, and says whether it was `wanted`, until it was.
    fn close_until(&mut self, wanted: impl Fn(&LatexGroupKind) -> bool) {
        while self.open.len() > 1 {
            let found = self.open.last().is_some_and(|open| wanted(&open.kind));
            self.close();
            if found {
                return;
            }
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        match open.kind {
            LatexGroupKind::All => {}
            LatexGroupKind::Brace(at) => {
                if let Some(at) = at {
                    self.shut[at] = true;
                }
                self.out.push('}');
            }
            LatexGroupKind::Left => self.out.push_str("\\right."),
            LatexGroupKind::Environment(name) => {
                self.environments -= 1;
                self.out.extend(["\\end{", name, "}"]);
            }
        }
    }

    fn finish(mut self) -> String {
        if self.in_dollars {
            self.out.push_str("\\)");
        }
        self.close_until(|_| false);
        self.inserts.sort_unstable();
        let mut mended = String::with_capacity(self.out.len() + 8);
        let mut from = 0;
        for at in self.inserts {
            mended.push_str(&self.out[from..at]);
            mended.push_str("\\left.");
            from = at;
        }
        mended.push_str(&self.out[from..]);
        trimmed(mended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_is_closed() {
        for (broken, mended) in [
            (r"\left( a + b", r"\left( a + b\right."),
            (r"a + b \right)", r"\left.a + b \right)"),
            (r"\frac{1}{2", r"\frac{1}{2}"),
            (r"\frac{1}{2}}", r"\frac{1}{2}"),
            (r"\sqrt{ a \right) }", r"\sqrt{\left. a \right) }"),
            (r"\sqrt{ \left[ a }", r"\sqrt{ \left[ a \right.}"),
            (r"\left\{ x \right.", r"\left\{ x \right."),
            (r"\left", r"\left.\right."),
            (r"\left( \{ a \right)", r"\left( \{ a \right)"),
            (
                r"\begin{aligned} \left( a & b \\ c \right)",
                r"\begin{aligned} \left( a \right.& b \\\left. c \right)\end{aligned}",
            ),
            (
                r"\begin{array}{l} a \end{aligned}",
                r"\begin{array}{l} a \end{array}",
            ),
            (r"a \end{array}", r"a"),
            (r"\leftarrow x \rightarrow", r"\leftarrow x \rightarrow"),
        ] {
            assert_eq!(repair(broken), mended, "{broken}");
            assert_eq!(repair(mended), mended);
        }
    }

    #[test]
    fn a_formula_is_one_line_without_comments_and_dollars() {
        assert_eq!(repair("\n 5 % of\n\n x \\"), r"5 \% of x");
        assert_eq!(repair(r"\text{if $a$}"), r"\text{if \(a\)}");
        assert_eq!(repair(r"\label{eq:1} a \tag{1}"), r"a \tag{1}");
    }

    #[test]
    fn environments_become_what_may_stand_between_dollars() {
        assert_eq!(environment("equation*", " E "), "E");
        assert_eq!(
            environment("align", r" a &= b \\ c &= d "),
            r"\begin{aligned} a &= b \\ c &= d \end{aligned}"
        );
    }
}
