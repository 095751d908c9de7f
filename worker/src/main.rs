//! `recto`: documents in, Markdown out.

use std::process::ExitCode;

use clap::Parser;

// The command line: what a person can ask for.
mod cli;
// Where the cache, PDFium and the models are, and what is made of them.
mod setup;
// Where documents come from and results go: S3, or a folder that stands for it.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "used once the worker is put together")
)]
mod store;
// What is written for a document: Markdown, pages, review page and, last, the manifest.
mod output;
// `recto convert`.
mod convert;
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
        cli::Command::Schema { name } => schema::print(name).map(|()| ExitCode::SUCCESS),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("recto: {error:#}");
        ExitCode::from(cli::EXIT_FAILED)
    })
}
