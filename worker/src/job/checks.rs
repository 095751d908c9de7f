//! Checks of what becomes of a message that comes in, for tests and fuzzing.

use recto_schemas::{FailureKind, Job};

use super::{
    bounds::JobBounds,
    message_limits::{MAX_TEXT_BYTES, MAX_WORD},
    parse::{parse_job, partial_job},
    shown_body::{labels, without_secrets},
};

/// Longest sentence of a failure, in bytes.
const MAX_SENTENCE_BYTES: usize = 2_003;
/// Bytes that are shown for one byte of a message, at most: `1e15` is shown with all its zeros.
const GROWTH: usize = 8;
/// A password that the corpus's messages have.
const PASSWORD: &str = "hunter2";

/// A message of a job, or of what is none: parsed, refused or shown in a dead letter, and held to what is promised of each.
///
/// # Panics
/// If a promise is broken.
pub fn job_message(body: &[u8]) {
    let shown = without_secrets(body);
    assert!(shown.len() <= GROWTH * (body.len() + 64));
    if let Some(partial) = partial_job(body) {
        assert!(partial.id.chars().count() <= MAX_WORD);
    }
    match parse_job(body) {
        Ok(job) => hold(&job, &shown),
        Err(failure) => {
            let kind = failure.kind;
            assert!(matches!(
                kind,
                FailureKind::BadMessage | FailureKind::UnknownVersion
            ));
            assert!(failure.message.len() <= MAX_SENTENCE_BYTES);
        }
    }
}

fn hold(job: &Job, shown: &str) {
    let is_word = |word: &str| word.chars().count() <= MAX_WORD && !word.contains(char::is_control);
    assert!(!job.id.is_empty() && is_word(&job.id));
    assert!(job.source.uri.len() <= MAX_TEXT_BYTES && job.output.len() <= MAX_TEXT_BYTES);
    for (name, label) in &job.labels {
        assert!(is_word(name) && is_word(label));
    }
    if let Some(password) = &job.password {
        let is_shown = labels(job)
            .values()
            .any(|label| label == password.reveal() && label != "***");
        assert!(!is_shown);
        if password.reveal() == PASSWORD {
            let shown: serde_json::Value = serde_json::from_str(shown).expect("a job is JSON");
            assert!(!has_text(&shown, PASSWORD));
        }
    }
    hold_bounds(job);
}

/// A job that is allowed is below the prefixes, whatever its URIs are.
fn hold_bounds(job: &Job) {
    let prefixes = |uri: &str| vec![uri.parse().expect("a prefix")];
    let bounds = JobBounds {
        allow_source: prefixes("s3://a/in"),
        allow_output: prefixes("s3://a/out"),
    };
    if bounds.check(job).is_ok() {
        for (uri, prefix) in [(&job.source.uri, "s3://a/in"), (&job.output, "s3://a/out")] {
            let below = uri.strip_prefix(prefix).expect("it is below the prefix");
            assert!(below.is_empty() || below.starts_with('/'));
            assert!(
                below
                    .split('/')
                    .all(|part| !matches!(part, "." | "..") && !part.contains('\0'))
            );
        }
    }
    let everything = JobBounds::default();
    if let Err(failure) = everything.check(job) {
        assert!(failure.message.len() <= MAX_SENTENCE_BYTES);
    }
}

fn has_text(value: &serde_json::Value, wanted: &str) -> bool {
    use serde_json::Value;
    match value {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| has_text(item, wanted)),
        Value::Object(members) => members.values().any(|member| has_text(member, wanted)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Changed messages that are tried.
    const ROUNDS: u64 = 100_000;

    #[test]
    fn messages_of_the_corpus_hold_also_changed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus/job_message");
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        let inputs: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(inputs.len() > 20, "{} files", inputs.len());
        inputs.iter().for_each(|input| job_message(input));
        // Steele and Vigna's SplitMix64: the same messages in every run.
        let mut state = 2_026_u64;
        let mut below = |end: usize| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((mixed ^ (mixed >> 27)) % end.max(1) as u64) as usize
        };
        for _ in 0..ROUNDS {
            let mut body = inputs[below(inputs.len())].clone();
            for _ in 0..=below(3) {
                let at = below(body.len() + 1);
                let until = (at + below(16)).min(body.len());
                let other = &inputs[below(inputs.len())];
                let from = below(other.len() + 1);
                let to = (from + below(32)).min(other.len());
                match below(3) {
                    0 => drop(body.drain(at..until)),
                    1 => drop(body.splice(at..until, other[from..to].iter().copied())),
                    _ => drop(body.splice(at..at, [below(256) as u8])),
                }
            }
            job_message(&body);
        }
    }
}
