//! Arguments of `recto worker`: the source of jobs, the place of results, and what the work may take.

use std::ffi::OsString;

use clap::{ArgAction, Args, Command};
use recto_schemas::{DocumentLimits, EngineName, GotRuntime, ScriptFallback};

use crate::{
    broker::config::BrokerConfig,
    consumer::config::ConsumerConfig,
    job::bounds::JobBounds,
    models::{config::MachineConfig, loader::EngineSettings},
    observe::config::{AdminConfig, LogConfig},
    os::scratch::config::ScratchConfig,
    store::{
        StoreUri,
        config::{FileRootConfig, StoreConfig},
    },
};

/// Arguments of `recto worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Try everything that a worker needs, say how each part is, and take no job
    #[arg(long)]
    pub(crate) check: bool,

    /// Engine that reads page images
    #[arg(long, value_enum, default_value_t, env = "RECTO_ENGINE")]
    pub(crate) engine: EngineName,

    /// Second reader for lines in a script that the engine `ppocr` does not know, for all jobs that do not say otherwise
    #[arg(
        long,
        value_name = "READER",
        value_enum,
        default_value_t,
        env = "RECTO_SCRIPT_FALLBACK"
    )]
    pub(crate) script_fallback: ScriptFallback,

    #[command(flatten)]
    pub(crate) consumer: ConsumerConfig,

    #[command(flatten)]
    pub(crate) broker: BrokerConfig,

    #[command(flatten)]
    pub(crate) store: StoreConfig,

    #[command(flatten)]
    pub(crate) file_root: FileRootConfig,

    #[command(flatten)]
    pub(crate) bounds: JobBounds,

    /// Prefix, such as `s3://archive/out/` or file:///FOLDER, below which the start and /readyz try what a job does:
    /// write, read, list and remove an object [default: only ask if the store answers and takes the credentials]
    #[arg(
        long,
        value_name = "URI",
        env = "RECTO_STORE_PROBE",
        help_heading = "Store"
    )]
    pub(crate) store_probe: Option<StoreUri>,

    #[command(flatten)]
    pub(crate) admin: AdminConfig,

    #[command(flatten)]
    pub(crate) log: LogConfig,

    #[command(flatten)]
    pub(crate) work: ScratchConfig,

    #[command(flatten)]
    pub(crate) machine: MachineConfig,

    /// GOT as it runs here, and the most tokens that jobs may ask of it.
    #[command(flatten)]
    pub(crate) got: GotRuntime,

    #[command(flatten)]
    pub(crate) limits: DocumentLimits,
}

/// The end of `recto worker --help`.
pub(crate) const NOTES: &str = "\
A job is acknowledged once its result is stored and the message about it confirmed; start as many workers as \
there are machines. Each job brings its own options and limits; the limits given here are those that no job \
may raise.

The first SIGTERM or SIGINT lets jobs in flight end, the second one ends the process at once.

Exit status: 0 stopped cleanly, 1 could not start or is not usable any more, 2 wrong usage, \
130 stopped at once.

Examples:
  recto worker --check
  recto worker --s3-endpoint https://minio.example:9000 --s3-path-style
  recto worker --allow-source s3://archive/in/ --allow-output s3://archive/out/
  recto worker --file-root /mnt/share --jobs 8 --log-format json";

impl WorkerArgs {
    /// The engine to load.
    pub(crate) fn engine_settings(&self) -> EngineSettings<'_> {
        EngineSettings {
            name: self.engine,
            script_fallback: self.script_fallback,
            got: &self.got,
        }
    }

    /// Every setting with its value, without secrets: `jobs=4 queue=recto.jobs …`.
    pub(crate) fn shown(&self) -> String {
        self.shown_from(std::env::args_os())
    }

    fn shown_from(&self, line: impl IntoIterator<Item = OsString>) -> String {
        let command = Self::augment_args(Command::new("worker"));
        // The subcommand's name is the first argument that it takes for its own.
        let Ok(matches) = command
            .clone()
            .try_get_matches_from(line.into_iter().skip(1))
        else {
            return String::new();
        };
        let mut shown = Vec::new();
        for argument in command.get_arguments() {
            let (Some(flag), Ok(Some(values))) = (
                argument.get_long(),
                matches.try_get_raw(argument.get_id().as_str()),
            ) else {
                continue;
            };
            let value = match flag {
                "amqp-url" => self.broker.amqp_url.to_string(),
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
    use clap::FromArgMatches;

    use super::*;

    #[test]
    fn settings_are_shown_whole_and_without_secrets() {
        let line = [
            "recto",
            "worker",
            "--amqp-url",
            "amqp://me:hush@broker/%2f",
            "--s3-path-style",
            "--retry-delays",
            "1s,5s",
        ];
        let command = WorkerArgs::augment_args(Command::new("worker"));
        let matches = command.try_get_matches_from(&line[1..]).unwrap();
        let worker = WorkerArgs::from_arg_matches(&matches).unwrap();
        let shown = worker.shown_from(line.map(OsString::from));
        assert!(!shown.contains("hush"), "{shown}");
        for part in [
            "jobs=4",
            "amqp-url=amqp://me:***@broker",
            "s3-path-style=on",
            "retry-delays=1s,5s",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
