//! The admin port and the log of a worker.

use clap::{Args, ValueEnum};

use super::{admin::AdminAddress, logging};

/// The admin port.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging and metrics")]
pub(crate) struct AdminConfig {
    /// Address of the admin port (/metrics, /healthz, /readyz), such as `0.0.0.0:9464`, or `none` [default:
    /// 127.0.0.1:9464, or the next port that is free]
    #[arg(long, value_name = "IP:PORT", env = "RECTO_ADMIN_ADDRESS")]
    pub(crate) admin_address: Option<AdminAddress>,

    /// Host name by which the admin port may be asked, such as `worker.ocr.svc.cluster.local`; several with commas. IP
    /// addresses, `localhost` and names without a dot always may
    #[arg(
        long,
        value_name = "NAMES",
        env = "RECTO_ADMIN_HOST",
        value_delimiter = ','
    )]
    pub(crate) admin_host: Vec<String>,
}

/// The log.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging and metrics")]
pub(crate) struct LogConfig {
    /// Log level, on standard error: off, error, warn, info, debug or trace, also by module
    /// (`info,recto=debug,lapin=info`); libraries start at warn
    #[arg(long, value_name = "FILTER", env = "RECTO_LOG", default_value = "info", value_parser = logging::filter_text)]
    pub(crate) log: String,

    /// Format of log lines
    #[arg(long, value_name = "FORMAT", value_enum, env = "RECTO_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// People: one readable line an event
    Text,
    /// Programs: one JSON object an event
    Json,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct ParsedArgs {
        #[command(flatten)]
        admin: AdminConfig,
        #[command(flatten)]
        log: LogConfig,
    }

    fn parsed(arguments: &[&str]) -> Result<ParsedArgs, String> {
        ParsedArgs::try_parse_from([&["recto"], arguments].concat())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn without_flags_the_defaults_hold() {
        let watched = parsed(&[]).unwrap();
        assert_eq!(watched.admin.admin_address, None);
        assert_eq!(watched.log.log, "info");
        assert_eq!(watched.log.log_format, LogFormat::Text);
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
        ])
        .unwrap();
        assert_eq!(watched.admin.admin_address, Some(AdminAddress(None)));
        assert_eq!(watched.log.log, "warn,recto=debug");
        assert_eq!(watched.log.log_format, LogFormat::Json);
    }

    #[test]
    fn wrong_values_are_refused_with_what_to_give() {
        for (arguments, said) in [
            (["--admin-address", "localhost"], "127.0.0.1:9464"),
            (["--log", "recto=loud"], "info"),
            (["--log-format", "xml"], "json"),
        ] {
            let error = parsed(&arguments).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
