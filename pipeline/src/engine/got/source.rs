//! [`WeightLoader`]: weights on their way into the model.

use candle_core::{DType, Device, Tensor};

use super::{
    error::GotError, kernels::quantised::WeightBits, linear::Linear, weights::CheckpointWeights,
};

/// A part of a checkpoint, and what its tensors become.
#[derive(Clone)]
pub(super) struct WeightLoader<'a> {
    weights: &'a CheckpointWeights,
    prefix: String,
    dtype: DType,
    device: &'a Device,
}

impl<'a> WeightLoader<'a> {
    /// The whole checkpoint, to be in `dtype` on `device`.
    pub(super) fn new(weights: &'a CheckpointWeights, dtype: DType, device: &'a Device) -> Self {
        Self {
            weights,
            prefix: String::new(),
            dtype,
            device,
        }
    }

    /// The tensors whose names begin with `name` and a full stop.
    pub(super) fn below(&self, name: &str) -> Self {
        Self {
            prefix: format!("{}{name}.", self.prefix),
            ..self.clone()
        }
    }

    /// A tensor of that shape.
    ///
    /// # Errors
    /// It is missing or has another shape.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, GotError> {
        let name = format!("{}{name}", self.prefix);
        self.weights.tensor(&name, shape, self.dtype, self.device)
    }

    /// One product out of the weights `names`, (outputs, inputs) each, one below the other.
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

    /// The tensors' number format.
    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    /// Their device.
    pub(super) fn device(&self) -> &'a Device {
        self.device
    }
}
