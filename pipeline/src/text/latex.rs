//! LaTeX of formulas that is formulas and nothing else: an allow-list of commands, and no signs that a reader of
//! Markdown, with or without mathematics, takes for markup.
//!
//! The commands are those of KaTeX and MathJax (<https://katex.org/docs/supported.html>) that set a formula. Not among
//! them are those that load, link, style or run (`\href`, `\includegraphics`, `\class`, `\htmlData`, `\require`), define
//! (`\def`, `\newcommand`), read files where LaTeX is run (`\input`), or hide text (`\color`).

use std::{collections::HashSet, sync::LazyLock};

use crate::format_controls::is_format_control;

/// Commands of letters that a formula may have.
const COMMANDS: &str = "
    Alpha Beta Chi Delta Digamma Epsilon Eta Gamma Iota Kappa Lambda Mu Nu Omega Omicron Phi Pi Psi Rho Sigma Tau Theta
    Upsilon Xi Zeta alpha beta chi delta digamma epsilon eta gamma iota kappa lambda mu nu omega omicron phi pi psi rho
    sigma tau theta upsilon xi zeta varDelta varGamma varLambda varOmega varPhi varPi varPsi varSigma varTheta
    varUpsilon varXi varepsilon varkappa varphi varpi varrho varsigma vartheta
    aleph beth gimel daleth ell hbar hslash imath jmath wp Re Im partial nabla infty emptyset varnothing eth mho Finv Game
    Bbbk complement degree surd prime backprime angle measuredangle sphericalangle top bot triangle blacktriangle
    triangledown blacktriangledown square Box blacksquare lozenge blacklozenge Diamond diamondsuit clubsuit heartsuit
    spadesuit bigstar flat natural sharp checkmark maltese yen pounds circledR circledS S P copyright dag ddag dagger
    ddagger AA aa AE ae OE oe O o ss L l i j euro
    frac dfrac tfrac cfrac genfrac over atop above choose binom dbinom tbinom brace brack sqrt root stackrel overset
    underset sideset prescript substack
    sum prod coprod int iint iiint iiiint idotsint oint oiint oiiint smallint bigcap bigcup bigsqcup bigvee bigwedge bigodot
    bigoplus bigotimes biguplus
    arccos arcsin arctan arctg arcctg arg ch cos cosec cosh cot cotg coth csc ctg cth deg det dim exp gcd hom inf injlim
    ker lg lim liminf limsup ln log max min plim Pr projlim sec sh sin sinh sup tan tanh tg th varinjlim varliminf
    varlimsup varprojlim argmax argmin mod bmod pmod pod operatorname operatornamewithlimits limits nolimits
    amalg ast barwedge bigcirc bigtriangledown bigtriangleup boxdot boxminus boxplus boxtimes bullet cap Cap cup Cup cdot
    centerdot circ circledast circledcirc circleddash curlyvee curlywedge diamond div divideontimes dotplus doublebarwedge
    doublecup gtrdot intercal land leftthreetimes lessdot lor ltimes mp odot ominus oplus oslash otimes pm
    rightthreetimes rtimes setminus smallsetminus sqcap sqcup star times triangleleft triangleright unlhd unrhd lhd rhd
    uplus vee veebar wedge wr lnot neg
    approx approxeq asymp backepsilon backsim backsimeq between bowtie bumpeq Bumpeq circeq colon coloneqq Coloneqq
    colonequals eqcolon eqqcolon cong curlyeqprec curlyeqsucc dashv doteq Doteq doteqdot eqcirc eqsim eqslantgtr
    eqslantless equiv fallingdotseq frown ge geq geqq geqslant gg ggg gggtr gt gtrapprox gtreqless gtreqqless gtrless
    gtrsim in isin Join le leq leqq leqslant lessapprox lesseqgtr lesseqqgtr lessgtr lesssim ll lll llless lt mid models
    multimap ne neq ni notin notni owns parallel perp pitchfork prec precapprox preccurlyeq preceq precsim propto
    risingdotseq shortmid shortparallel sim simeq smallfrown smallsmile smile sqsubset sqsubseteq sqsupset sqsupseteq
    subset Subset subseteq subseteqq succ succapprox succcurlyeq succeq succsim supset Supset supseteq supseteqq
    thickapprox thicksim trianglelefteq triangleq trianglerighteq varpropto vartriangle vartriangleleft vartriangleright
    vdash vDash Vdash Vvdash gnapprox gneq gneqq gnsim gvertneqq lnapprox lneq lneqq lnsim lvertneqq ncong ngeq ngeqq
    ngeqslant ngtr nleq nleqq nleqslant nless nmid not nparallel nprec npreceq nshortmid nshortparallel nsim nsubseteq
    nsubseteqq nsucc nsucceq nsupseteq nsupseteqq ntriangleleft ntrianglelefteq ntriangleright ntrianglerighteq nvdash
    nvDash nVdash nVDash precnapprox precneqq precnsim subsetneq subsetneqq succnapprox succneqq succnsim supsetneq
    supsetneqq varsubsetneq varsubsetneqq varsupsetneq varsupsetneqq
    exists nexists forall therefore because implies impliedby iff to gets mapsto longmapsto emptyset
    circlearrowleft circlearrowright curvearrowleft curvearrowright dashleftarrow dashrightarrow downarrow Downarrow
    downdownarrows downharpoonleft downharpoonright hookleftarrow hookrightarrow leadsto leftarrow Leftarrow
    leftarrowtail leftharpoondown leftharpoonup leftleftarrows leftrightarrow Leftrightarrow leftrightarrows
    leftrightharpoons leftrightsquigarrow Lleftarrow longleftarrow Longleftarrow longleftrightarrow Longleftrightarrow
    longrightarrow Longrightarrow looparrowleft looparrowright Lsh nearrow nleftarrow nLeftarrow nleftrightarrow
    nLeftrightarrow nrightarrow nRightarrow nwarrow rightarrow Rightarrow rightarrowtail rightharpoondown rightharpoonup
    rightleftarrows rightleftharpoons rightrightarrows rightsquigarrow Rrightarrow Rsh searrow swarrow twoheadleftarrow
    twoheadrightarrow uparrow Uparrow updownarrow Updownarrow upharpoonleft upharpoonright upuparrows restriction
    xhookleftarrow xhookrightarrow xleftarrow xLeftarrow xleftharpoondown xleftharpoonup xleftrightarrow
    xLeftrightarrow xleftrightharpoons xlongequal xmapsto xrightarrow xRightarrow xrightharpoondown xrightharpoonup
    xrightleftharpoons xtofrom xtwoheadleftarrow xtwoheadrightarrow
    left right middle big Big bigg Bigg bigl Bigl biggl Biggl bigm Bigm biggm Biggm bigr Bigr biggr Biggr
    langle rangle lang rang lbrace rbrace lbrack rbrack lceil rceil lfloor rfloor lgroup rgroup lmoustache rmoustache
    llcorner lrcorner ulcorner urcorner llbracket rrbracket lparen rparen lvert rvert lVert rVert vert Vert backslash
    acute bar breve check ddot dddot ddddot dot grave hat mathring tilde vec widecheck widehat widetilde overbrace
    overbracket overleftarrow overleftrightarrow overline overparen overrightarrow Overrightarrow overgroup underbar
    underbrace underbracket undergroup underleftarrow underleftrightarrow underline underparen underrightarrow utilde
    cancel bcancel xcancel sout boxed fbox
    mathbb mathbf mathbin mathcal mathclose mathfrak mathinner mathit mathnormal mathop mathopen mathord mathpunct
    mathrel mathrm mathscr mathsf mathtt Bbb bold boldsymbol bm pmb frak cal bf bfseries it itshape rm sf tt em emph
    text textbf textit textmd textnormal textrm textsc textsf textsl texttt textup mbox hbox
    textsuperscript textsubscript uline
    displaystyle textstyle scriptstyle scriptscriptstyle displaylimits tiny scriptsize footnotesize small normalsize large
    Large LARGE huge Huge
    cdots ddots dots dotsb dotsc dotsi dotsm dotso hdots iddots ldots ldotp cdotp vdots mathellipsis
    quad qquad enspace enskip thinspace medspace thickspace negthinspace negmedspace negthickspace nobreakspace space
    hspace hskip mskip mkern phantom hphantom vphantom mathstrut strut smash mathllap mathrlap mathclap llap rlap
    hfill allowbreak nobreak nonumber notag tag hline cline hdashline newline cr
    textasciitilde textasciicircum textbackslash textbar textless textgreater textdegree textdollar textunderscore
    textendash textemdash textellipsis textquoteleft textquoteright textquotedblleft textquotedblright textbullet
    lq rq c k r u v H t d b
    lbrbrak rbrbrak nolinebreak centering relax protect
";

/// Environments that a formula may have, without their star.
const ENVIRONMENTS: &str = "
    align aligned alignat alignedat array bmatrix Bmatrix cases dcases drcases eqnarray equation flalign gather gathered
    matrix multline multlined pmatrix rcases smallmatrix split subarray vmatrix Vmatrix
";

/// Stands for an environment that is not on the list: it takes no arguments, and has rows and columns.
const ANY_ENVIRONMENT: &str = "aligned";

/// Signs that a backslash may stand before.
const SIGNS: &str = ",;:!>/\\{}|&%#_$'\"^~=.`-()[] ";

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMANDS.split_whitespace().collect());

/// Returns true if a formula may have the command `name`, without its backslash.
fn is_known(name: &str) -> bool {
    matches!(name, "begin" | "end") || KNOWN.contains(name)
}

/// Returns true if all commands of `latex` are on the list.
pub(crate) fn knows_all(latex: &str) -> bool {
    let mut rest = latex;
    while let Some(at) = rest.find('\\') {
        rest = &rest[at + 1..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        if letters > 0 && !is_known(&rest[..letters]) {
            return false;
        }
        let skipped = rest.chars().next().map_or(0, char::len_utf8);
        rest = &rest[letters.max(skipped)..];
    }
    true
}

/// `latex` on one line, with commands of the list alone, that ends before its closing `$` and has nothing that reads as
/// an image, a link, a note, a tag, code or a template where no mathematics is read. Other commands become their names
/// as text.
pub(crate) fn sound(latex: &str) -> String {
    let mut out = SoundLatex(String::with_capacity(latex.len() + 8));
    // First of all: what is left out may stand in the middle of a command's name.
    let is_left_out =
        |c: char| c == '\u{fffc}' || is_format_control(c) || c.is_control() && !c.is_whitespace();
    let shown = latex.replace(is_left_out, "");
    let mut rest = shown.as_str();
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => rest = out.command(rest),
            '$' | '%' => out.push_str(if c == '$' { "\\$" } else { "\\%" }),
            // An opening quotation mark, in text and in formulas.
            '`' => out.push('‘'),
            c if c.is_whitespace() => out.push(' '),
            c => out.push(c),
        }
    }
    out.finish()
}

/// LaTeX in the making.
struct SoundLatex(String);

impl SoundLatex {
    /// Appends a sign; a space, which does not show in a formula, parts it from one with which it would be markup.
    fn push(&mut self, c: char) {
        let parted = match self.0.chars().next_back() {
            Some('<') => c != ' ',
            Some('!') => c == '[',
            Some('[') => c == '^',
            Some(']') => matches!(c, '(' | '[' | ':'),
            Some('{') => matches!(c, '{' | '#'),
            _ => false,
        };
        if parted {
            self.0.push(' ');
        }
        self.0.push(c);
    }

    fn push_str(&mut self, words: &str) {
        words.chars().for_each(|c| self.push(c));
    }

    /// A command, whose backslash is behind; gives the rest after it.
    fn command<'a>(&mut self, rest: &'a str) -> &'a str {
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (name, after) = rest.split_at(letters);
        if letters == 0 {
            let Some(c) = rest.chars().next() else {
                return rest;
            };
            let c = if c.is_whitespace() { ' ' } else { c };
            if SIGNS.contains(c) {
                self.push('\\');
                self.0.push(c);
                return &rest[rest.chars().next().map_or(0, char::len_utf8)..];
            }
            return rest;
        }
        if matches!(name, "begin" | "end")
            && let Some((environment, after)) = argument(after)
        {
            let plain = environment.trim_end_matches('*');
            let known = ENVIRONMENTS.split_whitespace().any(|it| it == plain);
            let environment = if known { environment } else { ANY_ENVIRONMENT };
            self.push_str(&format!("\\{name}{{{environment}}}"));
            return after;
        }
        if is_known(name) && !matches!(name, "begin" | "end") {
            self.push('\\');
            self.push_str(name);
        } else {
            self.push_str(&format!("\\text{{{name}}}"));
        }
        after
    }

    /// The formula, trimmed.
    fn finish(self) -> String {
        let mut latex = trimmed(self.0);
        // Before a dollar sign and letters it might begin a mail address.
        if latex.ends_with('<') {
            latex.pop();
            latex.push_str("\\lt");
        }
        latex
    }
}

/// Without white space around, and without a backslash before the end that would escape what comes after.
pub(super) fn trimmed(mut latex: String) -> String {
    loop {
        latex.truncate(latex.trim_end().len());
        let slashes = latex.bytes().rev().take_while(|b| *b == b'\\').count();
        if slashes % 2 == 0 {
            break;
        }
        latex.pop();
    }
    latex.trim_start().to_owned()
}

/// A name in braces at the start of `rest`, and what comes after.
fn argument(rest: &str) -> Option<(&str, &str)> {
    let (name, after) = rest.trim_start().strip_prefix('{')?.split_once('}')?;
    let plain = |c: char| c.is_ascii_alphabetic() || c == '*';
    Some((if name.chars().all(plain) { name } else { "" }, after)).filter(|_| name.len() <= 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_formulas_stay_as_they_are() {
        for latex in [
            r"\frac{a}{b} \leq \sqrt[3]{x^{2}} \cdot \operatorname{rank}A",
            r"\left[ \begin{array}{cc} a & b \\ c & d \end{array} \right]",
            r"\begin{aligned} a &= b \\[2pt] &< c \end{aligned}\tag{1}",
            r"\text{if } x \in \mathbb{R},\ \{y\} \| z \$ 5\%",
        ] {
            assert_eq!(sound(latex), latex);
            assert!(knows_all(latex));
        }
    }

    #[test]
    fn commands_that_load_link_style_or_define_become_text() {
        for name in [
            "href",
            "url",
            "includegraphics",
            "class",
            "cssId",
            "style",
            "require",
            "def",
            "input",
            "htmlData",
            "unicode",
            "newcommand",
            "csname",
            "write",
            "color",
            "html",
            "unknown",
        ] {
            let latex = format!("a\\{name}{{x}}");
            assert_eq!(sound(&latex), format!("a\\text{{{name}}}{{x}}"));
            assert!(!knows_all(&latex));
        }
        assert_eq!(
            sound(r"\begin{filecontents}a & b\end{filecontents}"),
            r"\begin{aligned}a & b\end{aligned}"
        );
        assert_eq!(sound(r"\begin{\href{x}"), r"\begin{aligned}");
    }

    /// Found by fuzzing: a sign that is left out had parted a command from letters that make another one of it.
    #[test]
    fn signs_that_are_left_out_join_no_commands() {
        for sign in ['\u{1}', '\u{fffc}', '\u{202e}', '\u{7f}'] {
            for latex in [format!("\\in{sign}put{{x}}"), format!("\\{sign}input{{x}}")] {
                assert_eq!(sound(&latex), r"\text{input}{x}", "{latex:?}");
            }
        }
    }

    #[test]
    fn signs_of_markup_are_parted_by_spaces() {
        for (latex, written) in [
            ("![](http://a.b/x.png)", "! [] (http://a.b/x.png)"),
            ("[a](b) [a][b] [a]: b", "[a] (b) [a] [b] [a] : b"),
            ("a<b <!-- x", "a< b < !-- x"),
            ("[^1]", "[ ^1]"),
            ("`a` ``b", "‘a‘ ‘‘b"),
            ("x$y$", r"x\$y\$"),
            ("{{a}} {% b", r"{ {a}} {\% b"),
            ("\\<b>\\\\<b>", "< b>\\\\< b>"),
            ("a\u{202e}\u{e0041}\u{feff}\nb", "a b"),
            ("a\\", "a"),
            ("a<", "a\\lt"),
        ] {
            assert_eq!(sound(latex), written);
        }
    }
}
