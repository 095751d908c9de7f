//! Commands: formulas, commands and environments that a backslash begins, and dollar signs.

use super::{
    BraceGroup, ListState, MathpixParser,
    latex_repair::{self, repair},
    names::{self, CommandMeaning, EnvironmentKind},
    scan,
    table::TableBuilder,
};
use crate::layout::block::{BlockKind, SpanKind};

/// Deepest list.
const MAX_DEPTH: usize = 6;

impl MathpixParser<'_> {
    pub(super) fn command(&mut self) {
        let rest = &self.rest()[1..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        if letters > 0 {
            return self.named(letters);
        }
        let Some(c) = rest.chars().next() else {
            self.at += 1;
            return self.push('\\');
        };
        self.at += 1 + c.len_utf8();
        match c {
            '(' => self.formula(false),
            '[' => self.formula(true),
            // The end of a formula that did not begin.
            ')' | ']' => {}
            '\\' => self.line_end(),
            '%' | '&' | '_' | '#' | '$' | '{' | '}' => self.push(c),
            ' ' | ',' | ';' | ':' => self.push(' '),
            '!' | '/' | '-' | '@' => {}
            '\n' => {
                self.at -= 1;
                self.push(' ');
            }
            c => match names::accent(c) {
                Some(accent) => self.accent(accent, self.at - 1),
                None => {
                    self.push('\\');
                    self.push(c);
                }
            },
        }
    }

    /// A formula whose content starts here.
    fn formula(&mut self, display: bool) {
        let in_table = self.table.as_ref().is_some_and(|table| !table.bars);
        let stretch = scan::formula(self.src, self.at, display, in_table);
        let latex = repair(&self.src[self.at..stretch.end]);
        self.at = stretch.next;
        self.put_formula(latex, display);
    }

    fn put_formula(&mut self, latex: String, display: bool) {
        if display && self.table.is_none() && self.groups.is_empty() {
            self.end_block();
            if !latex.is_empty() {
                self.add(BlockKind::Formula, latex, Vec::new());
            }
        } else {
            self.text().push_math(&latex);
        }
    }

    pub(super) fn dollar(&mut self) {
        let display = self.rest().starts_with("$$");
        let open = if display { 2 } else { 1 };
        let stretch = scan::dollars(self.src, self.at + open)
            .filter(|stretch| !display || self.src[stretch.next..].starts_with('$'));
        let Some(stretch) = stretch else {
            self.at += 1;
            return self.push('$');
        };
        let latex = repair(&self.src[self.at + open..stretch.end]);
        self.at = stretch.next + open - 1;
        self.put_formula(latex, display);
    }

    /// Two backslashes: the end of a row, or of a line.
    fn line_end(&mut self) {
        if self.rest().starts_with('*') {
            self.at += 1;
        }
        if self.rest().starts_with('[')
            && let Some(space) = scan::argument(self.src, self.at, ['[', ']'])
            && is_length(&self.src[self.at + 1..space.end])
        {
            self.at = space.next;
        }
        let in_lines = self.groups.contains(&BraceGroup::Lines);
        match &self.table {
            Some(table) if table.nested == 0 && !table.bars && !in_lines => self.end_row(),
            _ => self.text().push_break(),
        }
    }

    /// A letter with an accent, in braces or not; else the source from `from` as it is.
    fn accent(&mut self, accent: char, from: usize) {
        let rest = self.rest();
        let braced = rest.strip_prefix('{');
        let inner = braced.unwrap_or(rest);
        let inner = inner
            .strip_prefix('\\')
            .filter(|s| s.starts_with('i'))
            .unwrap_or(inner);
        let letter = inner.chars().next().filter(|c| c.is_alphabetic());
        let after = letter.map(|c| &inner[c.len_utf8()..]);
        let after = if braced.is_some() {
            after.and_then(|after| after.strip_prefix('}'))
        } else {
            after
        };
        let (Some(letter), Some(after)) = (letter, after) else {
            let words = &self.src[from - 1..self.at];
            return self.push_str(words);
        };
        self.at = self.src.len() - after.len();
        match names::accented(letter, accent) {
            Some(c) => self.push(c),
            None => {
                self.push(letter);
                self.push(accent);
            }
        }
    }

    /// A command of so many letters.
    fn named(&mut self, letters: usize) {
        let from = self.at;
        let name = &self.rest()[1..=letters];
        self.at += 1 + letters;
        let known = names::command_meaning(name);
        let starred = self.rest().starts_with('*') && known.is_some();
        self.at += usize::from(starred);
        if !known.is_some_and(|meaning| self.known(meaning, from)) {
            self.at = from + 1 + letters;
            let words = &self.src[from..self.at];
            self.push_str(words);
        }
    }

    /// Carries out a command; `false` if its arguments do not follow.
    fn known(&mut self, meaning: CommandMeaning, from: usize) -> bool {
        match meaning {
            CommandMeaning::Heading(level) => self.own(BlockKind::Heading(level)),
            CommandMeaning::Paragraph => self.own(BlockKind::Paragraph),
            CommandMeaning::Note => {
                let found = self.group(0, BraceGroup::Note);
                if found {
                    self.push_str(" (");
                }
                found
            }
            CommandMeaning::Style(kind) => self.group(0, BraceGroup::Style(kind)),
            CommandMeaning::Inside(skipped) => self.group(skipped, BraceGroup::Lines),
            CommandMeaning::Nothing(arguments) => {
                self.skip(arguments);
                self.skip_space();
                true
            }
            CommandMeaning::Signs(signs) => {
                self.skip_space();
                self.push_str(signs);
                true
            }
            CommandMeaning::Accent(accent) => {
                // Without a letter in braces it may be anything.
                let braced = self.rest().starts_with('{');
                if braced {
                    self.accent(accent, from + 1);
                }
                braced
            }
            CommandMeaning::Script(sign) => self.script(sign),
            CommandMeaning::Break => {
                self.skip_space();
                self.text().push_break();
                true
            }
            CommandMeaning::NewParagraph => {
                self.end_block();
                true
            }
            CommandMeaning::Begin => self.begin(),
            CommandMeaning::End => self.end(),
            CommandMeaning::Item => self.item(),
            CommandMeaning::Rule => self.rule(),
            CommandMeaning::MultiColumn => self.spans(true),
            CommandMeaning::MultiRow => self.spans(false),
        }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(' ').len();
    }

    /// Skips arguments in square brackets and so many in braces.
    fn skip(&mut self, arguments: usize) {
        while let Some(stretch) = scan::argument(self.src, self.at, ['[', ']']) {
            self.at = stretch.next;
        }
        for _ in 0..arguments {
            if let Some(stretch) = scan::argument(self.src, self.at, ['{', '}']) {
                self.at = stretch.next;
            }
        }
    }

    /// An argument in braces, behind so many that do not show, as text.
    fn group(&mut self, skipped: usize, group: BraceGroup) -> bool {
        let from = self.at;
        self.skip(skipped);
        let rest = self.rest();
        let inner = rest.trim_start_matches([' ', '\n']);
        let begins = inner.starts_with('{') && !rest[..rest.len() - inner.len()].contains("\n\n");
        if begins {
            self.at += rest.len() - inner.len() + 1;
            self.open(group);
        } else {
            self.at = from;
        }
        begins
    }

    /// An argument that is a block of its own.
    fn own(&mut self, kind: BlockKind) -> bool {
        let closed = scan::argument(self.src, self.at, ['{', '}']).is_some();
        if !self.group(0, BraceGroup::Block) {
            return false;
        }
        self.pop_group();
        let heading = matches!(kind, BlockKind::Heading(_));
        self.start_block(kind);
        self.one_line = heading && !closed;
        self.open(BraceGroup::Block);
        true
    }

    /// Raised or lowered text, as math.
    fn script(&mut self, sign: char) -> bool {
        let Some(stretch) = scan::argument(self.src, self.at, ['{', '}']) else {
            return false;
        };
        let words = self.src[self.at..stretch.end]
            .trim_start()
            .trim_start_matches('{');
        let plain = words
            .chars()
            .all(|c| c.is_alphanumeric() || " ,*+-".contains(c));
        if plain && !words.is_empty() {
            self.text()
                .push_math(&format!("{sign}{{\\text{{{words}}}}}"));
            self.at = stretch.next;
            return true;
        }
        self.group(0, BraceGroup::Inside)
    }

    /// The name of an environment.
    fn name(&mut self) -> Option<&str> {
        let stretch = scan::argument(self.src, self.at, ['{', '}'])?;
        let name = self.src[self.at..stretch.end]
            .trim_start()
            .strip_prefix('{')?;
        let plain = name.len() < 40 && name.chars().all(|c| c.is_ascii_alphabetic() || c == '*');
        plain.then(|| {
            self.at = stretch.next;
            name
        })
    }

    fn begin(&mut self) -> bool {
        let src = self.src;
        let Some((place, name)) = self
            .name()
            .and_then(|name| Some((names::environment_kind(name)?, name.to_owned())))
        else {
            return false;
        };
        match place {
            EnvironmentKind::Table(arguments) => self.begin_table(arguments + 1),
            EnvironmentKind::Formula => {
                let stretch = scan::environment(src, self.at, &name);
                let inside = &src[self.at..stretch.end];
                self.at = stretch.next;
                self.put_formula(latex_repair::environment(&name, inside), true);
            }
            EnvironmentKind::List(counts) => {
                self.start_block(BlockKind::Paragraph);
                self.skip(0);
                self.lists.push(ListState {
                    number: counts.then_some(0),
                });
            }
            EnvironmentKind::Apart(arguments) => {
                self.start_block(BlockKind::Paragraph);
                self.skip(arguments);
            }
            EnvironmentKind::Abstract => {
                self.start_block(BlockKind::Heading(2));
                self.push_str("Abstract");
                self.end_block();
            }
            EnvironmentKind::Theorem(word) => {
                self.start_block(BlockKind::Paragraph);
                self.inline.push_str(word, Some(SpanKind::Strong));
                self.push(' ');
            }
        }
        true
    }

    fn begin_table(&mut self, arguments: usize) {
        self.skip(arguments);
        match &mut self.table {
            Some(table) if !table.bars => table.nested += 1,
            _ => {
                self.start_block(BlockKind::Paragraph);
                self.table = Some(TableBuilder::default());
            }
        }
    }

    fn end(&mut self) -> bool {
        let Some(place) = self.name().and_then(names::environment_kind) else {
            return false;
        };
        match place {
            EnvironmentKind::Table(_) => match &mut self.table {
                Some(table) if table.nested > 0 => table.nested -= 1,
                _ => self.start_block(BlockKind::Paragraph),
            },
            EnvironmentKind::Formula => {}
            EnvironmentKind::List(_) => {
                self.start_block(BlockKind::Paragraph);
                self.lists.pop();
            }
            EnvironmentKind::Apart(_) | EnvironmentKind::Abstract | EnvironmentKind::Theorem(_) => {
                self.start_block(BlockKind::Paragraph);
            }
        }
        true
    }

    fn item(&mut self) -> bool {
        let label = scan::argument(self.src, self.at, ['[', ']']);
        let label = label.map(|stretch| (self.at, stretch));
        let depth = self.lists.len().saturating_sub(1).min(MAX_DEPTH) as u8;
        let mut mark = "-".to_owned();
        if let Some(number) = self.lists.last_mut().and_then(|list| list.number.as_mut()) {
            *number += 1;
            mark = format!("{number}.");
        }
        if let Some((from, stretch)) = label {
            let words = self.src[from..stretch.end]
                .trim_start()
                .trim_start_matches('[');
            if !words.is_empty() && !words.contains(['\\', '{', '$']) {
                mark = words.trim().to_owned();
                self.at = stretch.next;
            }
        }
        self.start_block(BlockKind::ListItem { mark, depth });
        self.skip_space();
        true
    }

    fn rule(&mut self) -> bool {
        let Some(table) = self.table.as_ref().filter(|table| !table.bars) else {
            return false;
        };
        if table.nested == 0 {
            // Below a cell that was never closed.
            if table.in_row() && !self.groups.is_empty() {
                self.end_row();
            }
            if let Some(table) = &mut self.table {
                table.rule();
            }
        }
        self.skip_rule();
        true
    }

    /// The columns that a line goes across: `{2-4}`, `(lr){2-4}`.
    fn skip_rule(&mut self) {
        if self.rest().starts_with('(')
            && let Some(stretch) = scan::argument(self.src, self.at, ['(', ')'])
        {
            self.at = stretch.next;
        }
        if let Some(stretch) = scan::argument(self.src, self.at, ['{', '}'])
            && self.src[self.at..stretch.end]
                .chars()
                .all(|c| c.is_ascii_digit() || "{-. ptmcex\n".contains(c))
        {
            self.at = stretch.next;
        }
    }

    /// A cell over several columns or rows.
    fn spans(&mut self, columns: bool) -> bool {
        let from = self.at;
        while let Some(stretch) = scan::argument(self.src, self.at, ['[', ']']) {
            self.at = stretch.next;
        }
        let Some(stretch) = scan::argument(self.src, self.at, ['{', '}']) else {
            return false;
        };
        let count = &self.src[self.at..stretch.end];
        let count: String = count.chars().filter(char::is_ascii_digit).take(4).collect();
        self.at = stretch.next;
        if self.table.is_none() || !self.group(1, BraceGroup::Lines) {
            self.at = from;
            return false;
        }
        let count = count.parse().unwrap_or(1);
        match &mut self.table {
            Some(table) if table.nested == 0 && columns => table.spans_columns(count),
            Some(table) if table.nested == 0 => table.spans_rows(count),
            _ => {}
        }
        true
    }
}

/// Returns true if that is a length, as after the end of a row.
fn is_length(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'))
        && ["pt", "em", "ex", "mm", "cm", "in"]
            .iter()
            .any(|unit| text.ends_with(unit))
}
