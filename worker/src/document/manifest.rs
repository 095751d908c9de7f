//! A document's manifest, whichever command read it.

use std::{
    fs::File,
    io::{self, Read, Seek},
};

use recto_pipeline::{
    engine::Engine,
    read::{ReadError, ReadOutcome},
};
use recto_schemas::{
    DocumentState, DocumentTiming, FailureDetail, Manifest, ModelInfo, Options, PIPELINE_REVISION,
    PageCounts, SourceInfo,
};
use sha2::{Digest, Sha256};

/// The manifest of a reading, but for its pages and timing.
pub(crate) fn manifest(
    source: SourceInfo,
    result: Result<ReadOutcome, ReadError>,
    options: &Options,
    engine: &dyn Engine,
) -> Manifest {
    let blank = blank(source, options, engine);
    match result {
        Ok(outcome) => Manifest {
            state: outcome.state,
            failure: outcome.failure,
            format: Some(outcome.format),
            counts: outcome.counts,
            warnings: outcome.warnings,
            ..blank
        },
        Err(error) => Manifest {
            failure: Some(FailureDetail {
                kind: error.kind(),
                message: error.to_string(),
            }),
            ..blank
        },
    }
}

/// The manifest of a document that nothing was read of.
pub(crate) fn blank(source: SourceInfo, options: &Options, engine: &dyn Engine) -> Manifest {
    let model = model(options, engine);
    let engine = engine.info();
    Manifest {
        schema: Manifest::SCHEMA.to_owned(),
        state: DocumentState::Failed,
        failure: None,
        source,
        format: None,
        engine: engine.name.to_string(),
        model,
        pipeline_revision: PIPELINE_REVISION,
        options: options.clone(),
        fingerprint: None,
        job: None,
        files: Vec::new(),
        counts: PageCounts::default(),
        warnings: Vec::new(),
        pages: Vec::new(),
        timing: DocumentTiming::default(),
        stored_sha256: None,
    }
}

/// The model that reads, and those beside it.
pub(crate) fn model(options: &Options, engine: &dyn Engine) -> ModelInfo {
    let engine = engine.info();
    ModelInfo {
        name: engine.model.clone(),
        sha256: engine.model_sha256.clone(),
        revision: engine.revision.clone(),
        scripts: engine.scripts.iter().map(ToString::to_string).collect(),
        fallback: options.fallback_reader.clone(),
        layout: options.layout_model.clone(),
    }
}

/// SHA-256 of the whole file, 64 hexadecimal digits; the file is at its start again.
pub(crate) fn sha256(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    file.rewind()?;
    Ok(hex(&hash.finalize()))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
