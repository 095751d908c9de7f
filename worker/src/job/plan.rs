//! [`Plan`]: what a job asks for, checked against what this worker may do.

use recto_pipeline::engine::Engine;
use recto_schemas::{Job, Limits, Options};

use super::failure::{Failure, Stage};
use crate::store::{Location, Pin};

/// What a job asks for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) source: Location,
    pub(crate) pin: Pin,
    pub(crate) output: Location,
    /// The job's, with this worker's engine and no limit above this worker's.
    pub(crate) options: Options,
}

impl Plan {
    /// Checks a job. `most` are the limits that no job may raise.
    pub(crate) fn new(job: &Job, most: &Limits, engine: &dyn Engine) -> Result<Self, Failure> {
        let bad = |what: &str, error: &dyn std::fmt::Display| {
            Failure::new(Stage::Parse, "bad-message", format!("`{what}`: {error}"))
        };
        let loaded = engine.info().name;
        if let Some(wanted) = &job.engine
            && *wanted != loaded.to_string()
        {
            return Err(Failure::new(
                Stage::Parse,
                "engine-unavailable",
                format!(
                    "the job wants engine `{wanted}`, this worker runs `{loaded}`; send it to a queue whose workers run that engine"
                ),
            ));
        }
        Ok(Self {
            source: job.source.uri.parse().map_err(|e| bad("source.uri", &e))?,
            pin: Pin {
                version_id: job.source.version_id.clone(),
                etag: job.source.etag.clone(),
            },
            output: job.output.parse().map_err(|e| bad("output", &e))?,
            options: Options {
                engine: loaded,
                limits: lower(&job.options.limits, most).map_err(|e| bad("options.limits", &e))?,
                ..job.options.clone()
            },
        })
    }
}

/// The lower of each limit.
fn lower(wanted: &Limits, most: &Limits) -> Result<Limits, &'static str> {
    let seconds = [wanted.page_timeout_s, wanted.document_timeout_s];
    if seconds.iter().any(|s| !s.is_finite() || *s <= 0.0) {
        return Err("times are numbers above 0");
    }
    Ok(Limits {
        max_pages: wanted.max_pages.min(most.max_pages),
        max_page_pixels: wanted.max_page_pixels.min(most.max_page_pixels),
        max_document_bytes: wanted.max_document_bytes.min(most.max_document_bytes),
        max_raster_mib: wanted.max_raster_mib.min(most.max_raster_mib),
        page_timeout_s: wanted.page_timeout_s.min(most.page_timeout_s),
        document_timeout_s: wanted.document_timeout_s.min(most.document_timeout_s),
    })
}
