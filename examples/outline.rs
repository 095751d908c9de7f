//! Prints the headings of a document with their page numbers: `recto-pipeline` used as a library.
//!
//!     make setup
//!     cargo run --release --package recto-pipeline --example outline -- tests/samples/report.pdf

use std::{env, error::Error, fs::File, io, path::PathBuf};

use recto_pipeline::{
    cancel::CancelToken,
    engine::ppocr::{PpOcr, PpOcrConfig},
    image::{
        child,
        rasterizer::{Rasterizer, RasterizerConfig},
    },
    layout::block::BlockKind,
    read::{self, PageResult, PageSink},
    sandbox::SandboxConfig,
};
use recto_schemas::Options;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = env::args().nth(1);
    let document =
        argument.ok_or("give a document: PDF, PNG, JPEG, JPEG 2000, TIFF, WebP, GIF or BMP")?;
    // The rasterizer starts this program again, to open documents in a process with limits.
    if document == "raster-child" {
        std::process::exit(child::main());
    }

    let cache = cache_folder()?;
    let rasterizer = Rasterizer::new(RasterizerConfig {
        program: PathBuf::from("/proc/self/exe"),
        pdfium: cache.join("pdfium/libpdfium.so"),
        children: 2,
        pages_per_child: 500,
        font_dirs: Vec::new(),
        sandbox: SandboxConfig::REQUIRED,
    })?;
    let onnxruntime = cache.join("onnxruntime/libonnxruntime.so");
    let engine = PpOcr::load(&cache.join("models"), PpOcrConfig::new(onnxruntime))?;

    let input = read::DocumentInput {
        file: File::open(&document)?,
        password: None,
        rasterizer: &rasterizer,
    };
    let options = Options::default();
    let outcome = read::read(
        input,
        &options,
        &engine,
        &mut Outline::default(),
        &CancelToken::new(),
    )?;
    println!(
        "{} pages, {} failed",
        outcome.counts.selected, outcome.counts.failed
    );
    Ok(())
}

/// Prints the headings of the document when all of them are known.
#[derive(Default)]
struct Outline {
    headings: Vec<(u32, String)>,
}

impl PageSink for Outline {
    fn open(&mut self, _pages: u32) -> io::Result<()> {
        Ok(())
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        for block in &page.assembled.blocks {
            if let BlockKind::Heading(_) = &block.kind {
                let page = page.assembled.number;
                self.headings.push((page, block.text.clone()));
            }
        }
        Ok(())
    }

    fn heading_levels(&mut self, levels: &[u8]) -> io::Result<()> {
        for ((page, text), level) in self.headings.iter().zip(levels) {
            let indent = "  ".repeat(usize::from(*level).saturating_sub(1));
            println!("{page:>4}  {indent}{text}");
        }
        Ok(())
    }
}

/// The folder into which `make setup` puts libraries and models.
fn cache_folder() -> Result<PathBuf, Box<dyn Error>> {
    if let Some(folder) = env::var_os("RECTO_CACHE") {
        return Ok(folder.into());
    }
    let home =
        env::var_os("HOME").ok_or("set RECTO_CACHE to the folder that `make setup` filled")?;
    Ok(PathBuf::from(home).join(".cache/recto"))
}
