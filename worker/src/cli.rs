//! The command line: the subcommands, and what their arguments must agree in.

use std::{ffi::OsString, process::ExitCode, sync::LazyLock};

use clap::{
    ArgMatches, CommandFactory, Error, FromArgMatches, Parser, Subcommand, error::ErrorKind,
    parser::ValueSource,
};
use recto_schemas::{EngineName, SchemaName};

#[cfg(feature = "eval")]
use crate::commands::eval::{self, EvalArgs};
use crate::commands::{
    api_key::{self, ApiKeyArgs},
    batch::{self, BatchCommand},
    convert::{self, ConvertArgs},
    docs::{self, DocsArgs},
    order::{self, CancelArgs},
    queues::{self, QueuesCommand},
    results::{self, ResultsArgs},
    schema,
    serve::{self, ServeArgs},
    submit::{self, SubmitArgs},
    sweep::{self, SweepArgs},
    worker::{self, WorkerArgs},
};

/// PP-OCR checks and replaces what other engines read, so that its parts are for all.
const OF_EVERY_ENGINE: &str = "ppocr-models";

/// Turns archives of PDFs and page images into Markdown.
#[derive(Debug, Parser)]
#[command(name = "recto", version, long_version = long_version(), max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The version, and what this program reads: `recto --version`; `-V` gives the version alone.
fn long_version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        #[cfg(feature = "ppocr")]
        let ppocr = format!(
            "\nppocr reads {}",
            recto_pipeline::engine::ppocr::SCRIPTS.join(", ")
        );
        #[cfg(not(feature = "ppocr"))]
        let ppocr = "";
        format!("{}{ppocr}", env!("CARGO_PKG_VERSION"))
    });
    &TEXT
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Convert documents to Markdown
    #[command(after_long_help = convert::NOTES)]
    Convert(Box<ConvertArgs>),
    /// Evaluate how well documents are read whose text is known
    #[cfg(feature = "eval")]
    #[command(after_long_help = eval::NOTES)]
    Eval(Box<EvalArgs>),
    /// Read documents that come as jobs from the queue, until told to stop
    #[command(after_long_help = worker::NOTES)]
    Worker(Box<WorkerArgs>),
    /// Queue documents as jobs for workers
    #[command(after_long_help = submit::NOTES)]
    Submit(Box<SubmitArgs>),
    /// Follow the results of jobs, one line a document
    #[command(after_long_help = results::NOTES)]
    Results(Box<ResultsArgs>),
    /// Keep the ledger, a lasting account of every job, and serve documents over HTTP
    #[command(after_long_help = serve::NOTES)]
    Serve(Box<ServeArgs>),
    /// Queue documents of the rules for events that no event told of
    #[command(after_long_help = sweep::NOTES)]
    Sweep(Box<SweepArgs>),
    /// Make an API key for the service
    #[command(after_long_help = api_key::NOTES)]
    ApiKey(ApiKeyArgs),
    /// Print how batches stand by the ledger, retry, verify, report and export them
    #[command(subcommand)]
    Batch(Box<BatchCommand>),
    /// Cancel jobs, those that wait and those that are read
    #[command(after_long_help = order::CANCEL_NOTES)]
    Cancel(Box<CancelArgs>),
    /// Declare the queues at RabbitMQ, pause or purge batches, or print how full they are
    #[command(subcommand)]
    Queues(Box<QueuesCommand>),
    /// Print a published JSON Schema: options, manifest, page, job, result, dead-letter, eval, event, worker or run
    Schema {
        /// Name of the schema
        name: SchemaName,
    },
    /// Write the reference pages and the example environment of the repository
    Docs(DocsArgs),
}

impl Command {
    /// Does what is asked for.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Convert(arguments) => convert::run(&arguments),
            #[cfg(feature = "eval")]
            Self::Eval(arguments) => eval::run(&arguments),
            Self::Worker(arguments) => worker::run(&arguments),
            Self::Submit(arguments) => submit::run(&arguments),
            Self::Results(arguments) => results::run(&arguments),
            Self::Serve(arguments) => serve::run(&arguments),
            Self::Sweep(arguments) => sweep::run(&arguments),
            Self::ApiKey(arguments) => api_key::run(&arguments),
            Self::Batch(command) => batch::run(&command),
            Self::Cancel(arguments) => order::cancel(&arguments),
            Self::Queues(arguments) => queues::run(&arguments),
            Self::Schema { name } => schema::print(name).map(|()| ExitCode::SUCCESS),
            Self::Docs(arguments) => docs::run(&arguments, &Cli::command()),
        }
    }
}

impl Cli {
    /// Reads the process's command line; wrong usage ends the process with what to write.
    pub(crate) fn parse_or_exit() -> Self {
        Self::try_from_line(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Reads a command line.
    fn try_from_line(
        line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(line)?;
        let cli = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        if let Some((name, arguments)) = matches.subcommand()
            && let Some(subcommand) = command.find_subcommand_mut(name)
            && let Some((kind, message)) = disagreement(subcommand, arguments)
        {
            return Err(subcommand.error(kind, message));
        }
        Ok(cli)
    }
}

/// The first pair of a subcommand's arguments that exclude each other.
fn disagreement(command: &clap::Command, given: &ArgMatches) -> Option<(ErrorKind, String)> {
    let html = matches!(given.try_get_one::<bool>("html"), Ok(Some(true)));
    if html && matches!(given.try_contains_id("output"), Ok(false)) {
        let message =
            "--html writes NAME.html beside the other results: name their folder with -o DIR";
        return Some((ErrorKind::MissingRequiredArgument, message.to_owned()));
    }
    let engine = *given.try_get_one::<EngineName>("engine").ok()??;
    let others = EngineName::ALL.into_iter().filter(|other| *other != engine);
    for other in others {
        let prefix = format!("{other}-");
        // Variables may be set for all engines of a machine; what is on the command line is meant.
        let meant = |argument: &&clap::Arg| {
            let source = given.value_source(argument.get_id().as_str());
            source == Some(ValueSource::CommandLine)
        };
        let flag = command
            .get_arguments()
            .filter(meant)
            .filter_map(clap::Arg::get_long)
            .find(|flag| flag.starts_with(&prefix) && *flag != OF_EVERY_ENGINE);
        if let Some(flag) = flag {
            let message = format!(
                "--{flag} is an option of the engine `{other}`, and `{engine}` reads here: add --engine {other}, \
                 or leave --{flag} out"
            );
            return Some((ErrorKind::ArgumentConflict, message));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use recto_schemas::{Options, options::EngineOptions};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_flags_the_options_are_the_defaults() {
        let cli = Cli::try_from_line(["recto", "convert", "a.pdf"]).unwrap();
        let Command::Convert(convert) = cli.command else {
            panic!("convert was asked for")
        };
        assert_eq!(convert.run.options(), Options::default());
        assert_eq!(convert.run.engines, EngineOptions::default());
    }

    /// Names and example values of `deploy/env.example`.
    fn examples() -> Vec<(String, String)> {
        include_str!("../../deploy/env.example")
            .lines()
            .filter_map(|line| line.strip_prefix("#RECTO_")?.split_once('='))
            .map(|(name, value)| (format!("RECTO_{name}"), value.to_owned()))
            .collect()
    }

    /// Every command that does something, with the words that lead to it.
    fn commands() -> Vec<(Vec<String>, clap::Command)> {
        fn below(
            words: Vec<String>,
            command: clap::Command,
            found: &mut Vec<(Vec<String>, clap::Command)>,
        ) {
            for subcommand in command.get_subcommands() {
                let words = [words.clone(), vec![subcommand.get_name().to_owned()]].concat();
                below(words, subcommand.clone(), found);
            }
            if !command.has_subcommands() {
                found.push((words, command));
            }
        }
        let mut found = Vec::new();
        below(vec!["recto".to_owned()], Cli::command(), &mut found);
        found
    }

    fn variable(argument: &clap::Arg) -> Option<String> {
        Some(argument.get_env()?.to_str()?.to_owned())
    }

    #[test]
    fn the_example_environment_names_every_variable_and_no_other() {
        let all = commands();
        let arguments = all.iter().flat_map(|(_, command)| command.get_arguments());
        let read: BTreeSet<String> = arguments.filter_map(variable).collect();
        let named: Vec<String> = examples().into_iter().map(|(name, _)| name).collect();
        let once: BTreeSet<String> = named.iter().cloned().collect();
        assert_eq!(once.len(), named.len(), "a variable is named twice");
        assert_eq!(once, read);
    }

    #[test]
    fn the_example_values_are_ones_that_recto_takes() {
        let examples = examples();
        let all = commands().into_iter();
        for (engine, (words, command)) in
            all.flat_map(|one| EngineName::ALL.map(|engine| (engine, one.clone())))
        {
            let mut line = words.clone();
            for argument in command.get_arguments() {
                let excluded = command.get_arg_conflicts_with(argument);
                let flags = excluded.iter().filter_map(|other| other.get_long());
                if flags
                    .map(|flag| format!("--{flag}="))
                    .any(|flag| line.iter().any(|given| given.starts_with(&flag)))
                {
                    continue;
                }
                let example = variable(argument)
                    .and_then(|name| examples.iter().find(|(known, _)| *known == name));
                let (Some((_, value)), Some(flag)) = (example, argument.get_long()) else {
                    continue;
                };
                let of_another = EngineName::ALL
                    .iter()
                    .any(|other| *other != engine && flag.starts_with(&format!("{other}-")));
                line.push(match flag {
                    "engine" => format!("--engine={engine}"),
                    _ if of_another && flag != OF_EVERY_ENGINE => continue,
                    _ => format!("--{flag}={value}"),
                });
            }
            let positionals =
                command
                    .get_positionals()
                    .map(|argument| match argument.get_id().as_str() {
                        "name" => "job".to_owned(),
                        "prefix" => "s3://results/".to_owned(),
                        _ => "a.pdf".to_owned(),
                    });
            line.extend(positionals);
            // Some commands need one that no variable gives.
            for flag in command.get_arguments().filter_map(|of| of.get_long()) {
                let given = format!("--{flag}=");
                if matches!(flag, "batch" | "bagit")
                    && !line.iter().any(|word| word.starts_with(&given))
                {
                    line.push(format!("{given}first"));
                }
            }
            if let Err(error) = Cli::try_from_line(&line) {
                panic!("{words:?}: {error}");
            }
        }
    }
}
