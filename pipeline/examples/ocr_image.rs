//! Reads page images (PPM) and writes their lines from top to bottom: for measuring the engine.
//! Usage: `ocr_image MODELS LANES DPI OUT IMAGE.ppm…`
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use recto_pipeline::{
    cancel::Cancel,
    engine::{
        Content, DocumentId, Engine, Request,
        ppocr::{PpOcr, PpOcrConfig},
    },
    image::PageImage,
};

fn load(path: &str, dpi: f32) -> PageImage {
    let bytes = fs::read(path).unwrap();
    let mut fields = bytes.splitn(4, |b| b.is_ascii_whitespace());
    assert_eq!(fields.next(), Some(&b"P6"[..]));
    let mut num = || {
        std::str::from_utf8(fields.next().unwrap())
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    let (width, height) = (num(), num());
    let rest = &bytes[bytes.len() - (width * height * 3) as usize..];
    PageImage {
        width,
        height,
        dpi,
        rgb: rest.to_vec(),
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut config = PpOcrConfig {
        lanes: args[2].parse().unwrap(),
        ..PpOcrConfig::default()
    };
    if let Ok(p) = std::env::var("DET_PIXELS") {
        config.detector_pixels = p.parse().unwrap();
    }
    let lanes = config.lanes as f64;
    let engine = PpOcr::load(Path::new(&args[1]), config).unwrap();
    let (dpi, out) = (args[3].parse().unwrap(), Path::new(&args[4]));
    fs::create_dir_all(out).unwrap();
    let start = Instant::now();
    let mut pending = std::collections::VecDeque::new();
    let mut done = 0;
    let mut finish = |(path, ticket): (String, recto_pipeline::engine::Ticket)| {
        let name = Path::new(&path)
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        match ticket.wait(Duration::from_secs(600)) {
            Ok(mut readings) => {
                let r = readings.remove(0);
                let Content::Regions(lines) = r.content else {
                    panic!()
                };
                let rows: Vec<String> = lines
                    .iter()
                    .map(|l| {
                        let q = l.quad.0;
                        format!(
                            "{:.1}\t{:.1}\t{:.1}\t{:.1}\t{:.1}\t{:.1}\t{:.1}\t{:.1}\t{:.3}\t{}",
                            q[0].x,
                            q[0].y,
                            q[1].x,
                            q[1].y,
                            q[2].x,
                            q[2].y,
                            q[3].x,
                            q[3].y,
                            l.confidence.unwrap(),
                            l.text
                        )
                    })
                    .collect();
                fs::write(out.join(format!("{name}.tsv")), rows.join("\n")).unwrap();
                done += 1;
                println!(
                    "{name} rot {} skew {:.2} conf {:?} lines {} worked {:.2}",
                    r.rotation,
                    r.skew_deg,
                    r.confidence,
                    lines.len(),
                    r.worked.as_secs_f64()
                );
            }
            Err(e) => println!("{name} failed: {e}"),
        }
    };
    for (i, path) in args[5..].iter().enumerate() {
        let image = Arc::new(load(path, dpi));
        let t = engine
            .submit(Request {
                document: DocumentId(i as u64),
                pages: vec![image],
                cancel: Cancel::new(),
            })
            .unwrap();
        pending.push_back((path.clone(), t));
        while pending.len() > engine.info().window as usize {
            finish(pending.pop_front().unwrap());
        }
    }
    for p in pending {
        finish(p);
    }
    let wall = start.elapsed().as_secs_f64();
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let cpu = t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9;
    println!(
        "pages {done} wall {wall:.2} cpu {cpu:.2} pages/s {:.3} pages/cpu-s {:.3} busy {:.2}",
        done as f64 / wall,
        done as f64 / cpu,
        engine.usage().busy.as_secs_f64() / wall / lanes
    );
}
