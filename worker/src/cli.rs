//! The command line: what a person can ask for, in their words. The doc comments are the help.

// Lengths of time as a person writes them.
pub(crate) mod duration;
// What GOT is asked for and what it runs with.
pub(crate) mod got;
// Where objects are kept.
mod store;
// Where RabbitMQ is and what its queues are called.
pub(crate) mod broker;
// What a worker says of itself, and where it works.
pub(crate) mod watch;
// `recto worker`.
mod worker;
// `recto submit`.
mod submit;
// `recto result`.
mod result;
// `recto queues`.
mod queues;
// `recto eval`.
mod eval;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, builder::ValueParser};
use recto_schemas::{
    DocumentLimits, EngineName, GotOptions, HeadersFooters, Options, PageRanges, SchemaName,
    TextLayer,
};

pub(crate) use broker::BrokerConfig;
pub(crate) use eval::EvalArgs;
pub(crate) use got::GotSettings;
use got::{GotArgs, GotModelArgs, GotRunArgs};
pub(crate) use queues::QueuesCommand;
pub(crate) use result::ResultArgs;
pub(crate) use store::{FileRootConfig, StoreConfig};
pub(crate) use submit::SubmitArgs;
pub(crate) use watch::{AdminConfig, LogConfig, ScratchConfig};
pub(crate) use worker::WorkerArgs;

/// Some inputs failed.
pub(crate) const EXIT_FAILED: u8 = 1;
/// Stopped by a signal, as shells say it.
pub(crate) const EXIT_STOPPED: u8 = 130;

/// Turns archives of PDFs and page images into Markdown.
#[derive(Debug, Parser)]
#[command(name = "recto", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Convert documents to Markdown
    #[command(after_long_help = CONVERT_NOTES)]
    Convert(Box<ConvertArgs>),
    /// Read documents whose text is known, and say how well
    #[command(after_long_help = eval::NOTES)]
    Eval(Box<EvalArgs>),
    /// Take jobs from the queue and read their documents, until told to stop
    #[command(after_long_help = worker::NOTES)]
    Worker(Box<WorkerArgs>),
    /// Queue documents as jobs for workers
    #[command(after_long_help = submit::NOTES)]
    Submit(Box<SubmitArgs>),
    /// Follow what becomes of the jobs, one line a document
    #[command(after_long_help = result::NOTES)]
    Result(Box<ResultArgs>),
    /// Make the queues at RabbitMQ, or see how full they are
    #[command(subcommand)]
    Queues(Box<QueuesCommand>),
    /// Print a published JSON Schema: options, manifest, page, job, result, dead-letter or eval
    Schema {
        /// Which schema
        name: SchemaName,
    },
}

const CONVERT_NOTES: &str = "\
For each input, DIR gets NAME.md, NAME.pages.jsonl (every line with its box and confidence) and \
NAME.json (the manifest: what became of the document and of each page). NAME is the file name \
without its ending; where two inputs share it, the ending stays, and then a number follows.

Exit status: 0 all inputs converted, 1 some failed or lost pages (each is named), 2 wrong usage, \
130 stopped.

Examples:
  recto convert scan.pdf > scan.md
  recto convert archive/ -o out --html
  recto convert s3://archive/1911/ -o s3://texts/1911/
  recto convert report.pdf --pages 1-3,10- --headers-footers drop";

/// Arguments of `recto convert`.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Documents: PDF, PNG, JPEG, TIFF or WebP files, directories of them, `s3://bucket/key`,
    /// `s3://bucket/prefix/` with all documents below, or `-` for standard input
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,

    /// Folder or `s3://bucket/prefix/` for the results; without it, Markdown goes to standard output
    #[arg(short, long, value_name = "DIR", env = "RECTO_OUTPUT")]
    pub(crate) output: Option<PathBuf>,

    /// Write what the run took (pages, seconds, share of the time the engine was busy) as JSON
    #[arg(
        long,
        value_name = "FILE",
        env = "RECTO_STATS",
        help_heading = "Machine"
    )]
    pub(crate) stats: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) run: RunArgs,

    #[command(flatten)]
    pub(crate) store: StoreConfig,
}

/// How the documents of a run on this machine are read.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Engine that reads page images
    #[arg(long, value_enum, default_value_t = EngineArg::Ppocr, env = "RECTO_ENGINE")]
    engine: EngineArg,

    #[command(flatten)]
    pub(crate) read: ReadArgs,

    /// Password of encrypted documents (safer in RECTO_PASSWORD than on the command line)
    #[arg(
        long,
        value_name = "TEXT",
        env = "RECTO_PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<String>,

    /// Say nothing on standard error but what went wrong
    #[arg(short, long, env = "RECTO_QUIET")]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) machine: MachineConfig,

    #[command(flatten)]
    got: GotArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// What decides the Markdown.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Pages to read, such as `1-3,7,10-`
    #[arg(long, value_name = "RANGES", env = "RECTO_PAGES")]
    pages: Option<PageRanges>,

    /// Resolution to rasterize at, in dots per inch; the engine's own wish when not given
    #[arg(long, value_name = "N", env = "RECTO_DPI", value_parser = clap::value_parser!(u32).range(36..=1200))]
    dpi: Option<u32>,

    /// When a PDF's own text is taken instead of reading the page image
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = TextLayerArg::Auto, env = "RECTO_TEXT_LAYER")]
    text_layer: TextLayerArg,

    /// Whether running heads, running feet and page numbers stay in the Markdown
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = FurnitureArg::Keep, env = "RECTO_HEADERS_FOOTERS")]
    headers_footers: FurnitureArg,

    /// Leave out the `<!-- page 3 -->` line before each page
    #[arg(long, env = "RECTO_NO_PAGE_MARKERS")]
    no_page_markers: bool,

    /// Also write NAME.html: each page's image beside its text, for checking by eye (needs -o)
    #[arg(long, env = "RECTO_HTML", requires = "output")]
    pub(crate) html: bool,
}

/// What the work may use.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineConfig {
    /// Threads of the engine; one for each core when not given
    #[arg(long, value_name = "N", env = "RECTO_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,

    /// Rasterizer processes; one for each core, at most 4, when not given
    #[arg(long, value_name = "N", env = "RECTO_RASTERIZERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) rasterizers: Option<u16>,

    /// Folder with what `make setup` fetched [default: the user's cache folder]
    #[arg(long, value_name = "DIR", env = "RECTO_CACHE")]
    pub(crate) cache: Option<PathBuf>,

    /// PDFium's shared library [default: pdfium/libpdfium.so in the cache]
    #[arg(long, value_name = "FILE", env = "RECTO_PDFIUM")]
    pub(crate) pdfium: Option<PathBuf>,

    /// ONNX Runtime's shared library [default: onnxruntime/libonnxruntime.so in the cache]
    #[arg(long, value_name = "FILE", env = "RECTO_ONNXRUNTIME")]
    pub(crate) onnxruntime: Option<PathBuf>,

    /// Folder with PP-OCR's model files [default: models in the cache]
    #[arg(long, value_name = "DIR", env = "RECTO_MODELS")]
    pub(crate) models: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) got: GotModelArgs,
}

/// What one document may cost.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Most pages read from one document
    #[arg(long, value_name = "N", env = "RECTO_MAX_PAGES", default_value_t = DocumentLimits::default().max_pages, value_parser = clap::value_parser!(u32).range(1..))]
    max_pages: u32,

    /// Most pixels of one page, in millions; larger pages get a lower resolution
    #[arg(long, value_name = "N", env = "RECTO_MAX_MEGAPIXELS", default_value_t = megapixels(&DocumentLimits::default()), value_parser = positive())]
    max_megapixels: f64,

    /// Largest document, in megabytes (1,000,000 bytes)
    #[arg(long, value_name = "N", env = "RECTO_MAX_MEGABYTES", default_value_t = megabytes(&DocumentLimits::default()), value_parser = positive())]
    max_megabytes: f64,

    /// Address space of one rasterizer process, in mebibytes
    #[arg(long, value_name = "N", env = "RECTO_RASTERIZER_MIB", default_value_t = DocumentLimits::default().max_raster_mib, value_parser = clap::value_parser!(u64).range(64..))]
    rasterizer_mib: u64,

    /// Longest time to rasterize one page, in seconds
    #[arg(long, value_name = "S", env = "RECTO_PAGE_TIMEOUT", default_value_t = DocumentLimits::default().page_timeout_s, value_parser = positive())]
    page_timeout: f64,

    /// Longest time for the engine to write one page's text, in seconds
    #[arg(long, value_name = "S", env = "RECTO_READ_TIMEOUT", default_value_t = DocumentLimits::default().read_timeout_s, value_parser = positive())]
    read_timeout: f64,

    /// Longest time for one document, in seconds
    #[arg(long, value_name = "S", env = "RECTO_DOCUMENT_TIMEOUT", default_value_t = DocumentLimits::default().document_timeout_s, value_parser = positive())]
    document_timeout: f64,
}

/// The engines there are.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EngineArg {
    /// PP-OCR, on the CPU
    Ppocr,
    /// GOT-OCR 2.0, on the CPU or a GPU; the small one that comes with Recto, or --model
    Got,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TextLayerArg {
    /// Where it is sound: visible, mapped to Unicode, not laid over a full-page image
    Auto,
    /// Wherever there is one
    Always,
    /// Never: read every page image
    Never,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FurnitureArg {
    /// They stay
    Keep,
    /// They are left out
    Drop,
}

impl RunArgs {
    /// What documents are read with.
    pub(crate) fn options(&self) -> Options {
        let (engine, limits) = (self.engine.name(), self.limits.limits());
        let mut options = self.read.options(engine, self.got.options(), limits);
        if engine == EngineName::Got {
            self.got().fill(&mut options.got);
        }
        options
    }

    /// What GOT runs with.
    pub(crate) fn got(&self) -> GotSettings {
        self.got.settings(&self.machine.got)
    }
}

impl ReadArgs {
    /// What documents are read with.
    pub(crate) fn options(
        &self,
        engine: EngineName,
        got: GotOptions,
        limits: DocumentLimits,
    ) -> Options {
        Options {
            engine,
            pages: self.pages.clone(),
            dpi: self.dpi,
            text_layer: match self.text_layer {
                TextLayerArg::Auto => TextLayer::Auto,
                TextLayerArg::Always => TextLayer::Always,
                TextLayerArg::Never => TextLayer::Never,
            },
            furniture: match self.headers_footers {
                FurnitureArg::Keep => HeadersFooters::Keep,
                FurnitureArg::Drop => HeadersFooters::Drop,
            },
            page_markers: !self.no_page_markers,
            html: self.html,
            got,
            limits,
        }
    }
}

impl LimitArgs {
    /// What a document may cost.
    pub(crate) fn limits(&self) -> DocumentLimits {
        DocumentLimits {
            max_pages: self.max_pages,
            max_page_pixels: (self.max_megapixels * 1e6) as u64,
            max_document_bytes: (self.max_megabytes * 1e6) as u64,
            max_raster_mib: self.rasterizer_mib,
            page_timeout_s: self.page_timeout,
            read_timeout_s: self.read_timeout,
            document_timeout_s: self.document_timeout,
        }
    }
}

impl EngineArg {
    /// The engine meant.
    pub(crate) fn name(self) -> EngineName {
        match self {
            Self::Ppocr => EngineName::Ppocr,
            Self::Got => EngineName::Got,
        }
    }
}

fn megapixels(limits: &DocumentLimits) -> f64 {
    limits.max_page_pixels as f64 / 1e6
}

fn megabytes(limits: &DocumentLimits) -> f64 {
    limits.max_document_bytes as f64 / 1e6
}

fn positive() -> ValueParser {
    ValueParser::from(|text: &str| match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("give a number above 0".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_flags_the_options_are_the_defaults() {
        let cli = Cli::try_parse_from(["recto", "convert", "a.pdf"]).unwrap();
        let Command::Convert(convert) = cli.command else {
            panic!("convert was asked for")
        };
        assert_eq!(convert.run.options(), Options::default());
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
        for (words, command) in commands() {
            let mut line = words.clone();
            for argument in command.get_arguments() {
                let excluded = command.get_arg_conflicts_with(argument);
                let flags = excluded.iter().filter_map(|other| other.get_long());
                if flags
                    .map(|flag| format!("--{flag}"))
                    .any(|flag| line.contains(&flag))
                {
                    continue;
                }
                let example = variable(argument)
                    .and_then(|name| examples.iter().find(|(known, _)| *known == name));
                let (Some((_, value)), Some(flag)) = (example, argument.get_long()) else {
                    continue;
                };
                line.push(format!("--{flag}"));
                if argument.get_action().takes_values() {
                    line.push(value.clone());
                } else {
                    assert_eq!(value, "false", "{flag} is off unless set");
                }
            }
            let positionals =
                command
                    .get_positionals()
                    .map(|argument| match argument.get_id().as_str() {
                        "name" => "job".to_owned(),
                        _ => "a.pdf".to_owned(),
                    });
            line.extend(positionals);
            if let Err(error) = Cli::try_parse_from(&line) {
                panic!("{words:?}: {error}");
            }
        }
    }
}
