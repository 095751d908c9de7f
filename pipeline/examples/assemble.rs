//! Assembles pages of lines given as JSON and prints their Markdown: to look at layout without an engine.
//!
//!     cargo run --example assemble -- PAGES.json [--drop] [--no-markers] [--images=PREFIX]
//!
//! The file holds a list of pages: `{"number", "width", "height", "skew_deg", "lines": [{"text", "quad",
//! "confidence", "size", "bold"}], "rulings": {"horizontal": [[at, start, end]], "vertical": [...]}}`. With
//! `--images`, rulings are looked for in `PREFIX-1.png` and so on instead.

use std::{env, error::Error, fs, time::Instant};

use recto_pipeline::{
    engine::Content,
    image::{
        PageImage,
        rulings::{Ruling, Rulings, find},
    },
    page::{Line, Point, Quad},
    text::{PageContent, assemble::Assembler},
};
use recto_schemas::Furniture;
use serde::Deserialize;

#[derive(Deserialize)]
struct Page {
    number: u32,
    width: f32,
    height: f32,
    skew_deg: f32,
    lines: Vec<PageLine>,
    #[serde(default)]
    rulings: PageRulings,
}

#[derive(Deserialize)]
struct PageLine {
    text: String,
    quad: [[f32; 2]; 4],
    confidence: Option<f32>,
    size: f32,
    bold: Option<bool>,
}

#[derive(Default, Deserialize)]
struct PageRulings {
    horizontal: Vec<[f32; 3]>,
    vertical: Vec<[f32; 3]>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    let path = arguments
        .iter()
        .find(|argument| !argument.starts_with("--"));
    let path = path.ok_or("name a file of pages")?;
    let furniture = if flag("--drop") {
        Furniture::Drop
    } else {
        Furniture::Keep
    };
    let mut assembler = Assembler::new(furniture, !flag("--no-markers"));
    let pages: Vec<Page> = serde_json::from_str(&fs::read_to_string(path)?)?;
    let mut done = Vec::new();
    let images = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--images="));
    for page in pages {
        let mut content = content(page);
        if let Some(prefix) = images {
            content.rulings = rulings(
                &format!("{prefix}-{}.png", content.number),
                content.skew_deg,
            )?;
        }
        done.extend(assembler.push(content));
    }
    done.extend(assembler.finish());
    let texts: Vec<String> = done.into_iter().map(|page| page.markdown).collect();
    print!("{}", texts.join("\n"));
    Ok(())
}

fn rulings(path: &str, skew_deg: f32) -> Result<Rulings, Box<dyn Error>> {
    let image = image::open(path)?.into_rgb8();
    let (width, height) = image.dimensions();
    let image = PageImage {
        width,
        height,
        dpi: 200.0,
        rgb: image.into_raw(),
    };
    let start = Instant::now();
    let found = find(&image, skew_deg);
    let (across, down) = (found.horizontal.len(), found.vertical.len());
    eprintln!(
        "{path}: {across} across, {down} down in {:?}",
        start.elapsed()
    );
    Ok(found)
}

fn content(page: Page) -> PageContent {
    let lines = page.lines.into_iter().map(|line| Line {
        text: line.text,
        quad: Quad(line.quad.map(|[x, y]| Point { x, y })),
        confidence: line.confidence,
        size: line.size,
        bold: line.bold,
    });
    let ruling = |[at, start, end]: [f32; 3]| Ruling { at, start, end };
    PageContent {
        number: page.number,
        width: page.width,
        height: page.height,
        skew_deg: page.skew_deg,
        content: Content::Regions(lines.collect()),
        rulings: Rulings {
            horizontal: page.rulings.horizontal.into_iter().map(ruling).collect(),
            vertical: page.rulings.vertical.into_iter().map(ruling).collect(),
        },
        failure: None,
    }
}
