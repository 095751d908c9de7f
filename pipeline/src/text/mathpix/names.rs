//! Meanings of the commands and environments of LaTeX.

use crate::layout::block::SpanKind;

/// The meaning of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandMeaning {
    /// Its argument is a heading of that level.
    Heading(u8),
    /// Its argument is a paragraph of its own, or several.
    Paragraph,
    /// Its argument is a note, which is put in brackets.
    Note,
    /// Its argument is set in that type.
    Style(SpanKind),
    /// Its last argument is text; so many arguments before it are not.
    Inside(usize),
    /// So many arguments, and none of them shows.
    Nothing(usize),
    /// These characters.
    Signs(&'static str),
    /// An accent on the letter that comes next.
    Accent(char),
    /// Its argument is raised or lowered.
    Script(char),
    Break,
    NewParagraph,
    Begin,
    End,
    Item,
    /// A line across a table.
    Rule,
    MultiColumn,
    MultiRow,
}

/// The meaning of `name`, without its backslash and star, outside math; `None` if it is not known.
pub(super) fn command_meaning(name: &str) -> Option<CommandMeaning> {
    use CommandMeaning::*;
    Some(match name {
        "title" => Heading(1),
        "part" | "chapter" | "section" => Heading(2),
        "subsection" => Heading(3),
        "subsubsection" => Heading(4),
        "paragraph" => Heading(5),
        "subparagraph" => Heading(6),
        "author" | "date" | "affil" | "affiliation" | "address" | "email" | "keywords"
        | "caption" | "footnotetext" | "captionof" | "thanks" | "institute" => Paragraph,
        "footnote" => Note,
        "textbf" | "bm" | "boldsymbol" => Style(SpanKind::Strong),
        "textit" | "emph" | "textsl" => Style(SpanKind::Emphasis),
        "underline" | "uline" | "textsc" | "textrm" | "textsf" | "texttt" | "textnormal"
        | "textmd" | "textup" | "text" | "mbox" | "makecell" | "shortstack" | "thead"
        | "centerline" | "url" | "path" | "hbox" | "framebox" | "fbox" | "sout" => Inside(0),
        "parbox" | "textcolor" | "rotatebox" | "scalebox" | "colorbox" | "multirowcell" => {
            Inside(1)
        }
        "resizebox" => Inside(2),
        "centering" | "noindent" | "hfill" | "vfill" | "maketitle" | "newpage" | "clearpage"
        | "pagebreak" | "raggedright" | "raggedleft" | "small" | "footnotesize" | "scriptsize"
        | "tiny" | "large" | "Large" | "LARGE" | "huge" | "Huge" | "normalsize" | "bf" | "it"
        | "rm" | "sc" | "sf" | "tt" | "bfseries" | "itshape" | "smallskip" | "medskip"
        | "bigskip" | "indent" | "protect" | "relax" | "null" | "displaystyle" => Nothing(0),
        "vspace" | "hspace" | "includegraphics" | "label" | "pagestyle" | "thispagestyle"
        | "setcounter" | "bibliographystyle" | "arraystretch" | "rowcolor" | "cellcolor"
        | "footnotemark" => Nothing(1),
        "setlength" => Nothing(2),
        "quad" | "qquad" | "enspace" | "space" => Signs(" "),
        "ldots" | "dots" | "textellipsis" => Signs("…"),
        "textbackslash" => Signs("\\"),
        "textasciitilde" | "sim" => Signs("~"),
        "textasciicircum" => Signs("^"),
        "textbar" => Signs("|"),
        "textless" => Signs("<"),
        "textgreater" => Signs(">"),
        "textendash" => Signs("–"),
        "textemdash" => Signs("—"),
        "textdegree" | "degree" => Signs("°"),
        "textbullet" | "bullet" => Signs("•"),
        "textregistered" => Signs("®"),
        "texttrademark" => Signs("™"),
        "copyright" | "textcopyright" => Signs("©"),
        "pounds" | "textsterling" => Signs("£"),
        "euro" | "texteuro" => Signs("€"),
        "S" => Signs("§"),
        "P" => Signs("¶"),
        "dag" | "textdagger" => Signs("†"),
        "ddag" | "textdaggerdbl" => Signs("‡"),
        "ss" => Signs("ß"),
        "ae" => Signs("æ"),
        "AE" => Signs("Æ"),
        "oe" => Signs("œ"),
        "OE" => Signs("Œ"),
        "o" => Signs("ø"),
        "O" => Signs("Ø"),
        "aa" => Signs("å"),
        "AA" => Signs("Å"),
        "l" => Signs("ł"),
        "L" => Signs("Ł"),
        "i" => Signs("ı"),
        "and" => Break,
        "newline" | "linebreak" | "tabularnewline" => Break,
        "par" => NewParagraph,
        "c" => Accent('\u{327}'),
        "v" => Accent('\u{30c}'),
        "u" => Accent('\u{306}'),
        "H" => Accent('\u{30b}'),
        "k" => Accent('\u{328}'),
        "r" => Accent('\u{30a}'),
        "textsuperscript" => Script('^'),
        "textsubscript" => Script('_'),
        "begin" => Begin,
        "end" => End,
        "item" => Item,
        "hline" | "toprule" | "midrule" | "bottomrule" | "cline" | "cmidrule" | "hdashline" => Rule,
        "multicolumn" => MultiColumn,
        "multirow" => MultiRow,
        _ => return None,
    })
}

/// The accent that a backslash before `sign` means, as a combining character.
pub(super) fn accent(sign: char) -> Option<char> {
    Some(match sign {
        '`' => '\u{300}',
        '\'' => '\u{301}',
        '^' => '\u{302}',
        '~' => '\u{303}',
        '=' => '\u{304}',
        '.' => '\u{307}',
        '"' => '\u{308}',
        _ => return None,
    })
}

/// `letter` with a combining accent as one character, if it is one that is common in print.
pub(super) fn accented(letter: char, accent: char) -> Option<char> {
    let pairs = match accent {
        '\u{300}' => "aàeèiìoòuùAÀEÈIÌOÒUÙ",
        '\u{301}' => "aáeéiíoóuúyýcćnńsśzźAÁEÉIÍOÓUÚYÝCĆNŃSŚZŹ",
        '\u{302}' => "aâeêiîoôuûAÂEÊIÎOÔUÛ",
        '\u{303}' => "aãnñoõAÃNÑOÕ",
        '\u{304}' => "aāeēiīoōuūAĀEĒIĪOŌUŪ",
        '\u{306}' => "aăgğAĂGĞ",
        '\u{307}' => "zżeėZŻEĖIİ",
        '\u{308}' => "aäeëiïoöuüyÿAÄEËIÏOÖUÜ",
        '\u{30a}' => "aåuůAÅUŮ",
        '\u{30b}' => "oőuűOŐUŰ",
        '\u{30c}' => "cčeěnňrřsšzžCČEĚNŇRŘSŠZŽ",
        '\u{327}' => "cçsşCÇSŞ",
        '\u{328}' => "aąeęAĄEĘ",
        _ => "",
    };
    let letter = if letter == 'ı' { 'i' } else { letter };
    let mut chars = pairs.chars();
    while let (Some(plain), Some(with)) = (chars.next(), chars.next()) {
        if plain == letter {
            return Some(with);
        }
    }
    None
}

/// The kind of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EnvironmentKind {
    /// A table, with so many arguments before its columns.
    Table(usize),
    /// A formula on lines of its own.
    Formula,
    /// A list; whether it counts.
    List(bool),
    /// Its content is set apart; so many arguments do not show.
    Apart(usize),
    Abstract,
    /// A theorem or the like, with the word before it.
    Theorem(&'static str),
}

/// The kind of the environment `name`; `None` if it is not known.
pub(super) fn environment_kind(name: &str) -> Option<EnvironmentKind> {
    Some(match name.trim_end_matches('*') {
        "tabular" if name.ends_with('*') => EnvironmentKind::Table(1),
        "tabular" | "longtable" | "supertabular" => EnvironmentKind::Table(0),
        "tabularx" | "tabulary" => EnvironmentKind::Table(1),
        "equation" | "displaymath" | "math" | "align" | "eqnarray" | "flalign" | "gather"
        | "multline" | "split" | "aligned" | "gathered" | "array" | "cases" | "matrix"
        | "pmatrix" | "bmatrix" | "vmatrix" | "Vmatrix" | "Bmatrix" => EnvironmentKind::Formula,
        "itemize" | "description" => EnvironmentKind::List(false),
        "enumerate" => EnvironmentKind::List(true),
        "abstract" => EnvironmentKind::Abstract,
        "table" | "figure" | "center" | "flushleft" | "flushright" | "document" | "quote"
        | "quotation" | "verse" | "titlepage" | "landscape" | "threeparttable" | "tablenotes"
        | "small" | "footnotesize" | "tiny" | "sidewaystable" | "subfigure" | "wrapfigure" => {
            EnvironmentKind::Apart(0)
        }
        "minipage" | "multicols" | "thebibliography" | "adjustbox" => EnvironmentKind::Apart(1),
        "theorem" => EnvironmentKind::Theorem("Theorem"),
        "lemma" => EnvironmentKind::Theorem("Lemma"),
        "proposition" => EnvironmentKind::Theorem("Proposition"),
        "corollary" => EnvironmentKind::Theorem("Corollary"),
        "definition" => EnvironmentKind::Theorem("Definition"),
        "example" => EnvironmentKind::Theorem("Example"),
        "remark" => EnvironmentKind::Theorem("Remark"),
        "proof" => EnvironmentKind::Theorem("Proof"),
        _ => return None,
    })
}
