//! Line starts: items of a list, headings and tables with bars, which begin a line.

use super::{MathpixParser, table::TableBuilder};
use crate::layout::{
    block::BlockKind,
    list_markers::{ListMarker, ListMarkerKind, list_marker},
};

/// Lines within which a neighboring marker is looked for; as many as in layout.
const REACH: usize = 60;

/// The markers of lists with the starts of their lines: bullets, and dashes and counts that are not alone.
pub(super) fn line_markers(src: &str) -> Vec<(usize, ListMarker)> {
    let mut found: Vec<(usize, usize, ListMarker)> = Vec::new();
    let mut at = 0;
    for (number, line) in src.split_inclusive('\n').enumerate() {
        let text = line.trim_start();
        let start = at + line.len() - text.len();
        found.extend(list_marker(text.trim_end()).map(|mark| (number, start, mark)));
        at += line.len();
    }
    let kept: Vec<bool> = (0..found.len()).map(|i| is_sure(&found, i)).collect();
    let kept = found.into_iter().zip(kept).filter(|(_, kept)| *kept);
    let mut markers: Vec<(usize, ListMarker)> =
        kept.map(|((_, at, marker), _)| (at, marker)).collect();
    markers.reverse();
    markers
}

/// Returns true if the marker `i` begins an item: each is the number of its line, its place, itself.
fn is_sure(found: &[(usize, usize, ListMarker)], i: usize) -> bool {
    let (line, _, this) = &found[i];
    let near = &found[i.saturating_sub(REACH)..found.len().min(i + REACH + 1)];
    let mut others = near
        .iter()
        .filter(|(other, ..)| other != line && other.abs_diff(*line) <= REACH)
        .map(|(.., other)| other);
    match this.kind {
        ListMarkerKind::Bullet => true,
        ListMarkerKind::Dash => others.any(|other| other.text == this.text),
        ListMarkerKind::Count { .. } => others.any(|other| this.is_next_to(other)),
    }
}

impl MathpixParser<'_> {
    /// Looks at the start of a line, white space skipped.
    pub(super) fn start_line(&mut self) {
        if self.table.is_some() || !self.groups.is_empty() {
            return;
        }
        while self.markers.last().is_some_and(|(at, _)| *at < self.at) {
            self.markers.pop();
        }
        if let Some((_, mark)) = self.markers.pop_if(|(at, _)| *at == self.at) {
            self.at += mark.rest;
            let mark = match mark.kind {
                ListMarkerKind::Count { .. } => mark.text,
                _ => "-".to_owned(),
            };
            return self.start_block(BlockKind::ListItem { mark, depth: 0 });
        }
        if self.rest().starts_with('#') {
            self.hash_heading();
        } else if self.rest().starts_with('|') && self.is_ruled() {
            self.start_block(BlockKind::Paragraph);
            self.table = Some(TableBuilder::barred());
            self.at += 1;
        }
    }

    /// A heading as Markdown has it, if it is a paragraph of its own: else the signs are text.
    fn hash_heading(&mut self) {
        let rest = self.rest();
        let level = rest.bytes().take(7).take_while(|b| *b == b'#').count();
        let line = rest.split('\n').next().unwrap_or(rest);
        let after = &rest[line.len()..];
        let next = after.split('\n').nth(1).unwrap_or("");
        let before = self.src[..self.at].trim_end_matches([' ', '\t', '\r']);
        let alone = before.is_empty() || before.ends_with("\n\n") || before.ends_with("\n\r\n");
        if level <= 6 && line[level..].starts_with(' ') && next.trim().is_empty() && alone {
            self.start_block(BlockKind::Heading(level as u8));
            self.at += level;
        }
    }

    /// Returns true if the next line is the rule below the head of a table with bars.
    fn is_ruled(&self) -> bool {
        let next = self.rest().split('\n').nth(1).unwrap_or("").trim();
        next.starts_with('|') && is_rule(next)
    }

    /// The end of a line of a table with bars.
    pub(super) fn end_bars(&mut self) {
        self.end_groups();
        if let Some(table) = &mut self.table {
            table.end_barred_row();
        }
        let mut lines = self.rest().split('\n');
        let line = lines.next().unwrap_or("");
        if is_rule(line.trim()) {
            self.at += (line.len() + 1).min(self.rest().len());
        }
        let space = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        if self.rest()[space..].starts_with('|') {
            self.at += space + 1;
        } else {
            self.end_table();
            self.start_line();
        }
    }
}

fn is_rule(line: &str) -> bool {
    line.starts_with('|')
        && line.contains('-')
        && line.bytes().all(|b| matches!(b, b'|' | b'-' | b':' | b' '))
}
