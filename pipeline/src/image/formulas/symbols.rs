//! Characters of formulas in LaTeX, and the kind of sign that each is.

use super::math_fonts::MathFont;

/// The kind of a part of a formula, which decides about scripts, limits and spaces around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SignKind {
    /// A letter, a digit, a fraction.
    #[default]
    Ordinary,
    /// `+`, `×`.
    Binary,
    /// `=`, `≤`, arrows.
    Relation,
    /// `(`, `[`.
    Open,
    /// `)`, `]`.
    Close,
    /// `,`.
    Punctuation,
    /// A sum, an integral: limits go over and under it.
    LargeOperator,
    /// The name of a function or operator.
    Name,
}

/// Returns the kind of the sign `c`.
pub(super) fn kind(c: char) -> SignKind {
    match c {
        '(' | '[' | '{' | '⟨' | '⌊' | '⌈' => SignKind::Open,
        ')' | ']' | '}' | '⟩' | '⌋' | '⌉' => SignKind::Close,
        ',' | ';' => SignKind::Punctuation,
        '⊤' => SignKind::Ordinary,
        _ if BINARY.contains(c) => SignKind::Binary,
        _ if LARGE_OPERATORS.contains(c) => SignKind::LargeOperator,
        // The stroke that negates a relation stands before it.
        '\u{338}' | '=' | '<' | '>' | ':' | '∼' | '∈' | '∉' | '∋' | '∝' | '∣' | '∥' | '⩽' | '⩾'
        | '⪅' | '⪆' | '⪯' | '⪰' => SignKind::Relation,
        '←'..='⇿' | '≁'..='⊋' | '⊏'..='⊒' | '⊢'..='⊿' | '⋐'..='⋿' => {
            SignKind::Relation
        }
        _ => SignKind::Ordinary,
    }
}

/// Binary operators.
const BINARY: &str = "+-−±∓×÷·⋅∗*∘⊕⊗⊖⊙∪∩∧∨∖⋆";
/// Operators that take limits.
const LARGE_OPERATORS: &str = "∑∏∐∫∮⋃⋂⨄⨆⨀⨁⨂⋀⋁";

/// LaTeX of `c` set in `font`; `None` for characters that formulas do not have.
pub(super) fn latex(c: char, font: Option<MathFont>, bold: bool) -> Option<String> {
    if c.is_ascii_alphabetic() {
        let name = match font {
            Some(MathFont::Symbols | MathFont::Script) if c.is_ascii_uppercase() => "mathcal",
            Some(MathFont::AmsB) if c.is_ascii_uppercase() => "mathbb",
            Some(MathFont::Blackboard) => "mathbb",
            Some(MathFont::Fraktur) => "mathfrak",
            Some(MathFont::Letters) if bold => "boldsymbol",
            Some(MathFont::Letters | MathFont::Unicode) => return Some(c.to_string()),
            _ if bold => "mathbf",
            _ => return Some(c.to_string()),
        };
        return Some(format!("\\{name}{{{c}}}"));
    }
    if let Some((name, letter)) = styled_letter(c) {
        return Some(match name {
            "" => letter.to_string(),
            name => format!("\\{name}{{{letter}}}"),
        });
    }
    let text = match c {
        '0'..='9'
        | '('
        | ')'
        | '['
        | ']'
        | '+'
        | '='
        | '<'
        | '>'
        | ','
        | ';'
        | ':'
        | '.'
        | '!'
        | '/'
        | '|'
        | '-'
        | '*'
        | '?'
        | '\'' => return Some(c.to_string()),
        'ϵ' | 'ϕ' if font == Some(MathFont::Unicode) => {
            if c == 'ϵ' {
                "\\epsilon"
            } else {
                "\\phi"
            }
        }
        'φ' if font == Some(MathFont::Unicode) => "\\varphi",
        _ => command(c)?,
    };
    if bold && c.is_alphabetic() {
        return Some(format!("\\boldsymbol{{{text}}}"));
    }
    Some(text.to_owned())
}

/// The alphabet and the letter of Unicode's mathematical letters.
fn styled_letter(c: char) -> Option<(&'static str, char)> {
    let code = u32::from(c);
    let letter = |first: u32| {
        let index = (code - first) % 52;
        let base = if index < 26 { 'A' } else { 'G' };
        char::from_u32(u32::from(base) + index)
    };
    let style = match code {
        0x1D400..=0x1D433 => ("mathbf", letter(0x1D400)?),
        0x1D434..=0x1D467 => ("", letter(0x1D434)?),
        0x1D468..=0x1D49B => ("boldsymbol", letter(0x1D468)?),
        0x1D49C..=0x1D4CF => ("mathcal", letter(0x1D49C)?),
        0x1D504..=0x1D537 => ("mathfrak", letter(0x1D504)?),
        0x1D538..=0x1D56B => ("mathbb", letter(0x1D538)?),
        0x210E => ("", 'h'),
        0x2102 => ("mathbb", 'C'),
        0x2115 => ("mathbb", 'N'),
        0x2119 => ("mathbb", 'P'),
        0x211A => ("mathbb", 'Q'),
        0x211D => ("mathbb", 'R'),
        0x2124 => ("mathbb", 'Z'),
        _ => return None,
    };
    Some(style)
}

/// The command for a sign or a Greek letter, in TeX's naming of its variants.
fn command(c: char) -> Option<&'static str> {
    COMMANDS
        .iter()
        .find(|(signs, _)| signs.contains(c))
        .map(|(_, command)| *command)
        .or_else(|| greek(c))
}

/// Signs, those that are alike together, and their commands.
const COMMANDS: &[(&str, &str)] = &[
    ("−", "-"),
    ("{", "\\{"),
    ("}", "\\}"),
    ("%", "\\%"),
    ("#", "\\#"),
    ("&", "\\&"),
    ("$", "\\$"),
    ("_", "\\_"),
    ("·⋅", "\\cdot"),
    ("×", "\\times"),
    ("÷", "\\div"),
    ("∗", "*"),
    ("⋆★", "\\star"),
    ("±", "\\pm"),
    ("∓", "\\mp"),
    ("∘◦", "\\circ"),
    ("•", "\\bullet"),
    ("⊕", "\\oplus"),
    ("⊖", "\\ominus"),
    ("⊗", "\\otimes"),
    ("⊘", "\\oslash"),
    ("⊙", "\\odot"),
    ("⋄◊", "\\diamond"),
    ("≤⩽", "\\leq"),
    ("≥⩾", "\\geq"),
    ("≠", "\\neq"),
    ("≡", "\\equiv"),
    ("≈", "\\approx"),
    ("∼", "\\sim"),
    ("≃", "\\simeq"),
    ("≅", "\\cong"),
    ("≍", "\\asymp"),
    ("≪", "\\ll"),
    ("≫", "\\gg"),
    ("≺", "\\prec"),
    ("≻", "\\succ"),
    ("⪯≼", "\\preceq"),
    ("⪰≽", "\\succeq"),
    ("≲", "\\lesssim"),
    ("≳", "\\gtrsim"),
    ("⪅", "\\lessapprox"),
    ("⪆", "\\gtrapprox"),
    ("≦", "\\leqq"),
    ("≧", "\\geqq"),
    ("≜", "\\triangleq"),
    ("∝", "\\propto"),
    ("∈", "\\in"),
    ("∉", "\\notin"),
    ("∋", "\\ni"),
    ("⊂", "\\subset"),
    ("⊃", "\\supset"),
    ("⊆", "\\subseteq"),
    ("⊇", "\\supseteq"),
    ("⊊", "\\subsetneq"),
    ("⊈", "\\nsubseteq"),
    ("⊏", "\\sqsubset"),
    ("⊑", "\\sqsubseteq"),
    ("⊒", "\\sqsupseteq"),
    ("∪", "\\cup"),
    ("∩", "\\cap"),
    ("⊎", "\\uplus"),
    ("⊔", "\\sqcup"),
    ("⊓", "\\sqcap"),
    ("∧", "\\wedge"),
    ("∨", "\\vee"),
    ("∖\\", "\\setminus"),
    ("∅", "\\emptyset"),
    ("∀", "\\forall"),
    ("∃", "\\exists"),
    ("∄", "\\nexists"),
    ("¬", "\\neg"),
    ("∞", "\\infty"),
    ("∂", "\\partial"),
    ("∇", "\\nabla"),
    ("√", "\\surd"),
    ("′", "\\prime"),
    ("⊤", "\\top"),
    ("⊥", "\\perp"),
    ("⊢", "\\vdash"),
    ("⊣", "\\dashv"),
    ("⊨", "\\models"),
    ("‖∥", "\\|"),
    ("∣", "\\mid"),
    ("∤", "\\nmid"),
    ("⟨", "\\langle"),
    ("⟩", "\\rangle"),
    ("⌊", "\\lfloor"),
    ("⌋", "\\rfloor"),
    ("⌈", "\\lceil"),
    ("⌉", "\\rceil"),
    ("∑", "\\sum"),
    ("∏", "\\prod"),
    ("∐", "\\coprod"),
    ("∫", "\\int"),
    ("∮", "\\oint"),
    ("⋃", "\\bigcup"),
    ("⋂", "\\bigcap"),
    ("⨄", "\\biguplus"),
    ("⨆", "\\bigsqcup"),
    ("⨀", "\\bigodot"),
    ("⨁", "\\bigoplus"),
    ("⨂", "\\bigotimes"),
    ("⋀", "\\bigwedge"),
    ("⋁", "\\bigvee"),
    ("→", "\\to"),
    ("←", "\\leftarrow"),
    ("↑", "\\uparrow"),
    ("↓", "\\downarrow"),
    ("↔", "\\leftrightarrow"),
    ("⇒", "\\Rightarrow"),
    ("⇐", "\\Leftarrow"),
    ("⇔", "\\Leftrightarrow"),
    ("⇑", "\\Uparrow"),
    ("⇓", "\\Downarrow"),
    ("↦", "\\mapsto"),
    ("↗", "\\nearrow"),
    ("↘", "\\searrow"),
    ("⇀", "\\rightharpoonup"),
    ("⇌", "\\rightleftharpoons"),
    ("↪", "\\hookrightarrow"),
    ("↠", "\\twoheadrightarrow"),
    ("⇝", "\\leadsto"),
    ("…", "\\ldots"),
    ("⋯", "\\cdots"),
    ("⋮", "\\vdots"),
    ("⋱", "\\ddots"),
    ("ℓ", "\\ell"),
    ("ℏ", "\\hbar"),
    ("ℜ", "\\Re"),
    ("ℑ", "\\Im"),
    ("ℵ", "\\aleph"),
    ("℘", "\\wp"),
    ("ı", "\\imath"),
    ("ȷ", "\\jmath"),
    ("†", "\\dagger"),
    ("‡", "\\ddagger"),
    ("♯", "\\sharp"),
    ("♭", "\\flat"),
    ("△", "\\triangle"),
    ("▽", "\\triangledown"),
    ("□", "\\square"),
    ("■", "\\blacksquare"),
    ("⊳", "\\triangleright"),
    ("⊲", "\\triangleleft"),
    ("∠", "\\angle"),
    ("∴", "\\therefore"),
    ("∵", "\\because"),
    ("°", "{^{\\circ}}"),
    ("≁", "\\nsim"),
    ("≰", "\\nleq"),
    ("≱", "\\ngeq"),
    ("⋉", "\\ltimes"),
    ("⋊", "\\rtimes"),
    ("⨿", "\\amalg"),
    ("≀", "\\wr"),
    ("§", "\\S"),
    ("⊞", "\\boxplus"),
    ("⊠", "\\boxtimes"),
    ("⊻", "\\veebar"),
];

/// Greek letters; `φ` and `ϵ` are named as TeX's fonts have them.
fn greek(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "\\alpha",
        'β' => "\\beta",
        'γ' => "\\gamma",
        'δ' => "\\delta",
        'ϵ' => "\\epsilon",
        'ε' => "\\varepsilon",
        'ζ' => "\\zeta",
        'η' => "\\eta",
        'θ' => "\\theta",
        'ϑ' => "\\vartheta",
        'ι' => "\\iota",
        'κ' => "\\kappa",
        'ϰ' => "\\varkappa",
        'λ' => "\\lambda",
        'μ' | 'µ' => "\\mu",
        'ν' => "\\nu",
        'ξ' => "\\xi",
        'ο' => "o",
        'π' => "\\pi",
        'ϖ' => "\\varpi",
        'ρ' => "\\rho",
        'ϱ' => "\\varrho",
        'σ' => "\\sigma",
        'ς' => "\\varsigma",
        'τ' => "\\tau",
        'υ' => "\\upsilon",
        'φ' => "\\phi",
        'ϕ' => "\\varphi",
        'χ' => "\\chi",
        'ψ' => "\\psi",
        'ω' => "\\omega",
        'ϝ' => "\\digamma",
        'Γ' => "\\Gamma",
        'Δ' | '\u{2206}' => "\\Delta",
        'Θ' => "\\Theta",
        'Λ' => "\\Lambda",
        'Ξ' => "\\Xi",
        'Π' => "\\Pi",
        'Σ' => "\\Sigma",
        'Υ' => "\\Upsilon",
        'Φ' => "\\Phi",
        'Ψ' => "\\Psi",
        'Ω' | '\u{2126}' => "\\Omega",
        _ => return None,
    })
}

/// Names of functions and operators that have commands of their own.
const NAMES: &[&str] = &[
    "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "deg", "det", "dim",
    "exp", "gcd", "hom", "inf", "ker", "lg", "lim", "liminf", "limsup", "ln", "log", "max", "min",
    "Pr", "sec", "sin", "sinh", "sup", "tan", "tanh",
];
/// Names that are set upright all the same.
const OPERATORS: &[&str] = &[
    "argmax", "argmin", "Cov", "cov", "Corr", "diag", "erf", "mod", "rank", "sgn", "sign", "span",
    "supp", "tr", "Tr", "Var", "var", "vec", "Re", "Im", "erfc", "conv", "dom", "lcm", "GL", "SL",
    "SO", "Hom", "End", "Aut",
];

/// Returns true if `word` is the name of a function or an operator.
pub(super) fn is_name(word: &str) -> bool {
    NAMES.contains(&word) || OPERATORS.contains(&word)
}

/// Returns true if limits go under the operator of that name.
pub(super) fn takes_limits(name: &str) -> bool {
    [
        "\\lim", "\\max", "\\min", "\\sup", "\\inf", "\\det", "\\gcd", "\\limsup", "\\liminf",
        "\\Pr",
    ]
    .contains(&name)
        || name.contains("argm")
}

/// LaTeX of upright letters in a formula: a function's name, or a word.
pub(super) fn upright(word: &str) -> String {
    if NAMES.contains(&word) {
        format!("\\{word}")
    } else if OPERATORS.contains(&word) && word.chars().count() > 2 {
        format!("\\operatorname{{{word}}}")
    } else if word.contains(|c: char| c == ' ' || !c.is_ascii()) {
        format!("\\text{{{word}}}")
    } else {
        format!("\\mathrm{{{word}}}")
    }
}

/// The command of an accent over a letter: narrow and wide.
pub(super) fn accent(c: char) -> Option<(&'static str, &'static str)> {
    Some(match c {
        '^' | 'ˆ' | '\u{302}' => ("\\hat", "\\widehat"),
        '~' | '˜' | '\u{303}' => ("\\tilde", "\\widetilde"),
        '¯' | 'ˉ' | '\u{304}' => ("\\bar", "\\overline"),
        '˙' | '\u{307}' => ("\\dot", "\\dot"),
        '¨' | '\u{308}' => ("\\ddot", "\\ddot"),
        'ˇ' | '\u{30C}' => ("\\check", "\\check"),
        '˘' | '\u{306}' => ("\\breve", "\\breve"),
        '´' | '\u{301}' => ("\\acute", "\\acute"),
        '`' | '\u{300}' => ("\\grave", "\\grave"),
        '˚' | '\u{30A}' => ("\\mathring", "\\mathring"),
        '\u{20D7}' => ("\\vec", "\\overrightarrow"),
        _ => return None,
    })
}
