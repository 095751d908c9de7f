//! `recto`: documents in, Markdown out.

use std::process::ExitCode;

use clap::Parser;

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
    let cli = cli::Cli::parse();
    let ended = match cli.command {
        cli::Command::Convert(arguments) => commands::convert::run(&arguments),
        cli::Command::Eval(arguments) => commands::eval::run(&arguments),
        cli::Command::Worker(arguments) => commands::worker::run(&arguments),
        cli::Command::Submit(arguments) => commands::submit::run(&arguments),
        cli::Command::Result(arguments) => commands::results::run(&arguments),
        cli::Command::Queues(arguments) => commands::queues::run(&arguments),
        cli::Command::Schema { name } => commands::schema::print(name).map(|()| ExitCode::SUCCESS),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("recto: {error:#}");
        ExitCode::from(cli::EXIT_FAILED)
    })
}
