//! Arguments of `recto submit`: documents that become jobs, and what the jobs ask for.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use recto_schemas::{
    EngineName, Options,
    options::{EngineOptions, switch},
};

use crate::{
    broker::config::BrokerConfig,
    commands::args::{SelectionArgs, place, word},
    observe::logging::TraceParent,
    store::{StoreUri, config::StoreConfig},
};

/// The lowest priority that is high for a quorum queue.
const HIGH_PRIORITY: u8 = 5;

/// The priority of messages that have none.
const NORMAL_PRIORITY: u8 = 4;

/// The highest priority that a job may name.
const MAX_PRIORITY: u8 = 9;

/// Arguments of `recto submit`.
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// Documents: files and folders that workers see under the same path (`--file-root`),
    /// `s3://bucket/key`, `s3://bucket/prefix/` with all documents below, or `-` for a list of such
    /// on standard input, one a line
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,

    /// Prefix for results, such as `s3://bucket/prefix/`, or a folder that workers see under the same path
    #[arg(short, long, value_name = "PREFIX", env = "RECTO_OUTPUT", value_parser = place)]
    pub(crate) output: StoreUri,

    /// Copy local files to a prefix first, such as `s3://bucket/in/`, under their relative paths; the jobs name the
    /// copies
    #[arg(long, value_name = "S3_PREFIX", env = "RECTO_UPLOAD_TO", value_parser = s3_place)]
    pub(crate) upload_to: Option<StoreUri>,

    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// Engine that has to read the documents [default: the one that the worker runs]
    #[arg(long, value_enum, env = "RECTO_ENGINE")]
    pub(crate) engine: Option<EngineName>,

    /// Password of encrypted documents, such as `secret`; it travels in the jobs, unencrypted (safer in RECTO_PASSWORD
    /// than on the command line)
    #[arg(
        long,
        value_name = "TEXT",
        env = "RECTO_PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<String>,

    /// Label for all jobs of this run, such as `1911`: results carry it, and `recto results --batch` follows it
    #[arg(long, value_name = "WORD", env = "RECTO_BATCH", value_parser = word, help_heading = "Jobs")]
    pub(crate) batch: Option<String>,

    /// Label of your own that results carry, such as `collection=letters`; may be given several times
    #[arg(long, value_name = "KEY=VALUE", env = "RECTO_LABEL", value_parser = label, help_heading = "Jobs")]
    pub(crate) label: Vec<(String, String)>,

    /// Priority, such as `high`, `normal`, or 0 to 9: RabbitMQ from 4.0 gives workers two jobs of high priority (5 and
    /// above) for each of normal priority, older versions take no notice [default: normal]
    #[arg(long, value_name = "PRIORITY", env = "RECTO_PRIORITY", value_parser = priority, help_heading = "Jobs")]
    pub(crate) priority: Option<u8>,

    /// Read documents again even if a finished result is stored, and replace it
    #[arg(
        long,
        value_name = "on|off",
        env = "RECTO_FORCE",
        value_parser = switch,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "off",
        default_missing_value = "on",
        help_heading = "Jobs"
    )]
    pub(crate) force: bool,

    /// W3C trace context that the jobs belong to, such as
    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`; logs and results carry it
    #[arg(long, value_name = "00-TRACE-SPAN-FLAGS", env = "RECTO_TRACEPARENT", value_parser = trace_parent, help_heading = "Jobs")]
    pub(crate) traceparent: Option<String>,

    /// Print the jobs as JSON, one a line and without password; queue and copy nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Stay until all jobs of this run have ended, and print a line for each that does
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) watch: bool,

    /// Print each queued job as JSON, one a line and without password
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) options: Options,

    #[command(flatten)]
    pub(crate) engines: EngineOptions,

    #[command(flatten)]
    pub(crate) broker: BrokerConfig,

    #[command(flatten)]
    pub(crate) store: StoreConfig,
}

/// The end of `recto submit --help`.
pub(crate) const NOTES: &str = "\
Prints the id and the URI of each job as soon as the broker has it safe. Jobs for what a prefix lists are \
pinned to what was seen: an object that changes before it is read is dead-lettered as source-changed. What \
lies below PREFIX itself is left out of a listing.

Exit status: 0 all queued, 1 some were not (each is named), 2 wrong usage, 130 stopped. With --watch, 1 also if some
ended without any page.

Examples:
  recto submit s3://archive/1911/ -o s3://texts/1911/ --batch 1911
  recto submit scans/ --upload-to s3://archive/ -o s3://texts/ --batch scans --watch
  find /mnt/share -name '*.pdf' | recto submit - -o /mnt/share/texts --dry-run";

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("write KEY=VALUE, such as collection=letters")?;
    let value = match value {
        "" => String::new(),
        value => word(value)?,
    };
    Ok((word(key)?, value))
}

/// The priority of a message. Quorum queues know two: up to 4 and above (RabbitMQ 4.0, "Quorum Queues", priorities).
fn priority(text: &str) -> Result<u8, String> {
    let known = match text {
        "high" => Some(HIGH_PRIORITY),
        "normal" => Some(NORMAL_PRIORITY),
        number => number.parse().ok().filter(|number| *number <= MAX_PRIORITY),
    };
    known.ok_or_else(|| format!("write high, normal, or a number from 0 to {MAX_PRIORITY}"))
}

fn trace_parent(text: &str) -> Result<String, String> {
    match TraceParent::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write 00-, 32 digits, -, 16 digits, -, 2 digits, all hexadecimal".to_owned()),
    }
}

fn s3_place(text: &str) -> Result<StoreUri, String> {
    match text.parse() {
        Ok(location @ StoreUri::S3 { .. }) => Ok(location),
        _ => Err("write s3://bucket/prefix/".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_words_or_numbers() {
        for (text, wanted) in [("high", 5), ("normal", 4), ("0", 0), ("9", 9)] {
            assert_eq!(priority(text), Ok(wanted), "{text}");
        }
        for wrong in ["low", "10", "-1", "", "High"] {
            assert!(priority(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_have_a_key_and_perhaps_a_value() {
        let pair = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(label("a=b=c"), pair("a", "b=c"));
        assert_eq!(label("a="), pair("a", ""));
        for wrong in ["a", "=b", "", "a=\n"] {
            assert!(label(wrong).is_err(), "{wrong}");
        }
        assert!(s3_place("/tmp/x").is_err());
    }
}
