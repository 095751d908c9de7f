//! Rasterizes files and prints one line a page: for looking at bitmaps, reasons and times.
//!
//!     cargo run --example rasterize -- RECTO LIBPDFIUM [--dpi N] [--ppm DIR] [--text] [--password P] FILE…

use std::{fs::File, io::Write, path::PathBuf, time::Instant};

use recto_pipeline::{
    cancel::Cancel,
    image::{
        facts::PageFacts,
        rasterizer::{PagePlan, Rasterizer, RasterizerConfig, TextWish},
        sound::text_layer_verdict,
    },
};
use recto_schemas::{Limits, TextLayer};

fn main() {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next();
    let (program, pdfium) = (next().expect("RECTO"), next().expect("LIBPDFIUM"));
    let rasterizer = Rasterizer::new(RasterizerConfig {
        program: PathBuf::from(program),
        pdfium: PathBuf::from(pdfium),
        children: 2,
        pages_per_child: 500,
        font_dirs: Vec::new(),
    })
    .expect("a rasterizer");
    let (mut dpi, mut ppm, mut text, mut password, mut pages) =
        (200.0, None, false, None, u32::MAX);
    while let Some(arg) = next() {
        match arg.as_str() {
            "--dpi" => dpi = next().and_then(|n| n.parse().ok()).expect("a number"),
            "--pages" => pages = next().and_then(|n| n.parse().ok()).expect("a number"),
            "--ppm" => ppm = next().map(PathBuf::from),
            "--text" => text = true,
            "--password" => password = next(),
            file => {
                let file = PathBuf::from(file);
                one(
                    &rasterizer,
                    &file,
                    (dpi, pages, text),
                    ppm.as_deref(),
                    password.as_deref(),
                );
            }
        }
    }
}

fn one(
    rasterizer: &Rasterizer,
    path: &std::path::Path,
    (dpi, pages, text): (f32, u32, bool),
    ppm: Option<&std::path::Path>,
    password: Option<&str>,
) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let start = Instant::now();
    let (limits, cancel) = (Limits::default(), Cancel::new());
    let file = File::open(path).expect("a file");
    let document = match rasterizer.open(file, password, &limits, &cancel) {
        Ok(document) => document,
        Err(e) => {
            println!(
                "{name}\topen\t{}\t{e}\t{:.2}",
                e.kind(),
                start.elapsed().as_secs_f64()
            );
            return;
        }
    };
    let count = document.info().pages;
    let opened = start.elapsed();
    for number in 1..=count.min(pages) {
        let start = Instant::now();
        let plan = |_: &PageFacts| PagePlan {
            dpi,
            max_side_px: 4000,
            text: if text {
                TextWish::Visible
            } else {
                TextWish::None
            },
        };
        match document.page(number, &plan, &cancel) {
            Ok(page) => {
                let dark = page.image.rgb.iter().filter(|&&v| v < 128).count() as f64
                    / page.image.rgb.len() as f64;
                println!(
                    "{name}\t{number}/{count}\tok\t{}x{} {:.0}dpi dark {dark:.4} {:?} {:?}\t{:.3} (open {:.3}) {}",
                    page.image.width,
                    page.image.height,
                    page.image.dpi,
                    page.facts,
                    text_layer_verdict(&page.facts, TextLayer::Auto),
                    page.raster.as_secs_f64(),
                    opened.as_secs_f64(),
                    page.warnings
                        .iter()
                        .map(|w| w.kind.as_str())
                        .collect::<Vec<_>>()
                        .join(" "),
                );
                for line in page.text.iter().flatten() {
                    let b = line.quad.bounds();
                    println!(
                        "   {:.0},{:.0} {:.0},{:.0} {:.1}{} {}",
                        b.left,
                        b.top,
                        b.right,
                        b.bottom,
                        line.size,
                        if line.bold == Some(true) { "b" } else { "" },
                        line.text
                    );
                }
                if let Some(dir) = ppm {
                    let mut out =
                        File::create(dir.join(format!("{name}-{number}.ppm"))).expect("a file");
                    writeln!(out, "P6 {} {} 255", page.image.width, page.image.height)
                        .expect("written");
                    out.write_all(&page.image.rgb).expect("written");
                }
            }
            Err(e) => println!(
                "{name}\t{number}/{count}\t{}\t{e}\t{:.2}",
                e.kind(),
                start.elapsed().as_secs_f64()
            ),
        }
    }
}
