//! `recto`: documents in, Markdown out.

use std::process::ExitCode;

mod cli;
mod commands;
mod events;
mod service;

mod consumer;
mod job;

mod document;

mod broker;
mod ledger;
mod models;
mod observe;
mod os;
mod store;

fn main() -> ExitCode {
    // First of all: a child only does what its parent asks for, so it needs neither arguments nor settings.
    match std::env::args_os().nth(1) {
        Some(mode) if mode == models::loader::RASTER_CHILD => {
            std::process::exit(recto_pipeline::image::child::main())
        }
        #[cfg(feature = "ppocr")]
        Some(mode) if mode == models::loader::TESSERACT_CHILD => {
            std::process::exit(recto_pipeline::engine::tesseract::child::main())
        }
        _ => {}
    }
    observe::panics::hide_texts();
    os::allocator::limit_arenas();
    os::process::close_to_others();
    let ended = cli::Cli::parse_or_exit().command.run();
    ended.unwrap_or_else(|error| {
        eprintln!("recto: {}", os::terminal::Shown(format_args!("{error:#}")));
        ExitCode::from(commands::EXIT_FAILED)
    })
}
