//! The scratch directory: its place and its size.

use std::{env, path::PathBuf};

use clap::Args;
use recto_schemas::ByteSize;

/// The scratch directory.
#[derive(Debug, Args)]
#[command(next_help_heading = "Resources")]
pub(crate) struct ScratchConfig {
    /// Directory for documents and results while a job runs, such as `/var/tmp` [default: the system's temporary one]
    #[arg(long, value_name = "DIR", env = "RECTO_SCRATCH_DIR")]
    scratch_dir: Option<PathBuf>,

    /// Maximum size of what lies in the scratch directory at once
    #[arg(long, value_name = "SIZE", env = "RECTO_SCRATCH_SIZE", default_value_t = ByteSize::of::<20_000_000_000>())]
    scratch_size: ByteSize,
}

impl ScratchConfig {
    /// The directory in which the worker makes its own.
    pub(crate) fn base(&self) -> PathBuf {
        self.scratch_dir.clone().unwrap_or_else(env::temp_dir)
    }

    /// Maximum number of bytes in it at once.
    pub(crate) fn limit_bytes(&self) -> u64 {
        self.scratch_size.bytes()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct ParsedArgs {
        #[command(flatten)]
        scratch: ScratchConfig,
    }

    fn parsed(arguments: &[&str]) -> Result<ScratchConfig, String> {
        ParsedArgs::try_parse_from([&["recto"], arguments].concat())
            .map(|parsed| parsed.scratch)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn without_flags_the_defaults_hold() {
        let scratch = parsed(&[]).unwrap();
        assert_eq!(scratch.base(), env::temp_dir());
        assert_eq!(scratch.limit_bytes(), 20_000_000_000);
    }

    #[test]
    fn flags_win_over_the_defaults() {
        let scratch = parsed(&["--scratch-dir", "/scratch", "--scratch-size", "5MB"]).unwrap();
        assert_eq!(scratch.base(), PathBuf::from("/scratch"));
        assert_eq!(scratch.limit_bytes(), 5_000_000);
    }

    #[test]
    fn wrong_sizes_are_refused_with_what_to_give() {
        for (size, said) in [("0B", "1B"), ("5", "384MiB")] {
            let error = parsed(&["--scratch-size", size]).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
