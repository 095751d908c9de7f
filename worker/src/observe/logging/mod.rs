//! The log, on standard error: readable lines or JSON, with spans job → page → stage.
//!
//! Never text of a document, never a secret: sources come in through [`redact_uri`], pages as counts and times.

mod redact;
mod text_format;
mod trace_parent;

use std::{
    env,
    io::{self, IsTerminal},
};

use recto_schemas::PageSummary;
use tracing::{Level, Span, Subscriber, debug, debug_span, error_span, field, info, warn};
use tracing_subscriber::{
    EnvFilter,
    filter::ParseError,
    fmt::MakeWriter,
    util::{SubscriberInitExt, TryInitError},
};

use crate::{
    observe::config::{LogConfig, LogFormat},
    observe::metrics::{JobStage, MetricLabel},
};

pub(crate) use redact::redact_uri;
use text_format::{TextLogFormat, UtcTime};
pub(crate) use trace_parent::TraceParent;

/// Levels of libraries that log much at `info`, and the contents of requests at `debug`; lapin logs whole messages even
/// as warnings. Where there are no credentials or no region, the AWS SDK warns of each place that has none, with the whole
/// answer of the machine's metadata service; the store's own error says it in a sentence. The user's filter overrides them.
const LIBRARIES: &str = "lapin=off,amq_protocol=off,async_rs=warn,aws_config=warn,aws_config::imds=error,\
    aws_config::meta::credentials=error,aws_runtime=warn,\
    aws_sdk_s3=warn,aws_sigv4=warn,aws_smithy_runtime=warn,aws_smithy_runtime_api=warn,\
    aws_smithy_http_client=warn,hyper=warn,hyper_util=warn,h2=warn,rustls=warn,tower=warn";

/// The log cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The filter is invalid.
    #[error("{0}")]
    Filter(String),
    /// There is a log already.
    #[error("the log was started before: {0}")]
    Started(#[from] TryInitError),
}

/// Starts the log of this process.
pub(crate) fn init(arguments: &LogConfig) -> Result<(), LogError> {
    let filter = filter(&arguments.log).map_err(LogError::Filter)?;
    subscriber(arguments.log_format, filter, colors(), io::stderr).try_init()?;
    Ok(())
}

/// Checks a filter as the command line takes it.
pub(crate) fn filter_text(text: &str) -> Result<String, String> {
    filter(text).map(|_| text.to_owned())
}

fn filter(text: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(format!("{LIBRARIES},{text}")).map_err(|error: ParseError| {
        format!("{error}; give a level such as info, or levels by module such as info,recto=debug")
    })
}

/// Only a terminal gets colors, unless the user wants none (<https://no-color.org>).
fn colors() -> bool {
    io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colors: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(UtcTime)
        .with_ansi(false)
        .with_writer(writer);
    match format {
        LogFormat::Text => Box::new(log.event_format(TextLogFormat { colors }).finish()),
        LogFormat::Json => Box::new(
            log.json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(true)
                .finish(),
        ),
    }
}

/// The span of a job. An invalid `traceparent` counts as none. At the highest level, so that no filter takes it from
/// the events in it.
pub(crate) fn job_span(
    id: &str,
    source: &str,
    batch: Option<&str>,
    attempt: u32,
    traceparent: Option<&str>,
) -> Span {
    let span = error_span!(
        "job",
        job.id = id,
        job.source = redact_uri(source),
        job.batch = batch,
        job.attempt = attempt,
        trace.id = field::Empty,
        trace.parent_span = field::Empty,
    );
    if let Some(parent) = traceparent.and_then(TraceParent::parse) {
        span.record("trace.id", parent.trace_id());
        span.record("trace.parent_span", parent.parent_span());
    }
    span
}

/// The span of a stage of a document.
pub(crate) fn stage_span(stage: JobStage) -> Span {
    error_span!("stage", stage.name = stage.as_str())
}

/// Logs a page that ended, and its times by stage.
pub(crate) fn page(page: &PageSummary) {
    if let Some(unread) = &page.unread {
        warn!(
            page.number = page.page,
            page.unread_lines = unread.lines,
            page.unread_share = rounded(unread.share.into()),
            "the page was read in part: the model does not know the script of its lines"
        );
    }
    if page.has_no_text() {
        info!(
            page.number = page.page,
            "something is drawn on the page, but no text was found"
        );
    }
    if !tracing::enabled!(Level::DEBUG) {
        return;
    }
    let span = debug_span!(
        "page",
        page.number = page.page,
        page.outcome = page.outcome.as_str(),
    );
    let _inside = span.enter();
    let timing = &page.timing;
    for (stage, seconds) in [
        (JobStage::Raster, timing.raster_s),
        (JobStage::Queue, timing.queue_s),
        (JobStage::Engine, timing.engine_s),
    ] {
        let stage = debug_span!("stage", stage.name = stage.as_str());
        stage.in_scope(|| debug!(stage.seconds = rounded(seconds), "stage ended"));
    }
    debug!(
        page.reason = page.reason.as_ref().map(|reason| reason.kind.as_str()),
        page.characters = page.characters,
        page.confidence = page.confidence.map(|mean| rounded(mean.into())),
        "page ended"
    );
}

/// Rounds to the thousandth, which is enough for a reader.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
