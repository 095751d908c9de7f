//! The same pages again, alone and in batches: the same results.

use std::fs;

use serde_json::Value;

use crate::support::{got::GotRun, outputs::without_timing, sample};

/// The outputs of a run without times and without the batch size that it states.
fn results(dtype: &str, batch: &str, threads: &str) -> (Value, Vec<u8>, String) {
    let line = "--got-raw --got-tiles never --got-pages-per-pass 1 --got-max-new-tokens 48";
    let mut options: Vec<&str> = line.split(' ').collect();
    options.extend([
        "--got-dtype",
        dtype,
        "--got-batch-size",
        batch,
        "--threads",
        threads,
    ]);
    let run = GotRun::of("hub-new", &sample("report.pdf"), &options);
    let mut manifest = without_timing(&run.manifest_path);
    let said = manifest["options"].as_object_mut().unwrap().remove("batch");
    assert_eq!(said, Some(batch.parse::<u32>().unwrap().into()));
    let records = fs::read(&run.records_path).unwrap();
    (manifest, records, run.markdown)
}

fn the_same_again(dtype: &str) {
    let alone = results(dtype, "1", "2");
    let together = results(dtype, "4", "2");
    assert!(
        alone == together,
        "a batch of 4 gives other results\n{alone:?}\n{together:?}"
    );
    assert!(
        together == results(dtype, "4", "1"),
        "a second run gives other results"
    );
}

#[test]
fn any_batch_gives_the_same_with_float32() {
    the_same_again("f32");
}

#[test]
fn any_batch_gives_the_same_with_8_bit_weights() {
    the_same_again("q8");
}
