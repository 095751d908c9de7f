//! Reference of metrics, of the words for reasons, and of the files of a result.

use std::fmt::Write as _;

use recto_schemas::{
    AttemptKind, FailureKind, FailureStage, FinishReason, OutputUris, RejectionKind, SchemaName,
    TextReason, TilingReason, WarningKind,
};
use serde_json::{Value, json};

use super::{code, table};
use crate::{
    document::output::{FORMATS, MANIFEST},
    job::policy::{PageFault, is_possible, policy},
    observe::metrics::{self, JobDisposition, MetricLabel},
};

/// A label with more values than this has a page of its own.
const MAX_LISTED_VALUES: usize = 10;

/// The page of all metrics.
pub(super) fn metrics() -> anyhow::Result<String> {
    let rows = metrics::reference(is_possible)?.into_iter().map(|metric| {
        let labels = metric.labels.into_iter().map(|(label, values)| {
            match values.len() > MAX_LISTED_VALUES {
                true => code(&label),
                false => {
                    let values: Vec<String> = values.iter().map(|value| code(value)).collect();
                    format!("{}: {}", code(&label), values.join(", "))
                }
            }
        });
        let labels: Vec<String> = labels.collect();
        [
            code(&metric.name),
            metric.kind.to_owned(),
            labels.join("; "),
            metric.help,
        ]
    });
    let text = table(["Metric", "Type", "Labels", "Meaning"], rows);
    Ok(format!(
        "# Metrics\n\nA worker serves them at `/metrics` of its admin port; `recto serve` has those of events and of HTTP at \
         `/metrics` of the service, with --local all. Every series is there from the start, at zero, but for those by route. \
         The values of `kind` are the kinds of failures of [failures.md](failures.md).\n\n{}\n",
        text.trim_end()
    ))
}

/// The page of the closed sets of words, failures first.
pub(super) fn reasons() -> String {
    let mut text = "# Failures and other reasons\n\nThe closed sets of words in manifests, page records, result messages and \
                    dead letters. Programs may match on them; the messages beside them are for people.\n\n\
                    ## Kinds of failures\n\nThe owner is who has to mend it. The disposition is that of a job's message: \
                    `retry` is tried again after a delay and dead-lettered after the last one, `requeue` goes back to \
                    its queue with nothing counted. A page that fails is recorded in its document's result, unless the machine is at fault: then it fails the job.\n\n"
        .to_owned();
    let rows = FailureKind::ALL.iter().map(|&kind| {
        let dispositions = JobDisposition::ALL.iter();
        let dispositions = dispositions.filter(|&&disposition| is_possible(disposition, kind));
        let dispositions: Vec<String> = dispositions.map(|found| code(found.as_str())).collect();
        let fault = match policy(kind).page_fault {
            PageFault::Document => "is in the result",
            PageFault::Machine => "fails the job",
        };
        [
            code(kind.as_str()),
            policy(kind).owner.as_str().to_owned(),
            dispositions.join(", "),
            fault.to_owned(),
            kind.description().to_owned(),
        ]
    });
    text.push_str(&table(
        [
            "Kind",
            "Owner",
            "Disposition",
            "A page lost to it",
            "Meaning",
        ],
        rows,
    ));
    push_words(
        &mut text,
        "Stages of a failed job",
        FailureStage::described(),
    );
    push_words(
        &mut text,
        "Reasons of a page's text",
        TextReason::described(),
    );
    push_words(&mut text, "Warnings", WarningKind::described());
    push_words(
        &mut text,
        "Reasons of a page's tiling",
        TilingReason::described(),
    );
    push_words(&mut text, "Attempts", AttemptKind::described());
    push_words(&mut text, "Ends of writing", FinishReason::described());
    push_words(
        &mut text,
        "Rejections of an attempt",
        RejectionKind::described(),
    );
    text.trim_end().to_owned() + "\n"
}

fn push_words<'a>(text: &mut String, title: &str, words: impl Iterator<Item = (&'a str, &'a str)>) {
    let rows = words.map(|(word, meaning)| [code(word), meaning.to_owned()]);
    let _ = write!(text, "## {title}\n\n{}", table(["Word", "Meaning"], rows));
}

/// The page of a result's files, and of their members.
pub(super) fn files() -> anyhow::Result<String> {
    let result = serde_json::to_value(recto_schemas::schema(SchemaName::Result))?;
    let described = |member: &str| -> String {
        let at = format!("/$defs/OutputUris/properties/{member}/description");
        let found = result.pointer(&at).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let formats = FORMATS.iter().map(|format| {
        let mut uris = OutputUris::default();
        *(format.uri)(&mut uris) = Some("this one".to_owned());
        let members = json!(uris);
        let mut named = members.as_object().into_iter().flatten();
        let member = named
            .find(|(_, uri)| *uri == "this one")
            .map(|(name, _)| name.clone())
            .unwrap_or_default();
        [
            format!("`NAME.{}`", format.ending),
            code(&member),
            format.media_type.to_owned(),
            described(&member),
        ]
    });
    let manifest = [
        format!("`NAME.{}`", MANIFEST.0),
        code("manifest"),
        MANIFEST.1.to_owned(),
        described("manifest"),
    ];
    let mut text = "# Files of a result\n\nNAME is the document's name, or `document` in a worker's results. The manifest is \
                    written last: a result that has one is complete. `recto schema NAME` prints a schema whole.\n\n"
        .to_owned();
    text.push_str(&table(
        ["File", "Member of `outputs`", "Media type", "Content"],
        formats.chain([manifest]),
    ));
    for (title, name) in [
        ("Members of a manifest", SchemaName::Manifest),
        ("Members of a page in a manifest", SchemaName::Manifest),
        ("Members of a page record", SchemaName::Page),
    ] {
        let schema = serde_json::to_value(recto_schemas::schema(name))?;
        let at = match title.contains("a page in") {
            true => "/$defs/PageSummary/properties",
            false => "/properties",
        };
        push_members(&mut text, title, schema.pointer(at));
    }
    Ok(text.trim_end().to_owned() + "\n")
}

fn push_members(text: &mut String, title: &str, properties: Option<&Value>) {
    let members = properties.and_then(Value::as_object).into_iter().flatten();
    let rows = members.map(|(name, schema)| {
        let meaning = schema.get("description").and_then(Value::as_str);
        [code(name), meaning.unwrap_or_default().to_owned()]
    });
    let _ = write!(text, "## {title}\n\n{}", table(["Member", "Meaning"], rows));
}
