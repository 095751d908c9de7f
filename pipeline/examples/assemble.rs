//! Assembles pages of lines given as JSON and prints their Markdown: to look at layout without an engine.
//!
//!     cargo run --example assemble -- PAGES.json [--drop] [--no-markers]
//!
//! The file holds a list of pages: `{"number", "width", "height", "skew_deg", "lines": [{"text", "quad",
//! "confidence", "size", "bold"}], "rulings": {"horizontal": [[at, start, end]], "vertical": [...]}}`.

use std::{env, error::Error, fs};

use recto_pipeline::{
    engine::Content,
    image::rulings::{Ruling, Rulings},
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
    let path = arguments.iter().find(|argument| !argument.starts_with("--"));
    let path = path.ok_or("name a file of pages")?;
    let furniture = if flag("--drop") { Furniture::Drop } else { Furniture::Keep };
    let mut assembler = Assembler::new(furniture, !flag("--no-markers"));
    let pages: Vec<Page> = serde_json::from_str(&fs::read_to_string(path)?)?;
    let mut done = Vec::new();
    for page in pages {
        done.extend(assembler.push(content(page)));
    }
    done.extend(assembler.finish());
    let texts: Vec<String> = done.into_iter().map(|page| page.markdown).collect();
    print!("{}", texts.join("\n"));
    Ok(())
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
