//! Slice access to CPU tensors, for the kernels.

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Storage, Tensor, bail};

/// Calls `f` with the elements of a contiguous F32 tensor on the CPU.
pub(super) fn with_slice<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(CpuStorage::F32(numbers)) = &*storage else {
        bail!("a kernel wants 32-bit floats on the CPU, not {tensor:?}")
    };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(f(&numbers[start..end])),
        None => bail!("a kernel wants a contiguous tensor, not {layout:?}"),
    }
}

/// Changes a contiguous F32 tensor on the CPU in place. Other handles of its storage see the
/// change.
pub(super) fn change(tensor: &Tensor, f: impl Fn(&mut [f32])) -> Result<()> {
    tensor.inplace_op1(&InPlaceKernel(f))
}

struct InPlaceKernel<F>(F);

impl<F: Fn(&mut [f32])> InplaceOp1 for InPlaceKernel<F> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let CpuStorage::F32(numbers) = storage else {
            bail!("a kernel wants 32-bit floats")
        };
        match layout.contiguous_offsets() {
            Some((start, end)) => (self.0)(&mut numbers[start..end]),
            None => bail!("a kernel wants a contiguous tensor, not {layout:?}"),
        }
        Ok(())
    }
}
