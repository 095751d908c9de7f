//! The published JSON Schemas by name, and the one rule for versions: an unknown major version is
//! refused, unknown members are tolerated.

use std::{fmt, str::FromStr};

use schemars::{Schema, schema_for};

use crate::{
    DeadLetter, EvalReport, Job, JobEvent, JobResult, Manifest, Options, PageRecord, RunReport,
    WorkerReport,
};

/// A schema that `recto schema` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaName {
    /// [`Options`].
    Options,
    /// [`Manifest`].
    Manifest,
    /// [`PageRecord`].
    Page,
    /// [`Job`].
    Job,
    /// [`JobResult`].
    Result,
    /// [`DeadLetter`].
    DeadLetter,
    /// [`EvalReport`].
    Eval,
    /// [`JobEvent`].
    Event,
    /// [`WorkerReport`].
    Worker,
    /// [`RunReport`].
    Run,
}

impl SchemaName {
    /// Every published schema.
    pub const ALL: [Self; 10] = [
        Self::Options,
        Self::Manifest,
        Self::Page,
        Self::Job,
        Self::Result,
        Self::DeadLetter,
        Self::Eval,
        Self::Event,
        Self::Worker,
        Self::Run,
    ];

    /// The name it is asked for by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Options => "options",
            Self::Manifest => "manifest",
            Self::Page => "page",
            Self::Job => "job",
            Self::Result => "result",
            Self::DeadLetter => "dead-letter",
            Self::Eval => "eval",
            Self::Event => "event",
            Self::Worker => "worker",
            Self::Run => "run",
        }
    }
}

impl FromStr for SchemaName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| {
                let all = Self::ALL.map(Self::as_str).join(", ");
                format!("no schema `{text}`; there are {all}")
            })
    }
}

/// The JSON Schema (draft 2020-12) published under `name`.
pub fn schema(name: SchemaName) -> Schema {
    match name {
        SchemaName::Options => schema_for!(Options),
        SchemaName::Manifest => with_version(schema_for!(Manifest), Manifest::SCHEMA),
        SchemaName::Page => with_version(schema_for!(PageRecord), PageRecord::SCHEMA),
        SchemaName::Job => with_version(schema_for!(Job), Job::SCHEMA),
        SchemaName::Result => with_version(schema_for!(JobResult), JobResult::SCHEMA),
        SchemaName::DeadLetter => with_version(schema_for!(DeadLetter), DeadLetter::SCHEMA),
        SchemaName::Eval => with_version(schema_for!(EvalReport), EvalReport::SCHEMA),
        SchemaName::Event => with_version(schema_for!(JobEvent), JobEvent::SCHEMA),
        SchemaName::Worker => with_version(schema_for!(WorkerReport), WorkerReport::SCHEMA),
        SchemaName::Run => with_version(schema_for!(RunReport), RunReport::SCHEMA),
    }
}

fn with_version(mut schema: Schema, version: &str) -> Schema {
    if let Some(member) = schema
        .pointer_mut("/properties/schema")
        .and_then(|m| m.as_object_mut())
    {
        member.insert("const".to_owned(), version.into());
    }
    schema
}

/// A document whose `schema` member this program does not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionError {
    found: String,
    wanted: &'static str,
}

/// Checks the `schema` member of a stored document against the version this program reads.
///
/// # Errors
/// [`VersionError`] if the name or the major version is another one.
pub fn check_version(found: &str, wanted: &'static str) -> Result<(), VersionError> {
    if found == wanted {
        Ok(())
    } else {
        Err(VersionError {
            found: found.to_owned(),
            wanted,
        })
    }
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, wanted } = self;
        write!(
            f,
            "schema is `{found}`, this program reads `{wanted}`; use a version of recto that reads it"
        )
    }
}

impl std::error::Error for VersionError {}
