//! What a worker says of itself, and where it works.

use std::{env, path::PathBuf};

use clap::{Args, ValueEnum};

use crate::{observe::admin::AdminAddress, observe::logging};

/// The admin port.
#[derive(Debug, Args)]
#[command(next_help_heading = "Watching")]
pub(crate) struct AdminArgs {
    /// Address of the admin port (/metrics, /healthz, /readyz), or `none`
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "RECTO_ADMIN_ADDRESS",
        default_value = "127.0.0.1:9464"
    )]
    pub(crate) admin_address: AdminAddress,
}

/// The log.
#[derive(Debug, Args)]
#[command(next_help_heading = "Watching")]
pub(crate) struct LogArgs {
    /// What is logged, on standard error: off, error, warn, info, debug or trace, also by module
    /// (`info,recto=debug,lapin=info`); libraries start at warn
    #[arg(long, value_name = "FILTER", env = "RECTO_LOG", default_value = "info", value_parser = logging::filter_text)]
    pub(crate) log: String,

    /// Whether log lines are for people or for programs
    #[arg(long, value_name = "FORMAT", value_enum, env = "RECTO_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// Whom log lines are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// People: one readable line an event
    Text,
    /// Programs: one JSON object an event
    Json,
}

/// The work folder.
#[derive(Debug, Args)]
#[command(next_help_heading = "Machine")]
pub(crate) struct ScratchArgs {
    /// Folder for documents and results while a job runs [default: the system's temporary folder]
    #[arg(long, value_name = "DIR", env = "RECTO_WORK_DIR")]
    work_dir: Option<PathBuf>,

    /// Most that lies in the work folder at once, in megabytes (1,000,000 bytes)
    #[arg(long, value_name = "N", env = "RECTO_WORK_MEGABYTES", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    work_megabytes: u64,
}

impl ScratchArgs {
    /// The folder in which the worker makes its own.
    pub(crate) fn base(&self) -> PathBuf {
        self.work_dir.clone().unwrap_or_else(env::temp_dir)
    }

    /// Most bytes in it at once.
    pub(crate) fn limit_bytes(&self) -> u64 {
        self.work_megabytes.saturating_mul(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct ParsedArgs {
        #[command(flatten)]
        admin: AdminArgs,
        #[command(flatten)]
        log: LogArgs,
        #[command(flatten)]
        work: ScratchArgs,
    }

    fn parsed(arguments: &[&str]) -> Result<ParsedArgs, String> {
        ParsedArgs::try_parse_from([&["recto"], arguments].concat())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn without_flags_the_defaults_hold() {
        let watched = parsed(&[]).unwrap();
        assert_eq!(
            watched.admin.admin_address,
            AdminAddress(Some("127.0.0.1:9464".parse().unwrap()))
        );
        assert_eq!(watched.log.log, "info");
        assert_eq!(watched.log.log_format, LogFormat::Text);
        assert_eq!(watched.work.base(), env::temp_dir());
        assert_eq!(watched.work.limit_bytes(), 20_000_000_000);
    }

    #[test]
    fn flags_win_over_the_defaults() {
        let watched = parsed(&[
            "--admin-address",
            "none",
            "--log",
            "warn,recto=debug",
            "--log-format",
            "json",
            "--work-dir",
            "/scratch",
            "--work-megabytes",
            "5",
        ])
        .unwrap();
        assert_eq!(watched.admin.admin_address, AdminAddress(None));
        assert_eq!(watched.log.log, "warn,recto=debug");
        assert_eq!(watched.log.log_format, LogFormat::Json);
        assert_eq!(watched.work.base(), PathBuf::from("/scratch"));
        assert_eq!(watched.work.limit_bytes(), 5_000_000);
    }

    #[test]
    fn wrong_values_are_refused_with_what_to_give() {
        for (arguments, said) in [
            (["--admin-address", "localhost"], "127.0.0.1:9464"),
            (["--log", "recto=loud"], "info"),
            (["--log-format", "xml"], "json"),
            (["--work-megabytes", "0"], "1.."),
        ] {
            let error = parsed(&arguments).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
