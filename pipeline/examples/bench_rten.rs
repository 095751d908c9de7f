use rten::{ModelOptions, RunOptions, ThreadPool};
use rten_tensor::{NdTensor, prelude::*};
use std::sync::Arc;
fn cpu() -> f64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let prepack = args.get(1).map(|s| s == "prepack").unwrap_or(false);
    let timing = args.get(2).map(|s| s == "timing").unwrap_or(false);
    let load = |n: &str| {
        ModelOptions::with_all_ops()
            .prepack_weights(prepack)
            .load_file(format!("/tmp/w/models/PP-OCRv6_{n}_small.onnx"))
            .unwrap()
    };
    let det = load("det");
    let rec = load("rec");
    for th in [1usize, 2] {
        if timing && th == 2 {
            break;
        }
        let pool = Arc::new(ThreadPool::with_num_threads(th));
        let bench = |m: &rten::Model, shape: [usize; 4], n: usize| {
            let x = NdTensor::<f32, 4>::from_fn(shape, |i| {
                ((i[2] * 7 + i[3] * 13) % 255) as f32 / 255.
            });
            let mut best = f64::MAX;
            for k in 0..n + 1 {
                let t = cpu();
                let o = RunOptions::default()
                    .with_thread_pool(Some(pool.clone()))
                    .with_timing(timing && k == n)
                    .with_timing_by_shape(timing);
                let _ = m.run_one(x.view().into(), Some(o)).unwrap();
                if k > 0 {
                    best = best.min(cpu() - t);
                }
            }
            best * 1e3
        };
        for s in [[1, 3, 960, 736], [1, 3, 1408, 1088]] {
            println!("{th} det {:?} {:.1}", &s[2..], bench(&det, s, 5));
        }
        for b in [1usize, 6] {
            for w in [320usize, 640, 1200] {
                println!(
                    "{th} rec {b} {w} {:.2}",
                    bench(&rec, [b, 3, 48, w], 8) / b as f64
                );
            }
        }
    }
}
