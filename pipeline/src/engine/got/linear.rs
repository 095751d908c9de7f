//! Linear layer over dense or quantized weights.

use candle_core::{DType, Result, Tensor, bail};
use recto_kernels::{
    math,
    quantized::{PackedWeights, WeightBits},
    skinny_gemm,
};

use super::tensor_slice::{change, with_slice};

/// `x * weight transposed + bias`.
pub(super) struct Linear {
    weight: LinearWeight,
    /// Shape (outputs).
    bias: Option<Tensor>,
}

enum LinearWeight {
    /// Shape (outputs, inputs), in the dtype of the input.
    Dense(Tensor),
    /// In 8 or 4 bits, on the CPU.
    Packed(PackedWeights),
}

impl Linear {
    /// A layer of `weight` (outputs, inputs) and `bias` (outputs), quantized if `bits` are given
    /// (CPU only).
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

    /// `x` (rows, inputs) to (rows, outputs).
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = self.matmul(x)?;
        match &self.bias {
            Some(bias) if product.device().is_cpu() && product.dtype() == DType::F32 => {
                with_slice(bias, |bias| change(&product, |x| math::add_bias(x, bias)))??;
                Ok(product)
            }
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }

    /// The product without the bias: (rows, inputs) to (rows, outputs).
    pub(super) fn matmul(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, inputs) = x.dims2()?;
        match &self.weight {
            LinearWeight::Packed(packed) => {
                if inputs != packed.inputs() {
                    bail!("{inputs} inputs for weights that take {}", packed.inputs());
                }
                let out = with_slice(x, |x| packed.matmul(x))?;
                Tensor::from_vec(out, (rows, packed.outputs()), x.device())
            }
            LinearWeight::Dense(weight) if x.device().is_cpu() && rows <= skinny_gemm::MAX_ROWS => {
                let (outputs, expected) = weight.dims2()?;
                if inputs != expected {
                    bail!("{inputs} inputs for weights that take {expected}");
                }
                let out = with_slice(x, |x| {
                    with_slice(weight, |weight| skinny_gemm::gemm(x, weight, inputs))
                })??;
                Tensor::from_vec(out, (rows, outputs), x.device())
            }
            LinearWeight::Dense(weight) => x.matmul(&weight.t()?),
        }
    }

    /// The bias (outputs).
    pub(super) fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}
