//! [`Linear`]: a product with a matrix of weights, however these are kept.

use candle_core::{DType, Result, Tensor, bail};

use super::{
    host::{change, with_slice},
    kernels::{
        math,
        quantised::{PackedWeights, WeightBits},
        skinny,
    },
};

/// `x * weight transposed + bias`.
pub(super) struct Linear {
    weight: LinearWeight,
    /// (outputs).
    bias: Option<Tensor>,
}

enum LinearWeight {
    /// (outputs, inputs), in the type of what comes in.
    Dense(Tensor),
    /// In 8 or 4 bits, on the CPU.
    Packed(PackedWeights),
}

impl Linear {
    /// Weights (outputs, inputs) and bias (outputs) as they are, or, on the CPU, in fewer bits.
    pub(super) fn new(
        weight: Tensor,
        bias: Option<Tensor>,
        bits: Option<WeightBits>,
    ) -> Result<Self> {
        let weight = match bits {
            None => LinearWeight::Dense(weight),
            Some(bits) => {
                let inputs = weight.dim(1)?;
                LinearWeight::Packed(with_slice(&weight, |numbers| {
                    PackedWeights::new(numbers, inputs, bits)
                })?)
            }
        };
        Ok(Self { weight, bias })
    }

    /// (rows, inputs) to (rows, outputs).
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = self.product(x)?;
        match &self.bias {
            Some(bias) if product.device().is_cpu() && product.dtype() == DType::F32 => {
                with_slice(bias, |bias| change(&product, |x| math::add_bias(x, bias)))??;
                Ok(product)
            }
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }

    /// Without the bias.
    pub(super) fn product(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, inputs) = x.dims2()?;
        match &self.weight {
            LinearWeight::Packed(packed) => {
                if inputs != packed.inputs() {
                    bail!("{inputs} inputs for weights that take {}", packed.inputs());
                }
                let out = with_slice(x, |x| packed.product(x))?;
                Tensor::from_vec(out, (rows, packed.outputs()), x.device())
            }
            LinearWeight::Dense(weight) if x.device().is_cpu() && rows <= skinny::MOST_ROWS => {
                let (outputs, expected) = weight.dims2()?;
                if inputs != expected {
                    bail!("{inputs} inputs for weights that take {expected}");
                }
                let out = with_slice(x, |x| {
                    with_slice(weight, |weight| skinny::product(x, weight, inputs))
                })??;
                Tensor::from_vec(out, (rows, outputs), x.device())
            }
            LinearWeight::Dense(weight) => x.matmul(&weight.t()?),
        }
    }

    /// The bias.
    pub(super) fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}
