//! Tesseract as PP-OCR's second reader: found in the cache folder or on the machine.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use recto_pipeline::engine::{
    ppocr::fallback::ScriptReader,
    tesseract::{Tesseract, TesseractConfig},
};

use super::{ProgressReporter, config::MachineConfig, loader::cache};

/// The program's name.
const PROGRAM: &str = "tesseract";
/// The program below the cache folder, where `make setup-tesseract` unpacks Debian's packages.
const IN_CACHE: &str = "tesseract/usr/bin/tesseract";

/// Finds Tesseract and its languages. `tell` hears of the first call that fails.
pub(super) fn load(
    machine: &MachineConfig,
    tell: ProgressReporter,
) -> anyhow::Result<Arc<dyn ScriptReader>> {
    let program = program(machine)?;
    let root = unpacked_root(&program);
    let config = TesseractConfig {
        sandbox: PathBuf::from("/proc/self/exe"),
        data: env::var_os("TESSDATA_PREFIX")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
            .or_else(|| data(root?)),
        libraries: root.map(libraries).unwrap_or_default(),
        program,
        languages: machine.tesseract_languages.clone(),
        warn: Arc::new(move |said| tell.warn(said)),
    };
    let reader = Tesseract::find(config).context("--script-fallback tesseract")?;
    Ok(Arc::new(reader))
}

fn program(machine: &MachineConfig) -> anyhow::Result<PathBuf> {
    if let Some(named) = &machine.tesseract {
        return Ok(named.clone());
    }
    let in_cache = cache(machine).ok().map(|cache| cache.join(IN_CACHE));
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = env::split_paths(&path).map(|folder| folder.join(PROGRAM));
    in_cache
        .into_iter()
        .chain(installed)
        .find(|program| program.is_file())
        .context(
            "--script-fallback tesseract: there is no tesseract; run `make setup-tesseract LANGUAGES=rus,ell`, or install \
             tesseract-ocr and tesseract-ocr-rus (or whatever language is needed), or name the program with --tesseract, \
             or leave the option out",
        )
}

/// The folder that plays `/` for a program which was unpacked and not installed: it has libraries and language data of
/// its own, where neither the linker nor the program looks.
fn unpacked_root(program: &Path) -> Option<&Path> {
    let usr = program.parent()?.parent()?;
    let root = usr.parent()?;
    (usr.ends_with("usr") && root != Path::new("/")).then_some(root)
}

/// The folder of the language data below an unpacked root.
fn data(root: &Path) -> Option<PathBuf> {
    let versions = root.join("usr/share/tesseract-ocr");
    folders(&versions)
        .into_iter()
        .map(|version| version.join("tessdata"))
        .find(|data| data.is_dir())
}

/// The folders of the shared libraries below an unpacked root.
fn libraries(root: &Path) -> Vec<PathBuf> {
    let is_of_machine = |folder: &PathBuf| folder.to_string_lossy().ends_with("-linux-gnu");
    ["usr/lib", "lib"]
        .iter()
        .flat_map(|below| folders(&root.join(below)))
        .filter(is_of_machine)
        .collect()
}

/// The folders in a folder, by name.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_unpacked_brings_its_libraries_and_data() {
        let dir = tempfile::tempdir().unwrap();
        for below in [
            "usr/bin",
            "usr/lib/x86_64-linux-gnu",
            "usr/lib/debug",
            "usr/share/tesseract-ocr/5/tessdata",
        ] {
            fs::create_dir_all(dir.path().join(below)).unwrap();
        }
        let program = dir.path().join("usr/bin/tesseract");
        let root = unpacked_root(&program).unwrap();
        assert_eq!(root, dir.path());
        assert_eq!(libraries(root), [root.join("usr/lib/x86_64-linux-gnu")]);
        assert_eq!(
            data(root),
            Some(root.join("usr/share/tesseract-ocr/5/tessdata"))
        );
    }

    #[test]
    fn one_that_is_installed_has_them_where_the_system_looks() {
        for installed in [
            "/usr/bin/tesseract",
            "/opt/tesseract/bin/tesseract",
            "tesseract",
        ] {
            assert_eq!(unpacked_root(Path::new(installed)), None, "{installed}");
        }
    }
}
