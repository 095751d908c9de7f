//! `recto eval`: documents whose text is known, read as `recto convert` reads them, and scored.

mod args;
mod data;
mod prediction;
mod table;
mod pictures;
mod results;

use std::{path::Path, process::ExitCode, sync::Arc, time::Instant};

use anyhow::{Context, bail};
use recto_pipeline::{eval::total, image::rasterizer::Rasterizer};
use recto_schemas::{
    DocumentPassword, EvalCase, EvalChunk, EvalReport, FailureDetail, FailureKind, ModelInfo,
    Options,
};
use tokio::runtime::Handle;

use crate::{
    commands::EXIT_FAILED,
    commands::convert::{
        self, ConvertReport, ConvertRun, InputDocument, Interrupt, OutputTarget, ProgressDisplay,
    },
    document::{ConvertContext, ConvertObserver, Requester},
    models::{ProgressReporter, config::SandboxPolicy, loader},
    os::signals::EXIT_STOPPED,
};
pub(crate) use args::{EvalArgs, NOTES};
use data::EvalSample;
use pictures::CaseImages;
use prediction::{ComparisonOptions, Prediction};

/// The folder of predictions, below that of results.
const PREDICTIONS: &str = "predictions";

/// Evaluates, or puts the parts of an evaluation together.
///
/// # Errors
/// What keeps everything from being evaluated: no data, no model, no folder for the results.
pub(crate) fn run(arguments: &EvalArgs) -> anyhow::Result<ExitCode> {
    if arguments.chunk_idx >= arguments.num_chunks {
        bail!(
            "--chunk-idx {} of --num-chunks {}: the first is 0, the last {}",
            arguments.chunk_idx,
            arguments.num_chunks,
            arguments.num_chunks - 1
        );
    }
    let worst = usize::from(arguments.worst);
    let Some(data) = &arguments.data else {
        let (whole, pictures) = results::merged(&arguments.merge)?;
        return ended(&whole, &arguments.output, worst, &pictures);
    };
    let runtime = convert::runtime()?;
    let _entered = runtime.enter();
    let interrupt = Interrupt::on_signal()?;
    let chunk = EvalChunk {
        index: arguments.chunk_idx,
        count: arguments.num_chunks,
    };
    let (samples, without) = data::samples(data, arguments.images.as_deref(), chunk)?;
    if without > 0 && !arguments.run.quiet {
        eprintln!("{without} without text beside them, left out");
    }
    let options = arguments.options();
    let (rasterizer, _) = loader::rasterizer(
        &arguments.run.machine,
        SandboxPolicy::BestEffort,
        ProgressReporter::Person,
    )?;
    let rasterizer = Arc::new(rasterizer);
    let Some((predictions, engine)) =
        predictions(arguments, &samples, &options, &rasterizer, &interrupt)?
    else {
        return Ok(ExitCode::from(EXIT_STOPPED));
    };
    let comparing = ComparisonOptions {
        as_is: arguments.as_is,
        ignored: &arguments.ignore,
        pages: options.pages.as_ref(),
    };
    let compared = samples.iter().zip(&predictions);
    let cases: Vec<EvalCase> = compared
        .flat_map(|(sample, prediction)| prediction.against(sample, &comparing))
        .collect();
    let (engine, model) = engine.unzip();
    let evaluation = EvalReport {
        schema: EvalReport::SCHEMA.to_owned(),
        data: data.to_string_lossy().into_owned(),
        engine,
        model,
        as_is: arguments.as_is,
        chunk: (chunk.count > 1).then_some(chunk),
        total: total(&cases),
        cases,
    };
    let pictures = CaseImages::Drawn {
        rasterizer: &rasterizer,
        limits: &options.limits,
        password: arguments.run.password.as_deref(),
        cancel: &interrupt.cancel,
    };
    ended(&evaluation, &arguments.output, worst, &pictures)
}

/// The engine that read the documents, and its model.
type EngineModel = (String, ModelInfo);

/// A prediction of each document, and what read them where something did here. `None` if the run was stopped.
fn predictions(
    arguments: &EvalArgs,
    samples: &[EvalSample],
    options: &Options,
    rasterizer: &Arc<Rasterizer>,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<(Vec<Prediction>, Option<EngineModel>)>> {
    if let Some(folder) = &arguments.predictions {
        if !folder.is_dir() {
            bail!("{}: no such folder of predictions", folder.display());
        }
        let predicted = samples.iter().map(|sample| predicted(folder, sample));
        return Ok(Some((predicted.collect::<anyhow::Result<_>>()?, None)));
    }
    let folder = arguments.output.join(PREDICTIONS);
    let Some(read_by) = convert_into(&folder, arguments, samples, options, rasterizer, interrupt)?
    else {
        return Ok(None);
    };
    let converted = samples.iter().map(|sample| match &sample.refused {
        Some(failure) => Ok(Prediction::failed(failure.clone())),
        None => Prediction::converted(&folder, &sample.input.name),
    });
    Ok(Some((
        converted.collect::<anyhow::Result<_>>()?,
        Some(read_by),
    )))
}

/// The prediction of another tool for a document.
fn predicted(folder: &Path, sample: &EvalSample) -> anyhow::Result<Prediction> {
    if let Some(failure) = &sample.refused {
        return Ok(Prediction::failed(failure.clone()));
    }
    Ok(match data::prediction(folder, sample)? {
        Some((text, marks)) => Prediction::predicted(&text, marks),
        None => Prediction::failed(FailureDetail {
            kind: FailureKind::NoPrediction,
            message: format!(
                "there is no {0}.md and no {0}.txt among the predictions",
                sample.input.name
            ),
        }),
    })
}

/// Converts the documents into `folder`, and says what read them. `None` if the run was stopped.
fn convert_into(
    folder: &Path,
    arguments: &EvalArgs,
    samples: &[EvalSample],
    options: &Options,
    rasterizer: &Arc<Rasterizer>,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<EngineModel>> {
    let started = Instant::now();
    let mut options = options.clone();
    let engine = convert::engine(&arguments.run, &mut options)?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let read = samples.iter().filter(|sample| sample.refused.is_none());
    let inputs: Vec<&InputDocument> = read.map(|sample| &sample.input).collect();
    let progress = Arc::new(ProgressDisplay::start(inputs.len(), arguments.run.quiet));
    let run = ConvertRun {
        context: Arc::new(ConvertContext {
            engine: Arc::clone(&engine),
            rasterizer: Arc::clone(rasterizer),
            options: options.clone(),
            password: arguments.run.password.clone().map(DocumentPassword::new),
            requester: Requester::Person,
            observer: Arc::clone(&progress) as Arc<dyn ConvertObserver>,
            cancel: interrupt.cancel.clone(),
            stop: interrupt.stop.clone(),
            parts: None,
        }),
        stores: None,
        target: OutputTarget::Folder(folder.to_owned()),
        progress: Arc::clone(&progress),
    };
    let outcomes = Handle::current().block_on(run.convert_all(&inputs));
    let report = ConvertReport::new(&outcomes, inputs.len(), started, engine.as_ref());
    progress.finish(&report, Some(folder), interrupt.stop.is_cancelled());
    let info = engine.info();
    let model = ModelInfo {
        name: info.model.clone(),
        sha256: info.model_sha256.clone(),
        revision: info.revision.clone(),
        scripts: info.scripts.iter().map(ToString::to_string).collect(),
        fallback: options.fallback_reader,
        layout: options.layout_model,
    };
    Ok((!interrupt.stop.is_cancelled()).then(|| (info.name.to_string(), model)))
}

/// Shows and keeps what an evaluation came to.
fn ended(
    evaluation: &EvalReport,
    out: &Path,
    worst: usize,
    pictures: &CaseImages<'_>,
) -> anyhow::Result<ExitCode> {
    results::keep(evaluation, out, worst, pictures)
        .with_context(|| format!("cannot write the results to {}", out.display()))?;
    table::print(evaluation)?;
    Ok(match evaluation.total.failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_FAILED),
    })
}
