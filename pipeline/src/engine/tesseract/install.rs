//! An installation of Tesseract: its version, its languages and their data.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};

use super::{
    TesseractConfig, TesseractError,
    process::{ProgramCall, run},
};
use crate::{
    cancel::CancelToken,
    clock::AwakeInstant,
    engine::ppocr::fallback::{ReadLimits, ScriptReaderError},
};

/// Longest time in which the program must say what it is.
const LOOK_TIMEOUT: Duration = Duration::from_secs(20);
/// Language data that is no language which PP-OCR lacks: English, orientation and script detection, equations.
const NOT_READ: [&str; 3] = ["eng", "osd", "equ"];
/// Extension of the files of language data.
const DATA_EXTENSION: &str = "traineddata";

/// A program, as it describes itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TesseractInstall {
    /// Its version.
    pub(super) version: String,
    /// The folder of its language data, if it says.
    pub(super) data: Option<PathBuf>,
    /// All languages that it has data for.
    installed: Vec<String>,
}

impl TesseractInstall {
    /// Asks the program.
    pub(super) fn look(config: &TesseractConfig) -> Result<Self, TesseractError> {
        let ask = |argument: &'static str| {
            let call = ProgramCall {
                arguments: vec![argument],
                input: &[],
                limits: ReadLimits {
                    deadline: AwakeInstant::now() + LOOK_TIMEOUT,
                    cancel: &CancelToken::new(),
                },
            };
            match run(config, &call) {
                Ok(said) => Ok(String::from_utf8_lossy(&said).into_owned()),
                Err(error) => Err(TesseractError::Program {
                    program: config.program.clone(),
                    reason: match error {
                        ScriptReaderError::Failed(reason) => reason,
                        ScriptReaderError::Cancelled => "it was stopped".to_owned(),
                    },
                }),
            }
        };
        let version = ask("--version")?;
        let version = parse_version(&version).ok_or_else(|| TesseractError::Program {
            program: config.program.clone(),
            reason: "it does not say that it is tesseract".to_owned(),
        })?;
        let (data, installed) = parse_languages(&ask("--list-langs")?);
        Ok(Self {
            version,
            data: config.data.clone().or(data),
            installed,
        })
    }

    /// The languages to read, in alphabetical order: those that are `wanted`, else all that PP-OCR may lack.
    pub(super) fn languages(
        &self,
        wanted: Option<&[String]>,
    ) -> Result<Vec<String>, TesseractError> {
        let mut languages: Vec<String> = match wanted {
            Some(wanted) => wanted.to_vec(),
            None => {
                let all = self.installed.iter();
                // Data of whole scripts (`script/Cyrillic`) doubles that of their languages.
                all.filter(|name| !NOT_READ.contains(&name.as_str()) && !name.contains('/'))
                    .cloned()
                    .collect()
            }
        };
        languages.sort();
        languages.dedup();
        if let Some(unknown) = languages.iter().find(|l| !self.installed.contains(l)) {
            return Err(TesseractError::UnknownLanguage {
                language: unknown.clone(),
                installed: self.installed.join(", "),
            });
        }
        match languages.is_empty() {
            true => Err(TesseractError::NoLanguages),
            false => Ok(languages),
        }
    }

    /// SHA-256 of the data of `languages`; `None` if the program does not say where that is.
    pub(super) fn data_sha256(&self, languages: &[String]) -> Option<String> {
        let folder = self.data.as_deref()?;
        let mut hash = Sha256::new();
        for language in languages {
            hash.update(fs::read(data_file(folder, language)).ok()?);
        }
        let digest = hash.finalize();
        Some(digest.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }
}

fn data_file(folder: &Path, language: &str) -> PathBuf {
    folder.join(format!("{language}.{DATA_EXTENSION}"))
}

/// The version in `tesseract 5.3.0`, the first line of what `--version` prints.
fn parse_version(said: &str) -> Option<String> {
    let version = said.lines().next()?.strip_prefix("tesseract ")?.trim();
    let is_sound = !version.is_empty() && version.len() <= 64 && version.is_ascii();
    is_sound.then(|| version.to_owned())
}

/// The folder and the languages in what `--list-langs` prints: a line that names the folder in quotation marks, and a
/// language a line.
fn parse_languages(said: &str) -> (Option<PathBuf>, Vec<String>) {
    let mut rows = said.lines();
    let head = rows.next().unwrap_or_default();
    let folder = head.split('"').nth(1).map(PathBuf::from);
    let mut languages: Vec<String> = rows
        .map(str::trim)
        .filter(|name| is_language(name))
        .map(str::to_owned)
        .collect();
    languages.sort();
    (folder, languages)
}

/// Returns true if a name can be a language's: it becomes an argument and a file name.
fn is_language(name: &str) -> bool {
    let is_sound = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '/';
    !name.is_empty() && !name.starts_with('/') && name.chars().all(is_sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(names: &[&str]) -> TesseractInstall {
        TesseractInstall {
            version: "5.3.0".to_owned(),
            data: None,
            installed: names.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn the_program_says_its_version_and_its_languages() {
        assert_eq!(
            parse_version("tesseract 5.3.0\n leptonica-1.82.0\n").as_deref(),
            Some("5.3.0")
        );
        assert_eq!(parse_version("bash: tesseract: not found"), None);
        let said = "List of available languages in \"/usr/share/tessdata/\" (3):\nrus\neng\nscript/Greek\n";
        let (folder, languages) = parse_languages(said);
        assert_eq!(folder, Some(PathBuf::from("/usr/share/tessdata/")));
        assert_eq!(languages, ["eng", "rus", "script/Greek"]);
        let (folder, languages) = parse_languages("List of available languages (2):\nrus\n../x\n");
        assert_eq!((folder, languages), (None, vec!["rus".to_owned()]));
    }

    #[test]
    fn all_but_english_are_read_unless_some_are_named() {
        let some = installed(&["ell", "eng", "osd", "rus", "script/Greek"]);
        assert_eq!(some.languages(None).unwrap(), ["ell", "rus"]);
        let wanted = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            some.languages(Some(&names))
        };
        assert_eq!(wanted(&["rus", "ell", "rus"]).unwrap(), ["ell", "rus"]);
        let error = wanted(&["rus", "tha"]).unwrap_err().to_string();
        assert!(
            error.contains("`tha`") && error.contains("ell, eng"),
            "{error}"
        );
        let error = installed(&["eng", "osd"]).languages(None).unwrap_err();
        assert_eq!(error, TesseractError::NoLanguages);
    }
}
