//! ONNX Runtime, from its shared library, and a network that it runs.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{
        RunOptions, Session, SessionInputValue,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::TensorRef,
};

use super::error::LoadError;

/// The runtime of this process and the library it came from: there can be one only.
static RUNTIME: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// Loads the runtime from `library`; once for the process, then gives the same one again.
pub(super) fn runtime(library: &Path) -> Result<Environment, LoadError> {
    let failed = |reason: String| LoadError::Runtime {
        path: library.into(),
        reason,
    };
    let mut loaded = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((path, environment)) = &*loaded {
        if path != library {
            let reason = format!("this process already uses {}", path.display());
            return Err(failed(reason));
        }
        return Ok(environment.clone());
    }
    if !library.is_file() {
        return Err(failed("there is no such file".to_owned()));
    }
    let environment = ort::init_from(library)
        .map_err(|e| failed(e.to_string()))?
        .with_name("recto")
        .with_telemetry(false)
        // Failures come back as errors; the runtime itself logs nothing.
        .with_logger(Arc::new(|_, _, _, _, _| ()))
        .build()
        .map_err(|e| failed(e.to_string()))?;
    *loaded = Some((library.into(), environment.clone()));
    Ok(environment)
}

/// A network's input: values of the shape (1, channels, height, width).
pub(super) struct InputTensor {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Row by row, one channel after the other.
    pub(super) values: Vec<f32>,
}

/// A network with one input and one output, which runs on the thread that calls it.
pub(super) struct OnnxNetwork {
    session: Session,
    options: RunOptions,
}

impl OnnxNetwork {
    /// Loads a network. If `frees_memory`, it frees its working memory after each run:
    /// right for one that wants much of it now and then.
    pub(super) fn load(
        runtime: &Environment,
        onnx: &[u8],
        frees_memory: bool,
    ) -> Result<Self, String> {
        let load = || -> ort::Result<Self> {
            let mut options = RunOptions::new()?;
            if frees_memory {
                options.set("memory.enable_memory_arena_shrinkage", "cpu:0")?;
            }
            Ok(Self {
                session: session_builder(runtime)?.commit_from_memory(onnx)?,
                options,
            })
        };
        load().map_err(|e| e.to_string())
    }

    /// A text that the file carries along.
    pub(super) fn metadata(&self, field: &str) -> Option<String> {
        self.session.metadata().ok()?.custom(field)
    }

    /// Runs the network and gives its output, shape and values, to `take`.
    pub(super) fn run<R>(
        &mut self,
        input: &InputTensor,
        take: impl FnOnce(&[usize], &[f32]) -> Result<R, String>,
    ) -> Result<R, String> {
        let shape = [1, input.channels, input.height, input.width];
        let tensor = TensorRef::from_array_view((shape, input.values.as_slice()))
            .map_err(|e| e.to_string())?;
        let outputs = self
            .session
            .run_with_options(ort::inputs![tensor], &self.options)
            .map_err(|e| e.to_string())?;
        let output = outputs.values().next().ok_or("the network gave nothing")?;
        let (shape, values) = output
            .try_extract_tensor::<f32>()
            .map_err(|e| e.to_string())?;
        take(&sizes(shape), values)
    }

    /// The names of its inputs with their shapes; a side that may be any is 0.
    pub(super) fn inputs(&self) -> Vec<(String, Vec<usize>)> {
        let inputs = self.session.inputs().iter();
        inputs
            .map(|input| {
                let shape = input.dtype().tensor_shape().map(|shape| sizes(shape));
                (input.name().to_owned(), shape.unwrap_or_default())
            })
            .collect()
    }

    /// Runs a network with several inputs and gives its outputs of floating-point numbers, in their order, to `take`.
    pub(super) fn run_all<R>(
        &mut self,
        inputs: &[NamedInput<'_>],
        take: impl FnOnce(&[OutputTensor<'_>]) -> Result<R, String>,
    ) -> Result<R, String> {
        let mut tensors: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for input in inputs {
            let tensor = TensorRef::from_array_view((input.shape.clone(), input.values));
            tensors.push((input.name, tensor.map_err(|e| e.to_string())?.into()));
        }
        let outputs = self
            .session
            .run_with_options(tensors, &self.options)
            .map_err(|e| e.to_string())?;
        let values: Vec<_> = outputs.values().collect();
        let of_numbers: Vec<OutputTensor> = values
            .iter()
            .filter_map(|value| {
                let (shape, values) = value.try_extract_tensor::<f32>().ok()?;
                Some(OutputTensor {
                    shape: sizes(shape),
                    values,
                })
            })
            .collect();
        take(&of_numbers)
    }
}

/// One of several inputs of a network.
pub(super) struct NamedInput<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Vec<usize>,
    pub(super) values: &'a [f32],
}

/// One of several outputs of a network.
pub(super) struct OutputTensor<'a> {
    pub(super) shape: Vec<usize>,
    pub(super) values: &'a [f32],
}

fn sizes(shape: &[i64]) -> Vec<usize> {
    let side = |side: &i64| usize::try_from(*side).unwrap_or(0);
    shape.iter().map(side).collect()
}

fn session_builder(runtime: &Environment) -> ort::Result<SessionBuilder> {
    let builder = SessionBuilder::new(runtime)?
        .with_log_level(LogLevel::Fatal)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        // Pages and lines differ in size; a plan for each would only pile up.
        .with_memory_pattern(false)?;
    Ok(builder)
}
