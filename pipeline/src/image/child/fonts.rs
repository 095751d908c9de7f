//! Weight, slant and pitch from a font's name.

/// Names that PDFium has built-in fonts for: the fourteen every PDF viewer must have (ISO 32000-1,
/// 9.6.2.2), and what they are also called.
const STANDARD: [&str; 8] = [
    "Courier",
    "Helvetica",
    "Arial",
    "Times",
    "TimesNewRoman",
    "CourierNew",
    "Symbol",
    "ZapfDingbats",
];

/// Returns true if a font of that name needs no substitute from the system, because PDFium brings one.
pub(super) fn is_standard(name: &str) -> bool {
    let family = family(name);
    STANDARD
        .iter()
        .any(|standard| family.eq_ignore_ascii_case(standard))
}

/// Returns true if a font's name says that it is bold.
pub(super) fn is_bold(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["bold", "black", "heavy"]
        .iter()
        .any(|word| name.contains(word))
}

/// Returns true if a font's name says that it is slanted.
pub(super) fn is_italic(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["italic", "oblique", "slanted", "kursiv"]
        .iter()
        .any(|word| name.contains(word))
}

/// Returns true if a font's name says that it is of fixed pitch.
pub(super) fn is_fixed_pitch(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["courier", "mono", "consol", "typewriter", "menlo", "cmtt"]
        .iter()
        .any(|word| name.contains(word))
}

/// `ABCDEF+Times-Roman,Bold` → `Times`; `TimesNewRomanPSMT` → `TimesNewRoman`.
fn family(name: &str) -> String {
    let name = match name.split_once('+') {
        Some((tag, rest)) if tag.len() == 6 => rest,
        _ => name,
    };
    let name: String = name
        .split(['-', ','])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let name = name.strip_suffix("MT").unwrap_or(&name);
    name.strip_suffix("PS").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fonts_that_pdfium_brings_need_no_substitute() {
        for name in [
            "Helvetica",
            "Times-BoldItalic",
            "TimesNewRomanPSMT",
            "TimesNewRomanPS-BoldMT",
            "Arial,Bold",
            "ABCDEF+CourierNew",
            "Times New Roman",
            "ArialMT",
        ] {
            assert!(is_standard(name), "{name}");
        }
        for name in ["SimSun", "Timeless", "MS-Gothic", "Garamond", ""] {
            assert!(!is_standard(name), "{name}");
        }
    }

    #[test]
    fn style_is_read_off_the_name() {
        assert!(is_bold("ABCDEF+Minion-BoldIt"));
        assert!(!is_bold("Minion-Regular"));
        assert!(is_italic("Helvetica-Oblique") && !is_italic("Helvetica"));
        assert!(is_fixed_pitch("ABCDEF+DejaVuSansMono") && !is_fixed_pitch("DejaVuSans"));
    }
}
