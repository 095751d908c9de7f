//! Arguments that several subcommands share.

use clap::{ArgAction, Args};
use glob::Pattern;
use recto_schemas::{
    EngineName, Options,
    options::{EngineOptions, switch},
};

use crate::{document::selection::PathSelection, models::config::MachineConfig};

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
