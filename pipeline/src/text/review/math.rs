//! Formulas as MathML, which browsers draw themselves: no script, no font, no network.

use std::{collections::HashMap, thread};

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};

use crate::{
    layout::block::{Block, BlockKind, SpanKind, TextSpan},
    text::{AssembledPage, latex},
};

/// Longest formula that is drawn, in bytes; a longer one shows as its source.
const MAX_FORMULA_BYTES: usize = 3_000;
/// Stack for the converter, which calls itself once a brace or command: enough for the deepest of [`MAX_FORMULA_BYTES`] bytes.
const STACK_BYTES: usize = 128 << 20;
/// MathML's elements and attributes that the page may have. A formula with another one shows as its source.
const ELEMENTS: &str = " math mi mn mo ms mtext mspace mrow mfrac msqrt mroot msub msup msubsup munder mover \
    munderover mmultiscripts mprescripts mtable mtr mtd mpadded mphantom mstyle ";
const ATTRIBUTES: &str = " display displaystyle scriptlevel stretchy symmetric form fence separator lspace rspace \
    minsize maxsize movablelimits largeop accent accentunder linethickness mathvariant width height depth ";
/// Styles of the converter, which the page's policy shuts out, and the classes that replace them.
const STYLES: [(&str, &str); 6] = [
    ("text-align: left", "tl"),
    ("text-align: right", "tr"),
    ("border-top", "bt"),
    ("border-right", "br"),
    ("border-bottom", "bb"),
    ("border-left", "bl"),
];

/// The formulas of a page, drawn.
#[derive(Debug, Default)]
pub struct RenderedFormulas(HashMap<(String, bool), String>);

impl RenderedFormulas {
    /// Draws those of `page`, on a thread of their own: its stack bears deep formulas, and a panic stays in it.
    pub fn of(page: &AssembledPage) -> Self {
        let mut wanted: Vec<(String, bool)> = Vec::new();
        for block in &page.blocks {
            collect(block, &mut wanted);
        }
        wanted.retain(|(latex, _)| latex.len() <= MAX_FORMULA_BYTES);
        if wanted.is_empty() {
            return Self::default();
        }
        let work = move || wanted.into_iter().filter_map(drawn).collect();
        let worker = thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
        Self(
            worker
                .ok()
                .and_then(|it| it.join().ok())
                .unwrap_or_default(),
        )
    }

    /// The MathML of a formula; `None` if it shows as its source.
    pub fn get(&self, latex: &str, display: bool) -> Option<&str> {
        self.0.get(&(latex.to_owned(), display)).map(String::as_str)
    }
}

fn collect(block: &Block, wanted: &mut Vec<(String, bool)>) {
    let mut math = |text: &str, spans: &[TextSpan]| {
        let math = spans.iter().filter(|span| span.kind == SpanKind::Math);
        wanted.extend(math.map(|span| (text[span.range.clone()].to_owned(), false)));
    };
    math(&block.text, &block.spans);
    match &block.kind {
        BlockKind::Table(table) => {
            let cells = table.rows.iter().flatten();
            cells.for_each(|cell| math(&cell.text, &cell.spans));
        }
        BlockKind::Formula => wanted.push((block.text.clone(), true)),
        _ => {}
    }
}

/// A formula with its MathML, if the converter knows all that is in it.
fn drawn(formula: (String, bool)) -> Option<((String, bool), String)> {
    if !latex::knows_all(&formula.0) {
        return None;
    }
    let converter = LatexToMathML::new(MathCoreConfig::default()).ok()?;
    let display = if formula.1 {
        MathDisplay::Block
    } else {
        MathDisplay::Inline
    };
    let latex = tags(&formula.0);
    let drawn = converter.convert_with_local_state(&latex, display).ok()?;
    Some((formula, admitted(&drawn.mathml)?))
}

/// `\tag{1}`, which the converter takes only in numbered environments, as text in brackets.
fn tags(latex: &str) -> String {
    latex
        .replace("\\tag*{", "\\qquad\\text{")
        .replace("\\tag{", "\\qquad\\text{\u{2002}")
}

/// `mathml` with nothing but what [`ELEMENTS`], [`ATTRIBUTES`] and [`STYLES`] list.
fn admitted(mathml: &str) -> Option<String> {
    let mut out = String::with_capacity(mathml.len());
    let mut parts = mathml.split('<');
    if !parts.next()?.is_empty() {
        return None;
    }
    for part in parts {
        let (tag, text) = part.split_once('>')?;
        out.push('<');
        push_tag(&mut out, tag)?;
        out.push('>');
        out.push_str(text);
    }
    Some(out)
}

fn push_tag(out: &mut String, tag: &str) -> Option<()> {
    let (tag, end) = tag.strip_suffix('/').map_or((tag, ""), |tag| (tag, "/"));
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let listed = |list: &str, word: &str| {
        word.bytes().all(|b| b.is_ascii_lowercase()) && list.contains(&format!(" {word} "))
    };
    if !listed(ELEMENTS, name.strip_prefix('/').unwrap_or(name)) {
        return None;
    }
    out.push_str(name);
    while !rest.trim_start().is_empty() {
        let (key, value) = rest.trim_start().split_once("=\"")?;
        let (value, after) = value.split_once('"')?;
        rest = after;
        if key == "style" {
            let said = STYLES.iter().filter(|(style, _)| value.contains(style));
            let classes: Vec<&str> = said.map(|(_, class)| *class).collect();
            if !classes.is_empty() {
                out.push_str(&format!(" class=\"{}\"", classes.join(" ")));
            }
        } else if listed(ATTRIBUTES, key) {
            out.push_str(&format!(" {key}=\"{value}\""));
        } else {
            return None;
        }
    }
    out.push_str(end);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(latex: &str) -> Option<String> {
        drawn((latex.to_owned(), true)).map(|(_, mathml)| mathml)
    }

    #[test]
    fn draws_what_it_knows() {
        let mathml = draw(r"\frac{a}{b} < c \tag{1}").unwrap();
        assert!(
            mathml.starts_with("<math display=\"block\"><mfrac><mi>a</mi>"),
            "{mathml}"
        );
        assert!(mathml.contains("&lt;"));
        let aligned = draw(r"\begin{aligned} a &= b \end{aligned}").unwrap();
        assert!(aligned.contains("<mtd class=\"tr\">") && !aligned.contains(" style=\""));
        assert_eq!(draw(r"\unknown{x}"), None);
    }

    #[test]
    fn nothing_but_mathml_comes_through() {
        assert_eq!(admitted("<math><script>x</script></math>"), None);
        assert_eq!(admitted("<math><mi onclick=\"x\">a</mi></math>"), None);
        assert_eq!(
            admitted("<math><mtext><a href=\"x\">a</a></mtext></math>"),
            None
        );
        let text = draw(r"\text{<script>alert(1)</script>}").unwrap();
        assert!(!text.contains("<script"), "{text}");
    }

    #[test]
    fn the_deepest_formula_is_borne() {
        for unit in ["{", r"\hat", "^{", r"\left("] {
            let block = Block {
                kind: BlockKind::Formula,
                bounds: Default::default(),
                lines: Vec::new(),
                text: unit.repeat(MAX_FORMULA_BYTES / unit.len()),
                spans: Vec::new(),
            };
            let page = AssembledPage {
                heading_signs: Vec::new(),
                continues: false,
                number: 1,
                markdown: String::new(),
                lines: Vec::new(),
                blocks: vec![block],
            };
            assert!(RenderedFormulas::of(&page).0.is_empty());
        }
    }
}
