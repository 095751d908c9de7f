//! Arguments that several subcommands share.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{ArgAction, Args};
use glob::Pattern;
use recto_schemas::{
    EngineName, Options,
    options::{EngineOptions, switch},
};

use crate::{document::selection::PathSelection, models::config::MachineConfig, store::StoreUri};

/// The longest batch or label, in characters: workers take no longer ones.
const MAX_WORD_CHARS: usize = 200;

/// Arguments that choose documents below folders and prefixes.
#[derive(Debug, Args)]
pub(crate) struct SelectionArgs {
    /// Read only files whose path below the given folder or prefix matches, such as `letters/**/*.tif`; a pattern without
    /// a slash is one of names, such as `*.tif`; may be given several times
    #[arg(long, value_name = "GLOB", env = "RECTO_INCLUDE")]
    include: Vec<Pattern>,

    /// Leave out files and folders whose path below the given folder or prefix matches, such as `drafts`; may be given
    /// several times
    #[arg(long, value_name = "GLOB", env = "RECTO_EXCLUDE")]
    exclude: Vec<Pattern>,
}

impl SelectionArgs {
    /// The selection that they make.
    pub(crate) fn selection(&self) -> PathSelection {
        PathSelection {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
        }
    }
}

/// Arguments of a run on this machine.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Engine that reads page images
    #[arg(long, value_enum, default_value_t, env = "RECTO_ENGINE")]
    engine: EngineName,

    /// Password of encrypted documents, such as `secret` (safer in RECTO_PASSWORD than on the command line)
    #[arg(
        long,
        value_name = "TEXT",
        env = "RECTO_PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<String>,

    /// Print nothing on standard error but errors
    #[arg(
        short,
        long,
        value_name = "on|off",
        env = "RECTO_QUIET",
        value_parser = switch,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "off",
        default_missing_value = "on"
    )]
    pub(crate) quiet: bool,

    #[command(flatten)]
    options: Options,

    #[command(flatten)]
    pub(crate) machine: MachineConfig,

    #[command(flatten)]
    pub(crate) engines: EngineOptions,
}

impl RunArgs {
    /// The options that documents are read with.
    pub(crate) fn options(&self) -> Options {
        self.options.for_engine(Some(self.engine), &self.engines)
    }
}

/// Reads a batch or a label as workers take it.
pub(crate) fn word(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length == 0 || length > MAX_WORD_CHARS || text.chars().any(char::is_control) {
        return Err(format!(
            "give between 1 and {MAX_WORD_CHARS} characters, none of them control characters"
        ));
    }
    Ok(text.to_owned())
}

/// A URI as it is; a path as the `file:` URI of where it really is.
pub(crate) fn place(text: &str) -> Result<StoreUri, String> {
    if text.contains("://") {
        return text.parse().map_err(|error| format!("{error}"));
    }
    let path = real(Path::new(text)).map_err(|error| error.to_string())?;
    let path = path.into_os_string().into_string();
    let path = path.map_err(|_| "the path is not UTF-8; give another".to_owned())?;
    let location = StoreUri::File { path };
    // Whether it is one that workers take: there may be `..` in what does not exist yet.
    location
        .to_string()
        .parse()
        .map_err(|error| format!("{error}"))
}

/// The real path of a folder that may not be there yet.
fn real(path: &Path) -> std::io::Result<PathBuf> {
    let whole = std::path::absolute(path)?;
    for existing in whole.ancestors() {
        if let Ok(found) = fs::canonicalize(existing) {
            let rest = whole.strip_prefix(existing).unwrap_or(Path::new(""));
            return Ok(match rest.as_os_str().is_empty() {
                true => found,
                false => found.join(rest),
            });
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_path_becomes_the_uri_of_where_it_really_is() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("link")).unwrap();
        let path = folder.path().join("link/new/a b");
        let found = place(path.to_str().unwrap()).unwrap().to_string();
        assert_eq!(found, format!("file://{}/new/a%20b", real.display()));
        assert_eq!(place("s3://b/p/").unwrap().to_string(), "s3://b/p/");
        assert!(place("http://b/p").is_err());
        assert!(place("new-folder/../../x").is_err());
    }
}
