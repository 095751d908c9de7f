//! `recto worker`: where jobs come from, where results go, and what the work may take.

use std::{ffi::OsString, time::Duration};

use clap::{ArgAction, Args, CommandFactory};

use super::{
    AdminArgs, BrokerArgs, Cli, EngineArg, FileRootArgs, GotRunArgs, GotSettings, LimitArgs,
    LogArgs, MachineArgs, ScratchArgs, StoreArgs, duration::duration,
};
use crate::store::StoreUri;

/// Arguments of `recto worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Try everything that a worker needs, say how each part is, and take no job
    #[arg(long)]
    pub(crate) check: bool,

    /// Documents at once; their pages share the engine
    #[arg(long, value_name = "N", env = "RECTO_JOBS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) jobs: u16,

    /// Longest wait for broker and store at the start
    #[arg(long, value_name = "TIME", env = "RECTO_START_TIMEOUT", default_value = "60s", value_parser = duration)]
    pub(crate) start_timeout: Duration,

    /// How long jobs under way may go on after SIGTERM or SIGINT; then they are handed back
    #[arg(long, value_name = "TIME", env = "RECTO_DRAIN_TIMEOUT", default_value = "25s", value_parser = duration)]
    pub(crate) drain_timeout: Duration,

    /// Engine that reads page images
    #[arg(long, value_enum, default_value_t = EngineArg::Ppocr, env = "RECTO_ENGINE")]
    pub(crate) engine: EngineArg,

    #[command(flatten)]
    pub(crate) broker: BrokerArgs,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) file_root: FileRootArgs,

    /// What the start and /readyz try to list, s3://BUCKET/PREFIX or file:///FOLDER [default: the
    /// store's buckets, or the file root]
    #[arg(
        long,
        value_name = "URI",
        env = "RECTO_STORE_PROBE",
        help_heading = "Store"
    )]
    pub(crate) store_probe: Option<StoreUri>,

    #[command(flatten)]
    pub(crate) admin: AdminArgs,

    #[command(flatten)]
    pub(crate) log: LogArgs,

    #[command(flatten)]
    pub(crate) work: ScratchArgs,

    #[command(flatten)]
    pub(crate) machine: MachineArgs,

    #[command(flatten)]
    run: GotRunArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// What `recto worker --help` ends with.
pub(crate) const NOTES: &str = "\
A job is acknowledged once its result is stored and the message about it confirmed; start as many workers as \
there are machines. Each job brings its own options and limits; the limits given here are those that no job \
may raise.

The first SIGTERM or SIGINT lets jobs under way end, the second one ends the process at once.

Exit status: 0 stopped in good order, 1 could not start or is not usable any more, 2 wrong usage, \
130 stopped at once.

Examples:
  recto worker --check
  recto worker --s3-endpoint https://minio.example:9000 --s3-path-style
  recto worker --file-root /mnt/share --jobs 8 --log-format json";

impl WorkerArgs {
    /// What GOT runs with, and the most that jobs may ask of it.
    pub(crate) fn got(&self) -> GotSettings {
        self.run.settings(&self.machine.got)
    }

    /// Every setting with its value, without secrets: `jobs=4 queue=recto.jobs …`.
    pub(crate) fn shown(&self) -> String {
        self.shown_from(std::env::args_os())
    }

    fn shown_from(&self, line: impl IntoIterator<Item = OsString>) -> String {
        let command = Cli::command();
        let Ok(matches) = command.clone().try_get_matches_from(line) else {
            return String::new();
        };
        let (Some(worker), Some(matches)) = (
            command.find_subcommand("worker"),
            matches.subcommand_matches("worker"),
        ) else {
            return String::new();
        };
        let mut shown = Vec::new();
        for argument in worker.get_arguments() {
            let (Some(flag), Ok(Some(values))) = (
                argument.get_long(),
                matches.try_get_raw(argument.get_id().as_str()),
            ) else {
                continue;
            };
            let value = match flag {
                "amqp" => self.broker.amqp.to_string(),
                _ if argument.is_hide_env_values_set() => "***".to_owned(),
                _ => values
                    .map(|v| v.to_string_lossy())
                    .collect::<Vec<_>>()
                    .join(","),
            };
            match argument.get_action() {
                ArgAction::SetTrue if value == "false" => {}
                ArgAction::SetTrue => shown.push(flag.to_owned()),
                _ => shown.push(format!("{flag}={value}")),
            }
        }
        shown.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Command;

    #[test]
    fn settings_are_shown_whole_and_without_secrets() {
        let line = [
            "recto",
            "worker",
            "--amqp",
            "amqp://me:hush@broker/%2f",
            "--s3-path-style",
            "--retry-delays",
            "1s,5s",
        ];
        let Command::Worker(worker) = Cli::try_parse_from(line).unwrap().command else {
            panic!("worker was asked for")
        };
        let shown = worker.shown_from(line.map(OsString::from));
        assert!(!shown.contains("hush"), "{shown}");
        for part in [
            "jobs=4",
            "amqp=amqp://me:***@broker",
            "s3-path-style",
            "retry-delays=1s,5s",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
