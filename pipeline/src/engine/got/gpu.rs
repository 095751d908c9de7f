//! A GPU, made ready for steps that are as many as tokens and as short as launching allows.

use candle_core::{
    Device, Result,
    cuda_backend::{
        WrapErr,
        cudarc::driver::{result, sys::CUmemPool_attribute},
    },
};

/// Opens GPU `number`: one stream for everything, whichever thread asks, and memory that stays with the program
/// once it was needed.
///
/// # Errors
/// There is no such GPU, or its driver is too old.
pub(super) fn open(number: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(number)?;
    let cuda = device.as_cuda_device()?;
    // Else each tensor makes two events, so that streams may wait for each other.
    #[expect(unsafe_code, reason = "candle leaves the proof to its user")]
    // SAFETY: everything of this device runs on its one stream, in the order in which it was asked for.
    unsafe {
        cuda.disable_event_tracking();
    }
    keep_memory(cuda.cuda_stream().context().cu_device()).w()?;
    Ok(device)
}

/// Else what a step's tensors took goes back to the system at its end, and is asked for again by the next.
fn keep_memory(device: i32) -> std::result::Result<(), result::DriverError> {
    let mut most = u64::MAX;
    let attribute = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    #[expect(unsafe_code, reason = "cudarc has no safe call for it")]
    // SAFETY: the device is open, its pool lives as long as it does, and this attribute is a 64-bit number, which is
    // read before the call ends (CUDA Driver API, cuMemPoolSetAttribute).
    unsafe {
        let pool = result::device::get_default_mem_pool(device)?;
        result::mem_pool::set_attribute(pool, attribute, (&raw mut most).cast())
    }
}
