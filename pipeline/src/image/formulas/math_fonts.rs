//! Fonts that only formulas are set in, told by name, and the meaning of their codes.
//!
//! TeX's math fonts have encodings of their own, which the PDFs it makes often leave without a mapping to Unicode: OML
//! (math italic), OMS (symbols), OMX (large signs), and the two of the AMS. Source of the tables: `fontmath.ltx` of
//! LaTeX, and the encoding files `texmital.enc`, `texmsym.enc` and `texmext.enc` of dvips.

/// A font that formulas are set in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MathFont {
    /// Math italic: OML.
    Letters,
    /// Signs and calligraphic capitals: OMS.
    Symbols,
    /// Large signs, and pieces of them: OMX.
    Extension,
    /// The first of the AMS's fonts of signs.
    AmsA,
    /// The second one, with blackboard bold letters.
    AmsB,
    /// Blackboard bold letters.
    Blackboard,
    /// Fraktur letters.
    Fraktur,
    /// Script letters.
    Script,
    /// Computer Modern's upright text fonts, which set digits, brackets and names of functions in formulas too, and others
    /// that are the text's on some pages and the formulas' on others.
    Roman,
    /// A font of mathematics that has Unicode, as word processors use it.
    Unicode,
}

impl MathFont {
    /// The math font of that name, `ABCDEF+` before it or not.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let name = match name.split_once('+') {
            Some((tag, rest)) if tag.len() == 6 => rest,
            _ => name,
        };
        let name = name.to_ascii_lowercase();
        let begins = |names: &[&str]| names.iter().any(|start| name.starts_with(start));
        // Longer names first: blackboard bold of Pazo before its other signs.
        let kinds: [(&[&str], Self); 10] = [
            (
                &["bbold", "dsrom", "dsss", "bbm", "pazomathblackboard"],
                Self::Blackboard,
            ),
            (
                &[
                    "cmmi", "lmmathit", "mtmi", "txmi", "rtxmi", "ntxmi", "newtxmi", "pxmi",
                    "rpxmi", "eurm", "eurb", "pazomath",
                ],
                Self::Letters,
            ),
            (
                &[
                    "cmsy", "cmbsy", "lmmathsy", "mtsy", "txsys", "ntxsy", "pxsys", "tx-cmsy",
                ],
                Self::Symbols,
            ),
            (
                &["cmex", "lmmathex", "mtex", "txex", "ntxex", "pxex", "euex"],
                Self::Extension,
            ),
            (&["msam", "txsya", "pxsya"], Self::AmsA),
            (&["msbm", "txsyb", "pxsyb"], Self::AmsB),
            (&["eufm", "eufb"], Self::Fraktur),
            (&["rsfs", "eusm", "eusb"], Self::Script),
            (
                &["cmr", "cmbx", "sfrm", "sfbx", "lmroman", "stixgeneral"],
                Self::Roman,
            ),
            (
                &[
                    "cambriamath",
                    "cambria math",
                    "stixmath",
                    "stixtwomath",
                    "xitsmath",
                    "xits-math",
                    "latinmodernmath",
                    "latinmodern-math",
                    "asanamath",
                    "asana-math",
                    "texgyretermesmath",
                    "texgyrepagellamath",
                    "libertinusmath",
                ],
                Self::Unicode,
            ),
        ];
        kinds
            .iter()
            .find(|(starts, _)| begins(starts))
            .map(|(_, kind)| *kind)
    }

    /// Returns true if its letters are set in nothing but formulas.
    pub(crate) fn is_only_math(self) -> bool {
        self != Self::Roman
    }

    /// The character that `code` stands for where the document gives it no meaning of its own.
    pub(crate) fn meaning(self, code: u32) -> Option<char> {
        let at = |table: &str| {
            let c = table.chars().nth(code as usize)?;
            (c != UNKNOWN).then_some(c)
        };
        match self {
            Self::Letters => at(OML).or_else(|| ascii(code)),
            Self::Symbols => at(OMS),
            Self::Extension => at(OMX),
            Self::AmsA => listed(AMS_A, code),
            Self::AmsB => listed(AMS_B, code).or_else(|| ascii(code)),
            Self::Roman => at(ROMAN).or_else(|| ascii(code)),
            Self::Blackboard | Self::Fraktur | Self::Script => ascii(code),
            Self::Unicode => None,
        }
    }
}

impl MathFont {
    /// The character that `c` stands for, where a document says of a font of TeX's that its codes are those of ASCII:
    /// most of them are not.
    pub(crate) fn corrected(self, c: char) -> char {
        let is_wrong = match self {
            Self::Symbols => c.is_ascii_lowercase() || c.is_ascii_digit(),
            Self::Extension => c.is_ascii_alphanumeric(),
            Self::Letters => matches!(c, ':' | ';' | '=' | '?' | '@' | '`'),
            _ => false,
        };
        let meaning = is_wrong.then(|| self.meaning(u32::from(c))).flatten();
        meaning.unwrap_or(c)
    }
}

/// Returns true if a font of that name is bold: `CMMIB`, `CMBSY`, `CMBX` and names that say so.
pub(crate) fn is_bold(name: &str) -> bool {
    let name = name
        .rsplit('+')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    ["cmmib", "cmbsy", "cmbx", "sfbx", "eufb", "eurb", "eusb"]
        .iter()
        .any(|start| name.starts_with(start))
        || name.contains("bold")
}

fn listed(table: &[(u32, char)], code: u32) -> Option<char> {
    let index = table.binary_search_by_key(&code, |(at, _)| *at).ok()?;
    table.get(index).map(|(_, c)| *c)
}

fn ascii(code: u32) -> Option<char> {
    let c = char::from_u32(code)?;
    c.is_ascii_alphanumeric().then_some(c)
}

/// A place of a table that has no meaning here.
const UNKNOWN: char = '\u{0}';

/// OML, from code 0; letters stand at their places in ASCII.
const OML: &str = "ΓΔΘΛΞΠΣΥΦΨΩαβγδϵζηθικλμνξπρστυφχψωεϑϖϱςϕ↼↽⇀⇁\u{0}\u{0}▹◃0123456789.,</>⋆∂\
ABCDEFGHIJKLMNOPQRSTUVWXYZ♭♮♯⌣⌢ℓabcdefghijklmnopqrstuvwxyzıȷ℘\u{20D7}\u{2040}";

/// OMS, from code 0; capitals are calligraphic.
const OMS: &str = "−·×∗÷⋄±∓⊕⊖⊗⊘⊙◯∘•≍≡⊆⊇≤≥⪯⪰∼≈⊂⊃≪≫≺≻←→↑↓↔↗↘≃⇐⇒⇑⇓⇔↖↙∝′∞∈∋△▽\u{338}↦∀∃¬∅ℜℑ⊤⊥ℵ\
ABCDEFGHIJKLMNOPQRSTUVWXYZ∪∩⊎∧∨⊢⊣⌊⌋⌈⌉{}⟨⟩|‖↕⇕\\≀√⨿∇∫⊔⊓⊑⊒§†‡¶♣♢♡♠";

/// OMX, from code 0.
const OMX: &str = "()[]⌊⌋⌈⌉{}⟨⟩|‖/\\()()[]⌊⌋⌈⌉{}⟨⟩/\\()[]⌊⌋⌈⌉{}⟨⟩/\\/\\⎛⎞⎡⎤⎣⎦⎢⎥⎧⎫⎩⎭⎨⎬⎪⏐\
⎝⎠⎜⎟⟨⟩⨆⨆∮∮⨀⨀⨁⨁⨂⨂∑∏∫⋃⋂⨄⋀⋁∑∏∫⋃⋂⨄⋀⋁∐∐\u{302}\u{302}\u{302}\u{303}\u{303}\u{303}[]⌊⌋⌈⌉{}√√√√⎷\u{0}\u{0}‖\u{0}\u{0}\
\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}";

/// Signs of the AMS's first font that are in use.
const AMS_A: &[(u32, char)] = &[
    (0x00, '⊡'),
    (0x01, '⊞'),
    (0x02, '⊠'),
    (0x03, '□'),
    (0x04, '■'),
    (0x05, '⋅'),
    (0x06, '◊'),
    (0x07, '⧫'),
    (0x0A, '⇌'),
    (0x0B, '⇋'),
    (0x0C, '⊟'),
    (0x0D, '⊩'),
    (0x0F, '⊨'),
    (0x10, '↠'),
    (0x12, '⇇'),
    (0x13, '⇉'),
    (0x1A, '↣'),
    (0x1C, '⇆'),
    (0x1D, '⇄'),
    (0x20, '⇝'),
    (0x25, '≿'),
    (0x26, '≳'),
    (0x27, '⪆'),
    (0x28, '⊸'),
    (0x29, '∴'),
    (0x2A, '∵'),
    (0x2C, '≜'),
    (0x2D, '≾'),
    (0x2E, '≲'),
    (0x2F, '⪅'),
    (0x34, '≼'),
    (0x35, '≦'),
    (0x36, '⩽'),
    (0x37, '≶'),
    (0x3C, '≽'),
    (0x3D, '≧'),
    (0x3E, '⩾'),
    (0x3F, '≷'),
    (0x40, '⊏'),
    (0x41, '⊐'),
    (0x42, '⊳'),
    (0x43, '⊲'),
    (0x44, '⊵'),
    (0x45, '⊴'),
    (0x46, '★'),
    (0x48, '▾'),
    (0x49, '▸'),
    (0x4A, '◂'),
    (0x4D, '△'),
    (0x4E, '▴'),
    (0x4F, '▽'),
    (0x56, '⇛'),
    (0x57, '⇚'),
    (0x59, '⊻'),
    (0x5C, '∠'),
    (0x5D, '∡'),
    (0x5E, '∢'),
    (0x5F, '∝'),
    (0x62, '⋐'),
    (0x63, '⋑'),
    (0x64, '⋓'),
    (0x65, '⋒'),
    (0x66, '⋏'),
    (0x67, '⋎'),
    (0x6A, '⫅'),
    (0x6B, '⫆'),
    (0x6E, '⋘'),
    (0x6F, '⋙'),
    (0x74, '⋔'),
    (0x75, '∔'),
    (0x76, '∽'),
    (0x7B, '∁'),
];

/// The same of the second one; capitals are blackboard bold.
const AMS_B: &[(u32, char)] = &[
    (0x02, '≰'),
    (0x03, '≱'),
    (0x04, '≮'),
    (0x05, '≯'),
    (0x06, '⊀'),
    (0x07, '⊁'),
    (0x08, '≨'),
    (0x09, '≩'),
    (0x0C, '⪇'),
    (0x0D, '⪈'),
    (0x12, '⋦'),
    (0x13, '⋧'),
    (0x1C, '≁'),
    (0x1D, '≇'),
    (0x24, '⫋'),
    (0x25, '⫌'),
    (0x28, '⊊'),
    (0x29, '⊋'),
    (0x2A, '⊈'),
    (0x2B, '⊉'),
    (0x2C, '∦'),
    (0x2D, '∤'),
    (0x30, '⊬'),
    (0x32, '⊭'),
    (0x38, '↚'),
    (0x39, '↛'),
    (0x3A, '⇍'),
    (0x3B, '⇏'),
    (0x3C, '⇎'),
    (0x3D, '↮'),
    (0x3F, '∅'),
    (0x40, '∄'),
    (0x68, '≂'),
    (0x69, 'ℶ'),
    (0x6C, '⋖'),
    (0x6D, '⋗'),
    (0x6E, '⋉'),
    (0x6F, '⋊'),
    (0x72, '∖'),
    (0x73, '∼'),
    (0x74, '≈'),
    (0x75, '≊'),
    (0x7A, 'ϝ'),
    (0x7B, 'ϰ'),
    (0x7E, 'ℏ'),
];

/// Computer Modern's upright fonts, from code 0: Greek capitals, ligatures and accents.
const ROMAN: &str = "ΓΔΘΛΞΠΣΥΦΨΩ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn math_fonts_are_told_by_their_names() {
        assert_eq!(MathFont::of_name("ABCDEF+CMMI10"), Some(MathFont::Letters));
        assert_eq!(MathFont::of_name("CMSY7"), Some(MathFont::Symbols));
        assert_eq!(MathFont::of_name("XYZABC+CMR10"), Some(MathFont::Roman));
        assert_eq!(MathFont::of_name("CambriaMath"), Some(MathFont::Unicode));
        assert_eq!(MathFont::of_name("Times-Roman"), None);
    }

    #[test]
    fn codes_have_the_meaning_of_their_encoding() {
        let meaning = |font: MathFont, code| font.meaning(code);
        assert_eq!(meaning(MathFont::Letters, 0x0F), Some('ϵ'));
        assert_eq!(meaning(MathFont::Letters, 0x3F), Some('⋆'));
        assert_eq!(meaning(MathFont::Letters, 0x7E), Some('\u{20D7}'));
        assert_eq!(meaning(MathFont::Symbols, 0x30), Some('′'));
        assert_eq!(meaning(MathFont::Symbols, 0x36), Some('\u{338}'));
        assert_eq!(meaning(MathFont::Symbols, 0x70), Some('√'));
        assert_eq!(meaning(MathFont::Symbols, 0x7F), Some('♠'));
        assert_eq!(meaning(MathFont::Extension, 0x12), Some('('));
        assert_eq!(meaning(MathFont::Extension, 0x3E), Some('⎪'));
        assert_eq!(meaning(MathFont::Extension, 0x58), Some('∑'));
        assert_eq!(meaning(MathFont::Extension, 0x62), Some('\u{302}'));
        assert_eq!(meaning(MathFont::Extension, 0x70), Some('√'));
        assert_eq!(meaning(MathFont::AmsA, 0x03), Some('□'));
        assert_eq!(meaning(MathFont::AmsA, 0x3E), Some('⩾'));
        assert_eq!(meaning(MathFont::AmsB, 0x52), Some('R'));
        assert_eq!(meaning(MathFont::AmsB, 0x7E), Some('ℏ'));
        assert_eq!(meaning(MathFont::Extension, 0x7F), None);
    }
}
