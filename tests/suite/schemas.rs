//! The published JSON Schemas against documents that are right, wrong and from a newer version.

use std::{fs, path::PathBuf};

use recto_schemas::{
    DeadLetter, EvalReport, Job, JobEvent, JobResult, Manifest, Options, PageRecord, RunReport,
    SchemaName, WorkerReport, check_version,
};
use serde_json::Value;

use crate::support::{recto, repository};

fn fixtures(prefix: &str) -> Vec<(PathBuf, Value)> {
    let folder = repository().join("tests/fixtures/schemas");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(prefix)
        })
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no fixtures {prefix}*");
    paths
        .into_iter()
        .map(|path| {
            let value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            (path, value)
        })
        .collect()
}

fn published(name: SchemaName) -> Value {
    let output = recto().args(["schema", name.as_str()]).output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The Rust type that a schema is of takes the document.
fn parses(name: SchemaName, document: &Value) -> bool {
    let document = document.clone();
    match name {
        SchemaName::Options => serde_json::from_value::<Options>(document).is_ok(),
        SchemaName::Manifest => serde_json::from_value::<Manifest>(document).is_ok(),
        SchemaName::Page => serde_json::from_value::<PageRecord>(document).is_ok(),
        SchemaName::Job => serde_json::from_value::<Job>(document).is_ok(),
        SchemaName::Result => serde_json::from_value::<JobResult>(document).is_ok(),
        SchemaName::DeadLetter => serde_json::from_value::<DeadLetter>(document).is_ok(),
        SchemaName::Eval => serde_json::from_value::<EvalReport>(document).is_ok(),
        SchemaName::Event => serde_json::from_value::<JobEvent>(document).is_ok(),
        SchemaName::Worker => serde_json::from_value::<WorkerReport>(document).is_ok(),
        SchemaName::Run => serde_json::from_value::<RunReport>(document).is_ok(),
    }
}

#[test]
fn the_published_files_are_what_the_program_prints() {
    for name in SchemaName::ALL {
        let path = repository().join(format!("schemas/json/{}.v1.schema.json", name.as_str()));
        let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let why = format!(
            "write it again: recto schema {} > {}",
            name.as_str(),
            path.display()
        );
        assert_eq!(file, published(name), "{why}");
    }
}

#[test]
fn right_documents_pass_schema_and_type() {
    for name in SchemaName::ALL {
        let validator = jsonschema::validator_for(&published(name)).unwrap();
        for (path, document) in fixtures(&format!("{}-valid", name.as_str())) {
            if let Err(error) = validator.validate(&document) {
                panic!("{}: {error}", path.display());
            }
            assert!(parses(name, &document), "{}", path.display());
        }
    }
}

#[test]
fn wrong_documents_fail_schema_and_type() {
    for name in SchemaName::ALL {
        let validator = jsonschema::validator_for(&published(name)).unwrap();
        for (path, document) in fixtures(&format!("{}-invalid", name.as_str())) {
            assert!(!validator.is_valid(&document), "{}", path.display());
            assert!(!parses(name, &document), "{}", path.display());
        }
    }
}

#[test]
fn a_newer_minor_version_is_tolerated_and_a_newer_major_one_refused() {
    for (name, wanted) in [
        (SchemaName::Manifest, Manifest::SCHEMA),
        (SchemaName::Page, PageRecord::SCHEMA),
        (SchemaName::Job, Job::SCHEMA),
        (SchemaName::Result, JobResult::SCHEMA),
        (SchemaName::DeadLetter, DeadLetter::SCHEMA),
        (SchemaName::Eval, EvalReport::SCHEMA),
        (SchemaName::Event, JobEvent::SCHEMA),
        (SchemaName::Worker, WorkerReport::SCHEMA),
        (SchemaName::Run, RunReport::SCHEMA),
    ] {
        let validator = jsonschema::validator_for(&published(name)).unwrap();
        for (path, document) in fixtures(&format!("{}-newer", name.as_str())) {
            let version = document["schema"].as_str().unwrap();
            let major = path.to_str().unwrap().contains("newer-major");
            assert_eq!(validator.is_valid(&document), !major, "{}", path.display());
            assert_eq!(
                check_version(version, wanted).is_err(),
                major,
                "{}",
                path.display()
            );
            assert!(parses(name, &document) || major, "{}", path.display());
        }
    }
}
