//! Loader that takes a checkpoint's tensors into the model's layers.

use candle_core::{DType, Device, Tensor};
use recto_kernels::quantized::WeightBits;

use super::{error::GotError, linear::Linear, weights::CheckpointWeights};

/// A part of a checkpoint, with the dtype and device that its tensors are loaded to.
#[derive(Clone)]
pub(super) struct WeightLoader<'a> {
    weights: &'a CheckpointWeights,
    prefix: String,
    dtype: DType,
    device: &'a Device,
}

impl<'a> WeightLoader<'a> {
    /// A loader of the whole checkpoint, for `dtype` on `device`.
    pub(super) fn new(weights: &'a CheckpointWeights, dtype: DType, device: &'a Device) -> Self {
        Self {
            weights,
            prefix: String::new(),
            dtype,
            device,
        }
    }

    /// A loader of the tensors whose names begin with `name` and a full stop.
    pub(super) fn scoped(&self, name: &str) -> Self {
        Self {
            prefix: format!("{}{name}.", self.prefix),
            ..self.clone()
        }
    }

    /// The tensor `name`, which must have `shape`.
    ///
    /// # Errors
    /// It is missing or has another shape.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, GotError> {
        let name = format!("{}{name}", self.prefix);
        self.weights.tensor(&name, shape, self.dtype, self.device)
    }

    /// One layer that stacks the weights `names`, (outputs, inputs) each, so that one product
    /// computes all of them.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub(super) fn linear(
        &self,
        names: &[&str],
        outputs: &[usize],
        inputs: usize,
        bias: bool,
        bits: Option<WeightBits>,
    ) -> Result<Linear, GotError> {
        let named = names.iter().zip(outputs);
        let joined = |tensors: Vec<Tensor>| match &tensors[..] {
            [one] => Ok(one.clone()),
            several => Tensor::cat(several, 0),
        };
        let weights = named
            .clone()
            .map(|(name, outputs)| self.get(&format!("{name}.weight"), &[*outputs, inputs]));
        let weight = joined(weights.collect::<Result<_, _>>()?)?;
        let bias = if bias {
            let parts = named.map(|(name, outputs)| self.get(&format!("{name}.bias"), &[*outputs]));
            Some(joined(parts.collect::<Result<_, _>>()?)?)
        } else {
            None
        };
        Ok(Linear::new(weight, bias, bits)?)
    }

    /// The dtype that tensors are loaded in.
    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    /// The device that tensors are loaded to.
    pub(super) fn device(&self) -> &'a Device {
        self.device
    }
}
