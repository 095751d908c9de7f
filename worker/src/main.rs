//! `recto`: documents in, Markdown out.

use std::process::ExitCode;

mod cli;
mod commands;

mod consumer;
mod job;

mod document;

mod broker;
mod models;
mod observe;
mod os;
mod store;

fn main() -> ExitCode {
    // Before anything else: a child rasterizes what it is given, and wants nothing of its own.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|mode| mode == models::loader::RASTER_CHILD)
    {
        std::process::exit(recto_pipeline::image::child::main());
    }
    let ended = cli::Cli::parse_or_exit().command.run();
    ended.unwrap_or_else(|error| {
        eprintln!("recto: {error:#}");
        ExitCode::from(commands::EXIT_FAILED)
    })
}
