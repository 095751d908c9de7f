//! `recto api-key`: a new key for the service.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Args;

use crate::{commands::args::word, service::keys};

/// The end of `recto api-key --help`.
pub(crate) const NOTES: &str = "\
Prints the key, which nothing keeps, on standard error, and on standard output the lines for the file that --service-config
of `recto serve` names; they have its SHA-256. `scopes` says what the key is for: read, submit, manage (retry and cancel)
and events. `batches` are those that it sees and submits to, such as [\"letters-*\"].

Example:
  recto api-key letters >> service.toml";

/// Arguments of `recto api-key`.
#[derive(Debug, Args)]
pub(crate) struct ApiKeyArgs {
    /// Name of the key, in logs, such as `letters`; also the batch of its documents that name none
    #[arg(value_name = "NAME", value_parser = word)]
    name: String,
}

/// Makes a key.
pub(crate) fn run(arguments: &ApiKeyArgs) -> anyhow::Result<ExitCode> {
    let (key, table) = keys::new_key(&arguments.name);
    writeln!(io::stderr(), "{key}")?;
    writeln!(io::stdout(), "{table}")?;
    Ok(ExitCode::SUCCESS)
}
