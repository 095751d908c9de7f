//! The corpora of the fuzz tests, as they are and changed at random, with stable Rust and in every run of the tests.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use super::*;
use crate::image::fixtures::Xorshift;

/// Time for changed inputs of the protocol, and of each of the others.
const PROTOCOL_TIME: Duration = Duration::from_secs(30);
const TIME: Duration = Duration::from_secs(8);
/// Longest input, in bytes: as for `cargo fuzz`.
const MAX_BYTES: usize = 4_096;

/// The inputs that are committed for a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
    let mut files: Vec<_> = fs::read_dir(folder.join(target))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Bytes of `inputs`, joined, cut and changed.
fn changed(inputs: &[Vec<u8>], random: &mut Xorshift) -> Vec<u8> {
    let mut below = |end: usize| random.below(u32::try_from(end).unwrap()) as usize;
    let mut bytes = inputs[below(inputs.len())].clone();
    for _ in 0..=below(4) {
        let at = below(bytes.len() + 1);
        let until = (at + below(16)).min(bytes.len());
        match below(5) {
            0 if at < bytes.len() => bytes[at] = below(256) as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << below(8),
            2 => drop(bytes.drain(at..until)),
            3 => {
                let other = &inputs[below(inputs.len())];
                let from = below(other.len() + 1);
                let to = (from + below(64)).min(other.len());
                bytes.splice(at..until, other[from..to].iter().copied());
            }
            _ => {
                let again = bytes[at..until].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

/// Gives a target its corpus, and changed inputs until the time is over.
fn run(name: &str, target: fn(&[u8]), time: Duration) {
    let inputs = corpus(name);
    assert!(inputs.len() > 20, "{} files", inputs.len());
    inputs.iter().for_each(|input| target(input));
    // The same inputs in every run: a new failure comes from what was changed.
    let mut random = Xorshift(2_026);
    let until = Instant::now() + time;
    while Instant::now() < until {
        target(&changed(&inputs, &mut random));
    }
}

#[test]
fn replies_of_children_hold() {
    run("protocol", protocol, PROTOCOL_TIME);
}

#[test]
fn headers_of_images_hold() {
    run("image_headers", image_headers, TIME);
}

#[test]
fn text_of_models_holds() {
    run("mathpix", mathpix, TIME);
}
