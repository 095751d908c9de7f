//! [`ValidatedJob`]: what a job asks for, checked against what this worker may do.

use recto_pipeline::engine::Engine;
use recto_schemas::{
    DocumentLimits, EngineName, FailureKind, FailureStage, GotOptions, Job, Options,
};

use super::failure::JobFailure;
use crate::{
    cli::GotSettings,
    store::{ObjectVersion, StoreUri},
};

/// Limits that no job may exceed, and defaults for what it leaves open.
#[derive(Clone, Debug)]
pub(crate) struct WorkerLimits {
    pub(crate) limits: DocumentLimits,
    pub(crate) got: GotSettings,
}

/// A job, checked against the worker's limits.
#[derive(Clone, Debug)]
pub(crate) struct ValidatedJob {
    pub(crate) source: StoreUri,
    pub(crate) pin: ObjectVersion,
    pub(crate) output: StoreUri,
    /// The job's, with this worker's engine and no limit above this worker's.
    pub(crate) options: Options,
}

impl ValidatedJob {
    /// Checks a job.
    pub(crate) fn new(
        job: &Job,
        bounds: &WorkerLimits,
        engine: &dyn Engine,
    ) -> Result<Self, JobFailure> {
        let bad = |what: &str, error: &dyn std::fmt::Display| {
            JobFailure::new(
                FailureStage::Parse,
                FailureKind::BadMessage,
                format!("`{what}`: {error}"),
            )
        };
        let loaded = engine.info().name;
        if let Some(wanted) = &job.engine
            && *wanted != loaded.to_string()
        {
            return Err(JobFailure::new(
                FailureStage::Parse,
                FailureKind::EngineUnavailable,
                format!(
                    "the job wants engine `{wanted}`, this worker runs `{loaded}`; send it to a queue whose workers run that engine"
                ),
            ));
        }
        let mut options = Options {
            engine: loaded,
            limits: lower(&job.options.limits, &bounds.limits),
            ..job.options.clone()
        };
        in_range(&options).map_err(|error| bad("options", &error))?;
        if loaded == EngineName::Got {
            runs(&options.got, &bounds.got).map_err(|message| {
                JobFailure::new(FailureStage::Parse, FailureKind::EngineUnavailable, message)
            })?;
            bounds.got.fill(&mut options.got);
            options.got.batch = engine.info().batch;
        }
        Ok(Self {
            source: job.source.uri.parse().map_err(|e| bad("source.uri", &e))?,
            pin: ObjectVersion {
                version_id: job.source.version_id.clone(),
                etag: job.source.etag.clone(),
            },
            output: job.output.parse().map_err(|e| bad("output", &e))?,
            options,
        })
    }
}

/// Checks the ranges of the schema, which types do not express.
fn in_range(options: &Options) -> Result<(), &'static str> {
    let limits = &options.limits;
    let seconds = [
        limits.page_timeout_s,
        limits.read_timeout_s,
        limits.document_timeout_s,
    ];
    if seconds.iter().any(|s| !s.is_finite() || *s <= 0.0) {
        return Err("times are numbers above 0");
    }
    if limits.max_pages == 0 || limits.max_page_pixels == 0 || limits.max_document_bytes == 0 {
        return Err("limits are numbers above 0");
    }
    if limits.max_raster_mib < 64 {
        return Err("`limits.max_raster_mib` is at least 64");
    }
    if options.dpi.is_some_and(|dpi| !(36..=1200).contains(&dpi)) {
        return Err("`dpi` is a number from 36 to 1200");
    }
    options.got.check()
}

/// Returns true if this worker runs GOT as the job wants it.
fn runs(wanted: &GotOptions, here: &GotSettings) -> Result<(), String> {
    let elsewhere = |what: &str, wanted: &str, here: &str| {
        format!(
            "the job wants {what} `{wanted}`, this worker runs `{here}`; leave it out, or send the job to a queue whose workers run that"
        )
    };
    if let Some(dtype) = wanted.dtype
        && dtype != here.dtype
    {
        let (dtype, here) = (dtype.to_string(), here.dtype.to_string());
        return Err(elsewhere("dtype", &dtype, &here));
    }
    if let Some(device) = &wanted.device
        && numbered(device) != numbered(&here.device)
    {
        return Err(elsewhere("device", device, &here.device));
    }
    Ok(())
}

/// `cuda` is the first GPU.
fn numbered(device: &str) -> &str {
    match device {
        "cuda" => "cuda:0",
        other => other,
    }
}

/// The lower of each limit.
fn lower(wanted: &DocumentLimits, most: &DocumentLimits) -> DocumentLimits {
    DocumentLimits {
        max_pages: wanted.max_pages.min(most.max_pages),
        max_page_pixels: wanted.max_page_pixels.min(most.max_page_pixels),
        max_document_bytes: wanted.max_document_bytes.min(most.max_document_bytes),
        max_raster_mib: wanted.max_raster_mib.min(most.max_raster_mib),
        page_timeout_s: wanted.page_timeout_s.min(most.page_timeout_s),
        read_timeout_s: wanted.read_timeout_s.min(most.read_timeout_s),
        document_timeout_s: wanted.document_timeout_s.min(most.document_timeout_s),
    }
}

#[cfg(test)]
mod tests {
    use recto_schemas::Dtype;

    use super::*;

    fn limited(change: impl FnOnce(&mut Options)) -> Result<(), &'static str> {
        let mut options = Options::default();
        change(&mut options);
        in_range(&options)
    }

    #[test]
    fn no_job_raises_a_limit_and_each_may_lower_it() {
        let most = DocumentLimits::default();
        let wanted = DocumentLimits {
            max_pages: 3,
            document_timeout_s: 1e9,
            ..DocumentLimits::default()
        };
        let limits = lower(&wanted, &most);
        assert_eq!(limits.max_pages, 3);
        assert!(limits.document_timeout_s <= most.document_timeout_s);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(limited(|_| {}).is_ok());
        assert!(limited(|options| options.dpi = Some(5)).is_err());
        assert!(limited(|options| options.limits.max_pages = 0).is_err());
        assert!(limited(|options| options.limits.page_timeout_s = f64::NAN).is_err());
        assert!(limited(|options| options.limits.max_raster_mib = 1).is_err());
        assert!(limited(|options| options.limits.read_timeout_s = 0.0).is_err());
        assert!(limited(|options| options.got.max_tiles = 99).is_err());
        assert!(limited(|options| options.got.region = Some([9, 9, 3, 3])).is_err());
    }

    #[test]
    fn a_job_is_read_as_the_worker_runs_or_not_at_all() {
        let here = GotSettings {
            dtype: Dtype::Bf16,
            device: "cuda:0".to_owned(),
            batch: None,
            max_new_tokens: 100,
        };
        let wanting = |dtype: Option<Dtype>, device: Option<&str>| GotOptions {
            dtype,
            device: device.map(str::to_owned),
            ..GotOptions::default()
        };
        assert_eq!(runs(&wanting(None, None), &here), Ok(()));
        assert_eq!(
            runs(&wanting(Some(Dtype::Bf16), Some("cuda")), &here),
            Ok(())
        );
        let error = runs(&wanting(Some(Dtype::F32), None), &here).unwrap_err();
        assert!(
            error.contains("`f32`") && error.contains("`bf16`"),
            "{error}"
        );
        let error = runs(&wanting(None, Some("cuda:1")), &here).unwrap_err();
        assert!(error.contains("`cuda:1`"), "{error}");
    }
}
