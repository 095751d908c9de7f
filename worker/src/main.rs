//! `recto`: documents in, Markdown out.

use std::process::ExitCode;

use clap::Parser;

// The command line: what a person can ask for.
mod cli;
// Where the cache, PDFium and the models are, and what is made of them.
mod setup;
// A model's checkpoint from the Hugging Face hub, downloaded once.
mod hub;
// What is written for a document: Markdown, pages, review page and, last, the manifest.
mod output;
// What a document's manifest says, whichever command read it.
mod document;
// Where documents come from and results go: S3, or a folder that stands for it.
mod store;
// Which files are documents, by their ending, and of what type.
mod endings;
// `recto convert`.
mod convert;
// `recto eval`.
mod eval;
// RabbitMQ, below the jobs: connection, queues, confirmed messages, deliveries.
mod broker;
// `recto worker`: from the settings to a running consumer, and to its orderly end.
mod worker;
// The consumer: deliveries in, each settled once, after its result is durable.
mod consumer;
// One job: message, plan, fetch, read, store, result.
mod job;
// The work folder: where documents and results lie while a job runs, with a cap on its bytes.
mod workdir;
// The admin port: metrics, health and readiness.
mod admin;
// The log: what is said, to whom, and in which span.
mod telemetry;
// What a worker counts and measures, for Prometheus.
mod metrics;
// Memory that is free and that the system does not know of.
mod memory;
// Others' words on a terminal.
mod shown;
// Ctrl-C and SIGTERM, for commands that end early in good order.
mod stop;
// `recto submit`.
mod submit;
// `recto result`.
mod result;
// `recto queues`.
mod queues;
// `recto schema`.
mod schema;

fn main() -> ExitCode {
    // Before anything else: a child rasterizes what it is given, and wants nothing of its own.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|mode| mode == setup::RASTER_CHILD)
    {
        std::process::exit(recto_pipeline::image::child::main());
    }
    let cli = cli::Cli::parse();
    let ended = match cli.command {
        cli::Command::Convert(arguments) => convert::run(&arguments),
        cli::Command::Eval(arguments) => eval::run(&arguments),
        cli::Command::Worker(arguments) => worker::run(&arguments),
        cli::Command::Submit(arguments) => submit::run(&arguments),
        cli::Command::Result(arguments) => result::run(&arguments),
        cli::Command::Queues(arguments) => queues::run(&arguments),
        cli::Command::Schema { name } => schema::print(name).map(|()| ExitCode::SUCCESS),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("recto: {error:#}");
        ExitCode::from(cli::EXIT_FAILED)
    })
}
